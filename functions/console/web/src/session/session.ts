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
const listeners = new Set<() => void>();
let current = read();

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
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  (remember ? localStorage : sessionStorage).setItem(NAME, JSON.stringify(session));
  set(session);
}

/** The same person with another token. */
export function replace(session: Session): void {
  const storage = localStorage.getItem(NAME) === null ? sessionStorage : localStorage;
  storage.setItem(NAME, JSON.stringify(session));
  set(session);
}

export function signOut(): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  set(null);
}

function set(session: Session | null): void {
  current = session;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  // Signing in or out in another tab counts here too.
  const changed = (event: StorageEvent) => {
    if (event.key === NAME) set(read());
  };
  listeners.add(listener);
  window.addEventListener("storage", changed);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", changed);
  };
}

export function useSession(): Session | null {
  return useSyncExternalStore(subscribe, getSession);
}
