import { language } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Workfiles } from "./files";
import { Journal } from "./journal";
import { treeOf } from "./tree";
import { hunksOf } from "./versions-dialog";

/** A store of files with entity tags, as the API is one. */
class Files {
  readonly contents = new Map<string, { text: string; etag: string }>();
  /** What an answer waits for, by the method and path of its request. */
  readonly held = new Map<string, Promise<void>>();
  /** Paths that can't be read now. */
  readonly broken = new Set<string>();
  #next = 1;

  put(path: string, text: string): string {
    const etag = `"${this.#next++}"`;
    this.contents.set(path, { text, etag });
    return etag;
  }

  answer = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const path = decodeURIComponent(String(input).split("/files/")[1] ?? "");
    await this.held.get(`${init?.method ?? "GET"} ${path}`);
    const file = this.contents.get(path);
    const problem = (status: number) => new Response(JSON.stringify({ status, code: "x", detail: "refused" }), { status });
    if (init?.method === "PUT") {
      const headers = new Headers(init.headers);
      const expected = headers.get("If-Match");
      if (expected === null ? file !== undefined : file?.etag !== expected) return problem(412);
      return new Response("{}", { headers: { etag: this.put(path, String(init.body)) } });
    }
    if (this.broken.has(path)) return problem(503);
    if (!file) return problem(404);
    return new Response(file.text, { headers: { etag: file.etag, "content-type": "text/plain; charset=utf-8" } });
  };
}

