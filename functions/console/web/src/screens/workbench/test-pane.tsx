import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronsUpDown, FlaskConical } from "lucide-react";
import { Suspense, lazy, useState } from "react";
import { type Run, artifactQuery, documentQuery, documentsQuery, isLive, runQuery, sheetsQuery } from "@/api/queries";
import { useStored } from "@/app/stored";
import { reason } from "@/lib/format";
import { Button } from "@/ui/button";
import { Field, Select } from "@/ui/form";
import { Refusal } from "@/ui/states";
import { Status } from "@/ui/status";
import { Mapping } from "../run/mapping";
import { Outputs } from "../run/outputs";
import type { TestInput } from "./work";

const DocumentPicker = lazy(() => import("../runs/document-picker"));

/** Runs the draft on a document and shows what came of it, beside the rules that did it. */
export function TestPane({ workspace, config, run: started, busy, width, blocked, onTest }: { workspace: string; config: string; run: Run | undefined; busy: boolean; width: number; blocked: string | false | undefined; onTest: (input: TestInput) => void }) {
  const { chosen, choose, document, error } = useTestDocument(workspace, config);
  const [choosing, setChoosing] = useState(false);
  const [sheets, setSheets] = useState({ of: "", chosen: ALL });
  const sheet = sheets.of === chosen ? sheets.chosen : ALL;
  const { data: run } = useQuery({ ...runQuery(started?.id ?? ""), enabled: started !== undefined });
  const over = run !== undefined && !isLive(run.status);
  const artifact = useQuery({ ...artifactQuery(run?.id ?? ""), enabled: over && run.artifact_uri !== null });
  const test = () => {
    if (!document) return;
    // The one that was suggested is chosen now: the next test is of the same.
    choose(document.id);
    onTest({ document: document.id, sheets: SHEETS[sheet] ?? { input_sheet_names: [sheet.slice(NAMED.length)] } });
  };
  return (
    <section aria-label="Test run" style={{ width }} className="thin-scroll flex shrink-0 flex-col gap-3 overflow-y-auto bg-canvas p-3">
      <div className="flex items-end gap-2">
        <Field label="Test the draft on" className="min-w-0 flex-1">
          {(ids) => (
            <Button {...ids} className="w-full justify-between" onClick={() => setChoosing(true)}>
              <span className="truncate">{document?.name ?? "Choose a document …"}</span>
              <ChevronsUpDown className="text-faint" />
            </Button>
          )}
        </Field>
        <Field label="Sheets" className="w-32">
          {(ids) => <SheetSelect {...ids} document={document?.id} value={sheet} onChange={(value) => setSheets({ of: chosen ?? "", chosen: value })} />}
        </Field>
        <Button look="primary" disabled={!document} blocked={blocked} onClick={test}>
          <FlaskConical />
          {busy ? "Testing …" : "Test run"}
        </Button>
      </div>
      <Refusal error={error} />
      {run ? (
        <>
          <div className="flex items-center gap-2">
            <Status status={run.status} />
            {run.error_message ? null : <span className="truncate text-xs text-soft" title={run.summary ?? undefined}>{run.summary}</span>}
            <Link to="/w/$workspace/runs/$run" params={{ workspace, run: run.id }} className="ml-auto shrink-0 text-xs text-accent underline underline-offset-2">
              Open the run
            </Link>
          </div>
          {run.error_message ? <p role="alert" className="rounded-lg border border-bad/25 bg-bad-wash px-3 py-2 break-words whitespace-pre-wrap text-bad">{reason(run.error_message)}</p> : null}
          {over && run.status === "succeeded" ? <Outputs run={run} artifact={artifact.data} /> : null}
          {artifact.data ? <Mapping artifact={artifact.data} run={run} /> : null}
        </>
      ) : (
        <p className="text-soft">The draft is saved, built when needed, and run. Its output and the mapping of every column show up here.</p>
      )}
      {choosing ? (
        <Suspense>
          <DocumentPicker
            title="Test the draft on a document"
            workspace={workspace}
            onClose={() => setChoosing(false)}
            onChoose={({ id }) => {
              setChoosing(false);
              choose(id);
            }}
          />
        </Suspense>
      ) : null}
    </section>
  );
}

/** The document to test on: the one that was chosen for this config, and none in its place when it is gone; before that the newest there was. */
function useTestDocument(workspace: string, config: string) {
  const [stored, choose] = useStored(`workbench.document.${config}`, "");
  const [newest, setNewest] = useState<string>();
  const documents = useInfiniteQuery({ ...documentsQuery(workspace, { status: "ready" }), enabled: stored === "" && newest === undefined });
  const first = documents.data?.pages[0]?.data[0]?.id;
  if (newest === undefined && first !== undefined) setNewest(first);
  const chosen = stored || newest;
  const { data, error } = useQuery({ ...documentQuery(chosen ?? ""), enabled: chosen !== undefined });
  return { chosen, choose, document: error ? undefined : data, error: error ?? documents.error };
}

const ALL = "all";
/** What is before the name of a sheet that is chosen. */
const NAMED = "sheet ";
const SHEETS: Record<string, TestInput["sheets"]> = { [ALL]: {}, active: { active_sheet_only: true } };

function SheetSelect({ document, value, onChange, ...ids }: { document: string | undefined; value: string; onChange: (value: string) => void; id: string }) {
  const { data } = useQuery({ ...sheetsQuery(document ?? ""), enabled: document !== undefined });
  return (
    <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
      <option value={ALL}>All sheets</option>
      <option value="active">The open one</option>
      {data?.data.map(({ name }) => (
        <option key={name} value={NAMED + name}>{name}</option>
      ))}
    </Select>
  );
}
