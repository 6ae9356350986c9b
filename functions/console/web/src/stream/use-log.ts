import { useEffect, useState, useSyncExternalStore } from "react";
import { useLost, whenForgotten } from "@/session/session";
import { eventsAt } from "./events";
import { follow } from "./follow";
import { Log } from "./log";

/** The latest logs, so that going back to one continues it instead of reading it again: few, and no long ones. */
const recent = new Map<string, Log>();
const KEPT = 3;
/** Lines that the others may have together. */
const KEPT_LINES = 100_000;

whenForgotten(() => recent.clear());

function logOf(path: string): Log {
  const log = recent.get(path) ?? new Log();
  recent.delete(path);
  recent.set(path, log);
  let lines = 0;
  [...recent].reverse().forEach(([other, { lines: its }], age) => {
    if (age > 0) lines += its.length;
    if (age >= KEPT || lines > KEPT_LINES) recent.delete(other);
  });
  return log;
}

/** Follows the events at this path, such as `/runs/run_…/events`, while the component is there. */
export function useLog(path: string | undefined, onEnd?: () => void): Log {
  const [empty] = useState(() => new Log());
  const log = path === undefined ? empty : logOf(path);
  useSyncExternalStore(log.subscribe, log.snapshot);
  const lost = useLost();
  useEffect(() => {
    if (path === undefined || log.connection.state === "ended") return;
    if (lost) {
      // It goes on from here when somebody has signed in again.
      log.connected({ state: "refused", status: 401 });
      return;
    }
    const stop = new AbortController();
    void follow({
      open: eventsAt(path),
      onEvents: (events, lines) => log.add(events, lines),
      onConnection: (connection) => {
        log.connected(connection);
        if (connection.state === "ended") onEnd?.();
      },
      signal: stop.signal,
      afterId: log.last,
    });
    return () => stop.abort();
    // `onEnd` is told about the end it was given for.
  }, [path, log, lost]);
  return log;
}
