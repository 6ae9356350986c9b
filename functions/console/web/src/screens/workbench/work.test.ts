import { beforeEach, expect, test, vi } from "vitest";
import { Journal } from "./journal";
import { type Task, build } from "./work";

/** What is asked, and what is answered. The client takes the `fetch` that is there when it is loaded. */
const server = vi.hoisted(() => {
  const answers: Record<string, Response[]> = {};
  const asked: string[] = [];
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const what = `${request.method} ${new URL(request.url).pathname.replace("/api/v1", "")}`;
    asked.push(what);
    const answer = answers[what]?.shift();
    if (!answer) throw new TypeError(`nothing is answered to ${what}`);
    return answer;
  };
  return { answers, asked };
});

const BUILDS = "POST /workspaces/ws_1/configs/cfg_1/builds";
const key = { workspace: "ws_1", config: "cfg_1" };
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const made = (id: string) => json({ id, reused: false }, 201);
const inProgress = (id: string) => json({ status: 409, code: "build_in_progress", detail: "a build is under way", build_id: id }, 409);
const log = (status: string) => {
  const events = [{ id: 1, type: "build.created" }, { id: 2, type: "build.completed", status }];
  return new Response(events.map((event) => `${JSON.stringify({ object: "ade.build.event", ...event })}\n`).join(""));
};

let journal: Journal;
let task: Task & { stopped: boolean };
beforeEach(() => {
  for (const what of Object.keys(server.answers)) delete server.answers[what];
  server.asked.length = 0;
  journal = new Journal();
  task = { signal: new AbortController().signal, stopped: false, begun: () => {} };
});

test("a build that is in the way may be of older files: the draft is built after it", async () => {
  server.answers[BUILDS] = [inProgress("build_old"), made("build_new")];
  server.answers["GET /builds/build_old/events"] = [log("active")];
  server.answers["GET /builds/build_new/events"] = [log("failed")];
  expect(await build(key, journal, false, task), "what failed is not active").toBe(false);
  expect(server.asked).toEqual([BUILDS, "GET /builds/build_old/events", BUILDS, "GET /builds/build_new/events"]);
  expect(journal.lines.map(({ text }) => text)).toEqual([
    "A build is under way already; the draft is built after it.",
    "Build queued", "Build succeeded", "Build queued", "Build failed",
  ]);
});

test("a build that is in the way and fits is enough", async () => {
  server.answers[BUILDS] = [inProgress("build_old"), json({ id: "build_old", reused: true })];
  server.answers["GET /builds/build_old/events"] = [log("active")];
  expect(await build(key, journal, false, task)).toBe(true);
  expect(server.asked).toEqual([BUILDS, "GET /builds/build_old/events", BUILDS]);
});

test("nothing is built after what was stopped, or can't be followed", async () => {
  server.answers[BUILDS] = [inProgress("build_old")];
  server.answers["GET /builds/build_old/events"] = [log("canceled")];
  task.begun = () => {
    task.stopped = true;
  };
  expect(await build(key, journal, false, task)).toBe(false);

  server.answers[BUILDS] = [inProgress("build_other")];
  server.answers["GET /builds/build_other/events"] = [json({ status: 404, code: "not_found", detail: "no such build" }, 404)];
  task.stopped = false;
  task.begun = () => {};
  expect(await build(key, journal, false, task)).toBe(false);
  expect(journal.lines.at(-1)?.text).toBe("The log is not available (404).");
});
