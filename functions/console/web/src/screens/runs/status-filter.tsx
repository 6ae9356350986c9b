import type { Schemas } from "@/api/client";
import { cn } from "@/lib/cn";
import { STATUSES } from "./search";

type RunStatus = Schemas["RunStatus"];

/** Any number of statuses; none chosen means all. */
export function StatusFilter({ chosen, onChange }: { chosen: RunStatus[]; onChange: (chosen: RunStatus[]) => void }) {
  return (
    <div role="group" aria-label="Status" className="flex h-8 items-center rounded-md border border-line-strong/60 bg-surface p-0.5">
      {STATUSES.map((status) => {
        const on = chosen.includes(status);
        return (
          <button
            key={status}
            type="button"
            aria-pressed={on}
            onClick={() => onChange(on ? chosen.filter((other) => other !== status) : [...chosen, status])}
            className={cn("h-full rounded px-2 text-xs", on ? "bg-accent-wash font-medium text-accent" : "text-soft hover:bg-ink/6 hover:text-ink")}
          >
            {status}
          </button>
        );
      })}
    </div>
  );
}
