/** What a workbench does besides editing, one thing at a time. */
import { useCallback, useEffect, useRef, useState } from "react";
import { failed } from "@/ui/toast";
import type { Task } from "./work";

export type Doing = "build" | "validate" | "test";

export interface Tasks {
  /** What is under way. */
  doing: Doing | undefined;
  /** Cancels it, when that is possible. */
  stop: (() => void) | undefined;
  stopping: boolean;
  /** Does something, unless something is under way already. */
  start: (what: Doing, act: (task: Task) => Promise<void>) => Promise<void>;
}

export function useTasks(): Tasks {
  const [doing, setDoing] = useState<Doing>();
  const [cancel, setCancel] = useState<{ call: () => Promise<unknown> }>();
  const [stopping, setStopping] = useState(false);
  // Known at once, and not only when it has been drawn: shortcuts may come twice before that.
  const running = useRef<{ left: AbortController; stopped: boolean }>(undefined);
  useEffect(() => () => running.current?.left.abort(), []);

  const start = useCallback(async (what: Doing, act: (task: Task) => Promise<void>) => {
    if (running.current) return;
    const own = { left: new AbortController(), stopped: false };
    running.current = own;
    setDoing(what);
    try {
      await act({
        signal: own.left.signal,
        get stopped() {
          return own.stopped;
        },
        begun: (call) => setCancel({ call }),
      });
    } finally {
      running.current = undefined;
      setDoing(undefined);
      setCancel(undefined);
      setStopping(false);
    }
  }, []);

  const stop = async () => {
    const own = running.current;
    if (!own || !cancel) return;
    own.stopped = true;
    setStopping(true);
    try {
      await cancel.call();
    } catch (error) {
      own.stopped = false;
      setStopping(false);
      failed(error, "Not stopped");
    }
  };

  return { doing, stop: cancel && (() => void stop()), stopping, start };
}
