import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Blocks, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, data } from "@/api/client";
import { configsQuery } from "@/api/queries";
import { ago, moment } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/form";
import { Page } from "@/ui/page";
import { Empty, Failed, LoadingRows, Refusal } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";

export function ConfigsScreen() {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const { data: configs, error, isPending, refetch } = useQuery(configsQuery(workspace));
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title="Configs"
      actions={
        <Button look="primary" onClick={() => setCreating(true)}>
          <Plus />
          New config
        </Button>
      }
    >
      <Card>
        {isPending ? (
          <LoadingRows rows={3} />
        ) : error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : configs.data.length === 0 ? (
          <Empty icon={<Blocks />} title="No configs yet" action={<Button onClick={() => setCreating(true)}>New config</Button>}>
            A config is a small Python package of rules: what a header looks like, which heading means which field, how values are cleaned and checked.
          </Empty>
        ) : (
          <Table>
            <thead>
              <tr>
                <Th className="w-1/2">Name</Th>
                <Th>Status</Th>
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
                  <Td className="num text-right text-soft" title={moment(config.updated)}>{ago(config.updated)}</Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        )}
      </Card>
      {creating ? <CreateDialog workspace={workspace} onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function CreateDialog({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const create = useMutation({
    mutationFn: () => data(api.POST("/workspaces/{workspace_id}/configs", { params: { path: { workspace_id: workspace } }, body: { name: name.trim(), source: { type: "template" } } })),
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
      description="It starts from the template, which maps names and e-mail addresses."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="create-config" look="primary" disabled={create.isPending || !name.trim()}>
            Create
          </Button>
        </>
      }
    >
      <form
        id="create-config"
        className="flex flex-col gap-3"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field label="Name">{(ids) => <Input {...ids} autoFocus value={name} onChange={(event) => setName(event.target.value)} placeholder="Customer lists" />}</Field>
        <Refusal error={create.error} />
      </form>
    </Dialog>
  );
}
