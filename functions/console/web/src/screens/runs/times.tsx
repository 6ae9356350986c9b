/** How long runs wait and take, told while they do. */
import { type Run, isLive } from "@/api/queries";
import { took } from "@/lib/format";
import { useServerNow } from "@/ui/use-now";

/** How long it took, or takes so far. Of a run whose attempt was lost it is the time of the newest one. */
export function RunDuration({ run }: { run: Run }) {
  const now = useServerNow(isLive(run.status) && run.started !== null);
  if (run.started === null) return "–";
  return took(Math.floor(run.finished ?? Math.max(now / 1000, run.started)) - run.started);
}

/** How long it waited for its newest attempt, or waits so far. */
export function RunWait({ run }: { run: Run }) {
  const now = useServerNow(run.status === "queued");
  const until = run.status === "queued" ? now / 1000 : (run.started ?? run.finished ?? run.created);
  return took(Math.floor(Math.max(until, run.created)) - run.created);
}
