import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Ban, FileJson, RotateCw } from "lucide-react";
import { type ReactNode, useCallback, useState } from "react";
import { Problem } from "@/api/problem";
import { type Run, artifactDownload, artifactQuery, configsQuery, isLive, runQuery, save } from "@/api/queries";
import { useBlocked, useLacking } from "@/app/role";
import type { RunTab } from "@/app/router";
import { bytes, count, moment, reason, shortId, words } from "@/lib/format";
import { useLog } from "@/stream/use-log";
import { Button } from "@/ui/button";
import { Menu } from "@/ui/menu";
import { useTitle } from "@/ui/page";
import { Failed, LoadingRows } from "@/ui/states";
import { Badge, Status } from "@/ui/status";
import { Tabs } from "@/ui/tabs";
import { Terminal } from "@/ui/terminal/terminal";
import { failed } from "@/ui/toast";
import { RetryItems, useRunActions } from "../runs/actions";
import { RunDuration, RunWait } from "../runs/times";
import { Issues } from "./issues";
import { Mapping } from "./mapping";
import { Outputs } from "./outputs";
import { Timeline } from "./timeline";

export function RunScreen() {
  const { workspace, run: id } = useParams({ from: "/w/$workspace/runs/$run" });
  const { data: run, error, isPending, refetch } = useQuery(runQuery(id));
  if (isPending) return <LoadingRows />;
  if (!run) return <Failed error={error} what="This run can't be shown" retry={() => void refetch()} back={<Link to="/w/$workspace/runs" params={{ workspace }} className="font-medium text-accent underline underline-offset-2">All runs</Link>} className="h-full" />;
  return <RunView key={id} run={run} workspace={workspace} />;
}

function RunView({ run, workspace }: { run: Run; workspace: string }) {
  const names = run.input_documents.map(({ name }) => name).join(", ") || "Validation";
  useTitle(names);
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = useSearch({ from: "/w/$workspace/runs/$run" });
  const onEnd = useCallback(() => {
    void client.invalidateQueries({ queryKey: ["run", run.id] });
    void client.invalidateQueries({ queryKey: ["runs"] });
  }, [client, run.id]);
  const log = useLog(`/runs/${run.id}/events`, onEnd);
  const over = !isLive(run.status);
  const hasArtifact = over && run.artifact_uri !== null;
  const artifact = useQuery({ ...artifactQuery(run.id), enabled: hasArtifact });
  const issues = artifact.data?.tables.reduce((sum, table) => sum + table.validation_issue_count, 0);
  // Chosen once: a run that ends does not take the log away from who watches it.
  const [fallback] = useState<RunTab>(() => (run.status === "succeeded" && window.location.hash === "" ? "output" : "log"));
  const tab = search.tab ?? fallback;

  return (
    <div className="flex h-full min-h-160 flex-col gap-4 px-4 py-5 sm:px-8">
      <Header run={run} workspace={workspace} title={names} />
      <Timeline spans={log.spans} over={over} created={run.created} />
      <Tabs
        label="Run"
        value={tab}
        onChange={(next) => void navigate({ from: "/w/$workspace/runs/$run", search: (before) => ({ ...before, tab: next as RunTab }), hash: window.location.hash.slice(1), replace: true })}
        tabs={[
          { value: "log", label: "Log" },
          { value: "output", label: "Output" },
          { value: "issues", label: "Issues", note: issues ? String(issues) : undefined },
          { value: "mapping", label: "Mapping" },
        ]}
      >
        {tab === "log" ? (
          <Terminal log={log} name={run.id} className="min-h-64 flex-1" />
        ) : tab === "output" ? (
          <Outputs run={run} artifact={artifact.data} />
        ) : tab === "issues" ? (
          <WithArtifact run={run} query={artifact}>{(data) => <Issues artifact={data} run={run} />}</WithArtifact>
        ) : (
          <WithArtifact run={run} query={artifact}>{(data) => <Mapping artifact={data} run={run} />}</WithArtifact>
        )}
      </Tabs>
    </div>
  );
}

