/** Operations of the design that the API does not have yet; each goes away here when its description lands. */
import type { components } from "./schema";

type S = components["schemas"];
type Answer<T> = { responses: { 200: { headers: Record<string, unknown>; content: { "application/json": T } } } };
type Get<P, Q, T> = { get: { parameters: { path: P; query?: Q; header?: never; cookie?: never }; requestBody?: never } & Answer<T> };
type Post<P, B, T> = { post: { parameters: { path: P; query?: never; header?: never; cookie?: never }; requestBody?: { content: { "application/json": B } } } & Answer<T> };
type Delete<P> = { delete: { parameters: { path: P; query?: never; header?: never; cookie?: never }; requestBody?: never; responses: { 204: { headers: Record<string, unknown>; content?: never } } } };
type List<T> = { object: "list"; data: T[]; has_more: boolean; next_cursor: string | null };

export interface PlannedPaths {
  "/workspaces/{workspace_id}/documents": Get<{ workspace_id: string }, { limit?: number; cursor?: string; q?: string; status?: string; sha256?: string; uploader?: string }, List<S["Document"]>>;
  "/documents/{document_id}": Delete<{ document_id: string }>;
  "/documents/{document_id}/download": Get<{ document_id: string }, never, S["Download"]>;
  "/documents/{document_id}/sheets": Get<{ document_id: string }, never, List<{ name: string; active?: boolean }>>;
  "/runs/{run_id}/cancel": Post<{ run_id: string }, never, S["Run"]>;
  "/runs/{run_id}/retry": Post<{ run_id: string }, { build?: "same" | "current" }, S["Run"]>;
}
