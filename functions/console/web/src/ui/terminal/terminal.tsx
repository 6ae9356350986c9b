import { ArrowDownToLine, ChevronDown, ChevronRight, ChevronUp, Clock, Copy, Download, Link2, ListFilter, Braces } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, type ReactNode, memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useStored } from "@/app/stored";
import { ansi, plain } from "@/lib/ansi";
import { cn } from "@/lib/cn";
import { clock, elapsed } from "@/lib/format";
import type { Level, Line, Log } from "@/stream/log";
import { saveText } from "@/lib/save";
import { Button, IconButton } from "../button";
import { Input } from "../form";
import { Menu, MenuChoice, MenuItem, MenuLabel } from "../menu";
import { said } from "../toast";
import { ConnectionChip } from "./connection-chip";
import { type Range, addressOf, formatRange, parseRange } from "./permalink";
import { View } from "./view";

const ROW = 20;
/** Rows that are drawn beyond the edge, so that scrolling never shows an empty one. */
const MARGIN = 12;
const WIDEST = 4_000;
const LEVELS: Level[] = ["debug", "info", "warning", "error", "success"];
type Stamps = "relative" | "absolute" | "none";

const COLOURS: Record<Level, string> = {
  debug: "text-faint",
  info: "text-ink",
  warning: "text-warn",
  error: "text-bad",
  success: "text-good",
};

