import { Link, useParams } from "@tanstack/react-router";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";
import type { Artifact, ArtifactTable, Contribution, Run, RunnerUp } from "@/api/queries";
import { columnName } from "@/lib/cells";
import { cn } from "@/lib/cn";
import { count, words } from "@/lib/format";
import { Empty } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Card } from "@/ui/table";
import { sourcesOf } from "./places";

/** Why each column became what it became: every detector that had a say, and the field that came second. */
export function Mapping({ artifact, run }: { artifact: Artifact; run: Run }) {
  if (artifact.tables.length === 0) {
    return (
      <Card>
        <Empty title="No tables were found">No row of the document looked like a header to the rules of this config.</Empty>
      </Card>
    );
  }
  const several = run.input_documents.length > 1;
  const sources = sourcesOf(run, artifact.tables);
  return (
    <div className="flex flex-col gap-4">
      {artifact.tables.map((table, index) => (
        <TableMapping key={index} table={table} config={run.config_id} file={several ? sources[index] : undefined} />
      ))}
    </div>
  );
}

function TableMapping({ table, file, config }: { table: ArtifactTable; file: string | undefined; config: string }) {
  const columns = [
    ...table.mapped_columns.map((column) => ({ ...column, reason: undefined })),
    ...table.unmapped_columns.map((column) => ({ ...column, field: undefined, score: undefined })),
  ].sort((one, other) => one.source_column_index - other.source_column_index);
  return (
    <Card>
      <header className="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-b border-line px-4 py-3">
        <h2 className="font-semibold">{file ? `${file}: ` : ""}{table.source_sheet}</h2>
        <p className="font-mono text-xs text-soft">{table.region}</p>
        <p className="text-xs text-soft">
          header in row {table.header.row_index}
          {table.header.row_count > 1 ? ` to ${table.header.row_index + table.header.row_count - 1}` : ""}
          {table.header.inferred ? ", inferred" : ""}
        </p>
        <p className="text-xs text-soft">
          {count(table.rows.source, "row")} read, {table.rows.output.toLocaleString("en")} written
          {table.output ? ` to ${table.output.sheet}!${table.output.range}` : ""}
        </p>
      </header>
      <ul className="divide-y divide-line">
        {columns.map((column) => (
          <ColumnRow key={column.source_column_index} column={column} config={config} />
        ))}
        {table.derived_columns.map((column) => (
          <li key={`derived ${column.field}`} className="flex min-h-10 items-center gap-3 px-4 pl-11">
            <span className="w-8 font-mono text-xs text-faint">{column.source_column_index === null ? "" : columnName(column.source_column_index)}</span>
            <span className="w-56 truncate">{column.header}</span>
            <span className="w-44 font-medium">{column.field}</span>
            <Badge tone="info">made by a rule</Badge>
          </li>
        ))}
      </ul>
    </Card>
  );
}

interface Column {
  header: string;
  source_column_index: number;
  field: string | undefined;
  score: number | undefined;
  reason: string | undefined;
  contributions: Contribution[];
  runner_up: RunnerUp | null;
}

const REASONS: Record<string, string> = {
  no_signal: "no rule recognised it",
  duplicate_field: "another column fits its field better",
  empty_or_placeholder_header: "no usable heading",
};

function ColumnRow({ column, config }: { column: Column; config: string }) {
  const [open, setOpen] = useState(false);
  const explained = column.contributions.length > 0 || column.runner_up !== null;
  return (
    <li>
      <button
        type="button"
        aria-expanded={explained ? open : undefined}
        disabled={!explained}
        onClick={() => setOpen(!open)}
        className={cn("flex min-h-10 w-full items-center gap-3 px-4 py-1.5 text-left [&_svg]:size-4 [&_svg]:text-faint", explained ? "hover:bg-ink/[0.025]" : "cursor-default")}
      >
        <span className="size-4">{explained ? open ? <ChevronDown /> : <ChevronRight /> : null}</span>
        <span className="w-8 font-mono text-xs text-faint">{columnName(column.source_column_index)}</span>
        <span className="w-56 truncate" title={column.header}>{column.header || <span className="text-faint">no heading</span>}</span>
        {column.field ? (
          <>
            <span className="w-44 truncate font-medium">{column.field}</span>
            <Score value={column.score ?? 0} />
            {column.runner_up ? <span className="text-xs text-soft">then {column.runner_up.field} {column.runner_up.score.toFixed(2)}</span> : null}
          </>
        ) : (
          <span className="text-soft">kept as it is: {REASONS[column.reason ?? ""] ?? words(column.reason ?? "")}</span>
        )}
      </button>
      {open ? (
        <div className="grid gap-4 bg-sunken px-4 py-3 pl-11 lg:grid-cols-2">
          <Detectors title={column.field ? `For ${column.field}` : "What spoke for a field"} contributions={column.contributions} config={config} />
          {column.runner_up ? <Detectors title={`Runner-up: ${column.runner_up.field}, ${column.runner_up.score.toFixed(2)}`} contributions={column.runner_up.contributions} config={config} /> : null}
        </div>
      ) : null}
    </li>
  );
}

function Score({ value }: { value: number }) {
  return (
    <span className="num flex w-28 items-center gap-2 text-xs text-soft">
      <span aria-hidden className="h-1.5 w-16 overflow-hidden rounded-full bg-ink/8">
        <span className="block h-full rounded-full bg-accent" style={{ width: `${Math.min(Math.max(value, 0), 1) * 100}%` }} />
      </span>
      {value.toFixed(2)}
    </span>
  );
}

function Detectors({ title, contributions, config }: { title: string; contributions: Contribution[]; config: string }) {
  return (
    <div>
      <h3 className="mb-1 text-xs font-medium text-soft">{title}</h3>
      {contributions.length === 0 ? <p className="text-xs text-faint">No detector had a say.</p> : null}
      <table className="w-full text-xs">
        <tbody>
          {contributions.map((contribution, index) => (
            <tr key={index}>
              <td className={cn("num w-14 py-0.5 pr-3 text-right", contribution.delta < 0 ? "text-bad" : "text-good")}>
                {contribution.delta > 0 ? "+" : ""}
                {contribution.delta.toFixed(2)}
              </td>
              <td className="py-0.5 pr-3">{contribution.detector}</td>
              <td className="py-0.5 font-mono text-faint"><Rule location={contribution.location} config={config} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Where a rule is, and the way to it in the workbench: its draft may have moved on since. */
function Rule({ location, config }: { location: string | null; config: string }) {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const found = /^(.+):(\d+)$/.exec(location ?? "");
  if (!found?.[1]) return location ?? "";
  return (
    <Link to="/w/$workspace/configs/$config" params={{ workspace, config }} search={{ file: found[1], line: Number(found[2]) }} className="hover:text-ink hover:underline">
      {location}
    </Link>
  );
}
