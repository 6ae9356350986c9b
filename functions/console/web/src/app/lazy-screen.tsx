/** Screens whose code is fetched when somebody goes there: what did not arrive is asked for again, not given up. */
import { useRouter } from "@tanstack/react-router";
import { type ComponentType, type LazyExoticComponent, lazy, useCallback, useEffect } from "react";
import { apiBase } from "@/api/client";
import { Problem } from "@/api/problem";
import { Failed } from "@/ui/states";
import { useAway } from "./reach";

const RELOADED = "ade.reloaded";
/** How often somebody, or a connection that is back, has asked for what failed. */
let attempt = 0;

export function lazyScreen(load: () => Promise<ComponentType>) {
  let Loaded: LazyExoticComponent<ComponentType> | undefined;
  /** The attempt that failed. It is kept until the next one: React asks what became of it. */
  let failed: number | undefined;
  const fetched = () =>
    load().then(
      (component) => ({ default: component }),
      async (error: unknown) => {
        failed = attempt;
        throw await explained(error);
      },
    );
  function Screen() {
    if (failed !== undefined && failed < attempt) {
      failed = undefined;
      Loaded = undefined;
    }
    Loaded ??= lazy(fetched);
    return <Loaded />;
  }
  return Object.assign(Screen, {
    // Whether it worked is told when the screen is shown.
    preload: () => load().then(() => undefined, () => undefined),
  });
}

/** Why a piece of the console did not arrive: there is no connection, or the console was replaced and the page is an old one. */
async function explained(error: unknown): Promise<unknown> {
  const reached = await fetch(`${apiBase}/health`, { cache: "no-store" }).then(() => true, () => false);
  if (!reached) return Problem.offline();
  if (sessionStorage.getItem(RELOADED) === String(error)) return error;
  sessionStorage.setItem(RELOADED, String(error));
  window.location.reload();
  // The page goes away.
  return new Promise(() => undefined);
}

/** A screen that can't be shown. What fails for lack of a connection is tried again when there is one. */
export function ScreenFailed({ error, reset }: { error: unknown; reset: () => void }) {
  const router = useRouter();
  const away = useAway();
  const again = useCallback(() => {
    attempt += 1;
    reset();
    void router.invalidate();
  }, [reset, router]);
  const missing = Problem.from(error).isOffline;
  useEffect(() => {
    if (missing && !away) again();
  }, [missing, away, again]);
  return <Failed error={error} retry={again} className="h-full" />;
}
