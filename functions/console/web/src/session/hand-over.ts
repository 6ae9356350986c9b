/**
 * `ade up` prints a link with a code in its fragment, which browsers do not send and servers do not log. The code is exchanged
 * for the key once; afterwards it is worth nothing.
 */
import { signIn } from "./session";

const PARAMETER = "sign-in=";

/** Signs in with the code in the address, if there is one, and removes it from the address. */
export async function takeHandOver(location: Location, base: string): Promise<"none" | "signed-in" | "spent"> {
  const code = location.hash.startsWith(`#${PARAMETER}`) ? location.hash.slice(PARAMETER.length + 1) : undefined;
  if (code === undefined) return "none";
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const response = await fetch(new URL("ade-sign-in", base), { method: "POST", body: code });
    if (!response.ok) return "spent";
    const { api_key } = (await response.json()) as { api_key: string };
    signIn({ key: api_key }, true);
    return "signed-in";
  } catch {
    return "spent";
  }
}
