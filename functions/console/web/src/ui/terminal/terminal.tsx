import { ArrowDownToLine, ChevronDown, ChevronUp, Clock, Copy, Download, Link2, ListFilter, Braces } from "lucide-react";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useStored } from "@/app/stored";
import { plain } from "@/lib/ansi";
import { cn } from "@/lib/cn";
import type { Level, Log } from "@/stream/log";
import { saveText } from "@/lib/save";
import { Button, IconButton } from "../button";
import { Input } from "../form";
import { Menu, MenuChoice, MenuItem, MenuLabel } from "../menu";
import { said } from "../toast";
import { ConnectionChip } from "./connection-chip";
import { Lines, ROW, type Stamps } from "./lines";
import { type Range, addressOf, formatRange, parseRange } from "./permalink";
import { View } from "./view";

const LEVELS: Level[] = ["debug", "info", "warning", "error", "success"];

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

  // Where a line was brought into sight. That it is near the end at that moment does not mean that somebody wants to follow the end.
  const shown = useRef<number>(undefined);
  const onScroll = useCallback((element: HTMLElement) => {
    if (element.scrollTop !== shown.current) setTail(element.scrollHeight - element.scrollTop - element.clientHeight < ROW * 1.5);
  }, []);

  const view = useMemo(() => new View(log, { levels, streams, folded, search }), [log, log.generation, levels, streams, folded, search]).update();
  const count = raw ? log.raw.length : view.entries.length;

  const show = useCallback((place: number) => {
    const element = box.current;
    if (!element || place < 0) return;
    setTail(false);
    element.scrollTop = Math.max(0, place * ROW - element.clientHeight / 3);
    shown.current = element.scrollTop;
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
        <Lines
          box={box}
          log={log}
          view={view}
          count={count}
          raw={raw}
          stamps={stamps}
          search={search}
          range={range}
          current={view.found[current]}
          folded={folded}
          onFold={fold}
          onSelect={select}
          tail={tail}
          onScroll={onScroll}
        />
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
