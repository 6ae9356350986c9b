/** The terminal while things happen: live, cut off, long. With an engine that prints what it is told to. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window, downloadedIds } from "./stack";

let stack: Stack;
let window: Window;
let config: string;
let document: string;

beforeAll(async () => {
  stack = await Stack.start({ testEngine: true });
  config = await stack.config();
  document = await stack.document("people.csv", new TextEncoder().encode("Name,Email\nAda,ada@example.com\n"));
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const engine = (what: Record<string, unknown>) => ({ metadata: { engine: what } });
/** The number of the last line in sight. */
const lastShown = (page: Page) => page.locator("[data-testid=lines] [data-id]").last().getAttribute("data-id", { timeout: 1000 }).then(Number, () => 0);
const place = (run: string) => `/w/${stack.workspace}/runs/${run}?tab=log`;

test("the server is killed in the middle of a run: the terminal resumes with no gap and no repeat", async () => {
  const { page } = window;
  const run = await stack.run(config, document, engine({ mode: "ticks", count: 400, interval_ms: 20 }));
  await window.visit(stack, place(run));
  await expect.poll(() => lastShown(page), { timeout: 20_000 }).toBeGreaterThan(40);
  await stack.kill();
  await page.getByText(/reconnecting/).waitFor();
  await stack.restart();
  await page.getByText("live", { exact: true }).waitFor();

  const { last_event_id: last } = await stack.api<{ last_event_id: number }>("GET", `/runs/${run}`);
  await expect.poll(() => lastShown(page), { timeout: 20_000 }).toBeGreaterThanOrEqual(last);
  const ids = await downloadedIds(page);
  expect(ids).toEqual(ids.map((_, index) => index + 1));
  expect(window.complaints).toEqual([]);
});

test("a line that an address names stays in sight while more of them come", async () => {
  const { page } = window;
  const run = await stack.run(config, document, engine({ mode: "ticks", count: 140, interval_ms: 50 }));
  await window.visit(stack, `${place(run)}#L40`);
  // It is the last line when it comes, and where the end is in sight is followed from there otherwise.
  await page.getByText("complete", { exact: true }).waitFor({ timeout: 30_000 });
  expect(await page.locator('[data-id="40"]').isVisible()).toBe(true);
  await page.getByRole("button", { name: "To the end" }).click();
  await page.locator('[data-id="140"]').waitFor();
});

test("200,000 lines scroll smoothly in bounded memory", async () => {
  const { page } = window;
  const run = await stack.run(config, document, engine({ mode: "lines", count: 200_000 }));
  await stack.finished(run);
  const began = Date.now();
  await window.visit(stack, place(run));
  await page.getByText("complete", { exact: true }).waitFor({ timeout: 60_000 });
  const loaded = Date.now() - began;
  await page.locator("[data-testid=lines] span", { hasText: /^199999$/ }).first().waitFor();

  const frames = await page.evaluate(frameTimes, true);
  // What the same page needs at rest, for comparison.
  const idle = await page.evaluate(frameTimes, false);
  const heap = await page.evaluate(() => {
    (globalThis as { gc?: () => void }).gc?.();
    return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize;
  });
  const typed = await page.evaluate(typing);
  await page.getByText(/^0 of 1\d\d$/).waitFor();
  const shown = await page.locator("[data-testid=lines] [data-id]").count();
  const p95 = (times: number[]) => (times[Math.floor(times.length * 0.95)] ?? 0).toFixed(1);
  console.info(`200,000 lines: read in ${loaded} ms, frames p50 ${(frames[150] ?? 0).toFixed(1)} ms, p95 ${p95(frames)} ms (at rest ${p95(idle)} ms), heap ${(heap / 2 ** 20).toFixed(0)} MiB, a letter of the search ${typed.map((took) => took.toFixed(0)).join(", ")} ms, ${shown} rows in the page`);
  expect(shown, "only what is seen is drawn").toBeLessThan(150);
  expect(heap).toBeLessThan(200 * 2 ** 20);
});

