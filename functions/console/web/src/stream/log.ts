/**
 * A log in memory: the lines of a run or build as a terminal shows them, and the spans of time that they tell of.
 *
 * Logs have up to a million lines, so a line is a few numbers and two texts, and nothing is kept per line that can be worked
 * out for the few that are on the screen.
 */
import type { Connection, Received } from "./follow";

export type Level = "debug" | "info" | "warning" | "error" | "success";

export interface Line {
  /** The event's id: the line's number. Lines of one event share it. */
  id: number;
  /** Unix seconds. */
  created: number;
  /** Milliseconds since the record was created. */
  elapsed: number;
  level: Level;
  /** Where it was printed; undefined for what ADE itself says. */
  stream: "stdout" | "stderr" | undefined;
  text: string;
  /** Index into `stages`. */
  stage: number;
  /** The event as it came, with the first of its lines; undefined for others, and for what came in no event. */
  raw: string | undefined;
}

export interface Stage {
  title: string;
}

/** A span of the waterfall, in milliseconds since the record was created. */
export interface Span {
  key: string;
  label: string;
  group: "wait" | "build" | "engine";
  from: number;
  to: number | undefined;
  state: "done" | "running" | "skipped" | "failed";
}

export class Log {
  lines: Line[] = [];
  stages: Stage[] = [];
  readonly spans: Span[] = [];
  connection: Connection = { state: "connecting" };
  /** Id of the last event. */
  last = 0;
  /** Characters of the longest line. */
  widest = 0;
  /** Changes with everything that is shown. */
  version = 0;
  /** Changes when lines went away: places in `lines` mean something else then. */
  generation = 0;

  readonly #listeners = new Set<() => void>();
  #notice: ReturnType<typeof setTimeout> | undefined;

  /** Adds events, in order, each with the line of NDJSON that it came in. */
  add(events: Received[], lines: string[]): void {
    events.forEach((event, index) => {
      this.last = event.id;
      this.#span(event);
      const stage = stageOf(event, this.stages.at(-1)?.title);
      if (stage !== undefined) this.#stage(stage);
      this.push(event.id, event, lines[index]);
    });
    this.changed();
  }

  /** The events as they came, as a file of NDJSON. */
  ndjson(): string {
    return this.lines.flatMap(({ raw }) => (raw === undefined ? [] : [`${raw}\n`])).join("");
  }

  connected(connection: Connection): void {
    this.connection = connection;
    this.changed();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): number => this.version;

  /** Tells listeners, at most thirty times a second. */
  protected changed(): void {
    this.#notice ??= setTimeout(() => {
      this.#notice = undefined;
      this.version += 1;
      for (const listener of this.#listeners) listener();
    }, 33);
  }

  #stage(title: string): void {
    if (this.stages.at(-1)?.title !== title) this.stages.push({ title });
  }

  /** Adds the lines of an event under a number, to the stage that is under way. */
  protected push(id: number, event: Received, raw: string | undefined): void {
    this.pushText({ id, created: number(event["created"]), elapsed: number(event["elapsed_ms"]), raw, ...shown(event) });
  }

  /** Adds a text, each of its lines with the same number. */
  protected pushText({ text, raw, ...common }: Omit<Line, "stage">): void {
    const stage = this.stages.length - 1;
    (text.includes("\n") ? text.replace(/\n+$/, "").split("\n") : [text]).forEach((part, index) => {
      this.widest = Math.max(this.widest, part.length);
      this.lines.push({ ...common, text: part, stage, raw: index === 0 ? raw : undefined });
    });
  }

  #span(event: Received): void {
    const at = number(event["elapsed_ms"]);
    const begin = (key: string, label: string, group: Span["group"]) => {
      this.spans.push({ key, label, group, from: at, to: undefined, state: "running" });
    };
    const end = (matches: (span: Span) => boolean, state: Span["state"] = "done") => {
      for (const span of this.spans) {
        if (span.to === undefined && matches(span)) Object.assign(span, { to: at, state });
      }
    };
    const any = () => true;
    const isEngine = (span: Span) => span.group === "engine";
    switch (event.type) {
      case "run.created":
        begin("queued", "Queued", "wait");
        break;
      case "build.created":
        // Of a build inside a run the run waits already.
        if (event["object"] === "ade.build.event") begin("queued", "Queued", "wait");
        break;
      case "build.step": {
        const step = text(event["step"]);
        if (event["status"] === "started") {
          end((span) => span.group === "wait");
          begin(step, STEPS[step] ?? step, "build");
        } else if (event["status"] === "completed") {
          end((span) => span.key === step);
        } else {
          end((span) => span.group === "wait");
          this.spans.push({ key: step, label: STEPS[step] ?? step, group: "build", from: at, to: at, state: "skipped" });
        }
        break;
      }
      case "build.completed":
        end(any, event["status"] === "active" ? "done" : "failed");
        break;
      case "run.started":
        // An attempt that was lost is followed by another one.
        end(any, this.spans.some(isEngine) ? "failed" : "done");
        begin("prepare", "Prepare environment", "engine");
        break;
      case "run.log": {
        const name = event["name"];
        if (name === "engine.run.started") {
          end(isEngine);
          begin("load", "Load config", "engine");
        } else if (name === "engine.sheet.started") {
          end(isEngine);
          const sheet = text((event["data"] as Record<string, unknown> | undefined)?.["sheet_name"]);
          begin(`sheet ${sheet}`, sheet, "engine");
        } else if (name === "engine.run.completed") {
          end(isEngine);
          begin("publish", "Publish outputs", "engine");
        }
        break;
      }
      case "run.completed":
        end(any, event["status"] === "succeeded" ? "done" : "failed");
        break;
    }
  }
}

