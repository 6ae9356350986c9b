/** The typed client of the API, generated from its description. It adds the key, and turns refusals into `Problem`s. */
import createClient, { type Middleware } from "openapi-fetch";
import { currentKey } from "@/session/provider";
import { getSession, lose } from "@/session/session";
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
  async onResponse({ request, response }) {
    if (response.ok) return;
    noticeRefusal(response, request.headers);
    throw await Problem.of(response);
  },
  onError: ({ error }) => offlineUnlessStopped(error),
};

/** A key that was revoked or has expired is good for nothing more. It may have been replaced since the request was sent. */
function noticeRefusal(response: Response, sent: Headers): void {
  const session = getSession();
  if (response.status === 401 && session && sent.get("Authorization") === `Bearer ${session.key}`) lose();
}

function offlineUnlessStopped(error: unknown): Error {
  return error instanceof Error && error.name === "AbortError" ? error : Problem.offline();
}

export const api = createClient<paths>({
  baseUrl: apiBase,
  // Lists of values are repeated: `status=queued&status=running`.
  querySerializer: { array: { style: "form", explode: true } },
});
api.use(signedIn);

/** The data of an answer; refusals have become errors before. */
export async function data<T>(answer: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await answer.catch((error: unknown) => {
    // The connection broke within the answer.
    throw error instanceof TypeError ? Problem.offline() : error;
  });
  return data as T;
}

/** Asks for something that is not a JSON document, such as a stream of events. Refusals are answers here. */
export async function open(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const key = await currentKey();
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await fetch(apiBase + path, { ...init, headers }).catch((error: unknown) => {
    throw offlineUnlessStopped(error);
  });
  noticeRefusal(response, headers);
  return response;
}

/** Fetches a presigned URL. It holds its own permission, and a second one would be refused. */
export async function fetchStored(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { ...init, credentials: "omit", referrerPolicy: "no-referrer" }).catch((error: unknown) => {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new Problem(0, "storage_unreachable", "The storage can't be reached, where ADE keeps files. A firewall or a browser extension may be in the way.");
  });
  if (!response.ok) throw new Problem(response.status, "storage", `The storage answered ${response.status}.`);
  return response;
}
