import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Blocks, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { type Source, createConfig } from "@/api/config-archives";
import { type Config, configsQuery } from "@/api/queries";
import { Ago } from "@/ui/ago";
import { useLacking } from "@/app/role";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { ArchiveField, Field, Input, Select } from "@/ui/form";
import { Page } from "@/ui/page";
import { Empty, Failed, LoadingRows, Refusal } from "@/ui/states";
import { RunLink } from "@/ui/run-link";
import { Badge } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";

export function ConfigsScreen() {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const { data: configs, error, isPending, isLoadingError, refetch } = useQuery(configsQuery(workspace));
  const lacking = useLacking("editor");
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title="Configs"
      actions={
        <Button look="primary" blocked={lacking} onClick={() => setCreating(true)}>
          <Plus />
          New config
        </Button>
      }
    >
      <Card>
        {isPending ? (
          <LoadingRows rows={3} />
        ) : isLoadingError ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : configs.data.length === 0 ? (
          <Empty icon={<Blocks />} title="No configs yet" action={<Button blocked={lacking} onClick={() => setCreating(true)}>New config</Button>}>
            A config is a small Python package of rules: what a header looks like, which heading means which field, how values are cleaned and checked.
          </Empty>
        ) : (
          <Table>
            <thead>
              <tr>
                <Th className="w-1/2">Name</Th>
                <Th>Status</Th>
                <Th>Last run</Th>
                <Th className="text-right">Changed</Th>
              </tr>
            </thead>
            <tbody>
              {configs.data.map((config) => (
                <Tr key={config.id}>
                  <Td>
                    <Link to="/w/$workspace/configs/$config" params={{ workspace, config: config.id }} className="font-medium hover:underline">
                      {config.name}
                    </Link>
                  </Td>
                  <Td>
                    {config.building_build_id ? <Badge tone="info">building</Badge> : config.status === "active" ? <Badge tone="good">built</Badge> : <Badge>draft only</Badge>}
                  </Td>
                  <Td>
                    {config.last_run ? <RunLink run={config.last_run} workspace={workspace} /> : <span className="text-faint">–</span>}
                  </Td>
                  <Td className="num text-right text-soft"><Ago at={config.updated} /></Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        )}
      </Card>
      {creating ? <CreateDialog workspace={workspace} configs={configs?.data ?? []} onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function CreateDialog({ workspace, configs, onClose }: { workspace: string; configs: Pick<Config, "id" | "name">[]; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [from, setFrom] = useState<Source["type"]>("template");
  const [original, setOriginal] = useState(configs[0]?.id ?? "");
  const [file, setFile] = useState<File>();
  const source: Source | undefined = from === "template" ? { type: from } : from === "clone" ? { type: from, config: original } : file && { type: from, file };
  const create = useMutation({
    mutationFn: (chosen: Source) => createConfig(workspace, name.trim(), chosen),
    onSuccess: (config) => {
      void client.invalidateQueries({ queryKey: ["configs", workspace] });
      onClose();
      void navigate({ to: "/w/$workspace/configs/$config", params: { workspace, config: config.id } });
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New config"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="create-config" look="primary" disabled={create.isPending || !name.trim() || !source}>
            {create.isPending ? "Creating …" : "Create"}
          </Button>
        </>
      }
    >
      <form
        id="create-config"
        className="flex flex-col gap-3"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          if (source) create.mutate(source);
        }}
      >
        <Field label="Name">{(ids) => <Input {...ids} autoFocus value={name} onChange={(event) => setName(event.target.value)} placeholder="Customer lists" />}</Field>
        <Field label="Starts from" note={from === "template" ? "It maps names and e-mail addresses, to be changed." : from === "clone" ? "Its draft as it is now." : undefined}>
          {(ids) => (
            <Select {...ids} value={from} onChange={(event) => setFrom(event.target.value as Source["type"])}>
              <option value="template">The template</option>
              {configs.length > 0 ? <option value="clone">A copy of another config</option> : null}
              <option value="archive">A zip archive</option>
            </Select>
          )}
        </Field>
        {from === "clone" ? (
          <Field label="Config">
            {(ids) => (
              <Select {...ids} value={original} onChange={(event) => setOriginal(event.target.value)}>
                {configs.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
              </Select>
            )}
          </Field>
        ) : null}
        {from === "archive" ? <ArchiveField onFile={setFile} /> : null}
        <Refusal error={create.error} />
      </form>
    </Dialog>
  );
}
