import { ago, moment } from "@/lib/format";
import { useMinute } from "./use-now";

/** How long ago something was, in Unix seconds; it goes on while it is looked at. */
export function Ago({ at, className }: { at: number; className?: string }) {
  return <time dateTime={new Date(at * 1000).toISOString()} title={moment(at)} className={className}>{ago(at, useMinute())}</time>;
}
