import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Run } from "./queries";

/** What was asked for: the cursors, the first page's being empty. */
let asked: string[];
/** The history as the server has it, newest first. */
let history: { id: string; status: string }[];

const PAGE = 50;

// The client takes `fetch` as it is when it is made.
vi.stubGlobal("fetch", (request: Request) => answer(request));
const { runsQuery } = await import("./queries");

function answer(request: Request): Response {
  const cursor = new URL(request.url).searchParams.get("cursor") ?? "";
  asked.push(cursor);
  const from = cursor === "" ? 0 : history.findIndex(({ id }) => id === cursor) + 1;
  const page = history.slice(from, from + PAGE);
  const more = from + PAGE < history.length;
  return Response.json({ object: "list", data: page, has_more: more, next_cursor: more ? page.at(-1)?.id : null });
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  asked = [];
  history = Array.from({ length: 120 }, (_, index) => ({ id: `run_${index}`, status: "succeeded" }));
});

afterEach(() => vi.useRealTimers());

/** A list of which every page was unfolded, and how it is read again. */
async function unfolded() {
  const client = new QueryClient();
  const options = { ...runsQuery("ws_1", {}), staleTime: 0 };
  await client.fetchInfiniteQuery({ ...options, pages: 3 });
  asked = [];
  const again = async () => (await client.fetchInfiniteQuery(options)).pages.flatMap(({ data }) => data).map(({ id }: Run) => id);
  return { client, options, again };
}

test("of a long list in which nothing goes on only the first page is asked for again", async () => {
  const { again } = await unfolded();
  expect(await again()).toEqual(history.map(({ id }) => id));
  expect(asked).toEqual([""]);
});

test("a page in which something goes on is asked for too", async () => {
  history[60]!.status = "running";
  const { again } = await unfolded();
  await again();
  expect(asked).toEqual(["", "run_49"]);
});

test("the others are every now and then", async () => {
  const { again } = await unfolded();
  vi.setSystemTime(Date.now() + 31_000);
  await again();
  expect(asked).toEqual(["", "run_49", "run_99"]);
});

test("what is new moves the pages, and nothing is missing or there twice", async () => {
  const { again } = await unfolded();
  history.unshift({ id: "run_new", status: "queued" });
  expect(await again()).toEqual(history.map(({ id }) => id));
});

test("after a change of one's own every page is asked for", async () => {
  const { client, options, again } = await unfolded();
  history.splice(70, 1);
  await client.invalidateQueries({ queryKey: options.queryKey, refetchType: "none" });
  expect(await again()).toEqual(history.map(({ id }) => id));
});
