/** What happened in a workbench: builds, validations and test runs, one after the other, each line with where it is from. */
import type { Received } from "@/stream/follow";
import { type Level, Log, shown } from "@/stream/log";

/** Lines that are kept. */
const CAP = 5_000;

export class Journal extends Log {
  #next = 1;

  constructor() {
    super();
    // Nothing is under way until something begins.
    this.connection = { state: "ended" };
  }

  /** Begins something; what is written next belongs to it. */
  begin(title: string): void {
    this.connection = { state: "live" };
    this.stages.push({ title: `${title} · ${new Date().toLocaleTimeString("en", { hourCycle: "h23" })}`, from: this.lines.length });
    this.#started = Date.now();
    this.changed();
  }

  end(): void {
    this.connection = { state: "ended" };
    this.changed();
  }

  write(text: string, level: Level, stream?: "stdout" | "stderr"): void {
    if (this.stages.length === 0) this.begin("Workbench");
    for (const part of text.split("\n")) {
      this.widest = Math.max(this.widest, part.length);
      this.lines.push({ id: this.#next, created: Date.now() / 1000, elapsed: Date.now() - this.#started, level, stream, text: part, stage: this.stages.length - 1 });
    }
    this.last = this.#next++;
    if (this.lines.length > CAP + 500) {
      this.lines = this.lines.slice(-CAP);
      this.generation += 1;
    }
    this.changed();
  }

  /** Lines of a build's or run's log. */
  take(events: Received[], raw: string[]): void {
    for (const event of events) {
      const { text, level, stream } = shown(event);
      this.write(text, level, stream);
    }
    this.raw = [...this.raw, ...raw].slice(-CAP);
  }

  clear(): void {
    this.lines = [];
    this.raw = [];
    this.stages = this.connection.state === "live" ? this.stages.slice(-1) : [];
    for (const stage of this.stages) stage.from = 0;
    this.generation += 1;
    this.changed();
  }

  #started = Date.now();
}
