/** Over a screen whose session has ended: what is on it, also what was typed, is there when somebody has signed in again. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { provider } from "@/session/provider";
import { signOut } from "@/session/session";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { SignInForm } from "./sign-in-form";

export function SignInAgain() {
  const client = useQueryClient();
  const [remember, setRemember] = useState(false);
  return (
    <Dialog
      open
      stays
      onOpenChange={() => undefined}
      title="Sign in again"
      description="The key or the session was revoked or has expired. Nothing on this page is lost."
      footer={<Button look="ghost" onClick={signOut}>Leave this page</Button>}
    >
      {provider ? (
        <p className="mb-4">
          <a href="./sign-in" target="_blank" rel="noopener" className="font-medium text-accent underline underline-offset-2">Sign in at {provider.name}</a> in another tab, and this page goes on by itself. Or with an API key:
        </p>
      ) : null}
      <SignInForm main remember={remember} onRemember={setRemember} onSignedIn={() => void client.invalidateQueries()} className="flex flex-col gap-4" />
    </Dialog>
  );
}
