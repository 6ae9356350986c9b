import { describe, expect, test } from "vitest";
import type { Received } from "./follow";
import { Log, shown } from "./log";

let next = 1;
const event = (type: string, fields: Record<string, unknown> = {}): Received => ({ object: "ade.run.event", id: next++, type, created: 1_800_000_000, ...fields });

function logOf(events: Received[]): Log {
  const log = new Log();
  log.add(events, events.map((one) => JSON.stringify(one)));
  return log;
}

describe("events as lines", () => {
  test.each([
    [event("run.created"), "Run queued", "info"],
    [event("run.started", { attempt: 2 }), "Run started (attempt 2)", "info"],
    [event("build.step", { step: "install_config", status: "started" }), "Install config …", "info"],
    [event("build.step", { step: "install_config", status: "completed", duration_ms: 1234 }), "Install config done in 1,234 ms", "info"],
    [event("build.step", { step: "upgrade_pip", status: "skipped", message: "uv installs" }), "Upgrade pip skipped: uv installs", "debug"],
    [event("run.log", { stream: "stdout", message: "hello" }), "hello", "info"],
    [event("run.log", { stream: "stderr", message: "careful" }), "careful", "warning"],
    [event("run.log", { stream: "stderr", level: "info", message: "from the engine" }), "from the engine", "info"],
    [event("run.log", { stream: "stdout", message: "x", truncated: true }), "x … (the line was longer)", "info"],
    [event("run.output", { path: "a.xlsx", byte_size: 12_345 }), "Output a.xlsx (12,345 bytes)", "info"],
    [event("run.completed", { status: "succeeded", summary: "3 tables" }), "Run succeeded: 3 tables", "success"],
    [event("run.completed", { status: "failed", error_message: "no header" }), "Run failed: no header", "error"],
    [event("run.completed", { status: "canceled" }), "Run canceled", "warning"],
    [event("build.completed", { status: "active" }), "Build succeeded", "success"],
    [event("run.something_new"), "run.something_new", "debug"],
  ])("%#: %o", (given, text, level) => {
    expect(shown(given)).toMatchObject({ text, level });
  });

  test("lines of one event share its number", () => {
    next = 1;
    const log = logOf([event("run.created"), event("run.log", { stream: "stderr", message: "Traceback\n  File x\nError\n" }), event("run.log", { stream: "stdout", message: "" })]);
    expect(log.lines.map(({ id, text }) => [id, text])).toEqual([[1, "Run queued"], [2, "Traceback"], [2, "  File x"], [2, "Error"], [3, ""]]);
    expect(log.last).toBe(3);
  });
});

describe("time", () => {
  test("every span begins and ends where its events say", () => {
    const log = logOf([
      event("run.created", { elapsed_ms: 0 }),
      event("build.created", { elapsed_ms: 100 }),
      event("build.step", { step: "create_venv", status: "started", elapsed_ms: 200 }),
      event("build.step", { step: "create_venv", status: "completed", elapsed_ms: 250 }),
      event("build.step", { step: "upgrade_pip", status: "skipped", elapsed_ms: 250 }),
      event("build.completed", { status: "active", elapsed_ms: 300 }),
      event("run.started", { attempt: 1, elapsed_ms: 310 }),
      event("run.log", { name: "engine.run.started", stream: "stderr", message: "", elapsed_ms: 500 }),
      event("run.log", { name: "engine.sheet.started", data: { sheet_name: "Members" }, stream: "stderr", message: "", elapsed_ms: 600 }),
      event("run.log", { name: "engine.run.completed", stream: "stderr", message: "", elapsed_ms: 900 }),
      event("run.completed", { status: "succeeded", elapsed_ms: 1000 }),
    ]);
    expect(log.spans.map(({ label, from, to, state }) => [label, from, to, state])).toEqual([
      ["Queued", 0, 200, "done"],
      ["Create environment", 200, 250, "done"],
      ["Upgrade pip", 250, 250, "skipped"],
      ["Prepare environment", 310, 500, "done"],
      ["Load config", 500, 600, "done"],
      ["Members", 600, 900, "done"],
      ["Publish outputs", 900, 1000, "done"],
    ]);
    expect(log.stages.map(({ title }) => title)).toEqual(["Queue", "Build", "Start", "Sheet Members", "Finish"]);
  });

  test("a lost attempt is followed by the next", () => {
    const log = logOf([
      event("run.created", { elapsed_ms: 0 }),
      event("run.started", { attempt: 1, elapsed_ms: 10 }),
      event("run.log", { name: "engine.run.started", stream: "stderr", message: "", elapsed_ms: 20 }),
      event("run.started", { attempt: 2, elapsed_ms: 500 }),
    ]);
    expect(log.spans.map(({ label, to, state }) => [label, to, state])).toEqual([
      ["Queued", 10, "done"],
      ["Prepare environment", 20, "done"],
      ["Load config", 500, "failed"],
      ["Prepare environment", undefined, "running"],
    ]);
    expect(log.stages.at(-1)?.title).toBe("Attempt 2");
  });
});
