import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ColumnDef, type RowSelectionState, flexRender, getCoreRowModel, useReactTable } from "@tanstack/react-table";
import { Download as DownloadIcon, FileSpreadsheet, Play, Search, Trash2, UploadCloud } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { type Schemas, api, data } from "@/api/client";
import { Problem } from "@/api/problem";
import { type Document, type Download, documentsQuery, save } from "@/api/queries";
import { useBlocked, useLacking } from "@/app/role";
import { cn } from "@/lib/cn";
import { bytes, count } from "@/lib/format";
import { each } from "@/lib/pool";
import { Ago } from "@/ui/ago";
import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Input, Select } from "@/ui/form";
import { Page } from "@/ui/page";
import { Empty, Failed, LoadingRows, Refusal } from "@/ui/states";
import { RunLink } from "@/ui/run-link";
import { Status } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";
import { failed, said } from "@/ui/toast";
import { PreviewDialog } from "./preview-dialog";
import { RunDialog } from "./run-dialog";
import { UploadList } from "./upload-list";
import { ACCEPTED, upload, useUploads } from "./uploads";
import { useFileDrop } from "./use-file-drop";

export function DocumentsScreen() {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const search = useSearch({ from: "/w/$workspace/documents" });
  const navigate = useNavigate();
  const [typed, setTyped] = useState(search.q ?? "");
  const q = useDeferredValue(typed.trim());
  const filters = useMemo(() => ({ ...(search.q ? { q: search.q } : {}), ...(search.status ? { status: search.status } : {}) }), [search]);
  const documents = useInfiniteQuery(documentsQuery(workspace, filters));
  const uploads = useUploads(workspace);
  const [selection, setSelection] = useState<RowSelectionState>({});
  const [running, setRunning] = useState<Document[]>([]);
  const [deleting, setDeleting] = useState<Document[]>([]);
  const [looking, setLooking] = useState<Document>();
  const [lacking, blocked] = [useLacking("operator"), useBlocked("operator")];
  const dragging = useFileDrop((files) => (lacking ? failed(new Error(lacking), "Not uploaded") : upload(workspace, files)));
  const input = useRef<HTMLInputElement>(null);

  // The address follows what is typed, when typing pauses; what is typed follows an address that somebody goes to.
  const written = useRef(search.q ?? "");
  useEffect(() => {
    if ((search.q ?? "") === written.current) return;
    written.current = search.q ?? "";
    setTyped(written.current);
  }, [search.q]);
  useEffect(() => {
    if (q === written.current) return;
    const timer = setTimeout(() => {
      written.current = q;
      void navigate({ from: "/w/$workspace/documents", search: (before) => ({ ...before, q: q || undefined }), replace: true });
    }, 200);
    return () => clearTimeout(timer);
  }, [q, navigate]);

  const rows = useMemo(() => documents.data?.pages.flatMap((page) => page.data) ?? [], [documents.data]);

  const columns = useMemo<ColumnDef<Document>[]>(
    () => [
      {
        id: "select",
        header: ({ table }) => <input type="checkbox" aria-label="Select all" className="block size-4 accent-(--accent)" checked={table.getIsAllRowsSelected()} onChange={table.getToggleAllRowsSelectedHandler()} />,
        cell: ({ row }) => <input type="checkbox" aria-label={`Select ${row.original.name}`} className="block size-4 accent-(--accent)" checked={row.getIsSelected()} onChange={row.getToggleSelectedHandler()} />,
        meta: { className: "w-10" },
      },
      {
        id: "name",
        header: "Name",
        cell: ({ row: { original } }) => (
          <div className="min-w-0">
            {original.status === "ready" ? (
              <button type="button" className="block max-w-full truncate text-left font-medium hover:underline" title={original.name} aria-label={`Look into ${original.name}`} onClick={() => setLooking(original)}>{original.name}</button>
            ) : <span className="block truncate font-medium" title={original.name}>{original.name}</span>}
            <span className="block truncate text-xs text-faint">
              by {original.uploader.name ?? original.uploader.id}
              {original.last_run ? (
                <>
                  {" · "}
                  <Link to="/w/$workspace/runs" params={{ workspace }} search={{ document: original.id }} className="hover:text-ink hover:underline" aria-label={`All runs of ${original.name}`}>all runs</Link>
                </>
              ) : null}
            </span>
          </div>
        ),
        meta: { className: "w-2/5 max-w-0" },
      },
      { id: "run", header: "Last run", cell: ({ row: { original } }) => <LastRun document={original} workspace={workspace} /> },
      { id: "size", header: "Size", cell: ({ row: { original } }) => bytes(original.byte_size), meta: { className: "text-right num text-soft whitespace-nowrap" } },
      { id: "created", header: "Uploaded", cell: ({ row: { original } }) => <Ago at={original.created} />, meta: { className: "text-right num text-soft whitespace-nowrap" } },
      {
        id: "actions",
        header: () => <span className="sr-only">Actions</span>,
        cell: ({ row: { original } }) => (
          <div className="flex items-center justify-end gap-0.5">
            {original.status === "ready" ? (
              <Button size="small" onClick={() => setRunning([original])} blocked={blocked} aria-label={`Run ${original.name}`}>
                <Play />
                Run
              </Button>
            ) : null}
            {original.status === "ready" ? <DownloadButton document={original} /> : null}
            <IconButton label={`Delete ${original.name}`} blocked={lacking} onClick={() => setDeleting([original])}><Trash2 /></IconButton>
          </div>
        ),
        meta: { className: "w-40" },
      },
    ],
    [workspace, lacking, blocked],
  );
  const table = useReactTable({ data: rows, columns, getCoreRowModel: getCoreRowModel(), getRowId: ({ id }) => id, state: { rowSelection: selection }, onRowSelectionChange: setSelection });
  const selected = table.getSelectedRowModel().rows.map(({ original }) => original);
  const runnable = selected.filter(({ status }) => status === "ready");
  const filtered = Boolean(search.q ?? search.status);
  /** What is gone is neither selected nor to be deleted any more; what could not be deleted still is. */
  const forget = (gone: ReadonlySet<string>) => {
    setSelection((before) => Object.fromEntries(Object.entries(before).filter(([id]) => !gone.has(id))));
    setDeleting((before) => before.filter(({ id }) => !gone.has(id)));
  };

  return (
    <div className="min-h-full">
      {dragging ? (
        <div className="pointer-events-none fixed inset-4 z-30 flex items-center justify-center rounded-2xl border-2 border-dashed border-accent bg-accent-wash/90 text-lg font-medium text-accent">Drop spreadsheets to upload them</div>
      ) : null}
      <Page
        title="Documents"
        actions={
          <>
            <input
              ref={input}
              type="file"
              multiple
              accept={ACCEPTED.join()}
              className="sr-only"
              tabIndex={-1}
              aria-label="Files to upload"
              onChange={(event) => {
                upload(workspace, event.target.files ?? []);
                event.target.value = "";
              }}
            />
            <Button look="primary" blocked={lacking} onClick={() => input.current?.click()}>
              <UploadCloud />
              Upload
            </Button>
          </>
        }
        below={
          <div className="flex flex-wrap items-center gap-2">
            <div className="relative w-64">
              <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-faint" />
              <Input type="search" aria-label="Search by name" placeholder="Search by name …" className="pl-8" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </div>
            <Select
              aria-label="Status"
              className="w-36"
              value={search.status ?? ""}
              onChange={(event) => void navigate({ from: "/w/$workspace/documents", search: (before) => ({ ...before, status: (event.target.value || undefined) as Schemas["DocumentStatus"] | undefined }), replace: true })}
            >
              <option value="">Any status</option>
              <option value="ready">Ready</option>
              <option value="pending">Not uploaded</option>
            </Select>
            {selected.length > 0 ? (
              <div className="ml-auto flex items-center gap-2" role="group" aria-label="Selected documents">
                <span className="text-soft" role="status">{selected.length} selected</span>
                <Button onClick={() => setRunning(runnable)} blocked={blocked ?? (runnable.length === 0 && "None of them is uploaded.")}>
                  <Play />
                  Run
                </Button>
                <Button look="danger" blocked={lacking} onClick={() => setDeleting(selected)}>
                  <Trash2 />
                  Delete
                </Button>
              </div>
            ) : null}
          </div>
        }
      >
        <UploadList uploads={uploads} />
        <Card>
          {documents.isPending ? (
            <LoadingRows />
          ) : documents.error && rows.length === 0 ? (
            <Failed error={documents.error} retry={() => void documents.refetch()} />
          ) : rows.length === 0 ? (
            filtered ? (
              <Empty icon={<FileSpreadsheet />} title="No such documents">No document fits what you look for.</Empty>
            ) : (
              <Empty
                icon={<FileSpreadsheet />}
                title="Bring a messy spreadsheet"
                action={<Button blocked={lacking} onClick={() => input.current?.click()}>Choose files</Button>}
              >
                Drop Excel or CSV files anywhere on this page. Then run a config on them and see what its rules make of every column.
              </Empty>
            )
          ) : (
            <div className="thin-scroll overflow-x-auto">
              <Table>
                <thead>
                  {table.getHeaderGroups().map((group) => (
                    <tr key={group.id}>
                      {group.headers.map((header) => (
                        <Th key={header.id} className={cn((header.column.columnDef.meta as Meta | undefined)?.className)}>
                          {flexRender(header.column.columnDef.header, header.getContext())}
                        </Th>
                      ))}
                    </tr>
                  ))}
                </thead>
                <tbody>
                  {table.getRowModel().rows.map((row) => (
                    <Tr key={row.id} data-selected={row.getIsSelected()} className="data-[selected=true]:[&>td]:bg-accent-wash/50">
                      {row.getVisibleCells().map((cell) => (
                        <Td key={cell.id} className={cn((cell.column.columnDef.meta as Meta | undefined)?.className)}>
                          {flexRender(cell.column.columnDef.cell, cell.getContext())}
                        </Td>
                      ))}
                    </Tr>
                  ))}
                </tbody>
              </Table>
            </div>
          )}
        </Card>
        {documents.hasNextPage ? (
          <Button className="self-center" disabled={documents.isFetchingNextPage} onClick={() => void documents.fetchNextPage()}>
            {documents.isFetchingNextPage ? "Loading …" : "Older documents"}
          </Button>
        ) : null}
      </Page>
      {looking ? (
        <PreviewDialog
          document={looking}
          blocked={blocked}
          onClose={() => setLooking(undefined)}
          onRun={() => {
            setRunning([looking]);
            setLooking(undefined);
          }}
        />
      ) : null}
      {running.length > 0 ? <RunDialog documents={running} onClose={() => setRunning([])} /> : null}
      <DeleteDialog documents={deleting} workspace={workspace} onClose={() => setDeleting([])} onDeleted={forget} />
    </div>
  );
}

