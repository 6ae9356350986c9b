/** Operations of the design that the API does not have yet; each goes away here when its description lands. */
import type { components } from "./schema";

type S = components["schemas"];
type Answer<T> = { responses: { 200: { headers: Record<string, unknown>; content: { "application/json": T } } } };
type Get<P, Q, T> = { get: { parameters: { path: P; query?: Q; header?: never; cookie?: never }; requestBody?: never } & Answer<T> };
type Post<P, B, T> = { post: { parameters: { path: P; query?: never; header?: never; cookie?: never }; requestBody?: { content: { "application/json": B } } } & Answer<T> };
type Delete<P> = { delete: { parameters: { path: P; query?: never; header?: never; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never } } } };
type List<T> = { object: "list"; data: T[]; has_more: boolean; next_cursor: string | null };

interface ConfigPath {
  workspace_id: string;
  config_id: string;
}

export interface ConfigVersion {
  id: string;
  file_count: number;
  byte_size: number;
  created: number;
  build_id: string | null;
}

export interface ConfigDiff {
  from: string;
  to: string;
  files: { path: string; status: string; from_byte_size: number | null; to_byte_size: number | null; patch: string | null }[];
}

export interface PlannedPaths {
  "/workspaces/{workspace_id}/documents": Get<{ workspace_id: string }, { limit?: number; cursor?: string; q?: string; status?: string; sha256?: string; uploader?: string }, List<S["Document"]>>;
  "/documents/{document_id}": Delete<{ document_id: string }>;
  "/documents/{document_id}/download": Get<{ document_id: string }, never, S["Download"]>;
  "/documents/{document_id}/sheets": Get<{ document_id: string }, never, List<{ name: string; active?: boolean }>>;
  "/workspaces/{workspace_id}/configs/{config_id}/files": Get<{ workspace_id: string; config_id: string }, never, { fileset_hash: string; files: { path: string; byte_size: number; etag: string }[] }>;
  "/workspaces/{workspace_id}/configs/{config_id}/file-moves": Post<{ workspace_id: string; config_id: string }, { from: string; to: string }, { path: string; byte_size: number; etag: string }>;
  "/workspaces/{workspace_id}/configs/{config_id}/validate": Post<ConfigPath, never, { valid: boolean; issues: { path: string; line?: number | null; code: string; message: string; severity: string }[] }>;
  "/workspaces/{workspace_id}/configs/{config_id}/versions": Get<ConfigPath, { limit?: number; cursor?: string }, List<ConfigVersion>>;
  "/workspaces/{workspace_id}/configs/{config_id}/versions/{a}/diff/{b}": Get<ConfigPath & { a: string; b: string }, never, ConfigDiff>;
}
