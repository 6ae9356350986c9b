import { useEffect, useState, useSyncExternalStore } from "react";
import { open } from "@/api/client";
import { follow } from "./follow";
import { Log } from "./log";

/** The latest logs, so that going back to one continues it instead of reading it again. */
const recent = new Map<string, Log>();
const KEPT = 3;

function logOf(path: string): Log {
  const log = recent.get(path) ?? new Log();
  recent.delete(path);
  recent.set(path, log);
  for (const old of recent.keys()) {
    if (recent.size <= KEPT) break;
    recent.delete(old);
  }
  return log;
}

/** Follows the events at this path, such as `/runs/run_…/events`, while the component is there. */
export function useLog(path: string | undefined, onEnd?: () => void): Log {
  const [empty] = useState(() => new Log());
  const log = path === undefined ? empty : logOf(path);
  useSyncExternalStore(log.subscribe, log.snapshot);
  useEffect(() => {
    if (path === undefined || log.connection.state === "ended") return;
    const stop = new AbortController();
    void follow({
      open: (afterId, signal) => open(`${path}?follow=true&after_id=${afterId}`, { signal, headers: { Accept: "application/x-ndjson" } }),
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
  }, [path, log]);
  return log;
}