interface Meta {
  className?: string;
}

function LastRun({ document, workspace }: { document: Document; workspace: string }) {
  if (document.status !== "ready") return <Status status={document.status} />;
  const run = document.last_run;
  if (!run) return <span className="text-faint">–</span>;
  return <RunLink run={run} workspace={workspace} />;
}

function DownloadButton({ document }: { document: Document }) {
  const download = useMutation({
    mutationFn: async () => (await data(api.GET("/documents/{document_id}/download", { params: { path: { document_id: document.id } }, headers: { Accept: "application/json" } }))) as Download,
    onSuccess: save,
    onError: (error) => failed(error),
  });
  return (
    <IconButton label={`Download ${document.name}`} disabled={download.isPending} onClick={() => download.mutate()}>
      <DownloadIcon />
    </IconButton>
  );
}

/** How many documents are deleted at a time. */
const DELETED_AT_ONCE = 4;

function DeleteDialog({ documents, workspace, onClose, onDeleted }: { documents: Document[]; workspace: string; onClose: () => void; onDeleted: (gone: ReadonlySet<string>) => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: async () => {
      const gone = new Set<string>();
      const refused: Problem[] = [];
      await each(documents, DELETED_AT_ONCE, async ({ id }) => {
        try {
          await data(api.DELETE("/documents/{document_id}", { params: { path: { document_id: id } } }));
          gone.add(id);
        } catch (error) {
          const problem = Problem.from(error);
          // Somebody else was faster, or an answer was lost.
          if (problem.status === 404) gone.add(id);
          else refused.push(problem);
        }
      });
      if (gone.size > 0) said(`${count(gone.size, "document")} deleted`);
      onDeleted(gone);
      const [problem] = refused;
      if (problem) throw documents.length === 1 ? problem : new Problem(problem.status, problem.code, `${refused.length} of ${documents.length} could not be deleted. ${problem.message}`, problem.requestId);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ["documents", workspace] }),
  });
  return (
    <Confirm
      open={documents.length > 0}
      onOpenChange={(open) => {
        // What comes of it is told here.
        if (open || remove.isPending) return;
        remove.reset();
        onClose();
      }}
      title={documents.length === 1 ? `Delete ${documents[0]?.name}?` : `Delete ${count(documents.length, "document")}?`}
      description="The file is removed for good. Runs of it keep their results."
      action={remove.isPending ? "Deleting …" : remove.error ? "Try again" : "Delete"}
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <Refusal error={remove.error} />
    </Confirm>
  );
}
