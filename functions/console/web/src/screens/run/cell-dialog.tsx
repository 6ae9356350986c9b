import { useQuery } from "@tanstack/react-query";
import { type CellIssue, type Run, outputsQuery, sheetsQuery } from "@/api/queries";
import { Dialog } from "@/ui/dialog";
import { SheetView } from "@/ui/sheet";
import { LoadingRows } from "@/ui/states";
import { isOutputOf } from "./places";

/** An issue and the table that it was found in. */
export interface PlacedIssue extends CellIssue {
  file: string;
  sheet: string;
  outputSheet: string | undefined;
}

/** A cell that a rule objects to, where it came from and where it went. */
export function CellDialog({ run, issue, onClose }: { run: Run; issue: PlacedIssue; onClose: () => void }) {
  const document = run.input_documents.find(({ name }) => name === issue.file) ?? run.input_documents[0];
  const sheets = useQuery({ ...sheetsQuery(document?.document_id ?? ""), enabled: document !== undefined });
  const outputs = useQuery(outputsQuery(run.id));
  const path = outputs.data?.data.find(({ name }) => isOutputOf(name, issue.file))?.name;
  // A document may be gone by now; then its own error is shown in its place. A text table has one sheet, whatever its name.
  const sheet = sheets.data?.data.find(({ name }) => name === issue.sheet)?.name;
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} className="top-[6vh] max-h-[88vh] max-w-5xl" title={issue.message} description={`${issue.field}, ${issue.value === null ? "an empty cell" : `“${issue.value}”`}`}>
      <div className="flex flex-col gap-4">
        {document ? (
          <div>
            <h3 className="mb-1.5 text-xs font-medium text-faint">Source: {document.name}, {issue.cell}</h3>
            {sheets.isPending ? <LoadingRows rows={3} /> : <SheetView source={{ document: document.document_id }} sheet={sheet} cell={issue.cell} label={document.name} className="h-64" />}
          </div>
        ) : null}
        {issue.output_cell && path ? (
          <div>
            <h3 className="mb-1.5 text-xs font-medium text-faint">Output: {path}, {issue.output_cell}</h3>
            <SheetView source={{ run: run.id, path }} sheet={issue.outputSheet} cell={issue.output_cell} label={path} className="h-64" />
          </div>
        ) : null}
      </div>
    </Dialog>
  );
}
