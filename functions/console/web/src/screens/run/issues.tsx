import { CircleCheck } from "lucide-react";
import { useMemo, useState } from "react";
import type { Artifact, Run } from "@/api/queries";
import { count } from "@/lib/format";
import { Select } from "@/ui/form";
import { Empty } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";
import { type PlacedIssue, CellDialog } from "./cell-dialog";
import { documentsOf, sourcesOf } from "./places";

const SHOWN = 500;

/** Cells that a validator found wrong: where they are in the source, where in the output. */
export function Issues({ artifact, run }: { artifact: Artifact; run: Run }) {
  const [looking, setLooking] = useState<PlacedIssue>();
  const [field, setField] = useState("");
  const [sheet, setSheet] = useState("");
  const [file, setFile] = useState("");
  const all = useMemo(() => placed(artifact, run), [artifact, run]);
  const total = artifact.tables.reduce((sum, table) => sum + table.validation_issue_count, 0);
  const fields = [...new Set(all.map((issue) => issue.field))].sort();
  const sheets = [...new Set(all.map((issue) => issue.sheet))];
  const files = [...new Set(sourcesOf(run, artifact.tables))];
  const chosen = all.filter((issue) => (!file || issue.file === file) && (!field || issue.field === field) && (!sheet || issue.sheet === sheet));

  if (total === 0) {
    return (
      <>
        <Findings notes={artifact.notes} />
        <Card>
          <Empty icon={<CircleCheck />} title="No issues">Every value passed its checks.</Empty>
        </Card>
      </>
    );
  }
  return (
    <>
      <Findings notes={artifact.notes} />
      <div className="flex flex-wrap items-center gap-2">
        {files.length > 1 ? (
          <Select aria-label="Document" className="w-56" value={file} onChange={(event) => setFile(event.target.value)}>
            <option value="">All documents</option>
            {files.map((name) => <option key={name}>{name}</option>)}
          </Select>
        ) : null}
        <Select aria-label="Field" className="w-44" value={field} onChange={(event) => setField(event.target.value)}>
          <option value="">All fields</option>
          {fields.map((name) => <option key={name}>{name}</option>)}
        </Select>
        <Select aria-label="Sheet" className="w-44" value={sheet} onChange={(event) => setSheet(event.target.value)}>
          <option value="">All sheets</option>
          {sheets.map((name) => <option key={name}>{name}</option>)}
        </Select>
        <p className="text-soft" role="status">
          {count(chosen.length, "issue")}
          {total > all.length ? ` of the first ${all.length.toLocaleString("en")}; there are ${total.toLocaleString("en")} in all` : ""}
        </p>
      </div>
      <Card className="thin-scroll min-h-0 overflow-auto" >
        <Table>
          <thead>
            <tr>
              {files.length > 1 ? <Th>Document</Th> : null}
              <Th>Source cell</Th>
              <Th>Output cell</Th>
              <Th>Field</Th>
              <Th>Value</Th>
              <Th className="w-1/2">What is wrong</Th>
            </tr>
          </thead>
          <tbody>
            {chosen.slice(0, SHOWN).map((issue, index) => (
              <Tr key={index}>
                {files.length > 1 ? <Td className="max-w-48 truncate" title={issue.file}>{issue.file}</Td> : null}
                <CellLink cell={issue.cell} label={`Show cell ${issue.cell}`} onClick={() => setLooking(issue)} />
                <CellLink cell={issue.output_cell} label={`Show cell ${issue.output_cell} of the output`} onClick={() => setLooking(issue)} />
                <Td>{issue.field}</Td>
                <Td className="max-w-56 truncate" title={issue.value ?? undefined}>{issue.value === null ? <span className="text-faint">empty</span> : issue.value}</Td>
                <Td>{issue.message}</Td>
              </Tr>
            ))}
          </tbody>
        </Table>
        {chosen.length > SHOWN ? <p className="border-t border-line px-4 py-3 text-soft">The first {SHOWN} are shown. Choose a field or a sheet to see others.</p> : null}
      </Card>
      {looking ? <CellDialog run={run} issue={looking} onClose={() => setLooking(undefined)} /> : null}
    </>
  );
}

function placed(artifact: Artifact, run: Run): PlacedIssue[] {
  const [documents, files] = [documentsOf(run, artifact.tables), sourcesOf(run, artifact.tables)];
  return artifact.tables.flatMap((table, index) =>
    table.validation_issues.map((issue) => ({ ...issue, file: files[index] ?? table.source_file, document: documents[index], sheet: table.source_sheet, outputSheet: table.output?.sheet })),
  );
}

/** The way to a cell; what a rule made has none in the source. */
function CellLink({ cell, label, onClick }: { cell: string | null; label: string; onClick: () => void }) {
  return (
    <Td className="font-mono text-xs whitespace-nowrap">
      {cell ? <button type="button" aria-label={label} className="text-accent underline underline-offset-2" onClick={onClick}>{cell}</button> : "–"}
    </Td>
  );
}

const TONES = { info: "info", warning: "warn", error: "bad" } as const;

/** That there are issues, which are listed. */
const COUNTED = "validation_warnings_present";

/** What the engine says about the run as a whole, such as fields that no column became and rows that were left out. */
function Findings({ notes }: { notes: Artifact["notes"] }) {
  const told = notes.filter(({ code }) => code !== COUNTED);
  if (told.length === 0) return null;
  return (
    <Card role="region" aria-label="Findings" className="thin-scroll max-h-40 shrink-0 overflow-y-auto">
      <ul className="divide-y divide-line">
        {told.map((note, index) => (
          <li key={index} className="flex min-h-9 items-center gap-3 px-4 py-1.5">
            <Badge tone={TONES[note.severity] ?? "neutral"}>{note.severity}</Badge>
            <span className="min-w-0 break-words">{note.message}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
