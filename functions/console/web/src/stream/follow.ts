/**
 * Follows the event log of a run or a build.
 *
 * Events have ids 1, 2, 3 … without gaps. A connection may end at any moment, and then the rest is asked for by the id of the
 * last event that was read; so every event is handed on exactly once and in order, however often the connection breaks. The
 * log is over with its `*.completed` event, never with the end of a connection.
 */
import { LineSplitter } from "./lines";

/** An event as it came, with the line that it came in. */
export interface Received {
  id: number;
  type: string;
  [field: string]: unknown;
}

export type Connection =
  /** Asking for the log. */
  | { state: "connecting" }
  /** Events arrive as they happen. */
  | { state: "live" }
  /** What there was by then has been read; the rest is asked for again and again. */
  | { state: "polling" }
  /** Cut off; the next attempt is at this time (milliseconds). */
  | { state: "waiting"; until: number; attempt: number }
  /** The log is complete. */
  | { state: "ended" }
  /** Refused for good. */
  | { state: "refused"; status: number };

export interface FollowOptions {
  /** Asks for the events after an id. */
  open: (afterId: number, signal: AbortSignal) => Promise<Response>;
  /** Called with new events in order, each with the line it came in; never with one twice. */
  onEvents: (events: Received[], lines: string[]) => void;
  onConnection: (connection: Connection) => void;
  signal: AbortSignal;
  /** The last event that is known already. */
  afterId?: number;
  /** Waits; for tests. */
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** A server that says nothing for this long, not even a heartbeat (every 10 s), is gone. */
const SILENCE = 25_000;
/** Before the next question, when the last answer ended well: with events, and without any. */
const POLL_PAUSE = 250;
const QUIET_PAUSE = 1_000;
/** Before the next attempt, when the last one failed: twice as long each time. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 8_000;

/** Follows a log to its end, until it is refused, or until the signal. Never throws. */
export async function follow(options: FollowOptions): Promise<void> {
  const { open, onEvents, onConnection, signal, wait = sleep } = options;
  let last = options.afterId ?? 0;
  let attempt = 0;
  let polling = false;
  while (!signal.aborted) {
    if (!polling) onConnection({ state: "connecting" });
    polling = false;
    const before = last;
    let pause: number | undefined;
    const connection = new AbortController();
    const stop = () => connection.abort();
    signal.addEventListener("abort", stop);
    let silence = setTimeout(stop, SILENCE);
    try {
      const response = await open(last, connection.signal);
      if (!response.ok) {
        if (isFinal(response.status)) {
          onConnection({ state: "refused", status: response.status });
          return;
        }
        pause = retryAfter(response);
        await response.body?.cancel();
      } else {
        onConnection({ state: "live" });
        const splitter = new LineSplitter();
        const reader = response.body?.getReader();
        for (;;) {
          const read = await reader?.read();
          if (!read || read.done) {
            polling = true;
            break;
          }
          clearTimeout(silence);
          silence = setTimeout(stop, SILENCE);
          const events: Received[] = [];
          const lines: string[] = [];
          let whole = true;
          for (const line of splitter.push(read.value)) {
            const event = parse(line);
            // Heartbeats have no id; what was read before may come again.
            if (event === undefined || event.id <= last) continue;
            if (event.id !== last + 1) {
              whole = false;
              break;
            }
            last = event.id;
            events.push(event);
            lines.push(line);
          }
          if (events.length > 0) {
            attempt = 0;
            onEvents(events, lines);
            if (events.some(isEnd)) {
              onConnection({ state: "ended" });
              stop();
              return;
            }
          }
          // Something is missing: ask again from where it is.
          if (!whole) break;
        }
        stop();
      }
    } catch {
      // The network, or our own abort: both are answered by asking again, or by the signal.
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    if (polling) {
      // Where nothing is streamed, every answer ends like this, and a run may be silent for long.
      attempt = 0;
      onConnection({ state: "polling" });
      await wait(last === before ? QUIET_PAUSE : POLL_PAUSE, signal);
      continue;
    }
    if (last === before) attempt += 1;
    pause ??= Math.min(FIRST_PAUSE * 2 ** Math.max(attempt - 1, 0), LONGEST_PAUSE);
    onConnection({ state: "waiting", until: Date.now() + pause, attempt });
    await wait(pause, signal);
  }
}

/** A run's log may hold the events of a build, which also end with `.completed`: only the log's own end is the end. */
function isEnd(event: Received): boolean {
  return event.type === "run.completed" || (event.type === "build.completed" && event["object"] === "ade.build.event");
}

function parse(line: string): Received | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    const { id, type } = value as Partial<Received>;
    return typeof id === "number" && typeof type === "string" ? (value as Received) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether asking again can't help: everything that is the caller's fault, but "slow down" and "took too long". */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after"));
  return seconds > 0 ? Math.min(seconds * 1000, 60_000) : undefined;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    // Back online: no reason to wait any longer.
    window.addEventListener("online", done);
  });
}
