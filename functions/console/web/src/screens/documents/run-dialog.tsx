import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { type Schemas, api, data } from "@/api/client";
import { type Document, type Page, type Run, configsQuery, sheetsQuery } from "@/api/queries";
import { useSafeMode } from "@/app/safe-mode";
import { readStored, writeStored } from "@/app/stored";
import { count } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Checkbox, Field, Select } from "@/ui/form";
import { Refusal } from "@/ui/states";
import { said } from "@/ui/toast";

interface Choice {
  config?: string;
  version: "active" | "draft";
  sheets: "all" | "active" | "chosen";
  chosen: string[];
  dryRun: boolean;
}

const USUAL: Choice = { version: "active", sheets: "all", chosen: [], dryRun: false };

/** Starts runs of the chosen documents, one for each. What was chosen for a document is remembered for the next time. */
export function RunDialog({ documents, onClose }: { documents: Document[]; onClose: () => void }) {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const safeMode = useSafeMode();
  const { data: configs } = useQuery(configsQuery(workspace));
  const single = documents.length === 1 ? documents[0] : undefined;
  const [choice, setChoice] = useState<Choice>(() => ({ ...USUAL, ...readStored<Partial<Choice>>(`run.${workspace}`, {}), ...(single ? readStored<Partial<Choice>>(`run.${single.id}`, {}) : {}) }));
  const config = configs?.data.find(({ id }) => id === choice.config) ?? configs?.data[0];
  const sheets = useQuery({ ...sheetsQuery(single?.id ?? ""), enabled: single !== undefined && choice.sheets === "chosen" });
  const set = (changed: Partial<Choice>) => setChoice((before) => ({ ...before, ...changed }));

  const create = useMutation({
    mutationFn: async () => {
      if (!config) throw new Error("Choose a config.");
      const options: Partial<Schemas["RunOptions"]> = {
        version: choice.version,
        dry_run: choice.dryRun,
        ...(choice.sheets === "active" ? { active_sheet_only: true } : {}),
        ...(single && choice.sheets === "chosen" ? { input_sheet_names: choice.chosen } : {}),
      };
      return startRuns(workspace, config.id, documents, options);
    },
    onSuccess: (runs) => {
      const remembered = { ...choice, config: config?.id };
      writeStored(`run.${workspace}`, { config: remembered.config, version: remembered.version });
      for (const document of documents) writeStored(`run.${document.id}`, remembered);
      void client.invalidateQueries({ queryKey: ["runs"] });
      onClose();
      const [run] = runs;
      if (run && runs.length === 1) void navigate({ to: "/w/$workspace/runs/$run", params: { workspace, run: run.id } });
      else {
        said(`${count(runs.length, "run")} started`);
        void navigate({ to: "/w/$workspace/runs", params: { workspace } });
      }
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  const noSheet = choice.sheets === "chosen" && single !== undefined && choice.chosen.length === 0;

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={single ? `Run ${single.name}` : `Run ${count(documents.length, "document")}`}
      description={single ? undefined : "One run for each document."}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="run-form" look="primary" disabled={create.isPending || !config || noSheet} blocked={safeMode && `Safe mode: ${safeMode}`}>
            <Play />
            {create.isPending ? "Starting …" : "Run"}
          </Button>
        </>
      }
    >
      <form id="run-form" onSubmit={submit} className="flex flex-col gap-4">
        {configs?.data.length === 0 ? <p className="text-soft">There is no config yet. Make one under Configs first.</p> : null}
        <div className="grid grid-cols-2 gap-3">
          <Field label="Config">
            {(ids) => (
              <Select {...ids} value={config?.id ?? ""} onChange={(event) => set({ config: event.target.value })}>
                {configs?.data.map(({ id, name }) => (
                  <option key={id} value={id}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Version" note={choice.version === "draft" ? "As it is in the workbench, built when needed." : "The one that was built last."}>
            {(ids) => (
              <Select {...ids} value={choice.version} onChange={(event) => set({ version: event.target.value as Choice["version"] })}>
                <option value="active">Active build</option>
                <option value="draft">Draft</option>
              </Select>
            )}
          </Field>
        </div>
        <Field label="Sheets">
          {(ids) => (
            <Select {...ids} value={single ? choice.sheets : choice.sheets === "chosen" ? "all" : choice.sheets} onChange={(event) => set({ sheets: event.target.value as Choice["sheets"] })}>
              <option value="all">All sheets</option>
              <option value="active">The sheet that is open in the file</option>
              {single ? <option value="chosen">Chosen sheets …</option> : null}
            </Select>
          )}
        </Field>
        {single && choice.sheets === "chosen" ? (
          <fieldset className="thin-scroll flex max-h-44 flex-col gap-1.5 overflow-y-auto rounded-md border border-line p-3">
            <legend className="sr-only">Sheets of the document</legend>
            {sheets.isPending ? <p className="text-faint">Reading the sheets …</p> : null}
            <Refusal error={sheets.error} />
            {sheets.data?.data.map(({ name }) => (
              <Checkbox
                key={name}
                label={name}
                checked={choice.chosen.includes(name)}
                onChange={(event) => set({ chosen: event.target.checked ? [...choice.chosen, name] : choice.chosen.filter((other) => other !== name) })}
              />
            ))}
          </fieldset>
        ) : null}
        <Checkbox label="Dry run" note="Everything but the output files: for trying rules." checked={choice.dryRun} onChange={(event) => set({ dryRun: event.target.checked })} />
        <Refusal error={create.error} />
      </form>
    </Dialog>
  );
}

/** The most documents of one request. */
const BATCH = 45;

async function startRuns(workspace: string, config: string, documents: Document[], options: Partial<Schemas["RunOptions"]>): Promise<Run[]> {
  const ids = documents.map(({ id }) => id);
  // What is left out has its usual value.
  const chosen = options as Schemas["RunOptions"];
  if (ids.length === 1) {
    const body = { stream: false, input_documents: ids, options: chosen };
    return [(await data(api.POST("/configs/{config_id}/runs", { params: { path: { config_id: config } }, body, parseAs: "json" }))) as Run];
  }
  const runs: Run[] = [];
  for (let from = 0; from < ids.length; from += BATCH) {
    const body = { config_id: config, input_documents: ids.slice(from, from + BATCH), options: chosen };
    const page = (await data(api.POST("/workspaces/{workspace_id}/runs/batch", { params: { path: { workspace_id: workspace } }, body }))) as Page<Run>;
    runs.push(...page.data);
  }
  return runs;
}
