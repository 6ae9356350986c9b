import type { ReactNode } from "react";
import { useEffect } from "react";
import { cn } from "@/lib/cn";

/** A screen: its title, what can be done, its content. Names the browser's tab too. */
export function Page({ title, actions, children, below, className }: { title: string; actions?: ReactNode; children: ReactNode; below?: ReactNode; className?: string }) {
  useTitle(title);
  return (
    <div className={cn("mx-auto flex w-full max-w-6xl flex-col gap-4 px-4 py-6 sm:px-8", className)}>
      <header className="flex min-h-8 flex-wrap items-center gap-3">
        <h1 className="mr-auto text-xl font-semibold tracking-tight">{title}</h1>
        {actions}
      </header>
      {below}
      {children}
    </div>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ADE`;
  }, [title]);
}
