import { useState } from "react";
import { ChevronDown, ChevronRight } from "lucide-react";
import { cn } from "@/lib/cn";
import { duration } from "@/lib/format";
import type { Span } from "@/stream/log";
import { useServerNow } from "@/ui/use-now";

const COLOURS: Record<Span["group"], string> = { wait: "bg-line-strong/60", build: "bg-info", engine: "bg-accent" };
const NAMES: Record<Span["group"], string> = { wait: "waiting", build: "build", engine: "run" };

/** Where the time went since the run was created, waiting included: every span on one scale, shortest possible first and in full when asked. */
export function Timeline({ spans, over, created }: { spans: Span[]; over: boolean; created: number }) {
  const [open, setOpen] = useState(false);
  const running = !over && spans.some((span) => span.to === undefined);
  const now = useServerNow(running, 100);
  if (spans.length === 0) return null;
  const latest = Math.max(...spans.map((span) => span.to ?? span.from));
  const end = Math.max(1, running ? Math.max(latest, now - created * 1000) : latest);
  const place = (span: Span) => {
    const from = span.from / end;
    return { left: `${from * 100}%`, width: `${Math.max(((span.to ?? end) / end - from) * 100, 0.15)}%` };
  };
  const shown = spans.filter((span) => span.state !== "skipped");

  return (
    <section aria-label="Timeline" className="rounded-xl border border-line bg-surface">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex w-full items-center gap-3 px-3 py-2.5 text-left [&_svg]:size-4 [&_svg]:text-faint">
        {open ? <ChevronDown /> : <ChevronRight />}
        <span className="text-xs font-medium text-soft">Timeline</span>
        <span className="relative h-2.5 flex-1 overflow-hidden rounded-full bg-ink/6" aria-hidden>
          {shown.map((span, index) => (
            <span key={index} style={place(span)} className={cn("absolute inset-y-0 border-r border-surface", COLOURS[span.group], span.state === "failed" && "bg-bad", span.state === "running" && "animate-pulse")} />
          ))}
        </span>
        <span className="num w-28 text-right text-xs text-soft">{duration(end)} in all</span>
      </button>
      {open ? (
        <ol className="thin-scroll flex max-h-72 flex-col overflow-y-auto border-t border-line px-3 py-2">
          {spans.map((span, index) => (
            <li key={index} className="flex h-6 items-center gap-3 text-xs">
              <span className={cn("w-44 shrink-0 truncate", span.state === "skipped" ? "text-faint" : "text-ink")} title={span.label}>
                {span.label}
              </span>
              <span className="w-14 shrink-0 text-faint">{NAMES[span.group]}</span>
              <span className="relative h-2 flex-1" aria-hidden>
                {span.state === "skipped" ? null : <span style={place(span)} className={cn("absolute inset-y-0 min-w-0.5 rounded-sm", COLOURS[span.group], span.state === "failed" && "bg-bad", span.state === "running" && "animate-pulse")} />}
              </span>
              <span className="num w-20 shrink-0 text-right text-soft">{span.state === "skipped" ? "skipped" : duration((span.to ?? end) - span.from)}</span>
            </li>
          ))}
        </ol>
      ) : null}
    </section>
  );
}
