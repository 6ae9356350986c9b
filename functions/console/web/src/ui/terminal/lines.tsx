/** The rows of a terminal: those that are in sight, of as many as there are. */
import { ChevronDown, ChevronRight } from "lucide-react";
import { type MouseEvent, type ReactNode, type RefObject, memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { ansi } from "@/lib/ansi";
import { cn } from "@/lib/cn";
import { clock, elapsed } from "@/lib/format";
import type { Level, Line, Log } from "@/stream/log";
import { type Range, addressOf } from "./permalink";
import type { View } from "./view";

/** Height of a row, in pixels. */
export const ROW = 20;
/** Rows that are drawn beyond the edge, so that scrolling never shows an empty one. */
const MARGIN = 12;
const WIDEST = 4_000;
/** Characters of the columns before the text. They are aligned with spaces: laying out many lines of plain text is much faster than as many rows of boxes. */
const NUMBER = 7;
const STAMP = 11;
const column = (content: string | number, width: number) => `${String(content).padStart(width)}  `;
export type Stamps = "relative" | "absolute" | "none";

const COLOURS: Record<Level, string> = {
  debug: "text-faint",
  info: "text-ink",
  warning: "text-warn",
  error: "text-bad",
  success: "text-good",
};

interface LinesProps {
  /** What scrolls. */
  box: RefObject<HTMLDivElement | null>;
  log: Log;
  view: View;
  stamps: Stamps;
  range: Range | undefined;
  /** The row that the search is at. */
  current: number | undefined;
  folded: ReadonlySet<number>;
  onFold: (stage: number) => void;
  onPoint: (event: MouseEvent, id: number) => void;
  /** The end stays in sight. */
  tail: boolean;
  onScroll: (box: HTMLElement) => void;
}

/** It alone is drawn anew while somebody scrolls, and not the tools above it. */
export function Lines({ box, log, view, stamps, range, current, folded, onFold, onPoint, tail, onScroll }: LinesProps) {
  const { raw, search } = view.filter;
  const count = view.entries.length;
  const [{ top, height }, setWindow] = useState({ top: 0, height: 600 });

  const onScrolled = useCallback(() => {
    const element = box.current;
    if (!element) return;
    setWindow({ top: element.scrollTop, height: element.clientHeight });
    onScroll(element);
  }, [box, onScroll]);

  const tailing = useRef(tail);
  tailing.current = tail;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (tailing.current) element.scrollTop = element.scrollHeight;
      setWindow({ top: element.scrollTop, height: element.clientHeight });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);

  // The end stays in sight while lines come, until somebody scrolls away from it.
  useLayoutEffect(() => {
    const element = box.current;
    if (tail && element) element.scrollTop = element.scrollHeight;
  }, [box, tail, count, raw]);

  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(count, Math.ceil((top + height) / ROW) + MARGIN);
  const width = raw ? undefined : `${Math.min(log.widest, WIDEST) + NUMBER + STAMP + 8}ch`;

  // Rows that stay in sight keep their elements; a jump to where none of them is fills the same elements with other lines.
  const drawn = useRef({ first, last, base: first });
  const base = first >= drawn.current.last || last <= drawn.current.first ? first : drawn.current.base;
  drawn.current = { first, last, base };

  const rows: ReactNode[] = [];
  for (let place = first; place < last; place++) {
    const key = place - base;
    const entry = view.entries[place]!;
    if (entry < 0) {
      const stage = -1 - entry;
      rows.push(<StageRow key={key} title={log.stages[stage]?.title ?? ""} stage={stage} folded={folded.has(stage)} onFold={onFold} />);
      continue;
    }
    const line = log.lines[entry]!;
    rows.push(
      <Row
        key={key}
        line={line}
        raw={raw}
        continued={!raw && log.lines[entry - 1]?.id === line.id}
        stamps={raw ? "none" : stamps}
        search={search}
        marked={range !== undefined && line.id >= range.from && line.id <= range.to}
        current={current === place}
        onPoint={onPoint}
      />,
    );
  }

  return (
    <div
      ref={box}
      onScroll={onScrolled}
      // Scrollable with the keyboard.
      tabIndex={0}
      role="region"
      aria-label="Lines"
      data-testid="lines"
      className="thin-scroll absolute inset-0 overflow-auto bg-sunken font-mono text-xs leading-5 [contain:strict]"
    >
      <div style={{ height: count * ROW, width, minWidth: "100%" }} className="relative">
        <div style={{ transform: `translateY(${first * ROW}px)` }} className="absolute inset-x-0 top-0">
          {rows}
        </div>
      </div>
    </div>
  );
}

const StageRow = memo(function StageRow({ title, stage, folded, onFold }: { title: string; stage: number; folded: boolean; onFold: (stage: number) => void }) {
  return (
    <div className="flex h-5">
      <button type="button" aria-expanded={!folded} onClick={() => onFold(stage)} className="sticky left-0 flex h-5 items-center gap-1 pr-3 pl-2 font-sans text-2xs font-semibold text-soft hover:text-ink [&_svg]:size-3">
        {folded ? <ChevronRight /> : <ChevronDown />}
        {title}
      </button>
    </div>
  );
});

interface RowProps {
  line: Line;
  /** Its event as it came, instead of its text. */
  raw: boolean;
  /** It is a further line of the event above. */
  continued: boolean;
  stamps: Stamps;
  search: string;
  marked: boolean;
  current: boolean;
  onPoint: (event: MouseEvent, id: number) => void;
}

const Row = memo(function Row({ line, raw, continued, stamps, search, marked, current, onPoint }: RowProps) {
  return (
    <div data-id={line.id} className={cn("h-5 whitespace-pre hover:bg-ink/[0.035]", raw ? "text-soft" : COLOURS[line.level], marked && "bg-accent-wash hover:bg-accent-wash", current && "outline-1 -outline-offset-1 outline-accent")}>
      {continued ? (
        <span className="select-none">{column("", NUMBER)}</span>
      ) : (
        <a href={addressOf({ from: line.id, to: line.id })} tabIndex={-1} onClick={(event) => onPoint(event, line.id)} className="inline-block text-faint no-underline select-none hover:text-ink">
          {column(line.id, NUMBER)}
        </a>
      )}
      {stamps === "none" ? null : (
        <span className="text-faint select-none">{column(continued ? "" : stamps === "relative" ? elapsed(line.elapsed) : clock(line.created), STAMP)}</span>
      )}
      {ansi(raw ? (line.raw ?? "") : line.text).map((span, index) => (
        <span key={index} className={span.className || undefined}>
          {search ? marks(span.text, search) : span.text}
        </span>
      ))}
    </div>
  );
});

/** The text with what was searched for marked. */
function marks(text: string, search: string): ReactNode {
  const parts: ReactNode[] = [];
  const [low, wanted] = [text.toLowerCase(), search.toLowerCase()];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at} className="rounded-xs bg-mark text-inherit">{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  return parts.length === 0 ? text : [...parts, text.slice(from)];
}
