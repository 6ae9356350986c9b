/** What screens read, and how long it stays fresh. */
import { QueryClient, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { whenForgotten } from "@/session/session";
import { type Schemas, api, data, fetchStored } from "./client";
import { clockAhead } from "./clock";
import { everyPage } from "./pages";
import { Problem } from "./problem";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused stays refused; what did not arrive is asked for again.
      retry: (count, error) => count < 3 && error instanceof Problem && error.isPassing,
      retryDelay: (attempt, error) => (error instanceof Problem && error.retryAfter !== undefined ? error.retryAfter * 1_000 : Math.min(500 * 2 ** attempt, 5_000)),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

// What one person may see is not shown to the next.
whenForgotten(() => queryClient.clear());

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
  queryFn: ({ signal }) => everyPage((page) => data(api.GET("/workspaces", { params: { query: page }, signal }))),
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
      everyPage((page) => data(api.GET("/workspaces/{workspace_id}/configs", { params: { path: { workspace_id: workspace }, query: page }, signal }))),
    refetchInterval: (query) => (query.state.data?.data.some(({ building_build_id, last_run }) => building_build_id !== null || (last_run && isLive(last_run.status))) ? 2_000 : 15_000),
  });

export const configQuery = (workspace: string, config: string) =>
  queryOptions({
    queryKey: ["configs", workspace, config],
    queryFn: ({ signal }) =>
      data(api.GET("/workspaces/{workspace_id}/configs/{config_id}", { params: { path: { workspace_id: workspace, config_id: config } }, signal })),
  });

/** For how long a further page of a list is taken to be as it was read, in milliseconds, when nothing goes on in it. */
const SETTLED = 30_000;

/** A page of a list, and when it was read, in milliseconds, unless it is the first. */
interface ReadPage<T> extends Page<T> {
  read?: number;
}

interface PageRequest {
  client: QueryClient;
  queryKey: readonly unknown[];
  pageParam: string | undefined;
}

/**
 * Reads a page of a list that is asked for again and again. Of a list that was unfolded, the first page and those in which something
 * goes on are; the others every now and then, and all of them when the list was changed here. What is new moves every page, whose
 * cursor is another one then, so that nothing is missing or there twice.
 */
async function readPage<T>({ client, queryKey, pageParam }: PageRequest, read: () => Promise<Page<T>>, isBusy: (item: T) => boolean): Promise<ReadPage<T>> {
  if (pageParam === undefined) return read();
  const known = client.getQueryState<{ pages: ReadPage<T>[]; pageParams: unknown[] }>(queryKey);
  const page = known?.data?.pages[known.data.pageParams.indexOf(pageParam)];
  if (page?.read !== undefined && !known?.isInvalidated && Date.now() - page.read < SETTLED && !page.data.some(isBusy)) return page;
  return { ...(await read()), read: Date.now() };
}

export interface RunFilters {
  status?: Schemas["RunStatus"][];
  config_id?: string;
  input_document_id?: string;
  submitted_by?: string;
  created_after?: number;
  created_before?: number;
  /** Created within so many seconds before the question, instead of after a moment. */
  within?: number;
}

/** The conditions as the API takes them now. */
export function asked({ within, ...filters }: RunFilters, now = Date.now() + clockAhead()): Omit<RunFilters, "within"> {
  return within === undefined ? filters : { ...filters, created_after: Math.floor(now / 1000) - within };
}

export const runsQuery = (workspace: string, filters: RunFilters) =>
  infiniteQueryOptions({
    queryKey: ["runs", workspace, filters],
    initialPageParam: undefined as string | undefined,
    queryFn: (request) => {
      const query = { ...asked(filters), limit: PAGE, ...(request.pageParam ? { cursor: request.pageParam } : {}) };
      const read = async () => (await data(api.GET("/workspaces/{workspace_id}/runs", { params: { path: { workspace_id: workspace }, query }, signal: request.signal }))) as Page<Run>;
      return readPage(request, read, ({ status }) => isLive(status));
    },
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
    queryFn: (request) => {
      const query = { ...filters, limit: PAGE, ...(request.pageParam ? { cursor: request.pageParam } : {}) };
      const read = async () => (await data(api.GET("/workspaces/{workspace_id}/documents", { params: { path: { workspace_id: workspace }, query }, signal: request.signal }))) as Page<Document>;
      return readPage(request, read, ({ last_run }) => last_run != null && isLive(last_run.status));
    },
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
    queryFn: ({ signal }) => everyPage((page) => data(api.GET("/runs/{run_id}/outputs", { params: { path: { run_id: run }, query: page }, signal }))),
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

export const documentQuery = (document: string) =>
  queryOptions({
    queryKey: ["document", document],
    queryFn: ({ signal }) => data(api.GET("/documents/{document_id}", { params: { path: { document_id: document } }, signal })),
    staleTime: 60_000,
  });

/** The latest versions of a config, newest first. */
export const versionsQuery = (workspace: string, config: string) =>
  queryOptions({
    queryKey: ["configs", workspace, config, "versions"],
    queryFn: ({ signal }) =>
      data(api.GET("/workspaces/{workspace_id}/configs/{config_id}/versions", { params: { path: { workspace_id: workspace, config_id: config }, query: { limit: 100 } }, signal })),
  });

/** Who can submit runs, by the ids that runs know them by. Only admins may see this; what others know are the submitters of the runs that they see. */
export const principalsQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["principals", workspace],
    queryFn: async ({ signal }) => {
      const path = { workspace_id: workspace };
      try {
        const [members, keys] = await Promise.all([
          everyPage((page) => data(api.GET("/workspaces/{workspace_id}/members", { params: { path, query: page }, signal }))),
          everyPage((page) => data(api.GET("/workspaces/{workspace_id}/api-keys", { params: { path, query: page }, signal }))),
        ]);
        return [...members.data.map(({ subject, name }) => ({ id: subject, name: name ?? subject })), ...keys.data.map(({ id, name }) => ({ id, name }))];
      } catch (error) {
        if (error instanceof Problem && error.status === 403) return [];
        throw error;
      }
    },
    staleTime: 60_000,
  });
