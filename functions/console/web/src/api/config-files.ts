/** The files of a config's draft. Each has an entity tag; whoever changes one says which state the change was made for. */
import { api, data, open } from "./client";
import { Problem } from "./problem";

export interface FileEntry {
  path: string;
  byte_size: number;
  etag: string;
}

export interface ConfigKey {
  workspace: string;
  config: string;
}

/** What is in a file now. `text` is undefined for what is not text. */
export interface FileContent {
  etag: string;
  text: string | undefined;
}

/** The entity tag of a state of all files. */
export const tagOf = (filesetHash: string): string => `"${filesetHash}"`;

const base = ({ workspace, config }: ConfigKey) => `/workspaces/${workspace}/configs/${config}`;
const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

async function ask(path: string, init?: RequestInit): Promise<Response> {
  const response = await open(path, init);
  if (!response.ok) throw await Problem.of(response);
  return response;
}

export async function listFiles(key: ConfigKey, signal: AbortSignal): Promise<{ fileset_hash: string; files: FileEntry[] }> {
  return data(api.GET("/workspaces/{workspace_id}/configs/{config_id}/files", { params: { path: { workspace_id: key.workspace, config_id: key.config } }, signal }));
}

export async function readFile(key: ConfigKey, path: string): Promise<FileContent> {
  const response = await ask(`${base(key)}/files/${encoded(path)}`);
  const isText = response.headers.get("content-type")?.startsWith("text/plain");
  return { etag: response.headers.get("etag") ?? "", text: isText ? await response.text() : undefined };
}

/** Replaces the file in the state that has this tag, or makes a new one; its new tag. */
export async function writeFile(key: ConfigKey, path: string, content: string | Blob, etag: string | undefined): Promise<string> {
  const response = await ask(`${base(key)}/files/${encoded(path)}`, {
    method: "PUT",
    body: content,
    headers: { "Content-Type": "application/octet-stream", ...(etag === undefined ? { "If-None-Match": "*" } : { "If-Match": etag }) },
  });
  return response.headers.get("etag") ?? "";
}

export async function deleteFile(key: ConfigKey, path: string, etag: string): Promise<void> {
  await ask(`${base(key)}/files/${encoded(path)}`, { method: "DELETE", headers: { "If-Match": etag } });
}

export async function moveFile(key: ConfigKey, from: string, to: string): Promise<FileEntry> {
  return data(api.POST("/workspaces/{workspace_id}/configs/{config_id}/file-moves", { params: { path: { workspace_id: key.workspace, config_id: key.config } }, body: { from, to } }));
}
