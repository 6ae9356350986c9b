/** What a place shows while it has nothing to show: loading, empty, failed. */
import { CircleAlert, WifiOff } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { cn } from "@/lib/cn";
import { Button } from "./button";

export function Empty({ icon, title, children, action, className }: { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode; className?: string }) {
  return (
    <div className={cn("flex flex-col items-center justify-center gap-2 px-6 py-14 text-center", className)}>
      {icon ? <div className="mb-1 flex size-10 items-center justify-center rounded-full bg-ink/6 text-faint [&_svg]:size-5">{icon}</div> : null}
      <p className="font-medium">{title}</p>
      {children ? <div className="max-w-md text-soft">{children}</div> : null}
      {action ? <div className="mt-2 flex gap-2">{action}</div> : null}
    </div>
  );
}

/** A refusal as a sentence, with the id by which its cause is found in the logs. What is not there is not asked for again: `back` leads away. */
export function Failed({ error, retry, back, className, what }: { error: unknown; retry?: () => void; back?: ReactNode; className?: string; what?: string }) {
  const problem = Problem.from(error);
  return (
    <Empty
      icon={problem.isOffline ? <WifiOff /> : <CircleAlert />}
      title={problem.isOffline ? "No connection" : (what ?? "That did not work")}
      className={className}
      action={back && problem.status === 404 ? back : retry ? <Button onClick={retry}>Try again</Button> : null}
    >
      <p role="alert">{problem.message}</p>
      <FieldProblems problem={problem} />
      <RequestId problem={problem} />
    </Empty>
  );
}

/** The same in one block, for forms and dialogs. */
export function Refusal({ error, className }: { error: unknown; className?: string }) {
  if (!error) return null;
  const problem = Problem.from(error);
  return (
    <div role="alert" className={cn("rounded-md border border-bad/30 bg-bad-wash px-3 py-2 text-bad", className)}>
      <p>{problem.message}</p>
      <FieldProblems problem={problem} />
      <RequestId problem={problem} />
    </div>
  );
}

function FieldProblems({ problem }: { problem: Problem }) {
  if (problem.fields.length === 0) return null;
  return (
    <ul className="mt-1 list-inside list-disc text-left text-xs">
      {problem.fields.slice(0, 6).map((field) => (
        <li key={field.path + field.code}>
          <code className="font-mono">{field.path}</code> {field.message}
        </li>
      ))}
    </ul>
  );
}

function RequestId({ problem }: { problem: Problem }) {
  return problem.requestId ? <p className="mt-1 font-mono text-2xs opacity-85">request {problem.requestId}</p> : null;
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("h-4 animate-pulse rounded bg-ink/8", className)} />;
}

/** Rows to come. */
export function LoadingRows({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col divide-y divide-line">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex h-11 items-center gap-6 px-4">
          <Skeleton className="w-1/3" />
          <Skeleton className="w-20" />
          <Skeleton className="ml-auto w-24" />
        </div>
      ))}
    </div>
  );
}
