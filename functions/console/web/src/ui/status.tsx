import { Ban, Check, CircleDashed, Clock, LoaderCircle, X } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

type Tone = "good" | "bad" | "warn" | "info" | "neutral";

const TONES: Record<Tone, string> = {
  good: "bg-good-wash text-good",
  bad: "bg-bad-wash text-bad",
  warn: "bg-warn-wash text-warn",
  info: "bg-info-wash text-info",
  neutral: "bg-ink/6 text-soft",
};

export function Badge({ tone = "neutral", children, className }: { tone?: Tone; children: ReactNode; className?: string }) {
  return (
    <span className={cn("inline-flex h-5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap [&_svg]:size-3", TONES[tone], className)}>
      {children}
    </span>
  );
}

const STATUSES: Record<string, { tone: Tone; icon: ReactNode; label?: string }> = {
  queued: { tone: "neutral", icon: <Clock /> },
  pending: { tone: "neutral", icon: <CircleDashed />, label: "not uploaded" },
  running: { tone: "info", icon: <LoaderCircle className="animate-spin" /> },
  building: { tone: "info", icon: <LoaderCircle className="animate-spin" /> },
  succeeded: { tone: "good", icon: <Check /> },
  active: { tone: "good", icon: <Check /> },
  ready: { tone: "good", icon: <Check /> },
  failed: { tone: "bad", icon: <X /> },
  canceled: { tone: "warn", icon: <Ban /> },
};

/** The status of a run, a build or a document: an icon and the word, never the colour alone. */
export function Status({ status, className }: { status: string; className?: string }) {
  const { tone, icon, label } = STATUSES[status] ?? { tone: "neutral" as const, icon: <CircleDashed /> };
  return (
    <Badge tone={tone} className={cn(className)}>
      {icon}
      {label ?? status}
    </Badge>
  );
}
