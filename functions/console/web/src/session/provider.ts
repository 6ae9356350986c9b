/**
 * Signing in at an identity provider, with an authorization code and PKCE (RFC 7636). The page's function wrote into the page
 * which provider there is; the tokens that it issues are sent to the API in place of a key.
 */
import { type Session, getSession, lose, replace, signIn, takeOver } from "./session";

export interface Provider {
  name: string;
  client_id: string;
  scope: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

/** What is remembered while somebody is at the provider. */
interface Pending {
  state: string;
  verifier: string;
  to: string | undefined;
  remember: boolean;
}

interface Tokens {
  access_token: string;
  refresh_token?: string;
  expires_in?: number;
}

const PENDING = "ade.provider";
/** A token that is about to expire is not sent any more. */
const MARGIN = 30_000;
/** How long the provider may take to answer, in milliseconds. */
const PATIENCE = 10_000;

export const provider: Provider | undefined = read();

function read(): Provider | undefined {
  const text = document.querySelector<HTMLMetaElement>('meta[name="ade-provider"]')?.content;
  // The page of the development server is not filled in.
  return text?.startsWith("{") ? (JSON.parse(text) as Provider) : undefined;
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function returnAddress(): string {
  return new URL("sign-in", document.baseURI).href;
}

/** Goes to the provider. Whoever comes back is taken to `to`. */
export async function goToProvider({ client_id, scope, authorization_endpoint }: Provider, to: string | undefined, remember: boolean): Promise<void> {
  if (!globalThis.crypto?.subtle) throw new Error("Browsers sign in at a provider over HTTPS only. Open ADE by its https address.");
  const pending: Pending = { state: random(), verifier: random(), to, remember };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier))));
  const address = new URL(authorization_endpoint);
  const asked = { response_type: "code", client_id, scope, redirect_uri: returnAddress(), state: pending.state, code_challenge: challenge, code_challenge_method: "S256" };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** What the provider sent back with somebody. A code is good once, so it leaves the address before anything else reads it. */
let returned = takeFromAddress();

function takeFromAddress(): URLSearchParams | undefined {
  const search = new URLSearchParams(location.search);
  if (!provider || !search.has("state") || !(search.has("code") || search.has("error"))) return undefined;
  history.replaceState(null, "", location.pathname);
  return search;
}

export function isBack(): boolean {
  return returned !== undefined;
}

/** Signs in whoever comes back from the provider; where they wanted to go. */
export async function signInReturned({ client_id, token_endpoint }: Provider): Promise<string | undefined> {
  const search = returned ?? new URLSearchParams();
  returned = undefined;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  sessionStorage.removeItem(PENDING);
  // Somebody else's code, sent here by a link, must not sign anybody in.
  if (pending?.state !== search.get("state")) throw new Error("This sign-in was not begun here, or was used before. Try again.");
  const code = search.get("code");
  if (code === null) throw new Error(search.get("error_description") ?? `The identity provider refused: ${search.get("error")}.`);
  const tokens = await exchange(token_endpoint, { grant_type: "authorization_code", code, redirect_uri: returnAddress(), client_id, code_verifier: pending.verifier });
  signIn(session(tokens), pending.remember);
  return pending.to;
}

/** The key or token to send now; a token that is about to expire is renewed first. Nothing when nobody is signed in. */
export async function currentKey(): Promise<string | undefined> {
  const known = getSession();
  if (!known?.refresh || !provider || (known.expires ?? Infinity) > Date.now() + MARGIN) return known?.key;
  renewing ??= renewAlone(provider).finally(() => (renewing = undefined));
  await renewing;
  return getSession()?.key;
}

let renewing: Promise<void> | undefined;

/** A token can often be renewed with the same secret once only, so one tab does it for all. */
async function renewAlone(provider: Provider): Promise<void> {
  await navigator.locks.request("ade.renew", async () => {
    const known = getSession();
    if (known?.refresh && !takeOver()) await renew(provider, known);
  });
}

async function renew({ client_id, token_endpoint }: Provider, known: Session): Promise<void> {
  try {
    const tokens = await exchange(token_endpoint, { grant_type: "refresh_token", refresh_token: known.refresh!, client_id });
    replace({ ...known, ...session(tokens) });
  } catch (error) {
    // What the provider refused stays refused. When it could not be reached, the token may still do for a moment.
    if (error instanceof Refused) lose();
  }
}

class Refused extends Error {}

async function exchange(endpoint: string, form: Record<string, string>): Promise<Tokens> {
  const answer = await fetch(endpoint, { method: "POST", body: new URLSearchParams(form), credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(PATIENCE) }).catch(() => {
    throw new Error("The identity provider could not be reached.");
  });
  const body = (await answer.json().catch(() => ({}))) as Partial<Tokens> & { error?: string; error_description?: string };
  if (!answer.ok) throw new Refused(body.error_description ?? `The identity provider refused: ${body.error ?? answer.status}.`);
  if (!body.access_token) throw new Refused("The identity provider sent no access token.");
  return body as Tokens;
}

function session({ access_token, refresh_token, expires_in }: Tokens): Session {
  return {
    key: access_token,
    ...(refresh_token ? { refresh: refresh_token } : {}),
    ...(expires_in ? { expires: Date.now() + expires_in * 1000 } : {}),
  };
}
