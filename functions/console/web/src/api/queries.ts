/** What screens read, and how long it stays fresh. */
import { QueryClient, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Schemas, api, data, fetchStored } from "./client";
import { Problem } from "./problem";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused stays refused; what did not arrive is asked for again.
      retry: (count, error) => count < 3 && error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export type Run = Schemas["Run"];
export type Build = Schemas["Build"];
export type Config = Schemas["Config"];
export type Workspace = Schemas["Workspace"];
export type Document = Schemas["Document"];

/** A page of a list. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor?: string | null;
}

const PAGE = 50;

export function isLive(status: string): boolean {
  return status === "queued" || status === "running" || status === "building";
}

export const workspacesQuery = queryOptions({
  queryKey: ["workspaces"],
  queryFn: ({ signal }) => data(api.GET("/workspaces", { params: { query: { limit: 200 } }, signal })),
  staleTime: 60_000,
});

export const healthQuery = queryOptions({
  queryKey: ["health"],
  // 503 is an answer too: it says what does not work.
  queryFn: async ({ signal }) => {
    try {
      return await data(api.GET("/health", { signal }));
    } catch (error) {
      if (error instanceof Problem && error.status === 503 && "components" in error.members) return error.members as unknown as Schemas["Health"];
      throw error;
    }
  },
  refetchInterval: (query) => (query.state.status === "error" ? 3_000 : 30_000),
  retry: false,
});

export const configsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["configs", workspace],
    queryFn: ({ signal }) =>
      data(api.GET("/workspaces/{workspace_id}/configs", { params: { path: { workspace_id: workspace }, query: { limit: 200 } }, signal })),
    refetchInterval: (query) => (query.state.data?.data.some(({ building_build_id, last_run }) => building_build_id !== null || (last_run && isLive(last_run.status))) ? 2_000 : 15_000),
  });

export const configQuery = (workspace: string, config: string) =>
  queryOptions({
    queryKey: ["configs", workspace, config],
    queryFn: ({ signal }) =>
      data(api.GET("/workspaces/{workspace_id}/configs/{config_id}", { params: { path: { workspace_id: workspace, config_id: config } }, signal })),
  });

export interface RunFilters {
  status?: Schemas["RunStatus"][];
  config_id?: string;
  input_document_id?: string;
  submitted_by?: string;
  created_after?: number;
  created_before?: number;
}

export const runsQuery = (workspace: string, filters: RunFilters) =>
  infiniteQueryOptions({
    queryKey: ["runs", workspace, filters],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      (await data(
        api.GET("/workspaces/{workspace_id}/runs", {
          params: { path: { workspace_id: workspace }, query: { ...filters, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      )) as Page<Run>,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    // Live while something happens; TanStack Query pauses both while the page is hidden.
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.data.some((run) => isLive(run.status))) ? 2_000 : 10_000),
  });

export interface DocumentFilters {
  q?: string;
  status?: Schemas["DocumentStatus"];
  sha256?: string;
}

export const documentsQuery = (workspace: string, filters: DocumentFilters) =>
  infiniteQueryOptions({
    queryKey: ["documents", workspace, filters],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      (await data(
        api.GET("/workspaces/{workspace_id}/documents", {
          params: { path: { workspace_id: workspace }, query: { ...filters, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      )) as Page<Document>,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.data.some(({ last_run }) => last_run && isLive(last_run.status))) ? 2_000 : 15_000),
  });

/** Where a sheet is: in a document, or in an output of a run (the first workbook, when no path is given). */
export type SheetSource = { document: string } | { run: string; path: string | undefined };

/** Rows of a page of a sheet. */
export const SHEET_ROWS = 50;

export const sheetPageQuery = (source: SheetSource, sheet: string | undefined, offset: number) =>
  queryOptions({
    queryKey: ["sheet", source, sheet, offset],
    queryFn: ({ signal }) => {
      const query = { offset, limit: SHEET_ROWS, ...(sheet === undefined ? {} : { sheet }) };
      if ("document" in source) return data(api.GET("/documents/{document_id}/preview", { params: { path: { document_id: source.document }, query }, signal }));
      return data(api.GET("/runs/{run_id}/preview", { params: { path: { run_id: source.run }, query: { ...query, ...(source.path === undefined ? {} : { path: source.path }) } }, signal }));
    },
    staleTime: Infinity,
    placeholderData: (before) => before,
  });

