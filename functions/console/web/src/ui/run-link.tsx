import { Link } from "@tanstack/react-router";
import { type ComponentProps } from "react";
import { Ago } from "./ago";
import { Status } from "./status";

/** How a run stands and when it was created, leading to it. */
export function RunLink({ run, workspace }: { run: { id: string; status: ComponentProps<typeof Status>["status"]; created: number }; workspace: string }) {
  return (
    <Link to="/w/$workspace/runs/$run" params={{ workspace, run: run.id }} className="inline-flex items-center gap-2 rounded-full hover:underline">
      <Status status={run.status} />
      <Ago at={run.created} className="num text-xs whitespace-nowrap text-faint" />
    </Link>
  );
}
