/**
 * Uploads, which go on while people look at other screens: each file is hashed, announced, sent straight to storage with a
 * presigned request, and completed, which checks it. A few at a time.
 */
import { useSyncExternalStore } from "react";
import { api, data } from "@/api/client";
import { Problem } from "@/api/problem";
import { type Document, type Page, queryClient } from "@/api/queries";
import { sha256 } from "@/lib/sha256";

export type UploadState =
  | { step: "waiting" | "hashing" | "checking" }
  | { step: "sending"; sent: number }
  | { step: "duplicate"; of: Document }
  | { step: "done"; document: Document }
  | { step: "failed"; problem: Problem };

export interface Upload {
  key: number;
  workspace: string;
  file: File;
  state: UploadState;
  /** Upload although the same bytes are here already. */
  force: boolean;
}

const AT_ONCE = 3;
const listeners = new Set<() => void>();
let uploads: Upload[] = [];
let next = 1;
let working = 0;

function set(key: number, state: UploadState): void {
  uploads = uploads.map((upload) => (upload.key === key ? { ...upload, state } : upload));
  for (const listener of listeners) listener();
}

export function upload(workspace: string, files: Iterable<File>): void {
  uploads = [...uploads, ...Array.from(files, (file) => ({ key: next++, workspace, file, state: { step: "waiting" } as UploadState, force: false }))];
  for (const listener of listeners) listener();
  start();
}

export function uploadAnyway(key: number): void {
  uploads = uploads.map((one) => (one.key === key ? { ...one, force: true, state: { step: "waiting" } } : one));
  for (const listener of listeners) listener();
  start();
}

export function retryUpload(key: number): void {
  set(key, { step: "waiting" });
  start();
}

/** Forgets the uploads that are over. */
export function clearUploads(key?: number): void {
  const over = ({ state }: Upload) => state.step === "done" || state.step === "failed" || state.step === "duplicate";
  uploads = uploads.filter((one) => (key === undefined ? !over(one) : one.key !== key));
  for (const listener of listeners) listener();
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
  while (working < AT_ONCE) {
    const waiting = uploads.find(({ state }) => state.step === "waiting");
    if (!waiting) return;
    working += 1;
    set(waiting.key, { step: "hashing" });
    void run(waiting)
      .catch((error: unknown) => set(waiting.key, { step: "failed", problem: Problem.from(error) }))
      .finally(() => {
        working -= 1;
        start();
      });
  }
}

async function run({ key, workspace, file, force }: Upload): Promise<void> {
  const digest = await sha256(file);
  const path = { workspace_id: workspace };
  if (digest && !force) {
    const same = (await data(api.GET("/workspaces/{workspace_id}/documents", { params: { path, query: { sha256: digest, status: "ready", limit: 1 } } }))) as Page<Document>;
    if (same.data[0]) return set(key, { step: "duplicate", of: same.data[0] });
  }
  const created = await data(
    api.POST("/workspaces/{workspace_id}/documents", {
      params: { path },
      body: { name: file.name, byte_size: file.size, content_type: file.type || "application/octet-stream", ...(digest ? { sha256: digest } : {}) },
    }),
  );
  const announced = { params: { path: { document_id: created.id } } };
  try {
    set(key, { step: "sending", sent: 0 });
    await send(created.upload, file, (sent) => set(key, { step: "sending", sent }));
    set(key, { step: "checking" });
    const document = await data(api.POST("/documents/{document_id}/complete", announced));
    set(key, { step: "done", document });
  } catch (error) {
    // What was refused does not stay in the list as never uploaded. Where that can't be done either, ADE removes it after a day.
    await Promise.allSettled([api.DELETE("/documents/{document_id}", announced)]);
    throw error;
  }
  await queryClient.invalidateQueries({ queryKey: ["documents", workspace] });
}

/** Headers that a browser sets itself and lets nobody else set. */
const FORBIDDEN = new Set(["content-length", "host"]);

/** Sends a file as a presigned request says. `fetch` can't tell how far it is; this can. */
function send(request: { method: string; url: string; headers: Record<string, string> }, file: File, onSent: (bytes: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      if (!FORBIDDEN.has(name.toLowerCase())) xhr.setRequestHeader(name, value);
    }
    xhr.upload.onprogress = (event) => onSent(event.loaded);
    xhr.onerror = () => reject(Problem.offline());
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve();
      else reject(new Problem(xhr.status, "storage", `The storage refused the upload (${xhr.status}).`));
    };
    xhr.send(file);
  });
}
