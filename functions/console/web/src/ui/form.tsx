import type { ComponentProps, ReactNode } from "react";
import { useId } from "react";
import { cn } from "@/lib/cn";

const field =
  "h-8 w-full rounded-md border border-line-strong/60 bg-surface px-2.5 text-sm text-ink hover:border-line-strong focus-visible:border-accent focus-visible:outline-1 focus-visible:outline-offset-0 disabled:opacity-60";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(field, className)} autoComplete="off" spellCheck={false} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(field, "pr-7", className)} {...rest} />;
}

/** A labelled control: `children` gets the id that ties it to its label and its note. */
export function Field({ label, note, error, children, className }: { label: string; note?: ReactNode; error?: string | undefined; children: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean | undefined }) => ReactNode; className?: string }) {
  const id = useId();
  const described = error || note ? `${id}-note` : undefined;
  return (
    <div className={cn("flex flex-col gap-1", className)}>
      <label htmlFor={id} className="text-xs font-medium text-soft">
        {label}
      </label>
      {children({ id, "aria-describedby": described, "aria-invalid": error ? true : undefined })}
      {described ? (
        <p id={described} className={cn("text-xs", error ? "text-bad" : "text-faint")}>
          {error ?? note}
        </p>
      ) : null}
    </div>
  );
}

export function Checkbox({ label, note, className, ...rest }: ComponentProps<"input"> & { label: ReactNode; note?: ReactNode }) {
  return (
    <label className={cn("flex items-start gap-2", className)}>
      <input type="checkbox" className="mt-0.5 size-4 shrink-0 accent-(--accent)" {...rest} />
      <span>
        {label}
        {note ? <span className="block text-xs text-faint">{note}</span> : null}
      </span>
    </label>
  );
}

/** Chooses a zip archive of a config's files. */
export function ArchiveField({ onFile }: { onFile: (file: File | undefined) => void }) {
  return (
    <Field label="Archive" note="A .zip like one that was exported here: every file under its path in the config.">
      {(ids) => <input {...ids} type="file" accept=".zip,application/zip" className="text-soft file:mr-3 file:h-8 file:rounded-md file:border file:border-solid file:border-line file:bg-surface file:px-3 file:text-ink" onChange={(event) => onFile(event.target.files?.[0])} />}
    </Field>
  );
}
