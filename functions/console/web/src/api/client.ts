/** The typed client of the API, generated from its description. It adds the key, and turns refusals into `Problem`s. */
import createClient, { type Middleware } from "openapi-fetch";
import { currentKey } from "@/session/provider";
import { getSession, signOut } from "@/session/session";
import { Problem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Where the console is mounted, which is where the API is mounted too. */
export const mount = new URL(".", document.baseURI);
export const apiBase = new URL("api/v1", mount).href;

const signedIn: Middleware = {
  async onRequest({ request }) {
    const key = await currentKey();
    if (key) request.headers.set("Authorization", `Bearer ${key}`);
    return request;
  },
  async onResponse({ response }) {
    if (response.ok) return;
    // The key was revoked or has expired: everything would fail from here on.
    if (response.status === 401 && getSession()) signOut();
    throw await Problem.of(response);
  },
  onError: ({ error }) => (error instanceof Error && error.name === "AbortError" ? error : Problem.offline()),
};

export const api = createClient<paths>({
  baseUrl: apiBase,
  // Lists of values are repeated: `status=queued&status=running`.
  querySerializer: { array: { style: "form", explode: true } },
});
api.use(signedIn);

/** The data of an answer; refusals have become errors before. */
export async function data<T>(answer: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

/** Asks for something that is not a JSON document, such as a stream of events. */
export async function open(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const key = await currentKey();
  if (key) headers.set("Authorization", `Bearer ${key}`);
  return fetch(apiBase + path, { ...init, headers });
}

/** Fetches a presigned URL. It holds its own permission, and a second one would be refused. */
export async function fetchStored(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { ...init, credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) throw new Problem(response.status, "storage", `The storage answered ${response.status}.`);
  return response;
}
