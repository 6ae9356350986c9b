/** Documents and their runs in detail: dropped files and how far they are, the same file again, which sheets, which workspace, which config. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

let stack: Stack;
let window: Window;
let config: string;

beforeAll(async () => {
  stack = await Stack.start();
  config = await stack.config("Members");
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const place = (rest: string) => `/w/${stack.workspace}/${rest}`;
const documents = (filter = "") => stack.api<{ data: { id: string; name: string; sha256: string | null; byte_size: number }[] }>("GET", `/workspaces/${stack.workspace}/documents?limit=200${filter}`).then(({ data }) => data);

/** A file that is dragged, with as many rows as make this many bytes. */
const dragged = (page: Page, name: string, bytes: number) =>
  page.evaluateHandle(
    ({ name, bytes }) => {
      const line = "Ada,ada@example.com\n";
      const transfer = new DataTransfer();
      transfer.items.add(new File([`First Name,Email\n${line.repeat(Math.ceil(bytes / line.length))}`], name, { type: "text/csv" }));
      return transfer;
    },
    { name, bytes },
  );

test("a file is dropped anywhere, and how far it is can be seen", async () => {
  const { page, context } = window;
  await window.visit(stack, place("documents"));
  const dataTransfer = await dragged(page, "dropped.csv", 3 * 2 ** 20);
  const heading = page.getByRole("heading", { name: "Documents" });
  await heading.waitFor();
  const hint = page.getByText("Drop spreadsheets to upload them");
  await heading.dispatchEvent("dragover", { dataTransfer });
  await hint.waitFor();
  // Every step that is shown, however quickly it passes.
  await page.evaluate(() => {
    const steps: number[] = [];
    Object.assign(globalThis, { steps });
    new MutationObserver(() => {
      const bar = globalThis.document.querySelector("[role=progressbar][aria-label='Upload of dropped.csv']");
      const now = Number(bar?.getAttribute("aria-valuenow"));
      if (bar && steps.at(-1) !== now) steps.push(now);
    }).observe(globalThis.document.body, { subtree: true, childList: true, attributes: true });
  });
  // So slow that it is under way for a second or two.
  const wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  await wire.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2 * 2 ** 20 });
  await heading.dispatchEvent("drop", { dataTransfer });
  await hint.waitFor({ state: "detached" });
  await page.getByText("Uploading 1 of 1").waitFor();
  await page.getByText("1 uploaded").waitFor();
  await wire.detach();
  const steps = await page.evaluate(() => (globalThis as unknown as { steps: number[] }).steps);
  expect(steps.filter((step) => step > 0 && step < 100).length, `steps: ${steps.join(", ")}`).toBeGreaterThan(2);
  expect(steps).toEqual([...steps].sort((one, other) => one - other));
  await page.getByRole("button", { name: "Run dropped.csv" }).waitFor();
  expect((await documents()).map(({ name }) => name)).toEqual(["dropped.csv"]);
});

test("the same content is noticed under another name, other content under the same name is not", async () => {
  const { page } = window;
  const text = (content: string) => Buffer.from(`First Name,Email\n${content},${content}@example.com\n`);
  await window.visit(stack, place("documents"));
  const files = page.getByLabel("Files to upload");
  await files.setInputFiles({ name: "first.csv", mimeType: "text/csv", buffer: text("ada") });
  await page.getByText("1 uploaded").waitFor();
  await files.setInputFiles([{ name: "second.csv", mimeType: "text/csv", buffer: text("ada") }, { name: "first.csv", mimeType: "text/csv", buffer: text("grace") }]);
  await page.getByText("The same file is here already, as “first.csv”.").waitFor();
  await page.getByText("2 of 3 uploaded").waitFor();
  expect(await documents("&q=second")).toEqual([]);
  expect((await documents("&q=first")).length).toBe(2);

  await page.getByRole("button", { name: "Upload anyway" }).click();
  await page.getByText("3 uploaded").waitFor();
  const [again] = await documents("&q=second");
  expect((await documents(`&sha256=${again!.sha256}`)).map(({ name }) => name).sort()).toEqual(["first.csv", "second.csv"]);
  await page.getByRole("region", { name: "Uploads" }).getByRole("button", { name: "Clear" }).click();
  await page.getByRole("region", { name: "Uploads" }).waitFor({ state: "detached" });
});

