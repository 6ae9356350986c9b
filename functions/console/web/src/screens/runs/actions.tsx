/** What can be done with a run that is there: ended, or done again. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Hammer, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { api, data } from "@/api/client";
import { type Run, isLive } from "@/api/queries";
import { useBlocked } from "@/app/role";
import { MenuItem } from "@/ui/menu";
import { failed } from "@/ui/toast";

export function useRunActions(run: Run, workspace: string) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const refresh = () => Promise.all([client.invalidateQueries({ queryKey: ["run", run.id], exact: true }), client.invalidateQueries({ queryKey: ["runs"] })]);
  const cancel = useMutation({
    mutationFn: () => data(api.POST("/runs/{run_id}/cancel", { params: { path: { run_id: run.id } } })),
    // Until it is known everywhere, it is not asked for a second time.
    onSuccess: refresh,
    onError: (error) => failed(error, "Not canceled"),
  });
  const retry = useMutation({
    mutationFn: (build: "same" | "current") => data(api.POST("/runs/{run_id}/retry", { params: { path: { run_id: run.id } }, body: { build } })),
    onSuccess: (again) => {
      void refresh();
      void navigate({ to: "/w/$workspace/runs/$run", params: { workspace, run: again.id } });
    },
    onError: (error) => failed(error, "Not run again"),
  });
  return { cancel, retry };
}

/** The ways to do a run again, as items of a menu, and why they can't be chosen now. */
export function RetryItems({ run, retry }: { run: Run; retry: ReturnType<typeof useRunActions>["retry"] }) {
  const notNow = useBlocked("operator");
  const blocked = notNow !== undefined || retry.isPending || isLive(run.status);
  return (
    <>
      {notNow ? <MenuNote>{notNow}</MenuNote> : null}
      <MenuItem onSelect={() => retry.mutate("same")} disabled={blocked || run.build_id === null}>
        <RotateCw />
        Run again with the same build
      </MenuItem>
      {run.build_id === null ? <MenuNote>This run never had a build.</MenuNote> : null}
      <MenuItem onSelect={() => retry.mutate("current")} disabled={blocked}>
        <Hammer />
        Run again with the rules as they are now
      </MenuItem>
    </>
  );
}

/** Why something of a menu can't be chosen. */
function MenuNote({ children }: { children: ReactNode }) {
  return <p className="max-w-64 px-2 py-1 text-xs text-faint">{children}</p>;
}
