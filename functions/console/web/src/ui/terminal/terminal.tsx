import { ArrowDownToLine, ChevronDown, ChevronUp, Clock, Copy, Download, Link2, ListFilter, Braces } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useCallback, useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useStored } from "@/app/stored";
import { cn } from "@/lib/cn";
import type { Level, Log } from "@/stream/log";
import { saveText } from "@/lib/save";
import { Button, IconButton } from "../button";
import { copy } from "../copy";
import { Input } from "../form";
import { Menu, MenuChoice, MenuItem, MenuLabel } from "../menu";
import { failed } from "../toast";
import { ChosenField, useChosen } from "./chosen";
import { ConnectionChip } from "./connection-chip";
import { Lines, ROW, type Stamps } from "./lines";
import { addressOf, formatRange } from "./permalink";
import { View } from "./view";

const LEVELS: Level[] = ["debug", "info", "warning", "error", "success"];

export function Terminal({ log, name, className, toolbar, addressed = true, empty = "Waiting for the first line …" }: { log: Log; name: string; className?: string; toolbar?: ReactNode; /** Lines keep their numbers, so that addresses may name them. */ addressed?: boolean; /** What is said before there is a line. */ empty?: string }) {
  const [levels, setLevels] = useState<Level[]>([]);
  const [streams, setStreams] = useState<("stdout" | "stderr")[]>([]);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [search, setSearch] = useState("");
  const [stamps, setStamps] = useStored<Stamps>("terminal.stamps", "relative");
  const [raw, setRaw] = useState(false);
  const [tail, setTail] = useState(true);
  const { range, awaited, choose, point } = useChosen(addressed);
  /** The line that the search is at. Its place in the log is another's when lines went away. */
  const [at, setAt] = useState<{ line: number; generation: number }>();
  const box = useRef<HTMLDivElement>(null);

  // Where a line was brought into sight. That it is near the end at that moment does not mean that somebody wants to follow the end.
  const shown = useRef<number>(undefined);
  const onScroll = useCallback((element: HTMLElement) => {
    if (element.scrollTop !== shown.current) setTail(element.scrollHeight - element.scrollTop - element.clientHeight < ROW * 1.5);
  }, []);

  // To search a long log takes longer than to draw a letter: what is typed is shown first.
  const sought = useDeferredValue(search);
  const view = useMemo(() => new View(log, { levels, streams, folded, search: sought, raw }), [log, log.generation, levels, streams, folded, sought, raw]).update();
  const count = view.entries.length;
  const last = log.last;

  const show = useCallback((place: number) => {
    const element = box.current;
    if (!element || place < 0) return;
    setTail(false);
    element.scrollTop = Math.max(0, place * ROW - element.clientHeight / 3);
    shown.current = element.scrollTop;
  }, []);

  // Lines that an address or somebody names are shown as soon as they are there.
  useLayoutEffect(() => {
    const wanted = awaited.current;
    if (wanted === undefined) return;
    if (wanted <= last) {
      awaited.current = undefined;
      show(view.placeOf(wanted));
    } else if (log.connection.state === "ended") {
      choose(undefined);
      failed(new Error(`There is no line ${wanted.toLocaleString("en")}: this log ends with line ${last.toLocaleString("en")}.`));
    }
  });

  const onPoint = useCallback(
    (event: MouseEvent, id: number) => {
      event.preventDefault();
      point(id, event.shiftKey);
      setTail(false);
    },
    [point],
  );

  const line = at?.generation === log.generation ? at.line : undefined;
  const match = line === undefined ? -1 : view.found.findIndex((place) => view.entries[place] === line);
  const seek = (step: 1 | -1) => {
    const { found, entries } = search === sought ? view : new View(log, { ...view.filter, search }).update();
    const here = line ?? -1;
    const next = step > 0 ? (found.find((place) => entries[place]! > here) ?? found[0]) : (found.findLast((place) => entries[place]! < here) ?? found.at(-1));
    if (next === undefined) return;
    setAt({ line: entries[next]!, generation: log.generation });
    show(next);
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
    const copied = range ? log.lines.filter(({ id, raw: event }) => id >= range.from && id <= range.to && !(raw && event === undefined)) : view.lines();
    return copied.map((one) => view.text(one)).join("\n");
  };

  // What is chosen, else where the search is.
  const found = match < 0 || line === undefined ? undefined : log.lines[line]?.id;
  const target = range ?? (found === undefined ? undefined : { from: found, to: found });
  const copyLink = () => {
    if (!target) return;
    void copy(window.location.origin + addressOf(target), { done: "Link copied" });
  };

  const fold = useCallback(
    (stage: number) =>
      setFolded((before) => {
        const after = new Set(before);
        if (!after.delete(stage)) after.add(stage);
        return after;
      }),
    [],
  );

  return (
    <section aria-label={`Log of ${name}`} className={cn("flex min-h-0 flex-col overflow-hidden rounded-xl border border-line bg-surface", className)}>
      <div className="flex flex-wrap items-center gap-1.5 border-b border-line px-2 py-1.5">
        {toolbar}
        {log.lines.length === 0 && log.connection.state === "ended" ? null : <ConnectionChip connection={log.connection} />}
        <div className="relative ml-auto flex items-center gap-1">
          <ChosenField range={range} onChoose={choose} />
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search …"
            className="h-7 w-44 text-xs"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setAt(undefined);
            }}
            onKeyDown={onSearchKey}
          />
          {search ? (
            <>
              <span className="num min-w-14 text-center text-xs text-soft" role="status">
                {search !== sought ? "…" : view.found.length === 0 ? "none" : `${match + 1} of ${view.found.length.toLocaleString("en")}`}
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
          onClick={() => void copy(text())}
        >
          <Copy />
        </IconButton>
        {addressed ? (
          <IconButton label={target ? `Copy a link to ${formatRange(target)}` : "Copy a link"} className="size-7" blocked={!target && "Choose a line by its number, or search for one"} onClick={copyLink}>
            <Link2 />
          </IconButton>
        ) : null}
        <IconButton label="Download the events" className="size-7" onClick={() => saveText(log.ndjson(), `${name}.ndjson`)}>
          <Download />
        </IconButton>
      </div>
      <div className="relative min-h-0 flex-1">
        <Lines
          box={box}
          log={log}
          view={view}
          stamps={stamps}
          range={range}
          current={view.found[match]}
          folded={folded}
          onFold={fold}
          onPoint={onPoint}
          tail={tail}
          onScroll={onScroll}
        />
        {count === 0 ? <p className="pointer-events-none absolute inset-0 flex items-center justify-center text-faint">{log.lines.length === 0 ? empty : levels.length + streams.length > 0 ? "No line fits the filter." : "Nothing of this came in an event."}</p> : null}
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
