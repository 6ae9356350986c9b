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
  /** Days such as `2026-11-28`, in the time zone of whoever looks; both belong to what is shown. They take the place of a period. */
  from?: string;
  to?: string;
}

/** When a day begins here, in Unix seconds, or one so many days later; undefined for what is no day. */
export function dayBegins(day: string, later = 0): number | undefined {
  const [year, month, date] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(day) ?? []).slice(1).map(Number);
  if (year === undefined || year < 1970 || month === undefined || date === undefined) return undefined;
  const begins = new Date(year, month - 1, date);
  if (begins.getMonth() !== month - 1 || begins.getDate() !== date) return undefined;
  return new Date(year, month - 1, date + later).getTime() / 1000;
}

export function runsSearch(search: Record<string, unknown>): RunsSearch {
  const listed = [search["status"]].flat();
  const status = STATUSES.filter((known) => listed.includes(known));
  const text = (name: string) => (typeof search[name] === "string" && search[name] !== "" ? (search[name] as string) : undefined);
  const [config, document, by, named] = [text("config"), text("document"), text("by"), text("period")];
  const period = named && Object.hasOwn(PERIODS, named) ? (named as Period) : undefined;
  const dayOf = (name: string) => (period === undefined && dayBegins(text(name) ?? "") !== undefined ? text(name) : undefined);
  const [from, to] = [dayOf("from"), dayOf("to")];
  return {
    ...(status.length > 0 ? { status } : {}),
    ...(config ? { config } : {}),
    ...(document ? { document } : {}),
    ...(by ? { by } : {}),
    ...(period ? { period } : {}),
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
  };
}

/** The conditions that runs are asked for with. */
export function runFilters(search: RunsSearch): RunFilters {
  const [after, before] = [dayBegins(search.from ?? ""), dayBegins(search.to ?? "", 1)];
  return {
    ...(search.status ? { status: search.status } : {}),
    ...(search.config ? { config_id: search.config } : {}),
    ...(search.document ? { input_document_id: search.document } : {}),
    ...(search.by ? { submitted_by: search.by } : {}),
    ...(search.period ? { within: PERIODS[search.period].seconds } : {}),
    ...(after === undefined ? {} : { created_after: after }),
    ...(before === undefined ? {} : { created_before: before }),
  };
}