export const sheetsQuery = (document: string) =>
  queryOptions({
    queryKey: ["document", document, "sheets"],
    queryFn: ({ signal }) => data(api.GET("/documents/{document_id}/sheets", { params: { path: { document_id: document } }, signal })),
    staleTime: Infinity,
  });

export const runQuery = (run: string) =>
  queryOptions({
    queryKey: ["run", run],
    queryFn: ({ signal }) => data(api.GET("/runs/{run_id}", { params: { path: { run_id: run } }, signal })),
    refetchInterval: (query) => (query.state.data && isLive(query.state.data.status) ? 2_000 : false),
  });

export const outputsQuery = (run: string) =>
  queryOptions({
    queryKey: ["run", run, "outputs"],
    queryFn: ({ signal }) => data(api.GET("/runs/{run_id}/outputs", { params: { path: { run_id: run }, query: { limit: 200 } }, signal })),
    staleTime: Infinity,
  });

/** A short-lived address to download from. */
export type Download = Schemas["Download"];

export function outputDownload(run: string, path: string): Promise<Download> {
  return data(
    api.GET("/runs/{run_id}/outputs/{path}", {
      params: { path: { run_id: run, path } },
      // Slashes belong to the path here.
      pathSerializer: (pathname, values) => pathname.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]).split("/").map(encodeURIComponent).join("/")),
      headers: { Accept: "application/json" },
    }),
  ) as Promise<Download>;
}

export function artifactDownload(run: string): Promise<Download> {
  return data(api.GET("/runs/{run_id}/artifact", { params: { path: { run_id: run } }, headers: { Accept: "application/json" } })) as Promise<Download>;
}

export const artifactQuery = (run: string) =>
  queryOptions({
    queryKey: ["run", run, "artifact"],
    queryFn: async ({ signal }) => {
      const { url } = await artifactDownload(run);
      return (await (await fetchStored(url, { signal })).json()) as Artifact;
    },
    staleTime: Infinity,
  });

/** `artifact.json`, as far as the console shows it; its schema is `artifact.schema.json` of the engine. */
export interface Artifact {
  run: { status: string; outcome: string; engine_version: string; error: null | { code: string; stage: string; message: string } };
  config: null | { name: string; version: string | null; digest: string };
  tables: ArtifactTable[];
  notes: { code: string; severity: "info" | "warning" | "error"; message: string; count: number }[];
}

export interface Contribution {
  detector: string;
  field: string;
  delta: number;
  location: string | null;
}

export interface RunnerUp {
  field: string;
  score: number;
  contributions: Contribution[];
}

export interface CellIssue {
  row_index: number | null;
  cell: string | null;
  field: string;
  code: string;
  severity: string;
  message: string;
  value: string | null;
  output_cell: string | null;
}

export interface ArtifactTable {
  source_file: string;
  source_sheet: string;
  table_index: number;
  region: string;
  header: { row_index: number; row_count: number; inferred: boolean; cells: string[] };
  rows: { source: number; output: number };
  output: null | { sheet: string; range: string };
  mapped_columns: { field: string; header: string; source_column_index: number; score: number; contributions: Contribution[]; runner_up: RunnerUp | null }[];
  unmapped_columns: { header: string; source_column_index: number; empty: boolean; reason: string; contributions: Contribution[]; runner_up: RunnerUp | null }[];
  derived_columns: { field: string; header: string; source_column_index: number | null; score: number }[];
  validation_issues: CellIssue[];
  validation_issue_count: number;
}

/** Sends the browser to a download. */
export function save(download: Download): void {
  const link = document.createElement("a");
  link.href = download.url;
  link.download = download.name;
  link.rel = "noreferrer";
  document.body.append(link);
  link.click();
  link.remove();
}
