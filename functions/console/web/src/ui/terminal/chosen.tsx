/** The lines that are chosen, by their numbers: where somebody points to, and what an address names. */
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { Input } from "../form";
import { type Range, addressOf, formatRange, parseRange } from "./permalink";

export interface Chosen {
  range: Range | undefined;
  /** The line that is to be brought into sight as soon as it is there. */
  awaited: { current: number | undefined };
  /** Chooses these lines, or none. They are brought into sight. */
  choose: (range: Range | undefined) => void;
  /** Chooses a line that is in sight, or all from the one before to it. */
  point: (id: number, further: boolean) => void;
}

/** What is chosen. When lines are `addressed`, the page's address says so, and what it says is chosen. */
export function useChosen(addressed: boolean): Chosen {
  const [range, setRange] = useState<Range | undefined>(() => (addressed ? parseRange(window.location.hash) : undefined));
  const awaited = useRef(range?.from);
  // Where choosing began: with ⇧ lines are chosen from there, in both directions.
  const anchor = useRef(range?.from);

  const take = useCallback(
    (chosen: Range | undefined) => {
      setRange(chosen);
      if (addressed) history.replaceState(history.state, "", addressOf(chosen));
    },
    [addressed],
  );
  const choose = useCallback(
    (chosen: Range | undefined) => {
      awaited.current = anchor.current = chosen?.from;
      take(chosen);
    },
    [take],
  );
  const point = useCallback(
    (id: number, further: boolean) => {
      if (!further) anchor.current = id;
      const from = (anchor.current ??= id);
      take({ from: Math.min(from, id), to: Math.max(from, id) });
    },
    [take],
  );

  useEffect(() => {
    if (!addressed) return;
    // An address with other lines, typed or pasted where this log is shown already.
    const onHash = () => {
      const asked = parseRange(window.location.hash);
      awaited.current = anchor.current = asked?.from;
      setRange(asked);
    };
    window.addEventListener("hashchange", onHash);
    return () => window.removeEventListener("hashchange", onHash);
  }, [addressed]);

  return { range, awaited, choose, point };
}

/** The numbers of the chosen lines, and the way to choose them with the keyboard: `120` or `120-140`. */
export function ChosenField({ range, onChoose }: { range: Range | undefined; onChoose: (range: Range | undefined) => void }) {
  const [typed, setTyped] = useState<string>();
  const wanted = parseRange(`L${typed?.replace(/\s/g, "").replace(/^#?L/i, "")}`);
  const wrong = typed !== undefined && typed.trim() !== "" && wanted === undefined;
  const onKey = (event: KeyboardEvent) => {
    if (typed === undefined) return;
    if (event.key === "Enter" && !wrong) onChoose(wanted);
    else if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    setTyped(undefined);
  };
  return (
    <Input
      aria-label="Lines, such as 120-140"
      aria-invalid={wrong || undefined}
      placeholder="Line …"
      className={cn("num h-7 w-22 text-xs", wrong && "border-bad text-bad")}
      value={typed ?? (range ? formatRange(range).slice(1) : "")}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={() => setTyped(undefined)}
      onKeyDown={onKey}
    />
  );
}