/** Something to wait for until it is opened. */
function gated(): { passed: Promise<void>; open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

describe("open files", () => {
  let store: Files;
  let work: Workfiles;
  const type = (path: string, text: string) => {
    const state = work.get(path)!.state!;
    const transaction = state.update({ changes: { from: 0, to: state.doc.length, insert: text } });
    // What the editor's listener does with a change.
    work.typed(work.get(path)!, transaction.state);
  };

  beforeEach(async () => {
    localStorage.clear();
    store = new Files();
    store.put("a.py", "one\n");
    vi.stubGlobal("fetch", store.answer);
    work = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    await work.open("a.py");
  });
  afterEach(() => vi.unstubAllGlobals());

  test("what is typed is not saved until it is", async () => {
    expect(work.dirty).toEqual([]);
    type("a.py", "two\n");
    expect(work.dirty.map(({ path }) => path)).toEqual(["a.py"]);
    expect(await work.saveAll()).toBe(true);
    expect(store.contents.get("a.py")?.text).toBe("two\n");
    expect(work.dirty).toEqual([]);
  });

  test("typing the saved text again is no change", () => {
    type("a.py", "two\n");
    type("a.py", "one\n");
    expect(work.dirty).toEqual([]);
  });

  test("lines keep the ends they had", async () => {
    store.put("dos.py", "a\r\nb\r\n");
    await work.open("dos.py");
    expect(work.dirty).toEqual([]);
    type("dos.py", "a\nb\nc\n");
    await work.save("dos.py");
    expect(store.contents.get("dos.py")?.text).toBe("a\r\nb\r\nc\r\n");
  });

  test("somebody else's change is a conflict that loses nothing", async () => {
    type("a.py", "mine\n");
    store.put("a.py", "theirs\n");
    expect(await work.save("a.py")).toBe(false);
    expect(work.conflict).toMatchObject({ path: "a.py", mine: "mine\n", theirs: { text: "theirs\n" } });
    expect(store.contents.get("a.py")?.text).toBe("theirs\n");
    await work.resolve("mine");
    expect(store.contents.get("a.py")?.text).toBe("mine\n");
    expect([work.dirty, work.conflict]).toEqual([[], undefined]);
  });

  test("theirs can be taken instead", async () => {
    type("a.py", "mine\n");
    store.put("a.py", "theirs\n");
    await work.save("a.py");
    await work.resolve("theirs");
    expect(work.get("a.py")?.state?.doc.toString()).toBe("theirs\n");
    type("a.py", "theirs and mine\n");
    expect(await work.save("a.py")).toBe(true);
  });

  test("two saves at once are one after the other", async () => {
    type("a.py", "two\n");
    expect(await Promise.all([work.save("a.py"), work.save("a.py"), work.saveAll()])).toEqual([true, true, true]);
    expect([work.conflict, work.dirty]).toEqual([undefined, []]);
    expect(store.contents.get("a.py")?.text).toBe("two\n");
  });

  test("what is typed while a save is under way is saved by the next", async () => {
    const gate = gated();
    store.held.set("PUT a.py", gate.passed);
    type("a.py", "two\n");
    const first = work.save("a.py");
    type("a.py", "one\n");
    const second = work.save("a.py");
    gate.open();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect([work.conflict, work.dirty, store.contents.get("a.py")?.text]).toEqual([undefined, [], "one\n"]);
  });

  test("who saves twice sees one conflict", async () => {
    type("a.py", "mine\n");
    store.put("a.py", "theirs\n");
    expect(await Promise.all([work.save("a.py"), work.save("a.py")])).toEqual([false, false]);
    expect(work.conflict).toMatchObject({ mine: "mine\n", theirs: { text: "theirs\n" } });
  });

  test("a save that arrived and was not answered is no conflict", async () => {
    type("a.py", "mine\n");
    store.put("a.py", "mine\n");
    expect(await work.save("a.py")).toBe(true);
    expect([work.conflict, work.dirty]).toEqual([undefined, []]);
    type("a.py", "more\n");
    expect(await work.save("a.py")).toBe(true);
  });

  test("a file that was deleted can be kept", async () => {
    type("a.py", "mine\n");
    store.contents.delete("a.py");
    expect(await work.save("a.py")).toBe(false);
    expect(work.conflict?.theirs).toBeUndefined();
    await work.resolve("mine");
    expect(store.contents.get("a.py")?.text).toBe("mine\n");
  });

  test("what was open is opened again", async () => {
    store.put("b.py", "b\n");
    await work.open("b.py");
    work.show("a.py");
    const again = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    await again.restore(["a.py", "b.py"]);
    expect([again.files.map(({ path }) => path), again.active]).toEqual([["a.py", "b.py"], "a.py"]);
  });

  test("a file that can't be read now is opened the next time", async () => {
    store.put("b.py", "b\n");
    await work.open("b.py");
    store.broken.add("a.py");
    const again = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    expect((await again.restore(["a.py", "b.py"])).map(({ path }) => path)).toEqual(["a.py"]);
    again.show("b.py");
    store.broken.clear();
    const third = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    await third.restore(["a.py", "b.py"]);
    expect(third.files.map(({ path }) => path).sort()).toEqual(["a.py", "b.py"]);
  });

  test("a file that is opened while others are brought back stays in sight, and none is forgotten", async () => {
    store.put("b.py", "b\n");
    store.put("c.py", "c\n");
    await work.open("b.py");
    const gate = gated();
    store.held.set("GET a.py", gate.passed);
    store.held.set("GET b.py", gate.passed);
    const again = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    const restored = again.restore(["a.py", "b.py", "c.py"]);
    await again.open("c.py");
    const left = new Workfiles({ workspace: "ws_1", config: "cfg_1" });
    gate.open();
    await restored;
    expect([again.files.map(({ path }) => path), again.active]).toEqual([["a.py", "b.py", "c.py"], "c.py"]);
    await left.restore(["a.py", "b.py", "c.py"]);
    expect(left.files.map(({ path }) => path)).toEqual(["a.py", "b.py", "c.py"]);
  });

  test("of two files that are asked for, the later one is shown, however fast they come", async () => {
    store.put("slow.py", "slow\n");
    const gate = gated();
    store.held.set("GET slow.py", gate.passed);
    const slow = work.open("slow.py");
    work.show("a.py");
    gate.open();
    await slow;
    expect([work.files.map(({ path }) => path), work.active]).toEqual([["a.py", "slow.py"], "a.py"]);
  });

  test("a file that gets another name is edited as what it is then", () => {
    const label = () => work.get("b.md")?.state?.facet(EditorView.contentAttributes).map((attributes) => (typeof attributes === "function" ? null : attributes["aria-label"]));
    type("a.py", "two\n");
    work.renamed("a.py", "b.md", '"9"');
    expect(label()).toContain("Contents of b.md");
    expect(work.get("b.md")?.state?.facet(language)?.name).toBe("markdown");
    expect(work.get("b.md")?.state?.doc.toString()).toBe("two\n");
  });
});

test("a journal keeps the latest lines", () => {
  const journal = new Journal();
  journal.begin("Build");
  for (let line = 0; line < 6000; line++) journal.write(`line ${line}`, "info");
  expect(journal.lines.length).toBeLessThanOrEqual(5500);
  expect(journal.lines.at(-1)?.text).toBe("line 5999");
  expect(journal.generation).toBeGreaterThan(0);
  journal.clear();
  expect(journal.lines).toEqual([]);
});

test("a journal's lines have the times of their events", () => {
  const journal = new Journal();
  journal.begin("Build");
  journal.write("ours", "info");
  journal.take([{ id: 7, type: "build.log", stream: "stdout", message: "theirs\n", created: 1_800_000_000, elapsed_ms: 42 }], ["{}"]);
  expect(journal.lines.map(({ id, text, raw }) => [id, text, raw])).toEqual([[1, "ours", undefined], [2, "theirs", "{}"]]);
  expect(journal.lines.at(-1)).toMatchObject({ created: 1_800_000_000, elapsed: 42 });
});

test("a difference is shown without the names of the files, and with lines that look like them", () => {
  expect(hunksOf("--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- a comment\n+++ counted\n")).toEqual(["@@ -1,2 +1,2 @@", "--- a comment", "+++ counted"]);
  expect(hunksOf("")).toEqual([]);
});

test("paths become a tree, folders first", () => {
  const shape = (nodes: ReturnType<typeof treeOf>): unknown => nodes.map(({ name, children }) => (children ? { [name]: shape(children) } : name));
  expect(shape(treeOf(["z.toml", "src/b.py", "src/a/c.py", "a.md"]))).toEqual([{ src: [{ a: ["c.py"] }, "b.py"] }, "a.md", "z.toml"]);
});
