/**
 * Uploads, which go on while people look at other screens: each file is hashed, announced, sent straight to storage with a
 * presigned request, and completed, which checks it. A few at a time. Every one of them can be given up, and leaves nothing behind then.
 */
import { useSyncExternalStore } from "react";
import { api, data } from "@/api/client";
import { Problem } from "@/api/problem";
import { type Document, type Page, queryClient } from "@/api/queries";
import { sha256 } from "@/lib/sha256";
import { whenForgotten } from "@/session/session";
import { send } from "./send";

export type UploadState =
  | { step: "waiting" | "hashing" | "checking" }
  | { step: "sending"; sent: number }
  | { step: "duplicate"; of: Document }
  | { step: "done"; document: Document }
  | { step: "refused"; why: string }
  | { step: "failed"; problem: Problem };

export interface Upload {
  key: number;
  workspace: string;
  file: File;
  state: UploadState;
  /** Upload although the same bytes are here already. */
  force: boolean;
  /** The document whose file has arrived: when ADE was busy, only its check is left to do. */
  arrived?: string | undefined;
}

/** What ADE reads, by the ends of names. */
export const ACCEPTED = [".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt"];
const AT_ONCE = 3;
/** Pauses before a check is asked for again, in milliseconds. */
const PAUSES = [1_000, 2_000, 4_000, 8_000, 15_000];

const listeners = new Set<() => void>();
let uploads: Upload[] = [];
let next = 1;
/** What gives up each of those that are moving. */
const moving = new Map<number, AbortController>();

export function isMoving({ state }: Upload): boolean {
  return state.step === "waiting" || state.step === "hashing" || state.step === "sending" || state.step === "checking";
}

function publish(changed: Upload[]): void {
  uploads = changed;
  // A page that goes away takes its uploads with it: the browser asks first.
  if (uploads.some(isMoving)) window.addEventListener("beforeunload", askFirst);
  else window.removeEventListener("beforeunload", askFirst);
  for (const listener of listeners) listener();
}

function askFirst(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function set(key: number, changed: Partial<Upload>): void {
  publish(uploads.map((one) => (one.key === key ? { ...one, ...changed } : one)));
}

whenForgotten(() => {
  for (const one of moving.values()) one.abort();
  publish([]);
});

export function upload(workspace: string, files: Iterable<File>): void {
  const added = Array.from(files, (file): Upload => ({ key: next++, workspace, file, state: isAccepted(file) ? { step: "waiting" } : { step: "refused", why: UNREADABLE }, force: false }));
  publish([...uploads, ...added]);
  start();
}

const UNREADABLE = `ADE reads ${ACCEPTED.slice(0, -1).join(", ")} and ${ACCEPTED.at(-1)} files; this is none of them.`;

function isAccepted({ name }: File): boolean {
  return ACCEPTED.some((end) => name.toLowerCase().endsWith(end));
}

export function uploadAnyway(key: number): void {
  set(key, { force: true, state: { step: "waiting" } });
  start();
}

/** Tries again what has failed: one of them, or all of a workspace. */
export function retryUploads(keys: number[]): void {
  for (const key of keys) set(key, { state: { step: "waiting" } });
  start();
}

/** Gives up what waits or moves. What had been announced of it is removed. */
export function cancelUploads(keys: number[]): void {
  for (const key of keys) moving.get(key)?.abort();
  forgetUploads(keys);
}

/** Takes uploads off the list. */
export function forgetUploads(keys: number[]): void {
  const arrived = uploads.flatMap((one) => (keys.includes(one.key) && one.arrived !== undefined && one.state.step === "failed" ? [one.arrived] : []));
  for (const document of arrived) void remove(document);
  publish(uploads.filter(({ key }) => !keys.includes(key)));
}

export function useUploads(workspace: string): Upload[] {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => uploads,
  );
  return all.filter((one) => one.workspace === workspace);
}

function start(): void {
  while (moving.size < AT_ONCE) {
    const waiting = uploads.find(({ state }) => state.step === "waiting");
    if (!waiting) return;
    const { key } = waiting;
    const controller = new AbortController();
    moving.set(key, controller);
    set(key, { state: { step: "hashing" } });
    void run(waiting, controller.signal)
      .then(
        (state) => {
          set(key, { state });
          if (state.step === "done") void queryClient.invalidateQueries({ queryKey: ["documents", waiting.workspace] });
        },
        // What was given up is on the list no more.
        (error: unknown) => set(key, { state: { step: "failed", problem: Problem.from(error) } }),
      )
      .finally(() => {
        moving.delete(key);
        start();
      });
  }
}

/** Uploads a file; what became of it. */
async function run(one: Upload, signal: AbortSignal): Promise<UploadState> {
  const { key, workspace, file, force } = one;
  let announced = one.arrived;
  try {
    if (announced === undefined) {
      const digest = await sha256(file);
      signal.throwIfAborted();
      const same = digest && !force ? await sameAs(workspace, digest, signal) : undefined;
      if (same) return { step: "duplicate", of: same };
      // Not given up half way: what it announces would stay.
      const created = await announce(workspace, file, digest);
      announced = created.id;
      signal.throwIfAborted();
      set(key, { state: { step: "sending", sent: 0 } });
      await send(created.upload, file, (sent) => set(key, { state: { step: "sending", sent } }), signal);
    }
    set(key, { state: { step: "checking" }, arrived: announced });
    return { step: "done", document: await completed(announced, signal) };
  } catch (error) {
    const waits = !signal.aborted && Problem.from(error).isPassing && uploads.find((other) => other.key === key)?.arrived !== undefined;
    // What was refused or given up does not stay in the list as never uploaded. Where that can't be done either, ADE removes it after a day.
    if (announced !== undefined && !waits) {
      set(key, { arrived: undefined });
      await remove(announced);
    }
    throw error;
  }
}

async function sameAs(workspace: string, digest: string, signal: AbortSignal): Promise<Document | undefined> {
  const query = { sha256: digest, status: "ready" as const, limit: 1 };
  const same = (await data(api.GET("/workspaces/{workspace_id}/documents", { params: { path: { workspace_id: workspace }, query }, signal }))) as Page<Document>;
  return same.data[0];
}

function announce(workspace: string, file: File, digest: string | undefined) {
  const body = { name: file.name, byte_size: file.size, content_type: file.type || "application/octet-stream", ...(digest ? { sha256: digest } : {}) };
  return data(api.POST("/workspaces/{workspace_id}/documents", { params: { path: { workspace_id: workspace } }, body }));
}

/** Has a file checked that has arrived. That ADE is busy, or away for a moment, is no reason to send it again. */
async function completed(id: string, signal: AbortSignal, pauses = PAUSES): Promise<Document> {
  try {
    return await data(api.POST("/documents/{document_id}/complete", { params: { path: { document_id: id } }, signal }));
  } catch (error) {
    const { isPassing, retryAfter = 0 } = Problem.from(error);
    const [pause, ...later] = pauses;
    if (pause === undefined || signal.aborted || !isPassing) throw error;
    await rest(Math.max(pause, retryAfter * 1000), signal);
    return completed(id, signal, later);
  }
}

/** Waits so many milliseconds, or until it is given up. */
function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

async function remove(id: string): Promise<void> {
  await Promise.allSettled([api.DELETE("/documents/{document_id}", { params: { path: { document_id: id } } })]);
}
