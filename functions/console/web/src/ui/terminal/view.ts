/** Which lines of a log a terminal shows, in order: filters, folds and the search, kept up to date as the log grows. */
import { plain } from "@/lib/ansi";
import type { Level, Line, Log } from "@/stream/log";

export interface Filter {
  levels: Level[];
  streams: ("stdout" | "stderr")[];
  /** Indexes of folded stages. */
  folded: ReadonlySet<number>;
  search: string;
  /** The events as they came, one for each row and without headings, instead of their lines. */
  raw: boolean;
}

/** A line's index, or `-1 - stage` for the heading of a stage. */
export type Entry = number;

export class View {
  readonly entries: Entry[] = [];
  /** Places in `entries` that the search is found at. */
  readonly found: number[] = [];
  readonly filter: Filter;
  readonly #log: Log;
  #read = 0;
  #stage = -1;
  readonly #pattern: string;

  constructor(log: Log, filter: Filter) {
    this.#log = log;
    this.filter = filter;
    this.#pattern = filter.search.toLowerCase();
  }

  /** Takes in the lines that have come since the last time. */
  update(): this {
    const { lines } = this.#log;
    for (; this.#read < lines.length; this.#read++) {
      const line = lines[this.#read]!;
      if (!this.#fits(line)) continue;
      if (!this.filter.raw && !this.#unfolded(line.stage)) continue;
      if (this.#pattern && this.text(line).toLowerCase().includes(this.#pattern)) this.found.push(this.entries.length);
      this.entries.push(this.#read);
    }
    return this;
  }

  /** What is shown of a line, without colours. */
  text(line: Line): string {
    return this.filter.raw ? (line.raw ?? "") : plain(line.text);
  }

  /** The lines that are shown, without headings. */
  lines(): Line[] {
    return this.entries.flatMap((entry) => (entry >= 0 ? [this.#log.lines[entry]!] : []));
  }

  /** The place of the first line with this id or a later one. */
  placeOf(id: number): number {
    return this.entries.findIndex((entry) => entry >= 0 && (this.#log.lines[entry]?.id ?? 0) >= id);
  }

  #fits(line: Line): boolean {
    const { levels, streams, raw } = this.filter;
    if (raw && line.raw === undefined) return false;
    if (levels.length > 0 && !levels.includes(line.level)) return false;
    return streams.length === 0 || (line.stream !== undefined && streams.includes(line.stream));
  }

  /** Whether the lines of this stage are shown. With the first that fits comes its heading: a stage without one has none. */
  #unfolded(stage: number): boolean {
    const { folded } = this.filter;
    if (stage !== this.#stage) {
      this.#stage = stage;
      if (this.#log.stages.length > 1 || folded.size > 0) this.entries.push(-1 - stage);
    }
    return !folded.has(stage);
  }
}
