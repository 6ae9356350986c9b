/** Operations of the design that the API does not have yet; each goes away here when its description lands. */
type Answer<T> = { responses: { 200: { headers: Record<string, unknown>; content: { "application/json": T } } } };
type Get<P, T> = { get: { parameters: { path: P; query?: never; header?: never; cookie?: never }; requestBody?: never } & Answer<T> };
type List<T> = { object: "list"; data: T[]; has_more: boolean; next_cursor: string | null };

export interface PlannedPaths {
  "/documents/{document_id}/sheets": Get<{ document_id: string }, List<{ name: string; active?: boolean }>>;
}
