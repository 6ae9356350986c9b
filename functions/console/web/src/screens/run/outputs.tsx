import { useMutation, useQuery } from "@tanstack/react-query";
import { Download as DownloadIcon, FileSpreadsheet } from "lucide-react";
import { useState } from "react";
import { type Artifact, type Run, isLive, outputDownload, outputsQuery, save } from "@/api/queries";
import { cn } from "@/lib/cn";
import { bytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { SheetView } from "@/ui/sheet";
import { Empty, Failed, LoadingRows } from "@/ui/states";
import { Card } from "@/ui/table";
import { failed } from "@/ui/toast";
import { sheetsOf, titleOf } from "./places";

const TABLES = /\.(xlsx|xlsm|xlsb|xls|ods|csv|tsv|txt)$/i;

/** The files that a run produced, and what is in them. */
export function Outputs({ run, artifact }: { run: Run; artifact?: Artifact | undefined }) {
  const over = !isLive(run.status);
  const { data, error, isLoading, refetch } = useQuery({ ...outputsQuery(run.id), enabled: over });
  const download = useMutation({ mutationFn: (path: string) => outputDownload(run.id, path), onSuccess: save, onError: (refused) => failed(refused) });
  const [chosen, setChosen] = useState<string>();
  if (!over) return <Card><Empty title="Still at work">Outputs appear here when the run is over. The log shows what happens.</Empty></Card>;
  if (isLoading) return <Card><LoadingRows rows={2} /></Card>;
  if (error && !data) return <Card><Failed error={error} retry={() => void refetch()} /></Card>;
  if (!data || data.data.length === 0) return <Card><Empty title="No outputs">{run.options.dry_run ? "A dry run writes none." : "This run produced no file."}</Empty></Card>;
  const shown = chosen ?? data.data.find(({ name }) => TABLES.test(name))?.name;
  const sheets = shown === undefined ? [] : sheetsOf(shown, run, artifact);
  return (
    <>
      <Card className="thin-scroll max-h-60 shrink-0 overflow-y-auto">
        <ul className="divide-y divide-line">
          {data.data.map((output) => (
            <li key={output.name} className="flex h-12 items-center gap-3 px-4 [&_svg]:size-4">
              <FileSpreadsheet className="text-faint" />
              {TABLES.test(output.name) ? (
                <button type="button" aria-pressed={output.name === shown} onClick={() => setChosen(output.name)} className={cn("truncate font-medium hover:underline", output.name === shown && data.data.length > 1 && "text-accent")} title={output.name}>{labelOf(run, output.name)}</button>
              ) : <span className="truncate font-medium" title={output.name}>{labelOf(run, output.name)}</span>}
              <span className="num text-xs text-faint">{bytes(output.byte_size)}</span>
              <Button className="ml-auto" size="small" aria-label={`Download ${labelOf(run, output.name)}`} onClick={() => download.mutate(output.name)} disabled={download.isPending}>
                <DownloadIcon />
                Download
              </Button>
            </li>
          ))}
        </ul>
      </Card>
      {shown ? <SheetView key={shown} source={{ run: run.id, path: shown }} sheets={sheets} label={labelOf(run, shown)} className="max-h-160 min-h-64" /> : null}
    </>
  );
}

/** What an output is called: without the directory of its document, unless another document has the same name. */
function labelOf(run: Run, path: string): string {
  const document = run.input_documents.find(({ document_id }) => path.startsWith(`${document_id}/`));
  if (!document) return path;
  const [name, title] = [path.slice(document.document_id.length + 1), titleOf(run, document)];
  return title === document.name ? name : `${name}${title.slice(document.name.length)}`;
}
