import { expect, test } from "vitest";
import type { Received } from "@/stream/follow";
import { Log } from "@/stream/log";
import { formatRange, parseRange } from "./permalink";
import { type Filter, View } from "./view";

const none: Filter = { levels: [], streams: [], folded: new Set(), search: "", raw: false };
const line = (id: number, message: string, stream = "stdout"): Received => ({ id, type: "run.log", stream, message });

function logOf(...events: Received[]): Log {
  const log = new Log();
  const all = [{ id: 1, type: "run.created" }, { id: 2, type: "run.started", attempt: 1 }, ...events];
  log.add(all, all.map((event) => JSON.stringify(event)));
  return log;
}

const texts = (log: Log, view: View) => view.entries.map((entry) => (entry < 0 ? `# ${log.stages[-1 - entry]?.title}` : log.lines[entry]?.text));

test("stages head their lines, and folded ones hide them", () => {
  const log = logOf(line(3, "a"), line(4, "b"));
  expect(texts(log, new View(log, none).update())).toEqual(["# Queue", "Run queued", "# Start", "Run started (attempt 1)", "a", "b"]);
  expect(texts(log, new View(log, { ...none, folded: new Set([1]) }).update())).toEqual(["# Queue", "Run queued", "# Start"]);
});

test("filters choose by level and stream", () => {
  const log = logOf(line(3, "out"), line(4, "err", "stderr"));
  expect(texts(log, new View(log, { ...none, streams: ["stderr"] }).update())).toEqual(["# Start", "err"]);
  expect(texts(log, new View(log, { ...none, levels: ["warning"] }).update())).toEqual(["# Start", "err"]);
  expect(texts(log, new View(log, { ...none, levels: ["error"], folded: new Set([1]) }).update())).toEqual([]);
});

test("the search finds what is shown, without colours and case", () => {
  const log = logOf(line(3, "\u001b[31mRed\u001b[0m fox"), line(4, "nothing"));
  const view = new View(log, { ...none, search: "red f" }).update();
  expect(view.found.map((place) => log.lines[view.entries[place]!]?.id)).toEqual([3]);
});

test("events as they came are filtered and searched like lines, one row for each", () => {
  const log = logOf(line(3, "two\nlines"), line(4, "err", "stderr"));
  const rows = (filter: Partial<Filter>) => new View(log, { ...none, raw: true, ...filter }).update();
  expect(rows({}).lines().map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  expect(rows({ streams: ["stderr"] }).lines().map(({ id }) => id)).toEqual([4]);
  expect(rows({ levels: ["warning"], folded: new Set([1]) }).lines().map(({ id }) => id)).toEqual([4]);
  const found = rows({ search: '"STREAM":' });
  expect(found.found.map((place) => found.lines()[place]?.id)).toEqual([3, 4]);
  expect(found.text(log.lines[2]!)).toBe('{"id":3,"type":"run.log","stream":"stdout","message":"two\\nlines"}');
  expect(log.ndjson().split("\n")).toEqual([...found.lines().map(({ raw }) => raw), ""]);
});

test("new lines are taken in without starting over", () => {
  const log = logOf(line(3, "a"));
  const view = new View(log, { ...none, search: "a" }).update();
  const before = view.entries.length;
  log.add([line(4, "aa"), line(5, "b")], []);
  view.update();
  expect(view.entries.length).toBe(before + 2);
  expect(view.found.map((place) => log.lines[view.entries[place]!]?.id)).toEqual([2, 3, 4]);
  expect(view.placeOf(4)).toBe(before);
});

test("addresses of lines", () => {
  expect(parseRange("#L120")).toEqual({ from: 120, to: 120 });
  expect(parseRange("#L140-120")).toEqual({ from: 120, to: 140 });
  expect(["", "#x", "#L", "#L1-", "#L99999999999"].map(parseRange)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect([formatRange({ from: 3, to: 3 }), formatRange({ from: 3, to: 9 })]).toEqual(["L3", "L3-9"]);
});