function Header({ run, workspace, title }: { run: Run; workspace: string; title: string }) {
  const { data: configs } = useQuery(configsQuery(workspace));
  const config = configs?.data.find(({ id }) => id === run.config_id);
  const download = useMutation({ mutationFn: () => artifactDownload(run.id), onSuccess: save, onError: (error) => failed(error) });
  const [lacking, blocked] = [useLacking("operator"), useBlocked("operator")];
  const { cancel, retry } = useRunActions(run, workspace);
  const facts: [string, ReactNode][] = [
    ["Created", moment(run.created)],
    ["Waited", <RunWait key="wait" run={run} />],
    ["Duration", <RunDuration key="duration" run={run} />],
    ["Attempt", run.attempt || "–"],
    ["Config", config?.name ?? shortId(run.config_id)],
    ["Build", run.build_id ? <span className="font-mono text-xs">{shortId(run.build_id)}</span> : "–"],
    ["By", run.submitted_by.name ?? shortId(run.submitted_by.id)],
  ];
  if (run.retry_of_run_id)
    facts.push([
      "Again after",
      <Link key="retry" to="/w/$workspace/runs/$run" params={{ workspace, run: run.retry_of_run_id }} className="font-mono text-xs text-accent underline underline-offset-2">
        {shortId(run.retry_of_run_id)}
      </Link>,
    ]);
  return (
    <header className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Link to="/w/$workspace/runs" params={{ workspace }} aria-label="All runs" className="-ml-1.5 flex size-8 items-center justify-center rounded-md text-soft hover:bg-ink/6 hover:text-ink [&_svg]:size-4">
          <ArrowLeft />
        </Link>
        <h1 className="min-w-0 truncate text-xl font-semibold tracking-tight" title={title}>{title}</h1>
        <Status status={run.status} />
        {run.cancel_requested && isLive(run.status) ? <Badge tone="warn">stopping</Badge> : null}
        {run.options.dry_run ? <Badge>dry run</Badge> : null}
        {run.options.validate_only ? <Badge>validation only</Badge> : null}
        <div className="ml-auto flex gap-2">
          {isLive(run.status) ? (
            <Button look="danger" blocked={lacking} onClick={() => cancel.mutate()} disabled={cancel.isPending || run.cancel_requested}>
              <Ban />
              {run.cancel_requested ? "Stopping …" : "Cancel"}
            </Button>
          ) : (
            <Menu
              align="end"
              trigger={
                <Button disabled={retry.isPending} blocked={blocked}>
                  <RotateCw />
                  Run again
                </Button>
              }
            >
              <RetryItems run={run} retry={retry} />
            </Menu>
          )}
          {run.artifact_uri ? (
            <Button onClick={() => download.mutate()} disabled={download.isPending}>
              <FileJson />
              Audit record
            </Button>
          ) : null}
        </div>
      </div>
      {run.error_message ? (
        <p role="alert" className="rounded-lg border border-bad/25 bg-bad-wash px-3 py-2 text-bad">
          {run.failure ? <strong className="font-semibold">{words(run.failure.code)} · </strong> : null}
          {reason(run.error_message)}
        </p>
      ) : run.summary ? (
        <p className="text-soft">{run.summary}</p>
      ) : null}
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="text-xs text-faint">{name}</dt>
            <dd className="num">{value}</dd>
          </div>
        ))}
        {run.input_documents.length === 1 && run.input_documents[0] ? (
          <div>
            <dt className="text-xs text-faint">Size</dt>
            <dd className="num">{bytes(run.input_documents[0].byte_size)}</dd>
          </div>
        ) : run.input_documents.length > 1 ? (
          <div>
            <dt className="text-xs text-faint">Documents</dt>
            <dd className="num">{count(run.input_documents.length, "document")}</dd>
          </div>
        ) : null}
      </dl>
    </header>
  );
}

/** What needs the audit record, once it is there. */
function WithArtifact<T>({ run, query, children }: { run: Run; query: { data: T | undefined; error: unknown; isLoading: boolean; refetch: () => unknown }; children: (artifact: T) => ReactNode }) {
  if (query.data) return children(query.data);
  if (isLive(run.status)) return <Notice>This is known when the run is over.</Notice>;
  if (query.error && !(query.error instanceof Problem && query.error.status === 404)) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (query.isLoading) return <LoadingRows />;
  return <Notice>This run left no audit record.</Notice>;
}

export function Notice({ children }: { children: ReactNode }) {
  return <p className="rounded-xl border border-line bg-surface px-4 py-12 text-center text-soft">{children}</p>;
}
