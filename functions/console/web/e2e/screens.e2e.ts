/** What screens promise besides the walk: many at once, several documents in one run, safe mode, archives, no connection. */
import { readFile } from "node:fs/promises";
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

const csv = (name: string) => ({ name, mimeType: "text/csv", buffer: Buffer.from(`First Name,Email\n${name},${name.replace(".csv", "")}@example.com\n`) });
const place = (rest: string) => `/w/${stack.workspace}/${rest}`;
const records = (filter = "") => stack.api<{ data: { id: string; status: string; options: Record<string, unknown> }[] }>("GET", `/workspaces/${stack.workspace}/runs?limit=200${filter}`).then(({ data }) => data);

test("many files are uploaded at once, run at once and deleted at once", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  const names = Array.from({ length: 6 }, (_, index) => `batch-${index}.csv`);
  await page.getByLabel("Files to upload").setInputFiles(names.map(csv));
  await page.getByText("6 uploaded").waitFor();
  for (const name of names) await page.getByRole("row", { name: new RegExp(name) }).first().waitFor();

  await page.getByRole("checkbox", { name: "Select all" }).check();
  await page.getByText("6 selected").waitFor();
  await page.getByRole("group", { name: "Selected documents" }).getByRole("button", { name: "Run" }).click();
  await page.getByRole("dialog").getByRole("checkbox", { name: /Dry run/ }).check();
  await page.getByRole("dialog").getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  await expect.poll(async () => (await records("&status=succeeded")).length, { timeout: 60_000, interval: 500 }).toBe(6);
  expect((await records()).every(({ options }) => options["dry_run"] === true)).toBe(true);

  await page.getByRole("link", { name: "Documents", exact: true }).click();
  for (const name of names.slice(0, 2)) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("group", { name: "Selected documents" }).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("2 documents deleted").waitFor();
  await page.getByRole("checkbox", { name: `Select ${names[0]}` }).waitFor({ state: "detached" });
});

test("a file that is refused says why and leaves nothing behind", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  await page.getByLabel("Files to upload").setInputFiles({ name: "broken.xlsx", mimeType: "application/octet-stream", buffer: Buffer.from("no workbook") });
  await page.getByText("The file is named .xlsx, but its content is plain text.").waitFor();
  await page.getByText("0 of 1 uploaded").waitFor();
  const pending = () => stack.api<{ data: unknown[] }>("GET", `/workspaces/${stack.workspace}/documents?status=pending`).then(({ data }) => data.length);
  await expect.poll(pending).toBe(0);
  expect(await page.getByRole("checkbox", { name: "Select broken.xlsx" }).count()).toBe(0);
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("region", { name: "Uploads" }).waitFor({ state: "detached" });
});

test("what was chosen for a document is offered the next time", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  await page.getByLabel("Files to upload").setInputFiles(DEMO);
  await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Version").selectOption("draft");
  await dialog.getByLabel("Sheets").selectOption("chosen");
  const sheet = dialog.getByRole("group").getByRole("checkbox").first();
  await sheet.check();
  await dialog.getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "member-return.xlsx", exact: true }).waitFor();
  const [run] = await records();
  expect(run?.options).toMatchObject({ version: "draft", input_sheet_names: [expect.any(String)] });
  await stack.finished(run!.id);

  await page.goto(stack.url + place("documents"));
  await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
  expect(await dialog.getByLabel("Version").inputValue()).toBe("draft");
  expect(await dialog.getByLabel("Sheets").inputValue()).toBe("chosen");
  expect(await sheet.isChecked()).toBe(true);
  await page.keyboard.press("Escape");
});

test("of a run of several documents every output and every sheet can be looked into", async () => {
  const { page } = window;
  const first = await stack.document("people.csv", new TextEncoder().encode("First Name,Email\nAda,ada@example.com\n"));
  const second = await stack.document("member-return.xlsx", new Uint8Array(await readFile(DEMO)));
  const { id } = await stack.api<{ id: string }>("POST", `/configs/${config}/runs`, { stream: false, input_documents: [first, second] });
  await stack.finished(id);
  await window.visit(stack, place(`runs/${id}?tab=output`));
  await page.getByRole("group", { name: "Rows of people_normalized.xlsx" }).getByRole("cell", { name: "ada@example.com" }).waitFor();
  await page.getByRole("button", { name: "member-return_normalized.xlsx", exact: true }).click();
  const sheet = page.getByLabel("Sheet of member-return_normalized.xlsx");
  await expect.poll(() => sheet.getByRole("option").count()).toBeGreaterThan(1);
  const names = await sheet.getByRole("option").allTextContents();
  const rows = page.getByRole("group", { name: "Rows of member-return_normalized.xlsx" });
  await rows.getByRole("row").nth(1).waitFor();
  const before = await rows.textContent();
  await sheet.selectOption(names.at(-1)!);
  await expect.poll(() => rows.textContent()).not.toBe(before);

  await page.getByRole("tab", { name: "Issues" }).click();
  await page.getByRole("cell", { name: "member-return.xlsx" }).first().waitFor();
  await page.getByRole("button", { name: /^Show cell/ }).first().click();
  await expect.poll(() => page.getByRole("dialog").locator("td[aria-current=true]").count()).toBe(2);
  await page.keyboard.press("Escape");
});