export function Terminal({ log, name, className, toolbar, addressed = true, empty = "Waiting for the first line …" }: { log: Log; name: string; className?: string; toolbar?: ReactNode; /** Lines keep their numbers, so that addresses may name them. */ addressed?: boolean; /** What is said before there is a line. */ empty?: string }) {
  const [levels, setLevels] = useState<Level[]>([]);
  const [streams, setStreams] = useState<("stdout" | "stderr")[]>([]);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [search, setSearch] = useState("");
  const [stamps, setStamps] = useStored<Stamps>("terminal.stamps", "relative");
  const [raw, setRaw] = useState(false);
  const [tail, setTail] = useState(() => !addressed || parseRange(window.location.hash) === undefined);
  const [range, setRange] = useState<Range | undefined>(() => (addressed ? parseRange(window.location.hash) : undefined));
  const [current, setCurrent] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const [window_, setWindow] = useState({ top: 0, height: 600 });

  const view = useMemo(() => new View(log, { levels, streams, folded, search }), [log, log.generation, levels, streams, folded, search]).update();
  const count = raw ? log.raw.length : view.entries.length;

  const onScroll = useCallback(() => {
    const element = box.current;
    if (!element) return;
    setWindow({ top: element.scrollTop, height: element.clientHeight });
    setTail(element.scrollHeight - element.scrollTop - element.clientHeight < ROW * 1.5);
  }, []);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (tail) element.scrollTop = element.scrollHeight;
      setWindow({ top: element.scrollTop, height: element.clientHeight });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [tail]);

  // The end stays in sight while lines come, until somebody scrolls away from it.
  useLayoutEffect(() => {
    const element = box.current;
    if (tail && element) element.scrollTop = element.scrollHeight;
  }, [tail, count, raw]);

  const show = useCallback((place: number) => {
    const element = box.current;
    if (!element || place < 0) return;
    setTail(false);
    element.scrollTop = Math.max(0, place * ROW - element.clientHeight / 3);
  }, []);

  // A link to lines: they are shown as soon as they are there.
  const linked = useRef(range?.from);
  useEffect(() => {
    if (!addressed) return;
    // An address with other lines, typed or pasted where this run is shown already.
    const onHash = () => {
      const asked = parseRange(window.location.hash);
      linked.current = asked?.from;
      setRange(asked);
    };
    window.addEventListener("hashchange", onHash);
    return () => window.removeEventListener("hashchange", onHash);
  }, [addressed]);
  useLayoutEffect(() => {
    if (linked.current === undefined || log.last < linked.current) return;
    show(view.placeOf(linked.current));
    linked.current = undefined;
  });

  const select = useCallback(
    (event: MouseEvent, id: number) => {
      event.preventDefault();
      setRange((before) => {
        const chosen = event.shiftKey && before ? { from: Math.min(before.from, id), to: Math.max(before.to, id) } : { from: id, to: id };
        if (addressed) history.replaceState(history.state, "", addressOf(chosen));
        return chosen;
      });
      setTail(false);
    },
    [addressed],
  );

  const seek = (step: 1 | -1) => {
    if (view.found.length === 0) return;
    const next = (current + step + view.found.length) % view.found.length;
    setCurrent(next);
    show(view.found[next] ?? 0);
  };

  const onSearchKey = (event: KeyboardEvent) => {
    if (event.key === "Enter") {
      event.preventDefault();
      seek(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && search) {
      event.stopPropagation();
      setSearch("");
    }
  };

  const text = () => {
    const chosen = range ? log.lines.filter((line) => line.id >= range.from && line.id <= range.to) : view.entries.flatMap((entry) => (entry >= 0 ? [log.lines[entry]!] : []));
    return chosen.map((line) => plain(line.text)).join("\n");
  };

  // What is chosen, else where the search is: the way to an address without a mouse.
  const sought = log.lines[view.entries[view.found[current] ?? -1] ?? -1]?.id;
  const target = range ?? (sought === undefined ? undefined : { from: sought, to: sought });
  const copyLink = () => {
    if (!target) return;
    void navigator.clipboard.writeText(window.location.origin + addressOf(target)).then(() => said("Link copied"));
  };

  const fold = (stage: number) => setFolded((before) => {
    const after = new Set(before);
    if (!after.delete(stage)) after.add(stage);
    return after;
  });

  const first = Math.max(0, Math.floor(window_.top / ROW) - MARGIN);
  const last = Math.min(count, Math.ceil((window_.top + window_.height) / ROW) + MARGIN);
  const width = raw ? undefined : `calc(${Math.min(log.widest, WIDEST)}ch + 11rem)`;
  const rows: ReactNode[] = [];
  for (let place = first; place < last; place++) {
    if (raw) {
      rows.push(
        <div key={place} className="flex h-5 whitespace-pre">
          <span className="w-16 shrink-0 pr-4 text-right text-faint select-none">{place + 1}</span>
          <span className="text-soft">{log.raw[place]}</span>
        </div>,
      );
      continue;
    }
    const entry = view.entries[place]!;
    if (entry < 0) {
      const stage = -1 - entry;
      rows.push(<StageRow key={`stage ${stage}`} title={log.stages[stage]?.title ?? ""} folded={folded.has(stage)} onToggle={() => fold(stage)} />);
      continue;
    }
    const line = log.lines[entry]!;
    rows.push(
      <Row
        key={entry}
        line={line}
        continued={log.lines[entry - 1]?.id === line.id}
        stamps={stamps}
        search={search}
        marked={range !== undefined && line.id >= range.from && line.id <= range.to}
        current={current >= 0 && view.found[current] === place}
        onSelect={select}
      />,
    );
  }

  return (
    <section aria-label={`Log of ${name}`} className={cn("flex min-h-0 flex-col overflow-hidden rounded-xl border border-line bg-surface", className)}>
      <div className="flex flex-wrap items-center gap-1.5 border-b border-line px-2 py-1.5">
        {toolbar}
        {log.lines.length === 0 && log.connection.state === "ended" ? null : <ConnectionChip connection={log.connection} />}
        <div className="relative ml-auto flex items-center gap-1">
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search …"
            className="h-7 w-44 text-xs"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setCurrent(-1);
            }}
            onKeyDown={onSearchKey}
          />
          {search ? (
            <>
              <span className="num min-w-14 text-center text-xs text-soft" role="status">
                {view.found.length === 0 ? "none" : `${current + 1} of ${view.found.length.toLocaleString("en")}`}
              </span>
              <IconButton label="Previous" size="tiny" onClick={() => seek(-1)}><ChevronUp /></IconButton>
              <IconButton label="Next" size="tiny" onClick={() => seek(1)}><ChevronDown /></IconButton>
            </>
          ) : null}
        </div>
        <Menu align="end" trigger={<Button size="small" look={levels.length + streams.length ? "plain" : "ghost"}><ListFilter />Filter{levels.length + streams.length ? ` (${levels.length + streams.length})` : ""}</Button>}>
          <MenuLabel>Level</MenuLabel>
          {LEVELS.map((level) => (
            <Choice key={level} on={levels.includes(level)} label={level} onToggle={() => setLevels(toggled(levels, level))} />
          ))}
          <MenuLabel>Stream</MenuLabel>
          {(["stdout", "stderr"] as const).map((stream) => (
            <Choice key={stream} on={streams.includes(stream)} label={stream} onToggle={() => setStreams(toggled(streams, stream))} />
          ))}
        </Menu>
        <Menu align="end" trigger={<IconButton label="Timestamps" className="size-7"><Clock /></IconButton>}>
          <MenuLabel>Timestamps</MenuLabel>
          {(["relative", "absolute", "none"] as const).map((kind) => (
            <MenuChoice key={kind} chosen={stamps === kind} onSelect={() => setStamps(kind)}>{kind}</MenuChoice>
          ))}
        </Menu>
        <IconButton label={raw ? "Show the lines" : "Show the events as NDJSON"} className={cn("size-7", raw && "bg-accent-wash text-accent")} aria-pressed={raw} onClick={() => setRaw(!raw)}>
          <Braces />
        </IconButton>
        <IconButton
          label={range ? `Copy lines ${formatRange(range).slice(1)}` : "Copy what is shown"}
          className="size-7"
          onClick={() => void navigator.clipboard.writeText(raw ? log.raw.join("\n") : text()).then(() => said("Copied"))}
        >
          <Copy />
        </IconButton>
        {addressed ? (
          <IconButton label={target ? `Copy a link to ${formatRange(target)}` : "Copy a link"} className="size-7" blocked={!target && "Choose a line by its number, or search for one"} onClick={copyLink}>
            <Link2 />
          </IconButton>
        ) : null}
        <IconButton label="Download the events" className="size-7" onClick={() => saveText(`${log.raw.join("\n")}\n`, `${name}.ndjson`)}>
          <Download />
        </IconButton>
      </div>
      <div className="relative min-h-0 flex-1">
        <div
          ref={box}
          onScroll={onScroll}
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
        {count === 0 ? <p className="pointer-events-none absolute inset-0 flex items-center justify-center text-faint">{log.lines.length === 0 ? empty : "No line fits the filter."}</p> : null}
        {!tail && count > 0 ? (
          <Button size="small" className="absolute right-5 bottom-4 shadow-float" onClick={() => setTail(true)}>
            <ArrowDownToLine />
            To the end
          </Button>
        ) : null}
      </div>
    </section>
  );
}

