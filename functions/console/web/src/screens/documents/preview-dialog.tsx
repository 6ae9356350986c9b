import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type Document, sheetsQuery } from "@/api/queries";
import { bytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { SheetView } from "@/ui/sheet";

/** What is in a document, before anything is run on it. */
export function PreviewDialog({ document, onClose, onRun, blocked }: { document: Document; onClose: () => void; onRun: () => void; blocked: string | false | undefined }) {
  const sheets = useQuery(sheetsQuery(document.id));
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      className="top-[6vh] max-h-[88vh] max-w-5xl"
      title={document.name}
      description={bytes(document.byte_size)}
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" onClick={onRun} blocked={blocked}>
            <Play />
            Run …
          </Button>
        </>
      }
    >
      <SheetView source={{ document: document.id }} sheets={sheets.data?.data.map(({ name }) => name)} label={document.name} className="h-[64vh]" />
    </Dialog>
  );
}
