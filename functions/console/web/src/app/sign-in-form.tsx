/** The form in which somebody signs in with an API key, and the way to the identity provider. */
import { type FormEvent, type ReactNode, useState } from "react";
import { apiBase } from "@/api/client";
import { Problem } from "@/api/problem";
import { signIn } from "@/session/session";
import { Button } from "@/ui/button";
import { Checkbox, Field, Input } from "@/ui/form";
import { Refusal } from "@/ui/states";

interface SignInFormProps {
  /** What else went wrong, such as at the provider. */
  error?: unknown;
  /** Somebody is being signed in in another way. */
  busy?: boolean;
  /** Its button is the one to press. */
  main: boolean;
  remember: boolean;
  onRemember: (remember: boolean) => void;
  onSignedIn: () => void;
  className?: string;
}

export function SignInForm({ error, busy = false, main, remember, onRemember, onSignedIn, className }: SignInFormProps): ReactNode {
  const [key, setKey] = useState("");
  const [refusal, setRefusal] = useState<unknown>();
  const [asking, setAsking] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsking(true);
    setRefusal(undefined);
    try {
      const sent = key.trim();
      await check(sent);
      signIn({ key: sent }, remember);
      onSignedIn();
    } catch (refused) {
      setRefusal(refused);
    } finally {
      setAsking(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} className={className}>
      <Field label="API key" note="Stays in this browser and is sent to this ADE only.">
        {(ids) => <Input {...ids} type="password" autoComplete="current-password" autoFocus required value={key} onChange={(event) => setKey(event.target.value)} placeholder="ade_…" className="h-9 font-mono" />}
      </Field>
      <Checkbox label="Stay signed in on this device" checked={remember} onChange={(event) => onRemember(event.target.checked)} />
      <Refusal error={refusal ?? error} />
      <Button type="submit" look={main ? "primary" : "plain"} disabled={asking || busy || key.trim() === ""} className="h-9">
        {asking || busy ? "Signing in …" : "Sign in"}
      </Button>
    </form>
  );
}

/** Whether ADE takes a key. */
async function check(key: string): Promise<void> {
  const response = await fetch(`${apiBase}/workspaces?limit=1`, { headers: { Authorization: `Bearer ${key}` } }).catch(() => {
    throw Problem.offline();
  });
  if (!response.ok) throw await Problem.of(response);
}
