/** How much a browser has to load, and how soon it shows something. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

const dist = join(import.meta.dirname, "../../dist");
let stack: Stack;
beforeAll(async () => {
  stack = await Stack.start();
});
afterAll(() => stack?.stop());

test("the first screen needs at most 200 kB of scripts", async () => {
  const page = await readFile(join(dist, "index.html"), "utf8");
  const scripts = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]!);
  const sizes = await Promise.all(scripts.map(async (path) => gzipSync(await readFile(join(dist, path)), { level: 9 }).length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.info(`initial scripts: ${(total / 1000).toFixed(1)} kB packed, in ${scripts.length} files`);
  expect(scripts.length).toBeGreaterThan(0);
  expect(total).toBeLessThan(200_000);
});

test("the history shows up at once", async () => {
  const window = await Window.open();
  try {
    await window.visit(stack, `/w/${stack.workspace}/runs`);
    await window.page.getByRole("heading", { name: "Runs" }).waitFor();
    const paint = await window.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
    console.info(`runs screen: first contentful paint after ${paint.toFixed(0)} ms, cold`);
    await window.page.reload();
    await window.page.getByRole("heading", { name: "Runs" }).waitFor();
    const again = await window.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
    console.info(`runs screen: first contentful paint after ${again.toFixed(0)} ms, with files kept`);
    expect(paint).toBeGreaterThan(0);
    expect(window.complaints).toEqual([]);
  } finally {
    await window.close();
  }
});
