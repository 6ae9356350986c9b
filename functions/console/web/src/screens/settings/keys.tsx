import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Copy, KeyRound, Plus } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { type Schemas, api, data } from "@/api/client";
import { everyPage } from "@/api/pages";
import { useLeave } from "@/app/leave";
import { useLacking } from "@/app/role";
import { day } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { getSession } from "@/session/session";
import { Button, IconButton } from "@/ui/button";
import { copy } from "@/ui/copy";
import { Confirm, Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/form";
import { Empty, Failed, LoadingRows, Refusal } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Card, Table, Td, Th, Tr } from "@/ui/table";
import { said } from "@/ui/toast";
import { Note, Section } from "./settings";

type ApiKey = Schemas["List_ApiKey"]["data"][number];

export const ROLES: [Schemas["Role"], string][] = [
  ["viewer", "Viewer: reads everything but keys and members"],
  ["operator", "Operator: also documents and runs"],
  ["editor", "Editor: also configs and builds"],
  ["admin", "Admin: also keys, members and the workspace"],
];

export function Keys({ workspace }: { workspace: string }) {
  const lacking = useLacking("admin");
  const keys = useQuery({
    enabled: lacking === undefined,
    queryKey: ["keys", workspace],
    queryFn: ({ signal }) => everyPage((page) => data(api.GET("/workspaces/{workspace_id}/api-keys", { params: { path: { workspace_id: workspace }, query: page }, signal }))),
  });
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey>();
  return (
    <Section
      id="keys"
      title="API keys"
      note="For programs, and for people without single sign-on."
      action={
        <Button blocked={lacking} onClick={() => setCreating(true)}>
          <Plus />
          New key
        </Button>
      }
    >
      <Card>
        {lacking ? <Note>{lacking}</Note> : keys.isPending ? <LoadingRows rows={2} /> : keys.isLoadingError ? <Failed error={keys.error} retry={() => void keys.refetch()} /> : keys.data.data.length === 0 ? (
          <Empty icon={<KeyRound />} title="No keys in this workspace" className="py-8">Make one for each program that uses it.</Empty>
        ) : (
          <Table>
            <thead>
              <tr>
                <Th className="w-2/5">Name</Th>
                <Th>Role</Th>
                <Th>Last used</Th>
                <Th>Expires</Th>
                <Th><span className="sr-only">Actions</span></Th>
              </tr>
            </thead>
            <tbody>
              {keys.data.data.map((key) => (
                <Tr key={key.id}>
                  <Td className="font-medium">{key.name}</Td>
                  <Td>{key.role.replace("_", " ")}</Td>
                  <Td className="num text-soft">{key.last_used == null ? "never" : <Ago at={key.last_used} />}</Td>
                  <Td className="num text-soft">{key.revoked != null ? <Badge tone="bad">revoked</Badge> : key.expires == null ? "never" : key.expires * 1000 < Date.now() ? <Badge tone="warn">expired</Badge> : day(key.expires)}</Td>
                  <Td className="text-right">
                    {key.revoked == null ? <Button size="small" look="danger" onClick={() => setRevoking(key)} aria-label={`Revoke ${key.name}`}>Revoke</Button> : null}
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        )}
      </Card>
      {creating ? <CreateKey workspace={workspace} onClose={() => setCreating(false)} /> : null}
      {revoking ? <RevokeKey workspace={workspace} apiKey={revoking} onClose={() => setRevoking(undefined)} /> : null}
    </Section>
  );
}

const LIVES: [string, number | null][] = [["30 days", 30], ["90 days", 90], ["1 year", 365], ["Never", null]];

function CreateKey({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Schemas["Role"]>("operator");
  const [life, setLife] = useState(1);
  const create = useMutation({
    mutationFn: () => {
      const days = LIVES[life]?.[1];
      const expires = days ? Math.floor(Date.now() / 1000) + days * 86_400 : null;
      return data(api.POST("/workspaces/{workspace_id}/api-keys", { params: { path: { workspace_id: workspace } }, body: { name: name.trim(), role, ...(expires ? { expires } : {}) } }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys", workspace] }),
  });
  const secret = create.data?.secret;
  if (create.data && secret) return <NewKey name={create.data.name} secret={secret} onClose={onClose} />;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      // A key that is on its way would never be shown.
      stays={create.isPending}
      title="New API key"
      footer={
        <>
          <Button onClick={onClose} disabled={create.isPending}>Cancel</Button>
          <Button type="submit" form="create-key" look="primary" disabled={create.isPending || !name.trim()}>Create</Button>
        </>
      }
    >
      <form
        id="create-key"
        className="flex flex-col gap-4"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field label="Name" note="What will use it.">{(ids) => <Input {...ids} autoFocus value={name} onChange={(event) => setName(event.target.value)} placeholder="Nightly import" />}</Field>
        <Field label="Role">
          {(ids) => (
            <Select {...ids} value={role} onChange={(event) => setRole(event.target.value as Schemas["Role"])}>
              {ROLES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </Select>
          )}
        </Field>
        <Field label="Expires after">
          {(ids) => (
            <Select {...ids} value={life} onChange={(event) => setLife(Number(event.target.value))}>
              {LIVES.map(([label], index) => <option key={label} value={index}>{label}</option>)}
            </Select>
          )}
        </Field>
        <Refusal error={create.error} />
      </form>
    </Dialog>
  );
}

/** Stays in sight until it is copied, or until somebody says that it is not needed. */
function NewKey({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const shown = useRef<HTMLElement>(null);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} stays={!copied} title={`Key “${name}”`} description="Copy it now: it is shown this once and stored nowhere." footer={<Button look="primary" onClick={onClose}>Done</Button>}>
      <div className="flex items-center gap-2 rounded-md border border-line bg-sunken p-2.5">
        <code ref={shown} className="min-w-0 flex-1 font-mono text-xs break-all" onCopy={() => setCopied(true)}>{secret}</code>
        <IconButton label="Copy the key" onClick={() => void copy(secret, { shown: shown.current }).then((done) => done && setCopied(true))}><Copy /></IconButton>
      </div>
    </Dialog>
  );
}

/** A key is `ade_<id>_<secret>`. */
function isOwn({ id }: ApiKey): boolean {
  return getSession()?.key.startsWith(`ade_${id}_`) ?? false;
}

function RevokeKey({ workspace, apiKey, onClose }: { workspace: string; apiKey: ApiKey; onClose: () => void }) {
  const client = useQueryClient();
  const leave = useLeave();
  const revoke = useMutation({
    mutationFn: (id: string) => data(api.DELETE("/workspaces/{workspace_id}/api-keys/{key_id}", { params: { path: { workspace_id: workspace, key_id: id } } })),
    onSuccess: () => {
      said("The key is revoked");
      onClose();
      return isOwn(apiKey) ? leave() : client.invalidateQueries({ queryKey: ["keys", workspace] });
    },
  });
  return (
    <Confirm
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Revoke “${apiKey.name}”?`}
      description={`What uses it stops working at once. This can't be undone.${isOwn(apiKey) ? " You are signed in with it: you will be signed out." : ""}`}
      action="Revoke"
      busy={revoke.isPending}
      onConfirm={() => revoke.mutate(apiKey.id)}
    >
      <Refusal error={revoke.error} />
    </Confirm>
  );
}
