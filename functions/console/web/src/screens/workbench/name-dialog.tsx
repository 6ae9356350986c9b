import { type FormEvent, useState } from "react";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/form";
import { Refusal } from "@/ui/states";

/** Asks for the path of a new file, or for a new path of an old one. */
export function NameDialog({ from, onName, onClose }: { from: string | undefined; onName: (path: string) => Promise<void>; onClose: () => void }) {
  const [path, setPath] = useState(from ?? "src/ade_config/columns/");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onName(path.trim());
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={from === undefined ? "New file" : "Rename"}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="name-form" look="primary" disabled={busy || !path.trim() || path === from || path.endsWith("/")}>
            {from === undefined ? "Create" : "Rename"}
          </Button>
        </>
      }
    >
      <form id="name-form" onSubmit={(event) => void submit(event)} className="flex flex-col gap-3">
        <Field label="Path" note="Folders are made as needed.">
          {(ids) => <Input {...ids} autoFocus className="font-mono" value={path} onChange={(event) => setPath(event.target.value)} />}
        </Field>
        <Refusal error={error} />
      </form>
    </Dialog>
  );
}