test("a rule that is named in the mapping is one click away", async () => {
  const { page } = window;
  await page.getByRole("tab", { name: "Mapping" }).click();
  await page.getByRole("button", { name: /E-mail Address/ }).first().click();
  const rule = page.getByRole("link", { name: /columns\/email\.py:\d+/ }).first();
  const line = /:(\d+)$/.exec((await rule.textContent())!)![1]!;
  await rule.click();
  await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
  await page.locator(".cm-activeLineGutter", { hasText: new RegExp(`^${line}$`) }).waitFor();
});

test("a config is exported, and an archive makes another one or replaces the files of one", async () => {
  const { page } = window;
  await window.visit(stack, place(`configs/${config}`));
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    (async () => {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Export the draft as a zip archive" }).click();
    })(),
  ]);
  const archive = await download.path();
  const files = async (id: string) => {
    const { files } = await stack.api<{ files: { path: string; byte_size: number }[] }>("GET", `/workspaces/${stack.workspace}/configs/${id}/files`);
    return files.map(({ path, byte_size }) => `${path} ${byte_size}`);
  };
  const zip = { name: "members.zip", mimeType: "application/zip", buffer: await readFile(archive) };

  await page.getByRole("link", { name: "All configs" }).click();
  await page.getByRole("button", { name: "New config" }).click();
  await page.getByLabel("Name").fill("From an archive");
  await page.getByLabel("Starts from").selectOption("archive");
  await page.getByLabel("Archive", { exact: true }).setInputFiles(zip);
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "From an archive" }).waitFor();
  const made = page.url().split("/").at(-1)!;
  expect(await files(made)).toEqual(await files(config));

  // A file more, which the archive does not have.
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByLabel("Path").fill("notes.md");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByRole("tab", { name: "notes.md" }).waitFor();
  expect(await files(made)).not.toEqual(await files(config));
  await importZip(page, zip);
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("treeitem", { name: "notes.md" }).waitFor({ state: "detached" });
  await page.getByRole("tab", { name: "notes.md" }).waitFor({ state: "detached" });
  expect(await files(made)).toEqual(await files(config));

  await importZip(page, { ...zip, buffer: Buffer.from("this is no archive") });
  await page.getByRole("dialog").getByRole("alert").waitFor();
  expect(await files(made)).toEqual(await files(config));
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: "All configs" }).click();
  await page.getByRole("button", { name: "New config" }).click();
  await page.getByLabel("Name").fill("A copy");
  await page.getByLabel("Starts from").selectOption("clone");
  await page.getByLabel("Config", { exact: true }).selectOption({ label: "Members" });
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "A copy" }).waitFor();
  expect(await files(page.url().split("/").at(-1)!)).toEqual(await files(config));
});

async function importZip(page: Page, zip: { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: /Import a zip archive/ }).click();
  await page.getByLabel("Archive", { exact: true }).setInputFiles(zip);
  await page.getByRole("dialog").getByRole("button", { name: "Replace the files" }).click();
}

test("a workspace's limits are set, refused and taken back", async () => {
  const { page } = window;
  const known = async () => (await stack.api<{ settings: Record<string, number | null> }>("GET", `/workspaces/${stack.workspace}`)).settings;
  await window.visit(stack, place("settings"));
  const limits = page.getByRole("region", { name: "Limits" });
  const field = limits.getByLabel("Days that runs are kept");
  await field.fill("30");
  await limits.getByRole("button", { name: "Save" }).click();
  await page.getByText("The limits are saved").waitFor();
  expect(await known()).toEqual({ concurrent_runs: null, run_timeout_seconds: null, run_retention_days: 30, document_retention_days: null });
  await page.reload();
  await expect.poll(() => field.inputValue()).toBe("30");
  await field.fill("0");
  await limits.getByRole("button", { name: "Save" }).click();
  expect(await field.evaluate((input) => (input as HTMLInputElement).validity.rangeUnderflow)).toBe(true);
  await field.fill("");
  await limits.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await known())["run_retention_days"]).toBe(null);
});

