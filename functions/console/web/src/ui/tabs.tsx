import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

export interface Tab {
  value: string;
  label: string;
  note?: string | undefined;
}

/** Tabs and what belongs to the chosen one, which takes the rest of the height. */
export function Tabs({ label, value, onChange, tabs, children, className, aside }: { label: string; value: string; onChange: (value: string) => void; tabs: Tab[]; children: ReactNode; className?: string; aside?: ReactNode }) {
  return (
    <Radix.Root value={value} onValueChange={onChange} className={cn("flex min-h-0 flex-1 flex-col gap-3", className)}>
      <div className="flex items-center border-b border-line">
        <Radix.List aria-label={label} className="flex gap-5">
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.value}
              value={tab.value}
              className="-mb-px flex h-9 items-center gap-1.5 border-b-2 border-transparent text-soft hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {tab.label}
              {tab.note ? <span className="num rounded-full bg-ink/6 px-1.5 text-2xs text-soft">{tab.note}</span> : null}
            </Radix.Trigger>
          ))}
        </Radix.List>
        <div className="ml-auto flex items-center gap-2">{aside}</div>
      </div>
      <Radix.Content value={value} className="flex min-h-0 flex-1 flex-col gap-3">
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
