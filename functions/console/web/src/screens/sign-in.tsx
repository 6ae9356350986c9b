import { useNavigate, useSearch } from "@tanstack/react-router";
import { LogIn } from "lucide-react";
import { useEffect, useState } from "react";
import { SignInForm } from "@/app/sign-in-form";
import { goToProvider, isBack, provider, signInReturned } from "@/session/provider";
import { Button } from "@/ui/button";
import { useTitle } from "@/ui/page";

export function SignInScreen() {
  useTitle("Sign in");
  const navigate = useNavigate();
  const { to } = useSearch({ from: "/sign-in" });
  const [remember, setRemember] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    if (!provider || !isBack()) return;
    setBusy(true);
    void signInReturned(provider)
      .then((to) => navigate({ to: to ?? "/", replace: true }))
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
        <SignInForm
          error={error}
          busy={busy}
          main={provider === undefined}
          remember={remember}
          onRemember={setRemember}
          onSignedIn={() => void navigate({ to: to ?? "/", replace: true })}
          className="mt-6 flex flex-col gap-4 rounded-xl border border-line bg-surface p-5"
        />
        <p className="mt-4 text-xs text-faint">
          Running <code className="font-mono">ade up</code>? It prints a link that opens the console signed in; the key is also in <code className="font-mono">.ade/local.json</code>.
        </p>
      </div>
    </main>
  );
}
