import { expect, test } from "vitest";
import { type Connection, type Received, follow } from "./follow";

const event = (id: number, type = "run.log") => `${JSON.stringify({ object: "ade.run.event", id, type })}\n`;
const created = event(1, "run.created");
const heartbeat = '{"type":"heartbeat"}\n';

/** A response that sends these pieces and then ends, or breaks. */
function pieces(parts: (string | Uint8Array)[], broken = false): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = parts.shift();
      if (part !== undefined) controller.enqueue(typeof part === "string" ? new TextEncoder().encode(part) : part);
      else if (broken) controller.error(new TypeError("network error"));
      else controller.close();
    },
  });
  return new Response(body);
}

/** Follows answers that were prepared, one per connection. */
async function followed(answers: (() => Response | Promise<Response>)[], afterId = 0) {
  const asked: number[] = [];
  const events: Received[] = [];
  const states: Connection[] = [];
  const pauses: number[] = [];
  const controller = new AbortController();
  await follow({
    afterId,
    signal: controller.signal,
    open: async (after) => {
      asked.push(after);
      const answer = answers.shift();
      if (answer === undefined) {
        controller.abort();
        throw new TypeError("no more answers");
      }
      return answer();
    },
    onEvents: (batch, lines) => {
      expect(lines.map((line) => (JSON.parse(line) as Received).id)).toEqual(batch.map((one) => one.id));
      events.push(...batch);
    },
    onConnection: (connection) => states.push(connection),
    wait: async (milliseconds) => void pauses.push(milliseconds),
  });
  return { asked, ids: events.map((one) => one.id), states: states.map((one) => one.state), last: states.at(-1), pauses };
}

test("a log is followed to its end", async () => {
  const seen = await followed([() => pieces([created, heartbeat, event(2) + event(3), event(4, "run.completed")])]);
  expect(seen).toMatchObject({ asked: [0], ids: [1, 2, 3, 4], states: ["connecting", "live", "ended"], pauses: [] });
});

test("a cut log is resumed after the last whole line", async () => {
  const half = new TextEncoder().encode(event(3)).subarray(0, 9);
  const seen = await followed([
    () => pieces([created, event(2), half], true),
    () => pieces([event(3)]),
    () => pieces([event(4, "run.completed")]),
  ]);
  expect(seen).toMatchObject({ asked: [0, 2, 3], ids: [1, 2, 3, 4] });
  expect(seen.states).toEqual(["connecting", "live", "waiting", "connecting", "live", "polling", "live", "ended"]);
});

test("an answer that ended well is no failure, also when nothing was new in it", async () => {
  const quiet = () => pieces([heartbeat]);
  const down = () => Promise.reject(new TypeError("refused"));
  const seen = await followed([() => pieces([created]), quiet, quiet, quiet, quiet, quiet, quiet, () => pieces([event(2)]), down, quiet, down, () => pieces([event(3, "run.completed")])]);
  expect(seen.ids).toEqual([1, 2, 3]);
  expect(seen.pauses).toEqual([250, 1000, 1000, 1000, 1000, 1000, 1000, 250, 250, 1000, 250]);
  expect(seen.states.filter((state) => state === "waiting").length, "only what broke is told as broken").toBe(2);
});

test("who asks again and again does not say each time that they connect", async () => {
  const quiet = () => pieces([heartbeat]);
  const seen = await followed([() => pieces([created]), quiet, quiet, () => pieces([event(2, "run.completed")])]);
  expect(seen.states).toEqual(["connecting", "live", "polling", "live", "polling", "live", "polling", "live", "ended"]);
});

test("what comes twice is handed on once", async () => {
  const seen = await followed([() => pieces([created + event(2)], true), () => pieces([created + event(2) + event(3, "run.completed")])]);
  expect(seen.ids).toEqual([1, 2, 3]);
});

test("a gap is asked for again and never handed on", async () => {
  const seen = await followed([() => pieces([created, event(3) + event(4)]), () => pieces([event(2) + event(3, "run.completed")])]);
  expect(seen).toMatchObject({ asked: [0, 1], ids: [1, 2, 3] });
});

test("pauses grow while nothing comes, and start over with the next event", async () => {
  const down = () => Promise.reject(new TypeError("refused"));
  const seen = await followed([down, down, down, down, down, down, down, () => pieces([created]), down, () => pieces([event(2, "run.completed")])]);
  expect(seen.pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 250, 250]);
  expect(seen.ids).toEqual([1, 2]);
});

test("a busy server says when to come back", async () => {
  const busy = () => new Response("", { status: 503, headers: { "retry-after": "3" } });
  expect((await followed([busy, () => pieces([event(1, "run.completed")])])).pauses).toEqual([3000]);
});

test("a refusal is final", async () => {
  for (const status of [401, 403, 404]) {
    const seen = await followed([() => new Response("", { status })]);
    expect(seen.last).toEqual({ state: "refused", status });
    expect(seen.pauses).toEqual([]);
  }
});

test("the end of a build inside a run's log is not the end of the run", async () => {
  const seen = await followed([() => pieces([created, event(2, "build.completed"), event(3), event(4, "run.completed")])]);
  expect(seen).toMatchObject({ asked: [0], ids: [1, 2, 3, 4] });
});

test("a build's own log ends with its build", async () => {
  const build = (id: number, type: string) => `${JSON.stringify({ object: "ade.build.event", id, type })}\n`;
  const seen = await followed([() => pieces([build(1, "build.created"), build(2, "build.completed")])]);
  expect(seen.last).toEqual({ state: "ended" });
});

test("lines that are not events are ignored", async () => {
  const seen = await followed([() => pieces(["garbage\n", "[1]\n", '{"type":"new.kind"}\n', created, event(2, "run.completed")])]);
  expect(seen.ids).toEqual([1, 2]);
});
