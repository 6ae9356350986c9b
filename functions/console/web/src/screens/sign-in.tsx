import { useNavigate, useSearch } from "@tanstack/react-router";
import { LogIn } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { apiBase } from "@/api/client";
import { Problem } from "@/api/problem";
import { queryClient } from "@/api/queries";
import { goToProvider, isBack, provider, signInReturned } from "@/session/provider";
import { signIn } from "@/session/session";
import { Button } from "@/ui/button";
import { Checkbox, Field, Input } from "@/ui/form";
import { useTitle } from "@/ui/page";
import { Refusal } from "@/ui/states";

export function SignInScreen() {
  useTitle("Sign in");
  const navigate = useNavigate();
  const { to } = useSearch({ from: "/sign-in" });
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const sent = key.trim();
      const response = await fetch(`${apiBase}/workspaces?limit=1`, { headers: { Authorization: `Bearer ${sent}` } });
      if (!response.ok) throw await Problem.of(response);
      queryClient.clear();
      signIn({ key: sent }, remember);
      await navigate({ to: to ?? "/", replace: true });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };

  useEffect(() => {
    if (!provider || !isBack()) return;
    setBusy(true);
    void signInReturned(provider)
      .then((to) => {
        queryClient.clear();
        return navigate({ to: to ?? "/", replace: true });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  }, [navigate]);

  return (
    <main className="flex h-full items-center justify-center overflow-y-auto p-6">
      <div className="w-full max-w-sm">
        <img src="./icon.svg" alt="" className="mb-5 size-11" />
        <h1 className="text-2xl font-semibold tracking-tight">Sign in to ADE</h1>
        <p className="mt-1 text-soft">Messy spreadsheets in, clean workbooks out.</p>
        {provider ? (
          <>
            <Button look="primary" disabled={busy} className="mt-6 h-9 w-full" onClick={() => void goToProvider(provider!, to, remember).catch(setError)}>
              <LogIn />
              {busy ? "Signing in …" : `Sign in at ${provider.name}`}
            </Button>
            <p className="mt-5 -mb-2 text-xs text-faint">Or with an API key:</p>
          </>
        ) : null}
        <form onSubmit={(event) => void submit(event)} className="mt-6 flex flex-col gap-4 rounded-xl border border-line bg-surface p-5">
          <Field label="API key" note="Stays in this browser and is sent to this ADE only.">
            {(ids) => <Input {...ids} type="password" autoComplete="current-password" autoFocus required value={key} onChange={(event) => setKey(event.target.value)} placeholder="ade_…" className="h-9 font-mono" />}
          </Field>
          <Checkbox label="Stay signed in on this device" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
          <Refusal error={error} />
          <Button type="submit" look={provider ? "plain" : "primary"} disabled={busy || key.trim() === ""} className="h-9">
            {busy ? "Signing in …" : "Sign in"}
          </Button>
        </form>
        <p className="mt-4 text-xs text-faint">
          Running <code className="font-mono">ade up</code>? It prints a link that opens the console signed in; the key is also in <code className="font-mono">.ade/local.json</code>.
        </p>
      </div>
    </main>
  );
}