test("all sheets or the one that is open: the run gets what was chosen", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  await page.getByLabel("Files to upload").setInputFiles(DEMO);
  const tables: number[] = [];
  for (const [sheets, active] of [["all", false], ["active", true]] as const) {
    await page.getByRole("link", { name: "Documents", exact: true }).click();
    await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
    await page.getByRole("dialog").getByLabel("Sheets").selectOption(sheets);
    await page.getByRole("dialog").getByRole("button", { name: "Run" }).click();
    await page.getByRole("heading", { name: "member-return.xlsx", exact: true }).waitFor();
    const run = /runs\/(run_\w+)/.exec(page.url())![1]!;
    await stack.finished(run);
    const { options, summary } = await stack.api<{ options: { active_sheet_only: boolean; input_sheet_names: string[] | null }; summary: string }>("GET", `/runs/${run}`);
    expect([options.active_sheet_only, options.input_sheet_names]).toEqual([active, null]);
    tables.push(Number(/^(\d+) table/.exec(summary)![1]));
  }
  // The workbook has tables on more than the sheet that it opens with.
  expect(tables[1]).toBeLessThan(tables[0]!);
});

test("runs are filtered by their config, in the address too", async () => {
  const { page } = window;
  const other = await stack.config("Donors");
  const [document] = await documents("&q=second");
  const run = await stack.run(other, document!.id);
  await stack.finished(run);
  await window.visit(stack, place("runs"));
  const rows = page.getByRole("row").filter({ has: page.getByRole("link") });
  await expect.poll(() => rows.count()).toBe(3);
  await page.getByLabel("Config").selectOption({ label: "Donors" });
  await expect.poll(() => rows.count()).toBe(1);
  expect(new URL(page.url()).searchParams.get("config")).toBe(other);
  await page.reload();
  await page.getByRole("link", { name: "second.csv" }).waitFor();
  expect(await rows.count()).toBe(1);
  expect(await page.getByLabel("Config").locator("option:checked").textContent()).toBe("Donors");
  await page.getByRole("button", { name: "Clear" }).click();
  await expect.poll(() => rows.count()).toBe(3);
  expect(new URL(page.url()).search).toBe("");

  await page.getByRole("button", { name: "More about the run of member-return.xlsx" }).first().click();
  await page.getByRole("menuitem", { name: "Only runs of this config" }).click();
  await expect.poll(() => rows.count()).toBe(2);
  expect(new URL(page.url()).searchParams.get("config")).toBe(config);
});

test("the workspace is switched, and nothing of the other one stays", async () => {
  const { page } = window;
  const { id } = await stack.api<{ id: string }>("POST", "/workspaces", { name: "Archive", slug: "archive" });
  await window.visit(stack, place("documents"));
  await page.getByRole("button", { name: "Run member-return.xlsx" }).waitFor();
  await page.getByRole("searchbox", { name: "Search by name" }).fill("member");
  await page.getByRole("button", { name: "Run second.csv" }).waitFor({ state: "detached" });
  await page.getByRole("checkbox", { name: "Select all" }).check();

  await page.getByRole("button", { name: /workspace$/ }).click();
  await page.getByRole("menuitemradio", { name: "Archive" }).click();
  await page.getByText("Bring a messy spreadsheet").waitFor();
  expect(page.url()).toContain(`/w/${id}/documents`);
  await page.getByRole("button", { name: /^Archive.*workspace$/ }).waitFor();
  expect(await page.getByRole("searchbox", { name: "Search by name" }).inputValue()).toBe("");
  expect(await page.getByText(/selected$/).count()).toBe(0);
  // It is the one that the next visit begins with.
  await page.goto(stack.url);
  await page.getByRole("button", { name: /^Archive.*workspace$/ }).waitFor();

  await page.getByRole("button", { name: /workspace$/ }).click();
  await page.getByRole("menuitemradio", { name: "default" }).click();
  await page.getByRole("button", { name: "Run second.csv" }).waitFor();
});

test("a search ends with the screen that it was for", async () => {
  const { page } = window;
  const search = page.getByRole("searchbox", { name: "Search by name" });
  await search.fill("member");
  await page.getByRole("button", { name: "Run second.csv" }).waitFor({ state: "detached" });
  await expect.poll(() => page.url()).toContain("q=member");
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.getByRole("button", { name: "Run second.csv" }).waitFor();
  await expect.poll(() => search.inputValue()).toBe("");
});

test("no page complained", () => expect(window.complaints).toEqual([]));
