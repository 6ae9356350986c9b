import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FlaskConical } from "lucide-react";
import { type Run, artifactQuery, documentsQuery, isLive, runQuery } from "@/api/queries";
import { useStored } from "@/app/stored";
import { Button } from "@/ui/button";
import { Field, Select } from "@/ui/form";
import { Refusal } from "@/ui/states";
import { Status } from "@/ui/status";
import { Mapping } from "../run/mapping";
import { Outputs } from "../run/outputs";

/** Runs the draft on a document and shows what came of it, beside the rules that did it. */
export function TestPane({ workspace, config, run: started, busy, width, blocked, onTest }: { workspace: string; config: string; run: Run | undefined; busy: boolean; width: number; blocked: string | false | undefined; onTest: (document: string) => void }) {
  const documents = useInfiniteQuery(documentsQuery(workspace, { status: "ready" }));
  const all = documents.data?.pages.flatMap((page) => page.data) ?? [];
  const [chosen, setChosen] = useStored(`workbench.document.${config}`, "");
  const document = all.find(({ id }) => id === chosen) ?? all[0];
  const { data: run } = useQuery({ ...runQuery(started?.id ?? ""), enabled: started !== undefined });
  const over = run !== undefined && !isLive(run.status);
  const artifact = useQuery({ ...artifactQuery(run?.id ?? ""), enabled: over && run.artifact_uri !== null });
  return (
    <section aria-label="Test run" style={{ width }} className="thin-scroll flex shrink-0 flex-col gap-3 overflow-y-auto bg-canvas p-3">
      <div className="flex items-end gap-2">
        <Field label="Test the draft on" className="min-w-0 flex-1">
          {(ids) => (
            <Select {...ids} value={document?.id ?? ""} onChange={(event) => setChosen(event.target.value)}>
              {all.length === 0 ? <option value="">No documents yet</option> : null}
              {all.map(({ id, name }) => (
                <option key={id} value={id}>{name}</option>
              ))}
            </Select>
          )}
        </Field>
        <Button look="primary" disabled={!document} blocked={blocked} onClick={() => document && onTest(document.id)}>
          <FlaskConical />
          {busy ? "Testing …" : "Test run"}
        </Button>
      </div>
      <Refusal error={documents.error} />
      {run ? (
        <>
          <div className="flex items-center gap-2">
            <Status status={run.status} />
            <span className="truncate text-xs text-soft" title={run.error_message ?? run.summary ?? undefined}>{run.error_message ?? run.summary}</span>
            <Link to="/w/$workspace/runs/$run" params={{ workspace, run: run.id }} className="ml-auto shrink-0 text-xs text-accent underline underline-offset-2">
              Open the run
            </Link>
          </div>
          {over && run.status === "succeeded" ? <Outputs run={run} artifact={artifact.data} /> : null}
          {artifact.data ? <Mapping artifact={artifact.data} config={config} /> : null}
        </>
      ) : (
        <p className="text-soft">The draft is saved, built when needed, and run. Its output and the mapping of every column show up here.</p>
      )}
    </section>
  );
}
