import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import type { Schemas } from "@/api/client";
import { Problem } from "@/api/problem";
import { type Document, type Run, configsQuery, sheetsQuery, versionsQuery } from "@/api/queries";
import { useBlocked } from "@/app/role";
import { readStored, writeStored } from "@/app/stored";
import { count, moment, shortId } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Checkbox, Field, Select } from "@/ui/form";
import { Refusal } from "@/ui/states";
import { said } from "@/ui/toast";
import { idempotencyKeys, startRuns } from "./start-runs";

interface Choice {
  config?: string;
  /** `active`, `draft`, or the id of a version. */
  version: string;
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
  const notNow = useBlocked("operator");
  const known = useQuery(configsQuery(workspace));
  const configs = known.data?.data;
  const single = documents.length === 1 ? documents[0] : undefined;
  const [choice, setChoice] = useState<Choice>(() => ({ ...USUAL, ...readStored<Partial<Choice>>(`run.${workspace}`, {}), ...(single ? readStored<Partial<Choice>>(`run.${single.id}`, {}) : {}) }));
  const config = configs?.find(({ id }) => id === choice.config) ?? configs?.[0];
  const versions = useQuery({ ...versionsQuery(workspace, config?.id ?? ""), enabled: config !== undefined });
  const version = usable(choice.version, versions.data);
  const sheets = useQuery({ ...sheetsQuery(single?.id ?? ""), enabled: single !== undefined && choice.sheets === "chosen" });
  const set = (changed: Partial<Choice>) => setChoice((before) => ({ ...before, ...changed }));

  const [keyOf] = useState(idempotencyKeys);
  const started = useRef<Run[]>([]);
  const left = documents.slice(started.current.length);

  const create = useMutation({
    mutationFn: async () => {
      if (!config) throw new Error("Choose a config.");
      const options: Partial<Schemas["RunOptions"]> = {
        version,
        dry_run: choice.dryRun,
        ...(choice.sheets === "active" ? { active_sheet_only: true } : {}),
        ...(single && choice.sheets === "chosen" ? { input_sheet_names: choice.chosen } : {}),
      };
      try {
        await startRuns({ workspace, config: config.id, documents: left, options }, keyOf, (runs) => started.current.push(...runs));
      } catch (error) {
        throw partly(error, started.current.length, documents.length);
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["runs"] }),
    onSuccess: () => {
      const runs = started.current;
      const remembered = { ...choice, version, config: config?.id };
      writeStored(`run.${workspace}`, { config: remembered.config, version: isNamed(version) ? "active" : version });
      for (const document of documents) writeStored(`run.${document.id}`, remembered);
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
  const blocked = notNow ?? (!config ? "There is no config to run." : noSheet && "Choose a sheet first.");

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={single ? `Run ${single.name}` : `Run ${count(documents.length, "document")}`}
      description={single ? undefined : "One run for each document."}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="run-form" look="primary" disabled={create.isPending} blocked={blocked}>
            <Play />
            {create.isPending ? "Starting …" : left.length < documents.length ? `Run the other ${left.length}` : "Run"}
          </Button>
        </>
      }
    >
      <form id="run-form" onSubmit={submit} className="flex flex-col gap-4">
        {configs?.length === 0 ? <p className="text-soft">There is no config yet. Make one under Configs first.</p> : null}
        {configs ? null : known.error ? (
          <div className="flex flex-col items-start gap-2">
            <Refusal error={known.error} className="self-stretch" />
            <Button size="small" onClick={() => void known.refetch()}>Try again</Button>
          </div>
        ) : <p className="text-faint">Reading the configs …</p>}
        <div className="grid grid-cols-2 gap-3">
          <Field label="Config">
            {(ids) => (
              <Select {...ids} value={config?.id ?? ""} onChange={(event) => set({ config: event.target.value, ...(isNamed(choice.version) ? { version: "active" } : {}) })}>
                {configs?.map(({ id, name }) => (
                  <option key={id} value={id}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Version" note={VERSIONS[version] ?? "Its files as they were then."}>
            {(ids) => (
              <Select {...ids} value={version} onChange={(event) => set({ version: event.target.value })}>
                <option value="active">Active build</option>
                <option value="draft">Draft</option>
                {isNamed(version) && !versions.data?.data.some(({ id }) => id === version) ? <option value={version}>{shortId(version)}</option> : null}
                {versions.data?.data.map(({ id, created }) => (
                  <option key={id} value={id}>
                    {moment(created)} · {shortId(id)}
                    {id === config?.active_version_id ? " · active" : ""}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <Refusal error={versions.error} />
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

const VERSIONS: Record<string, string> = { active: "The one that was built last.", draft: "As it is in the workbench, built when needed." };

/** Whether it is the id of a version, which belongs to one config. */
function isNamed(version: string): boolean {
  return !Object.hasOwn(VERSIONS, version);
}

/** The version that is remembered, unless it is known to be none of this config's. */
function usable(version: string, versions: { data: { id: string }[]; has_more: boolean } | undefined): string {
  const strange = isNamed(version) && versions !== undefined && !versions.has_more && !versions.data.some(({ id }) => id === version);
  return strange ? "active" : version;
}

/** Why the rest could not be started. */
function partly(error: unknown, started: number, all: number): unknown {
  if (started === 0) return error;
  const { status, code, message, requestId, fields } = Problem.from(error);
  return new Problem(status, code, `${started} of ${all} runs are started; the others are not. ${message}`, requestId, fields);
}
