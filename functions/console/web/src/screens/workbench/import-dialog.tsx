import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { importArchive } from "@/api/config-archives";
import type { ConfigKey, FileEntry } from "@/api/config-files";
import { Problem } from "@/api/problem";
import { count } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { ArchiveField } from "@/ui/form";
import { Refusal } from "@/ui/states";
import { said } from "@/ui/toast";

/** Replaces all files of the draft by those of an archive: the files that this page knows, and no others. */
export function ImportDialog({ configKey, listing, unsaved, onImported, onStale, onClose }: { configKey: ConfigKey; listing: { fileset_hash: string; files: FileEntry[] }; unsaved: string[]; onImported: (paths: string[]) => Promise<void>; onStale: () => Promise<void>; onClose: () => void }) {
  const [file, setFile] = useState<File>();
  const bring = useMutation({
    mutationFn: async (archive: File) => {
      const { files } = await importArchive(configKey, archive, listing.fileset_hash);
      await onImported(files.map(({ path }) => path));
      return files.length;
    },
    onSuccess: (files) => {
      said(`${count(files, "file")} imported`);
      onClose();
    },
    // The next attempt is made for what is there now, which is shown behind this dialog.
    onError: (error) => error instanceof Problem && error.status === 412 && onStale(),
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Import a zip archive"
      description={`Its files replace the draft: all ${count(listing.files.length, "file")} that it has now. Versions that were built stay as they are.`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={bring.isPending || !file} blocked={unsaved.length > 0 && `Save or close what is not saved first: ${unsaved.join(", ")}`} onClick={() => file && bring.mutate(file)}>
            {bring.isPending ? "Importing …" : "Replace the files"}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        {unsaved.length > 0 ? <p className="text-warn">Save or close what is not saved first: {unsaved.join(", ")}</p> : null}
        <ArchiveField
          onFile={(chosen) => {
            setFile(chosen);
            bring.reset();
          }}
        />
        <Refusal error={bring.error} />
      </div>
    </Dialog>
  );
}