function Choice({ on, label, onToggle }: { on: boolean; label: string; onToggle: () => void }) {
  return (
    <MenuItem
      role="menuitemcheckbox"
      aria-checked={on}
      onSelect={(event) => {
        event.preventDefault();
        onToggle();
      }}
    >
      <span aria-hidden className={cn("flex size-3.5 items-center justify-center rounded-sm border border-line-strong text-2xs", on && "border-accent bg-accent text-accent-ink")}>{on ? "✓" : ""}</span>
      {label}
    </MenuItem>
  );
}

function toggled<T>(list: T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}

function StageRow({ title, folded, onToggle }: { title: string; folded: boolean; onToggle: () => void }) {
  return (
    <div className="flex h-5">
      <button type="button" aria-expanded={!folded} onClick={onToggle} className="sticky left-0 flex h-5 items-center gap-1 pr-3 pl-2 font-sans text-2xs font-semibold text-soft hover:text-ink [&_svg]:size-3">
        {folded ? <ChevronRight /> : <ChevronDown />}
        {title}
      </button>
    </div>
  );
}

interface RowProps {
  line: Line;
  /** It is a further line of the event above. */
  continued: boolean;
  stamps: Stamps;
  search: string;
  marked: boolean;
  current: boolean;
  onSelect: (event: MouseEvent, id: number) => void;
}

const Row = memo(function Row({ line, continued, stamps, search, marked, current, onSelect }: RowProps) {
  return (
    <div data-id={line.id} className={cn("flex h-5 whitespace-pre hover:bg-ink/[0.035]", COLOURS[line.level], marked && "bg-accent-wash hover:bg-accent-wash", current && "outline-1 -outline-offset-1 outline-accent")}>
      {continued ? (
        <span className="w-16 shrink-0" />
      ) : (
        <a href={addressOf({ from: line.id, to: line.id })} tabIndex={-1} onClick={(event) => onSelect(event, line.id)} className="w-16 shrink-0 pr-4 text-right text-faint no-underline select-none hover:text-ink">
          {line.id}
        </a>
      )}
      {stamps === "none" ? null : (
        <span className="w-22 shrink-0 pr-4 text-right text-faint select-none">{continued ? "" : stamps === "relative" ? elapsed(line.elapsed) : clock(line.created)}</span>
      )}
      <span className="pr-6">
        {ansi(line.text).map((span, index) => (
          <span key={index} className={span.className || undefined}>
            {search ? marks(span.text, search) : span.text}
          </span>
        ))}
      </span>
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
