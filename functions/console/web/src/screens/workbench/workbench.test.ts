import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Workfiles } from "./files";
import { Journal } from "./journal";
import { treeOf } from "./tree";

/** A store of files with entity tags, as the API is one. */
class Files {
  readonly contents = new Map<string, { text: string; etag: string }>();
  #next = 1;

  put(path: string, text: string): string {
    const etag = `"${this.#next++}"`;
    this.contents.set(path, { text, etag });
    return etag;
  }

  answer = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const path = decodeURIComponent(String(input).split("/files/")[1] ?? "");
    const file = this.contents.get(path);
    const problem = (status: number) => new Response(JSON.stringify({ status, code: "x", detail: "refused" }), { status });
    if (init?.method === "PUT") {
      const headers = new Headers(init.headers);
      const expected = headers.get("If-Match");
      if (expected === null ? file !== undefined : file?.etag !== expected) return problem(412);
      return new Response("{}", { headers: { etag: this.put(path, String(init.body)) } });
    }
    if (!file) return problem(404);
    return new Response(file.text, { headers: { etag: file.etag, "content-type": "text/plain; charset=utf-8" } });
  };
}

describe("open files", () => {
  let store: Files;
  let work: Workfiles;
  const type = (path: string, text: string) => {
    const state = work.get(path)!.state!;
    const transaction = state.update({ changes: { from: 0, to: state.doc.length, insert: text } });
    // What the editor's listener does with a change.
    work.typed(path, transaction.state);
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

test("paths become a tree, folders first", () => {
  const shape = (nodes: ReturnType<typeof treeOf>): unknown => nodes.map(({ name, children }) => (children ? { [name]: shape(children) } : name));
  expect(shape(treeOf(["z.toml", "src/b.py", "src/a/c.py", "a.md"]))).toEqual([{ src: [{ a: ["c.py"] }, "b.py"] }, "a.md", "z.toml"]);
});
