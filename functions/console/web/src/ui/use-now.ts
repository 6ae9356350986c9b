import { useEffect, useState, useSyncExternalStore } from "react";
import { clockAhead } from "@/api/clock";

/** The time, in milliseconds, kept up to date while `running`. */
export function useNow(running: boolean, every = 500): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [running, every]);
  return now;
}

/** The same by the server's clock, which the times of records are by. */
export function useServerNow(running: boolean, every?: number): number {
  return useNow(running, every) + clockAhead();
}

/** One timer for everything that is told in minutes. */
const TICK = 20_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let tick = Date.now();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    tick = Date.now();
    for (const one of listeners) one();
  }, TICK);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time by the server's clock, in milliseconds, for what is told in minutes: never more than a third of one too early. */
export function useMinute(): number {
  useSyncExternalStore(subscribe, () => tick);
  return Date.now() + clockAhead();
}