test("safe mode is told everywhere, and what it forbids says why", async () => {
  const { page } = window;
  await stack.api("PUT", "/system/safe-mode", { enabled: true, detail: "Storage is being moved." });
  try {
    const [run] = await records();
    for (const rest of ["documents", "runs", `runs/${run!.id}`, "configs", `configs/${config}`, "settings"]) {
      await window.visit(stack, place(rest));
      await page.getByText("Storage is being moved.").first().waitFor();
    }
    await window.visit(stack, place("documents"));
    const start = page.getByRole("button", { name: "Run member-return.xlsx" }).first();
    await start.and(page.locator("[aria-disabled=true]")).focus();
    await page.getByRole("tooltip").getByText(/Safe mode: Storage is being moved/).waitFor();
    await window.visit(stack, place(`configs/${config}`));
    for (const name of ["Build", "Validate"]) await page.getByRole("button", { name, exact: true }).and(page.locator("[aria-disabled=true]")).waitFor();
    await window.visit(stack, place(`runs/${run!.id}`));
    await page.getByRole("button", { name: "Run again" }).and(page.locator("[aria-disabled=true]")).waitFor();

    // What is recorded meanwhile ends at once, and gives the history more than one page.
    const document = await stack.document("paging.csv", new TextEncoder().encode("Email\nada@example.com\n"));
    for (let batch = 0; batch < 2; batch++) await stack.api("POST", `/workspaces/${stack.workspace}/runs/batch`, { config_id: config, input_documents: Array<string>(30).fill(document) }).catch(async () => {
      for (let one = 0; one < 30; one++) await stack.run(config, document);
    });
  } finally {
    await stack.api("PUT", "/system/safe-mode", { enabled: false });
  }
});

test("the history goes on page by page, is filtered by who and what, and is exported", async () => {
  const { page } = window;
  await window.visit(stack, place("runs?status=canceled"));
  const rows = page.getByRole("row").filter({ has: page.getByRole("link", { name: "paging.csv" }) });
  await expect.poll(() => rows.count()).toBe(50);
  await page.getByRole("button", { name: "Older runs" }).click();
  await expect.poll(() => rows.count()).toBe(60);

  await page.getByRole("button", { name: /^Only runs by/ }).first().click();
  await expect.poll(() => page.getByLabel("Submitter").inputValue()).not.toBe("");
  expect(page.url()).toContain("by=");
  await page.getByRole("button", { name: "More about the run of paging.csv" }).first().click();
  await page.getByRole("menuitem", { name: "Only runs of this document" }).click();
  await page.getByRole("button", { name: /Remove the condition: Document/ }).waitFor();
  await page.getByLabel("Period").selectOption("day");
  await page.reload();
  await expect.poll(() => page.getByLabel("Submitter").inputValue()).not.toBe("");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const table = (await readFile(await download.path(), "utf8")).trim().split(/\r?\n/);
  expect(table.length).toBe(61);
});

test("a run is canceled and done again from the history", async () => {
  const { page } = window;
  const document = await stack.document("again.csv", new TextEncoder().encode("Email\nada@example.com\n"));
  const run = await stack.run(config, document);
  await stack.finished(run);
  await window.visit(stack, place(`runs?document=${document}`));
  await page.getByRole("button", { name: "More about the run of again.csv" }).click();
  await page.getByRole("menuitem", { name: "Run again with the same build" }).click();
  await page.getByText("Again after").waitFor();
  expect((await records(`&input_document_id=${document}`)).length).toBe(2);
});

test("nothing is asked for while nobody looks", async () => {
  const own = await Window.open();
  const { page } = own;
  try {
    await page.clock.install();
    await own.visit(stack, place("runs"));
    await page.getByRole("link", { name: "again.csv" }).first().waitFor();
    let asked = 0;
    page.on("request", (request) => (asked += request.url().includes("/runs?") ? 1 : 0));
    const show = (state: "hidden" | "visible") =>
      page.evaluate((state) => {
        Object.defineProperty(globalThis.document, "visibilityState", { configurable: true, get: () => state });
        globalThis.document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      }, state);
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) await page.clock.runFor(1000);
    };
    await pass(15);
    expect(asked, "while somebody looks").toBeGreaterThan(0);
    await show("hidden");
    asked = 0;
    await pass(60);
    expect(asked, "while nobody looks").toBe(0);
    await show("visible");
    await pass(15);
    expect(asked, "when somebody looks again").toBeGreaterThan(0);
  } finally {
    await own.close();
  }
});

test("without a connection every screen says so, and goes on by itself", async () => {
  const own = await Window.open();
  const { page } = own;
  try {
    await own.visit(stack, place("runs"));
    await page.getByRole("link", { name: "again.csv" }).first().waitFor();
    await own.context.setOffline(true);
    await page.getByText("ADE can't be reached.").waitFor();
    // What is known stays; what is not says why it is missing, with a way to try again.
    await page.getByRole("link", { name: "again.csv" }).first().waitFor();
    await page.getByRole("link", { name: "Documents", exact: true }).click();
    await page.getByText("No connection").waitFor({ timeout: 30_000 });
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await own.context.setOffline(false);
    await page.getByRole("button", { name: "Run again.csv" }).waitFor();
    await page.getByText("ADE can't be reached.").waitFor({ state: "detached" });
    expect(own.complaints).toEqual([]);
  } finally {
    await own.close();
  }
});

test("no page complained", () => expect(window.complaints).toEqual([]));
