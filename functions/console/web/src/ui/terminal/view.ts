/** Which lines of a log a terminal shows, in order: filters, folds and the search, kept up to date as the log grows. */
import { plain } from "@/lib/ansi";
import type { Level, Log } from "@/stream/log";

export interface Filter {
  levels: Level[];
  streams: ("stdout" | "stderr")[];
  /** Titles of folded stages. */
  folded: ReadonlySet<number>;
  search: string;
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
    const { lines, stages } = this.#log;
    const { levels, streams, folded } = this.filter;
    for (; this.#read < lines.length; this.#read++) {
      const line = lines[this.#read]!;
      if (levels.length > 0 && !levels.includes(line.level)) continue;
      if (streams.length > 0 && !(line.stream && streams.includes(line.stream))) continue;
      // A stage without a line that fits has no heading either.
      if (line.stage !== this.#stage) {
        this.#stage = line.stage;
        if (stages.length > 1 || folded.size > 0) this.entries.push(-1 - line.stage);
      }
      if (folded.has(line.stage)) continue;
      if (this.#pattern && plain(line.text).toLowerCase().includes(this.#pattern)) this.found.push(this.entries.length);
      this.entries.push(this.#read);
    }
    return this;
  }

  /** The place of the first line with this id or a later one. */
  placeOf(id: number): number {
    return this.entries.findIndex((entry) => entry >= 0 && (this.#log.lines[entry]?.id ?? 0) >= id);
  }
}