/** The stage that begins with this event, if one does. */
function stageOf(event: Received, current: string | undefined): string | undefined {
  if (event.type === "run.created") return "Queue";
  if (event.type.startsWith("build.")) return "Build";
  if (event.type === "run.started") return number(event["attempt"]) > 1 ? `Attempt ${number(event["attempt"])}` : "Start";
  if (event.type === "run.output" || event.type === "run.completed") return "Finish";
  if (event["name"] === "engine.sheet.started") {
    return `Sheet ${text((event["data"] as Record<string, unknown> | undefined)?.["sheet_name"])}`;
  }
  if (event["name"] === "engine.run.completed") return "Finish";
  return current === undefined ? "Log" : undefined;
}

/** What each step of a build is called. */
const STEPS: Record<string, string> = {
  create_venv: "Create environment",
  upgrade_pip: "Upgrade pip",
  install_engine: "Install engine",
  install_config: "Install config",
  verify_imports: "Verify imports",
  collect_metadata: "Collect metadata",
  publish: "Publish build",
};

/** An event as a line of text. */
export function shown(event: Received): Pick<Line, "text" | "level" | "stream"> {
  const own = (line: string, level: Level = "info") => ({ text: line, level, stream: undefined });
  switch (event.type) {
    case "run.created":
      return own("Run queued");
    case "run.started":
      return own(`Run started (attempt ${number(event["attempt"])})`);
    case "run.output":
      return own(`Output ${text(event["path"])} (${number(event["byte_size"]).toLocaleString("en")} bytes)`);
    case "build.created":
      return own("Build queued");
    case "build.step": {
      const name = STEPS[text(event["step"])] ?? text(event["step"]);
      const note = text(event["message"]);
      const took = event["duration_ms"] === undefined ? "" : ` in ${number(event["duration_ms"]).toLocaleString("en")} ms`;
      const what = event["status"] === "started" ? `${name} …` : event["status"] === "completed" ? `${name} done${took}` : `${name} skipped`;
      return own(note ? `${what}: ${note}` : what, event["status"] === "skipped" ? "debug" : "info");
    }
    case "run.completed":
    case "build.completed": {
      const what = event.type === "run.completed" ? "Run" : "Build";
      const why = text(event["error_message"]) || text(event["summary"]);
      const status = text(event["status"]);
      const level = status === "succeeded" || status === "active" ? "success" : status === "canceled" ? "warning" : "error";
      return own(`${what} ${status === "active" ? "succeeded" : status}${why ? `: ${why}` : ""}`, level);
    }
    case "run.log":
    case "build.log": {
      const stream = event["stream"] === "stderr" ? "stderr" : "stdout";
      const message = text(event["message"]);
      const level = (event["level"] as Level | undefined) ?? (stream === "stderr" ? "warning" : "info");
      return { text: event["truncated"] === true ? `${message} … (the line was longer)` : message, level, stream };
    }
    default:
      // A kind of event that is newer than this console.
      return own(event.type, "debug");
  }
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
