import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Trash2, Users } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { type Schemas, api, data } from "@/api/client";
import { everyPage } from "@/api/pages";
import { useLacking } from "@/app/role";
import { Button, IconButton } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/form";
import { Empty, Failed, LoadingRows, Refusal } from "@/ui/states";
import { Card, Table, Td, Th, Tr } from "@/ui/table";
import { failed, said } from "@/ui/toast";
import { ROLES } from "./keys";
import { Note, Section } from "./settings";

export function Members({ workspace }: { workspace: string }) {
  const client = useQueryClient();
  const lacking = useLacking("admin");
  const members = useQuery({
    enabled: lacking === undefined,
    queryKey: ["members", workspace],
    queryFn: ({ signal }) => everyPage((page) => data(api.GET("/workspaces/{workspace_id}/members", { params: { path: { workspace_id: workspace }, query: page }, signal }))),
  });
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<string>();
  const refresh = () => client.invalidateQueries({ queryKey: ["members", workspace] });
  const remove = useMutation({
    mutationFn: (subject: string) => data(api.DELETE("/workspaces/{workspace_id}/members/{subject}", { params: { path: { workspace_id: workspace, subject } } })),
    onSuccess: () => {
      said("The member is removed");
      setRemoving(undefined);
      return refresh();
    },
  });
  return (
    <Section
      id="members"
      title="Members"
      note="People who sign in through your identity provider."
      action={
        <Button blocked={lacking} onClick={() => setAdding(true)}>
          <Plus />
          Add
        </Button>
      }
    >
      <Card>
        {lacking ? <Note>{lacking}</Note> : members.isPending ? <LoadingRows rows={2} /> : members.isLoadingError ? <Failed error={members.error} retry={() => void members.refetch()} /> : members.data.data.length === 0 ? (
          <Empty icon={<Users />} title="No members" className="py-8">Keys work without members. Members need single sign-on.</Empty>
        ) : (
          <Table>
            <thead>
              <tr>
                <Th className="w-1/2">Subject</Th>
                <Th>Role</Th>
                <Th><span className="sr-only">Actions</span></Th>
              </tr>
            </thead>
            <tbody>
              {members.data.data.map(({ subject, role }) => (
                <Tr key={subject}>
                  <Td className="font-mono text-xs break-all">{subject}</Td>
                  <Td><MemberRole workspace={workspace} subject={subject} role={role} onSaved={refresh} /></Td>
                  <Td className="text-right"><IconButton label={`Remove ${subject}`} onClick={() => setRemoving(subject)}><Trash2 /></IconButton></Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        )}
      </Card>
      <Confirm
        open={removing !== undefined}
        onOpenChange={(open) => {
          if (open) return;
          remove.reset();
          setRemoving(undefined);
        }}
        title={`Remove ${removing}?`}
        description="The person can't reach this workspace any more. What they made stays."
        action="Remove"
        busy={remove.isPending}
        onConfirm={() => removing !== undefined && remove.mutate(removing)}
      >
        <Refusal error={remove.error} />
      </Confirm>
      {adding ? <AddMember workspace={workspace} onClose={() => setAdding(false)} /> : null}
    </Section>
  );
}

/** A role is chosen first and saved then: keys that move through the choices pass others on their way. */
function MemberRole({ workspace, subject, role, onSaved }: { workspace: string; subject: string; role: Schemas["Role"]; onSaved: () => Promise<void> }) {
  const [chosen = role, setChosen] = useState<Schemas["Role"]>();
  const select = useRef<HTMLSelectElement>(null);
  const settle = () => {
    setChosen(undefined);
    // The buttons that had the focus go away.
    select.current?.focus();
  };
  const put = useMutation({
    mutationFn: () => putMember(workspace, subject, chosen),
    onSuccess: () => onSaved().then(settle),
    onError: (error) => failed(error),
  });
  return (
    <span className="flex items-center gap-2">
      <Select ref={select} aria-label={`Role of ${subject}`} className="w-72" value={chosen} onChange={(event) => setChosen(event.target.value as Schemas["Role"])}>
        {ROLES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
      </Select>
      {chosen === role ? null : (
        <>
          <Button size="small" look="primary" aria-label={`Save the role of ${subject}`} disabled={put.isPending} onClick={() => put.mutate()}>{put.isPending ? "Saving …" : "Save"}</Button>
          <Button size="small" aria-label={`Undo the role of ${subject}`} disabled={put.isPending} onClick={settle}>Undo</Button>
        </>
      )}
    </span>
  );
}

function putMember(workspace: string, subject: string, role: Schemas["Role"]) {
  return data(api.PUT("/workspaces/{workspace_id}/members/{subject}", { params: { path: { workspace_id: workspace, subject } }, body: { role } }));
}

function AddMember({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const client = useQueryClient();
  const [subject, setSubject] = useState("");
  const [role, setRole] = useState<Schemas["Role"]>("operator");
  const add = useMutation({
    mutationFn: () => putMember(workspace, subject.trim(), role),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["members", workspace] });
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Add a member"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="add-member" look="primary" disabled={add.isPending || !subject.trim()}>Add</Button>
        </>
      }
    >
      <form
        id="add-member"
        className="flex flex-col gap-4"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Field label="Subject" note={<>What the identity provider calls the person: <code className="font-mono">sub</code> in its tokens.</>}>{(ids) => <Input {...ids} autoFocus className="font-mono" value={subject} onChange={(event) => setSubject(event.target.value)} />}</Field>
        <Field label="Role">
          {(ids) => (
            <Select {...ids} value={role} onChange={(event) => setRole(event.target.value as Schemas["Role"])}>
              {ROLES.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </Select>
          )}
        </Field>
        <Refusal error={add.error} />
      </form>
    </Dialog>
  );
}
