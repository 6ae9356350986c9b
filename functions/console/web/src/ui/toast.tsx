import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { Problem } from "@/api/problem";
import { cn } from "@/lib/cn";
import { IconButton } from "./button";

interface Toast {
  id: number;
  tone: "good" | "bad";
  text: string;
  note?: string | undefined;
}

const listeners = new Set<() => void>();
let toasts: Toast[] = [];
let next = 1;

function set(changed: Toast[]): void {
  toasts = changed;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

/** As many as there is room for. */
const MOST = 4;

/** What went well says so for a moment; a refusal stays until it is dismissed, with the id that its cause is found by. */
function show(toast: Omit<Toast, "id">): void {
  const id = next++;
  const all = [...toasts, { ...toast, id }];
  if (all.length > MOST) all.splice(Math.max(0, all.findIndex(({ tone }) => tone === "good")), 1);
  set(all);
  if (toast.tone === "good") setTimeout(() => dismiss(id), 4_000);
}

/** Tells that something worked. */
export function said(text: string): void {
  show({ tone: "good", text });
}

/** Tells that something was refused. */
export function failed(error: unknown, what?: string): void {
  const problem = Problem.from(error);
  show({ tone: "bad", text: what ? `${what}: ${problem.message}` : problem.message, note: problem.requestId && `request ${problem.requestId}` });
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div role="status" aria-live="polite" className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-88 max-w-[calc(100vw-2rem)] flex-col gap-2">
      {shown.map((toast) => (
        <div key={toast.id} data-toast className="pointer-events-auto flex items-start gap-2.5 rounded-lg border border-line bg-raised p-3 shadow-float">
          <span className={cn("mt-0.5 [&_svg]:size-4", toast.tone === "good" ? "text-good" : "text-bad")}>
            {toast.tone === "good" ? <CircleCheck /> : <CircleAlert />}
          </span>
          <div className="min-w-0 flex-1">
            <p className="break-words">{toast.text}</p>
            {toast.note ? <p className="mt-0.5 font-mono text-2xs text-faint">{toast.note}</p> : null}
          </div>
          <IconButton label="Dismiss" size="tiny" onClick={() => dismiss(toast.id)}>
            <X />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