test("lines have addresses, can be searched, filtered and folded", async () => {
  const { page } = window;
  const run = await stack.run(config, document, engine({ mode: "both", count: 1000 }));
  const { last_event_id } = await stack.finished(run);
  await window.visit(stack, `${place(run)}#L500-503`);
  await page.locator('[data-id="500"]').waitFor();
  const marked = await page.locator("[data-testid=lines] [data-id].bg-accent-wash").evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset["id"])));
  expect(marked).toEqual([500, 501, 502, 503]);

  await page.getByRole("searchbox", { name: "Search the log" }).fill("err 99");
  await page.getByRole("searchbox", { name: "Search the log" }).press("Enter");
  await page.getByText("1 of 11").waitFor();
  await page.locator("mark").first().waitFor();

  await page.getByRole("searchbox", { name: "Search the log" }).fill("");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("menuitemcheckbox", { name: "stderr" }).click();
  await page.keyboard.press("Escape");
  // Half as many lines may leave the end in sight, and then there is no way to it to offer.
  await page.getByTestId("lines").evaluate((lines) => lines.scrollTo(0, 0));
  await page.getByRole("button", { name: "To the end" }).click();
  await page.getByText("err 999", { exact: true }).waitFor();
  expect(await page.getByText(/^out \d+$/).count()).toBe(0);

  await page.getByRole("button", { name: /Filter/ }).click();
  await page.getByRole("menuitemcheckbox", { name: "stderr" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Show the events as NDJSON" }).click();
  expect(await page.getByText('"type":"run.completed"').textContent()).toContain(`"id":${last_event_id}`);

  // Events are searched, filtered and chosen like lines.
  const lines = page.getByTestId("lines");
  await page.getByRole("searchbox", { name: "Search the log" }).fill('"message":"err 99');
  await page.getByRole("searchbox", { name: "Search the log" }).press("Enter");
  await page.getByText("1 of 11").waitFor();
  await lines.getByText('"message":"err 99"').waitFor();
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("menuitemcheckbox", { name: "stdout" }).click();
  await page.keyboard.press("Escape");
  await page.getByText("none", { exact: true }).waitFor();
  await page.getByRole("searchbox", { name: "Search the log" }).fill("");
  await lines.evaluate((all) => all.scrollTo(0, 0));
  await lines.getByText('"message":"out 0"').waitFor();
  const first = lines.locator("[data-id]").first();
  await first.getByRole("link").click();
  await page.getByRole("button", { name: `Copy lines ${await first.getAttribute("data-id")}`, exact: true }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe((await first.locator("span").last().textContent())!);
});

test("lines are chosen by level, timed, copied, and linked to", async () => {
  const { page, context } = window;
  const run = await stack.run(config, document, engine({ mode: "both", count: 300 }));
  await stack.finished(run);
  await window.visit(stack, place(run));
  await page.getByText("complete", { exact: true }).waitFor();
  const lines = page.getByTestId("lines");
  const level = async (name: string) => {
    await page.getByRole("button", { name: /^Filter/ }).click();
    await page.getByRole("menuitemcheckbox", { name, exact: true }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
  };
  const copied = async (name: string) => {
    await page.getByRole("button", { name, exact: true }).click();
    return (await page.evaluate(() => navigator.clipboard.readText())).split("\n");
  };

  // What is printed on stderr is a warning. What is copied is what the filter leaves.
  await level("warning");
  await page.getByRole("button", { name: "Filter (1)" }).waitFor();
  expect(await copied("Copy what is shown")).toEqual(Array.from({ length: 300 }, (_, line) => `err ${line}`));
  await level("success");
  const more = (await copied("Copy what is shown")).filter((line) => !line.startsWith("err "));
  expect(more.at(-1)).toMatch(/^Run succeeded/);
  await level("warning");
  await level("success");
  await level("error");
  await page.getByText("No line fits the filter.").waitFor();
  await level("error");

  const stamps = async (kind: string) => {
    await page.getByRole("button", { name: "Timestamps" }).click();
    await page.getByRole("menuitemradio", { name: kind }).click();
  };
  const row = lines.locator("[data-id]").last();
  const stamp = async () => (await row.locator("span").first().textContent())?.trim();
  await expect.poll(stamp).toMatch(/^\+\d+\.\d{3}$/);
  await stamps("absolute");
  await expect.poll(stamp).toMatch(/^\d\d:\d\d:\d\d$/);
  await page.reload();
  await page.getByText("complete", { exact: true }).waitFor();
  await expect.poll(stamp, { message: "the choice is remembered" }).toMatch(/^\d\d:\d\d:\d\d$/);
  await stamps("none");
  await expect.poll(stamp).toMatch(/^Run succeeded/);
  await stamps("relative");

  await page.goto(`${stack.url}${place(run)}#L200`);
  await lines.locator('[data-id="200"]').waitFor();
  await lines.getByRole("link", { name: "203", exact: true }).click({ modifiers: ["Shift"] });
  await expect.poll(() => page.url()).toMatch(/#L200-203$/);
  // From the line that was chosen first, in both directions.
  await lines.getByRole("link", { name: "198", exact: true }).click({ modifiers: ["Shift"] });
  await expect.poll(() => page.url()).toMatch(/#L198-200$/);
  await lines.getByRole("link", { name: "203", exact: true }).click({ modifiers: ["Shift"] });
  await expect.poll(() => page.url()).toMatch(/#L200-203$/);
  const texts = await Promise.all([200, 201, 202, 203].map((id) => lines.locator(`[data-id="${id}"] > span`).last().textContent()));
  expect(await copied("Copy lines 200-203")).toEqual(texts);
  const [link] = await copied("Copy a link to L200-203");
  expect(link).toBe(page.url());

  const other = await context.newPage();
  try {
    await other.goto(link!);
    await other.locator('[data-id="200"]').waitFor();
    expect(await other.locator("[data-testid=lines] [data-id].bg-accent-wash").evaluateAll((rows) => rows.map((one) => Number((one as HTMLElement).dataset["id"])))).toEqual([200, 201, 202, 203]);
  } finally {
    await other.close();
  }

  // The same without a mouse, and with a line that there is not.
  const field = page.getByRole("textbox", { name: /^Lines/ });
  expect(await field.inputValue()).toBe("200-203");
  await field.fill("20-22");
  await field.press("Enter");
  await lines.locator('[data-id="20"]').waitFor();
  expect(page.url()).toMatch(/#L20-22$/);
  await field.fill("20 to 22");
  await field.press("Enter");
  expect(await field.getAttribute("aria-invalid")).toBe("true");
  await field.press("Escape");
  expect(await field.inputValue()).toBe("20-22");
  const wrong = await context.newPage();
  try {
    await wrong.goto(`${stack.url}${place(run)}#L99999`);
    await wrong.getByText(/^There is no line 99,999: this log ends with line \d+\.$/).waitFor();
    await expect.poll(() => wrong.url()).not.toContain("#");
    await wrong.getByText(/^Run succeeded/).waitFor();
  } finally {
    await wrong.close();
  }
  expect(window.complaints).toEqual([]);
});

/** How long it takes, in milliseconds, until what is typed into the search is drawn, and until the page takes the next letter, at worst. */
async function typing(): Promise<[number, number]> {
  const field = globalThis.document.querySelector<HTMLInputElement>("input[aria-label='Search the log']")!;
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!;
  const [drawn, free]: [number[], number[]] = [[], []];
  for (const text of ["1", "19", "199", "1999"]) {
    const from = performance.now();
    set.call(field, text);
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
    drawn.push(performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve));
    free.push(performance.now() - from);
  }
  return [Math.max(...drawn), Math.max(...free)];
}

/** How long each of 300 frames takes, in milliseconds, shortest first, while the whole log is scrolled through or nothing happens. */
async function frameTimes(scrolling: boolean): Promise<number[]> {
  const lines = globalThis.document.querySelector("[data-testid=lines]")!;
  const took: number[] = [];
  let before = performance.now();
  if (scrolling) lines.scrollTop = 0;
  const step = scrolling ? lines.scrollHeight / 300 : 0;
  for (let frame = 0; frame < 300; frame++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    if (frame > 0) took.push(now - before);
    before = now;
    if (scrolling) lines.scrollTop += step;
  }
  return took.sort((one, other) => one - other);
}
