import { useMutation, useQuery } from "@tanstack/react-query";
import { Download as DownloadIcon, FileSpreadsheet } from "lucide-react";
import { type Run, isLive, outputDownload, outputsQuery, save } from "@/api/queries";
import { bytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { Empty, Failed, LoadingRows } from "@/ui/states";
import { Card } from "@/ui/table";
import { failed } from "@/ui/toast";

/** The files that a run produced. */
export function Outputs({ run }: { run: Run }) {
  const over = !isLive(run.status);
  const { data, error, isLoading, refetch } = useQuery({ ...outputsQuery(run.id), enabled: over });
  const download = useMutation({ mutationFn: (path: string) => outputDownload(run.id, path), onSuccess: save, onError: (refused) => failed(refused) });
  if (!over) return <Card><Empty title="Still at work">Outputs appear here when the run is over. The log shows what happens.</Empty></Card>;
  if (isLoading) return <Card><LoadingRows rows={2} /></Card>;
  if (error) return <Card><Failed error={error} retry={() => void refetch()} /></Card>;
  if (!data || data.data.length === 0) return <Card><Empty title="No outputs">{run.options.dry_run ? "A dry run writes none." : "This run produced no file."}</Empty></Card>;
  return (
    <Card>
      <ul className="divide-y divide-line">
        {data.data.map((output) => (
          <li key={output.name} className="flex h-12 items-center gap-3 px-4 [&_svg]:size-4">
            <FileSpreadsheet className="text-faint" />
            <span className="truncate font-medium">{output.name}</span>
            <span className="num text-xs text-faint">{bytes(output.byte_size)}</span>
            <Button className="ml-auto" size="small" onClick={() => download.mutate(output.name)} disabled={download.isPending}>
              <DownloadIcon />
              Download
            </Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
