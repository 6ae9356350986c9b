/** Whether ADE answers: what the last question to it came to. */
import { useSyncExternalStore } from "react";
import { Problem } from "@/api/problem";
import { queryClient } from "@/api/queries";

let away = !navigator.onLine;
const listeners = new Set<() => void>();

function set(now: boolean): void {
  if (now === away) return;
  away = now;
  // What failed meanwhile is asked for again: nobody has to do that by hand.
  if (!away) void queryClient.invalidateQueries({ predicate: (query) => query.state.status === "error" });
  for (const listener of listeners) listener();
}

// For as long as the page is there.
queryClient.getQueryCache().subscribe((event) => {
  if (event.type !== "updated") return;
  if (event.action.type === "success" && !event.action.manual) set(false);
  else if (event.action.type === "error") set(Problem.from(event.action.error).isOffline);
});
window.addEventListener("offline", () => set(true));
// The questions that are asked now tell whether it is true.
window.addEventListener("online", () => void queryClient.invalidateQueries());

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True while ADE can't be reached. */
export function useAway(): boolean {
  return useSyncExternalStore(subscribe, () => away);
}
