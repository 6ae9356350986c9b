/** What the address of the history says about what is shown. */
import type { RunFilters } from "@/api/queries";
import type { Schemas } from "@/api/client";

export const STATUSES: Schemas["RunStatus"][] = ["queued", "running", "succeeded", "failed", "canceled"];

export const PERIODS = { day: { label: "Last 24 hours", seconds: 86_400 }, week: { label: "Last 7 days", seconds: 7 * 86_400 }, month: { label: "Last 30 days", seconds: 30 * 86_400 } } as const;
export type Period = keyof typeof PERIODS;

export interface RunsSearch {
  status?: Schemas["RunStatus"][];
  config?: string;
  document?: string;
  by?: string;
  period?: Period;
}

export function runsSearch(search: Record<string, unknown>): RunsSearch {
  const listed = [search["status"]].flat();
  const status = STATUSES.filter((known) => listed.includes(known));
  const text = (name: string) => (typeof search[name] === "string" && search[name] !== "" ? (search[name] as string) : undefined);
  const [config, document, by, period] = [text("config"), text("document"), text("by"), text("period")];
  return {
    ...(status.length > 0 ? { status } : {}),
    ...(config ? { config } : {}),
    ...(document ? { document } : {}),
    ...(by ? { by } : {}),
    ...(period && Object.hasOwn(PERIODS, period) ? { period: period as Period } : {}),
  };
}

/** The conditions as the API takes them. Periods begin at a full minute, so that the same question has the same name. */
export function runFilters(search: RunsSearch, now = Date.now()): RunFilters {
  const minute = Math.floor(now / 60_000) * 60;
  return {
    ...(search.status ? { status: search.status } : {}),
    ...(search.config ? { config_id: search.config } : {}),
    ...(search.document ? { input_document_id: search.document } : {}),
    ...(search.by ? { submitted_by: search.by } : {}),
    ...(search.period ? { created_after: minute - PERIODS[search.period].seconds } : {}),
  };
}
