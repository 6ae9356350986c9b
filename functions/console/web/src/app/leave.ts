import { useRouter } from "@tanstack/react-router";
import { signOut } from "@/session/session";

/** Signs out, unless what is not saved keeps the person here. */
export function useLeave(): () => Promise<void> {
  const router = useRouter();
  return async () => {
    await router.navigate({ to: "/sign-in" });
    if (router.state.location.pathname.endsWith("/sign-in")) signOut();
  };
}
