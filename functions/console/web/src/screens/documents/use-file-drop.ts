import { useEffect, useRef, useState } from "react";
import { carriesFiles } from "@/app/drops";

/** Takes files that are dropped anywhere in the window; true while some are held above it. */
export function useFileDrop(take: (files: FileList) => void): boolean {
  const [dragging, setDragging] = useState(false);
  const latest = useRef(take);
  useEffect(() => {
    latest.current = take;
  });
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
      setDragging(true);
    };
    // Nothing is entered instead when the window itself is left.
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setDragging(false);
    };
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setDragging(false);
      if (event.dataTransfer) latest.current(event.dataTransfer.files);
    };
    const listeners = [["dragover", over], ["dragleave", leave], ["drop", drop]] as const;
    for (const [name, listener] of listeners) window.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of listeners) window.removeEventListener(name, listener);
    };
  }, []);
  return dragging;
}
