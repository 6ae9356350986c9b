/** What happened in a workbench: builds, validations and test runs, one after the other, each line with where it is from. */
import type { Received } from "@/stream/follow";
import { type Level, Log } from "@/stream/log";

/** Lines that are kept. */
const CAP = 5_000;

export class Journal extends Log {
  #next = 1;
  #started = Date.now();

  constructor() {
    super();
    // Nothing is under way until something begins.
    this.connection = { state: "ended" };
  }

  /** Begins something; what is written next belongs to it. */
  begin(title: string): void {
    this.connection = { state: "live" };
    this.stages.push({ title: `${title} · ${new Date().toLocaleTimeString("en", { hourCycle: "h23" })}` });
    this.#started = Date.now();
    this.changed();
  }

  end(): void {
    this.connection = { state: "ended" };
    this.changed();
  }

  /** A line of the workbench's own. */
  write(text: string, level: Level): void {
    if (this.stages.length === 0) this.begin("Workbench");
    const now = Date.now();
    this.pushText({ id: this.#number(), created: now / 1000, elapsed: now - this.#started, level, stream: undefined, text, raw: undefined });
    this.#shorten();
  }

  /** Lines of a build's or run's log, each with the times of its event. */
  take(events: Received[], raw: string[]): void {
    events.forEach((event, index) => this.push(this.#number(), event, raw[index]));
    this.#shorten();
  }

  clear(): void {
    this.lines = [];
    this.stages = this.connection.state === "ended" ? [] : this.stages.slice(-1);
    this.generation += 1;
    this.changed();
  }

  #number(): number {
    return (this.last = this.#next++);
  }

  #shorten(): void {
    if (this.lines.length > CAP + 500) {
      this.lines = this.lines.slice(-CAP);
      this.generation += 1;
    }
    this.changed();
  }
}
