import { type Schemas, api, data } from "@/api/client";
import type { Document, Page, Run } from "@/api/queries";

/** The most documents of one request. */
const BATCH = 45;

export interface RunsToStart {
  workspace: string;
  config: string;
  documents: Document[];
  options: Partial<Schemas["RunOptions"]>;
}

/**
 * Starts runs for documents, one for each, and tells of every batch that has been started. A request that is sent again, because nobody
 * knows what became of it, has the same key as before: `keyOf` gives equal requests equal ones.
 */
export async function startRuns({ workspace, config, documents, options }: RunsToStart, keyOf: (request: unknown) => string, onStarted: (runs: Run[]) => void): Promise<void> {
  const ids = documents.map(({ id }) => id);
  // What is left out has its usual value.
  const chosen = options as Schemas["RunOptions"];
  for (let from = 0; from < ids.length; from += BATCH) {
    const body = { config_id: config, input_documents: ids.slice(from, from + BATCH), options: chosen };
    const page = (await data(api.POST("/workspaces/{workspace_id}/runs/batch", { params: { path: { workspace_id: workspace }, header: { "Idempotency-Key": keyOf(body) } }, body }))) as Page<Run>;
    onStarted(page.data);
  }
}

/** Gives equal requests equal keys, for as long as it is kept. */
export function idempotencyKeys(): (request: unknown) => string {
  const keys = new Map<string, string>();
  return (request) => {
    const text = JSON.stringify(request);
    const key = keys.get(text) ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    keys.set(text, key);
    return key;
  };
}
