import { useQuery } from "@tanstack/react-query";
import { type CellIssue, type Run, outputsQuery, sheetsQuery } from "@/api/queries";
import { Dialog } from "@/ui/dialog";
import { SheetView } from "@/ui/sheet";
import { LoadingRows, Refusal } from "@/ui/states";
import { outputPath, titleOf } from "./places";

/** An issue and the table that it was found in. */
export interface PlacedIssue extends CellIssue {
  /** What its document is called here. */
  file: string;
  /** Undefined when the audit record does not tell. */
  document: Run["input_documents"][number] | undefined;
  sheet: string;
  outputSheet: string | undefined;
}

/** A cell that a rule objects to, where it came from and where it went. What a rule made came from no cell. */
export function CellDialog({ run, issue, onClose }: { run: Run; issue: PlacedIssue; onClose: () => void }) {
  const { document } = issue;
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} className="top-[6vh] max-h-[88vh] max-w-5xl" title={issue.message} description={`${issue.field}, ${issue.value === null ? "an empty cell" : `“${issue.value}”`}`}>
      {document ? (
        <div className="flex flex-col gap-4">
          {issue.cell ? <Source name={titleOf(run, document)} document={document.document_id} sheet={issue.sheet} cell={issue.cell} /> : null}
          {issue.output_cell ? <Output run={run} path={outputPath(run, document)} sheet={issue.outputSheet} cell={issue.output_cell} /> : null}
        </div>
      ) : (
        <p className="text-soft">Several documents of this run are called {issue.file}, and its audit record does not tell which of them this cell is in.</p>
      )}
    </Dialog>
  );
}

const HEADING = "mb-1.5 text-xs font-medium text-faint";

function Source({ name, document, sheet, cell }: { name: string; document: string; sheet: string; cell: string }) {
  const sheets = useQuery(sheetsQuery(document));
  // A document may be gone by now; then its own error is shown in its place. A text table has one sheet, whatever its name.
  const shown = sheets.data?.data.find((one) => one.name === sheet)?.name;
  return (
    <div>
      <h3 className={HEADING}>Source: {name}, {cell}</h3>
      {sheets.isPending ? <LoadingRows rows={3} /> : <SheetView source={{ document }} sheet={shown} cell={cell} label={name} className="h-64" />}
    </div>
  );
}

function Output({ run, path, sheet, cell }: { run: Run; path: string; sheet: string | undefined; cell: string }) {
  const outputs = useQuery(outputsQuery(run.id));
  const written = outputs.data?.data.some(({ name }) => name === path);
  return (
    <div>
      <h3 className={HEADING}>Output: {path}, {cell}</h3>
      {outputs.isPending ? <LoadingRows rows={3} /> : written ? <SheetView source={{ run: run.id, path }} sheet={sheet} cell={cell} label={path} className="h-64" /> : outputs.error ? <Refusal error={outputs.error} /> : <p className="text-soft">This run wrote no such file.</p>}
    </div>
  );
}
