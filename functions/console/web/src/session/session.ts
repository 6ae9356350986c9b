/**
 * Who is signed in, in this browser: an API key or an access token, kept for the tab or for the device. Nothing but the API's own
 * origin ever sees it.
 */
import { useSyncExternalStore } from "react";

export interface Session {
  /** What is sent to the API. */
  key: string;
  /** For a token: what it is renewed with, which only its provider sees, and when it expires (ms since 1970). */
  refresh?: string;
  expires?: number;
}

const NAME = "ade.session";
/** What is kept of nobody in particular. */
const THEME = "ade.theme";
/** Hands the session of a tab in which somebody signs in to those that have lost theirs. */
const channel = new BroadcastChannel(NAME);
const listeners = new Set<() => void>();
const forgetting = new Set<() => void>();
let current = read();
let lost = false;

function read(): Session | null {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      const value: unknown = JSON.parse(storage.getItem(NAME) ?? "null");
      if (typeof value === "object" && value !== null && "key" in value && typeof value.key === "string") return value as Session;
    } catch {
      // Not ours, or blocked: nobody is signed in.
    }
  }
  return null;
}

export function getSession(): Session | null {
  return current;
}

/** Signs in for this tab, or for this device until somebody signs out. */
export function signIn(session: Session, remember: boolean): void {
  if (current && current.key !== session.key) forget();
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  (remember ? localStorage : sessionStorage).setItem(NAME, JSON.stringify(session));
  set(session);
  channel.postMessage(session);
}

/** The same person with another token. */
export function replace(session: Session): void {
  const storage = localStorage.getItem(NAME) === null ? sessionStorage : localStorage;
  storage.setItem(NAME, JSON.stringify(session));
  set(session);
}

/** Takes over what another tab has made of the session meanwhile; whether it has. */
export function takeOver(): boolean {
  const stored = read();
  if (!stored || stored.key === current?.key) return false;
  set(stored);
  return true;
}

/** Somebody leaves: nothing of theirs stays here but the theme. */
export function signOut(): void {
  for (const storage of [sessionStorage, localStorage]) {
    for (const name of Object.keys(storage)) if (name.startsWith("ade.") && name !== THEME) storage.removeItem(name);
  }
  forget();
  set(null);
}

/** The session has ended by itself: what is on the screen stays, and goes on with the next one. */
export function lose(): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  set(null, true);
}

/** Something that is remembered in memory for the person who is signed in, and how it is forgotten. */
export function whenForgotten(listener: () => void): void {
  forgetting.add(listener);
}

function forget(): void {
  for (const listener of forgetting) listener();
}

function set(session: Session | null, isLost = false): void {
  [current, lost] = [session, isLost];
  for (const listener of listeners) listener();
}

// Signing in or out in another tab counts here too. Where the session was kept for this tab alone, it stays.
window.addEventListener("storage", (event) => {
  if (event.key !== NAME && event.key !== null) return;
  const stored = read();
  if (stored?.key === current?.key) return;
  // A session that is renewed there is the same person's; without one, somebody else may come.
  if (!stored) forget();
  set(stored);
});
channel.onmessage = ({ data }: MessageEvent<Session>) => {
  if (lost) replace(data);
};

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): Session | null {
  return useSyncExternalStore(subscribe, getSession);
}

/** Whether the session has ended by itself, and nobody has signed in since. */
export function useLost(): boolean {
  return useSyncExternalStore(subscribe, () => lost);
}
