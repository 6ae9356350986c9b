import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Ban, Blocks, Download, FileSpreadsheet, History, MoreHorizontal } from "lucide-react";
import { useMemo } from "react";
import { type Run, configsQuery, isLive, runsQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { reason, shortId } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { Button, IconButton } from "@/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { Page } from "@/ui/page";
import { Empty, Failed, LoadingRows } from "@/ui/states";
import { Status } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";
import { failed } from "@/ui/toast";
import { RetryItems, useRunActions } from "./actions";
import { exportRuns } from "./export";
import { Filters } from "./filters";
import { type RunsSearch, runFilters } from "./search";
import { RunDuration } from "./times";

export { type RunsSearch, runsSearch } from "./search";

export function RunsScreen() {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const search: RunsSearch = useSearch({ from: "/w/$workspace/runs" });
  const navigate = useNavigate();
  const filters = useMemo(() => runFilters(search), [search]);
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } = useInfiniteQuery(runsQuery(workspace, filters));
  const { data: configs } = useQuery(configsQuery(workspace));
  const runs = data?.pages.flatMap((page) => page.data) ?? [];
  const filtered = Object.keys(search).length > 0;
  const csv = useMutation({ mutationFn: () => exportRuns(workspace, filters), onError: (refused) => failed(refused, "Not exported") });
  const set = (changed: Partial<RunsSearch>) => void navigate({ from: "/w/$workspace/runs", search: (before) => ({ ...before, ...changed }), replace: true });

  return (
    <Page
      title="Runs"
      actions={
        <Button onClick={() => csv.mutate()} disabled={csv.isPending || runs.length === 0}>
          <Download />
          {csv.isPending ? "Exporting …" : "CSV"}
        </Button>
      }
      below={
        <Filters workspace={workspace} search={search} configs={configs?.data} runs={runs} onChange={set} onClear={() => void navigate({ from: "/w/$workspace/runs", search: {}, replace: true })} />
      }
    >
      <Card>
        {isPending ? (
          <LoadingRows />
        ) : error && runs.length === 0 ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : runs.length === 0 ? (
          filtered ? (
            <Empty icon={<History />} title="No such runs">No run fits these conditions.</Empty>
          ) : (
            <Empty icon={<History />} title="No runs yet" action={<Link to="/w/$workspace/documents" params={{ workspace }} className="font-medium text-accent underline underline-offset-2">Go to the documents</Link>}>
              Upload a spreadsheet and run a config on it. What happens shows up here, live.
            </Empty>
          )
        ) : (
          <div className="thin-scroll overflow-x-auto">
            <Table>
              <thead>
                <tr>
                  <Th>Status</Th>
                  <Th className="w-2/5">Document</Th>
                  <Th>Config</Th>
                  <Th className="w-3/5">Result</Th>
                  <Th className="text-right">Duration</Th>
                  <Th className="text-right">Created</Th>
                  <Th><span className="sr-only">Actions</span></Th>
                </tr>
              </thead>
              <tbody>
                {runs.map((run) => (
                  <RunRow key={run.id} run={run} workspace={workspace} config={configs?.data.find(({ id }) => id === run.config_id)?.name} onOnly={set} />
                ))}
              </tbody>
            </Table>
          </div>
        )}
      </Card>
      {hasNextPage ? (
        <Button className="self-center" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {isFetchingNextPage ? "Loading …" : "Older runs"}
        </Button>
      ) : null}
    </Page>
  );
}

function RunRow({ run, workspace, config, onOnly }: { run: Run; workspace: string; config: string | undefined; onOnly: (changed: Partial<RunsSearch>) => void }) {
  const names = run.input_documents.map(({ name }) => name);
  return (
    <Tr>
      <Td>
        <Status status={run.status} />
      </Td>
      <Td className="max-w-0">
        <Link to="/w/$workspace/runs/$run" params={{ workspace, run: run.id }} className="block truncate font-medium hover:underline" title={names.join(", ")}>
          {names.join(", ") || "Validation only"}
        </Link>
        <button type="button" className="block max-w-full truncate text-xs text-faint hover:text-ink hover:underline" onClick={() => onOnly({ by: run.submitted_by.id })} aria-label={`Only runs by ${run.submitted_by.name ?? run.submitted_by.id}`}>
          by {run.submitted_by.name ?? run.submitted_by.id}
        </button>
      </Td>
      <Td className="max-w-40 truncate text-soft" title={config}>{config ?? shortId(run.config_id)}</Td>
      <Td className="max-w-0 text-xs leading-4 text-soft" title={run.error_message ?? run.summary ?? undefined}>
        <span className={cn("line-clamp-2 text-pretty break-words", run.status === "failed" && "text-bad")}>{run.status === "failed" ? reason(run.error_message ?? "") : (run.summary ?? run.error_message)}</span>
      </Td>
      <Td className="num text-right whitespace-nowrap text-soft">
        <RunDuration run={run} />
      </Td>
      <Td className="num text-right whitespace-nowrap text-soft">
        <Ago at={run.created} />
      </Td>
      <Td className="w-10 text-right">
        <RowMenu run={run} workspace={workspace} name={names.join(", ") || shortId(run.id)} onOnly={onOnly} />
      </Td>
    </Tr>
  );
}

function RowMenu({ run, workspace, name, onOnly }: { run: Run; workspace: string; name: string; onOnly: (changed: Partial<RunsSearch>) => void }) {
  const { cancel, retry } = useRunActions(run, workspace);
  const document = run.input_documents.length === 1 ? run.input_documents[0]?.document_id : undefined;
  return (
    <Menu align="end" trigger={<IconButton label={`More about the run of ${name}`} size="tiny"><MoreHorizontal /></IconButton>}>
      {isLive(run.status) ? (
        <MenuItem danger onSelect={() => cancel.mutate()} disabled={cancel.isPending || run.cancel_requested}>
          <Ban />
          Cancel
        </MenuItem>
      ) : <RetryItems run={run} retry={retry} />}
      <MenuSeparator />
      {document ? (
        <MenuItem onSelect={() => onOnly({ document })}>
          <FileSpreadsheet />
          Only runs of this document
        </MenuItem>
      ) : null}
      <MenuItem onSelect={() => onOnly({ config: run.config_id })}>
        <Blocks />
        Only runs of this config
      </MenuItem>
    </Menu>
  );
}
