import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { type Document, documentsQuery } from "@/api/queries";
import { bytes } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Input } from "@/ui/form";
import { Failed, LoadingRows } from "@/ui/states";

/** Chooses a document by its name. */
export default function DocumentPicker({ title, workspace, onChoose, onClose }: { title: string; workspace: string; onChoose: (document: Document) => void; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const q = useDeferredValue(typed.trim());
  const documents = useInfiniteQuery({ ...documentsQuery(workspace, { status: "ready", ...(q ? { q } : {}) }), placeholderData: (before) => before });
  const found = documents.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title}>
      <Input type="search" autoFocus aria-label="Name of the document" placeholder="Search by name …" value={typed} onChange={(event) => setTyped(event.target.value)} />
      {documents.isPending ? (
        <LoadingRows rows={3} />
      ) : documents.error && found.length === 0 ? (
        <Failed error={documents.error} retry={() => void documents.refetch()} />
      ) : found.length === 0 ? (
        <p role="status" className="py-6 text-center text-soft">No document has such a name.</p>
      ) : (
        <ul className="mt-2 flex flex-col">
          {found.map((document) => (
            <li key={document.id}>
              <button type="button" onClick={() => onChoose(document)} className="flex min-h-9 w-full items-center gap-3 rounded-md px-2.5 text-left hover:bg-ink/6">
                <span className="min-w-0 flex-1 truncate font-medium">{document.name}</span>
                <span className="num shrink-0 text-xs text-faint">{bytes(document.byte_size)}</span>
                <Ago at={document.created} className="num w-24 shrink-0 text-right text-xs text-faint" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {documents.hasNextPage ? (
        <Button className="mt-2" disabled={documents.isFetchingNextPage} onClick={() => void documents.fetchNextPage()}>
          {documents.isFetchingNextPage ? "Loading …" : "Older documents"}
        </Button>
      ) : null}
    </Dialog>
  );
}
