import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { type Schemas, api, data } from "@/api/client";
import { type Workspace, workspacesQuery } from "@/api/queries";
import { useLacking } from "@/app/role";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/form";
import { Failed, LoadingRows, Refusal } from "@/ui/states";
import { Card } from "@/ui/table";
import { said } from "@/ui/toast";
import { Section } from "./settings";

type Settings = Schemas["WorkspaceSettings"];

const LIMITS: { name: keyof Settings; label: string; note: string; most: number }[] = [
  { name: "concurrent_runs", label: "Runs at once", note: "More wait, in order. Never more than the installation allows.", most: 10_000 },
  { name: "run_timeout_seconds", label: "Seconds that a run may take", note: "When the run does not say.", most: 86_400 },
  { name: "run_retention_days", label: "Days that runs are kept", note: "After their end. Never longer than the installation keeps them.", most: 36_500 },
  { name: "document_retention_days", label: "Days that documents are kept", note: "Never longer than the installation keeps them.", most: 36_500 },
];

/** What the workspace decides for itself; an empty field leaves it to the installation. */
export function Limits({ workspace }: { workspace: string }) {
  const { data: workspaces, error, isPending, isLoadingError, refetch } = useQuery(workspacesQuery);
  const found = workspaces?.data.find(({ id }) => id === workspace);
  return (
    <Section id="limits" title="Limits" note="Of this workspace alone. Where a field is empty, the installation's own limit holds.">
      <Card>{isPending ? <LoadingRows rows={4} /> : isLoadingError ? <Failed error={error} retry={() => void refetch()} /> : found ? <LimitsForm key={JSON.stringify(found.settings)} workspace={found} /> : null}</Card>
    </Section>
  );
}

function LimitsForm({ workspace: { id, settings } }: { workspace: Pick<Workspace, "id"> & { settings: Partial<Settings> } }) {
  const client = useQueryClient();
  const lacking = useLacking("admin");
  const known = Object.fromEntries(LIMITS.map(({ name }) => [name, settings[name]?.toString() ?? ""])) as Record<keyof Settings, string>;
  const [typed, setTyped] = useState(known);
  const put = useMutation({
    mutationFn: () => {
      const chosen = Object.fromEntries(LIMITS.map(({ name }) => [name, typed[name] === "" ? null : Number(typed[name])])) as Record<keyof Settings, number | null>;
      return data(api.PATCH("/workspaces/{workspace_id}", { params: { path: { workspace_id: id } }, body: { settings: chosen } as Schemas["UpdateWorkspace"] }));
    },
    onSuccess: () => {
      said("The limits are saved");
      return client.invalidateQueries({ queryKey: ["workspaces"] });
    },
  });
  const changed = LIMITS.some(({ name }) => typed[name] !== known[name]);
  return (
    <form
      className="flex flex-col gap-4 p-4"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        put.mutate();
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        {LIMITS.map(({ name, label, note, most }) => (
          <Field key={name} label={label} note={note}>
            {(ids) => <Input {...ids} type="number" min={1} max={most} step={1} placeholder="as the installation has it" value={typed[name]} onChange={(event) => setTyped({ ...typed, [name]: event.target.value })} />}
          </Field>
        ))}
      </div>
      <Refusal error={put.error} />
      <div className="flex justify-end gap-2">
        {changed ? <Button onClick={() => setTyped(known)}>Undo</Button> : null}
        <Button type="submit" look="primary" blocked={lacking} disabled={!changed || put.isPending}>{put.isPending ? "Saving …" : "Save"}</Button>
      </div>
    </form>
  );
}
