import { type KeyboardEvent, type PointerEvent, useCallback } from "react";
import { cn } from "@/lib/cn";

/** A bar between two panes that is dragged, or moved with the arrow keys. `size` is of the pane after it, in pixels. */
export function Splitter({ size, onSize, least = 80, most = 900, upright, label }: { size: number; onSize: (size: number) => void; least?: number; most?: number; upright?: boolean; label: string }) {
  const clamp = useCallback((value: number) => Math.round(Math.min(Math.max(value, least), most)), [least, most]);
  const onPointerDown = (event: PointerEvent) => {
    event.preventDefault();
    const bar = event.currentTarget;
    const start = upright ? event.clientX : event.clientY;
    bar.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent) => onSize(clamp(size + start - (upright ? moved.clientX : moved.clientY)));
    bar.addEventListener("pointermove", move as EventListener);
    // Also when the browser takes the pointer away.
    bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move as EventListener), { once: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowUp: 24, ArrowLeft: 24, ArrowDown: -24, ArrowRight: -24 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onSize(clamp(size + step));
  };
  return (
    <div
      role="separator"
      aria-label={label}
      aria-orientation={upright ? "vertical" : "horizontal"}
      aria-valuenow={size}
      aria-valuemin={least}
      aria-valuemax={most}
      tabIndex={0}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
      className={cn("shrink-0 bg-line transition-colors hover:bg-accent", upright ? "w-px cursor-col-resize border-x-2 border-transparent bg-clip-padding px-px" : "h-px cursor-row-resize border-y-2 border-transparent bg-clip-padding py-px")}
    />
  );
}
