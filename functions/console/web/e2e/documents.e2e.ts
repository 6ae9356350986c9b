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
  await expect.poll(() => page.getByLabel("Config").locator("option:checked").textContent()).toBe("Donors");
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

const small = (name: string, mail = name) => ({ name, mimeType: "text/csv", buffer: Buffer.from(`First Name,Email\nAda,${mail}@example.com\n`) });
const pending = () => documents("&status=pending").then(({ length }) => length);
const uploads = (page: Page) => page.getByRole("region", { name: "Uploads" });
/** Whether the browser would ask before the page goes away. */
const asksFirst = (page: Page) => page.evaluate(() => !globalThis.dispatchEvent(new Event("beforeunload", { cancelable: true })));

test("uploads are given up one by one or all at once, and leave nothing behind", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  // Storage does not answer.
  await page.route("**/*", (route) => (route.request().method() === "PUT" ? undefined : route.fallback()));
  await page.getByLabel("Files to upload").setInputFiles(Array.from({ length: 5 }, (_, index) => small(`stuck-${index}.csv`)));
  await expect.poll(pending).toBe(3);
  expect(await asksFirst(page)).toBe(true);
  // One that is sent, and one that waits.
  for (const name of ["stuck-0.csv", "stuck-4.csv"]) await page.getByRole("button", { name: `Cancel the upload of ${name}` }).click();
  await page.getByText("Uploading 1 of 3").waitFor();
  await page.getByRole("button", { name: "Cancel all" }).click();
  await uploads(page).waitFor({ state: "detached" });
  await expect.poll(pending).toBe(0);
  expect(await asksFirst(page)).toBe(false);
  await page.unroute("**/*");
});

test("an upload that is stuck is given up, and all that failed are tried again", async () => {
  const own = await Window.open();
  const { page } = own;
  try {
    await page.clock.install();
    await own.visit(stack, place("documents"));
    await page.route("**/*", (route) => (route.request().method() === "PUT" ? undefined : route.fallback()));
    await page.getByLabel("Files to upload").setInputFiles([small("slow-1.csv"), small("slow-2.csv")]);
    await expect.poll(pending).toBe(2);
    await page.getByRole("progressbar").nth(1).waitFor();
    await page.clock.runFor(61_000);
    await expect.poll(() => page.getByText("The storage did not answer for 60 seconds.").count()).toBe(2);
    await expect.poll(pending).toBe(0);
    await page.unroute("**/*");
    await page.getByRole("button", { name: "Try all again" }).click();
    await page.getByText("2 uploaded").waitFor();
  } finally {
    await own.close();
  }
});

test("a file that arrived is not sent again because ADE was busy", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  const asked = { sent: 0, checked: 0 };
  await page.route("**/*", (route) => {
    const request = route.request();
    if (request.method() === "PUT") asked.sent += 1;
    if (!request.url().endsWith("/complete")) return route.fallback();
    asked.checked += 1;
    return asked.checked > 1 ? route.fallback() : route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body: JSON.stringify({ title: "Busy", status: 503, code: "unavailable" }) });
  });
  await page.getByLabel("Files to upload").setInputFiles(small("patient.csv"));
  await page.getByText("1 uploaded").waitFor();
  expect(asked).toEqual({ sent: 1, checked: 2 });
  await page.unroute("**/*");
});

test("a file that is dropped beside the list is taken, one that ADE can't read is not sent, and nothing leaves the console", async () => {
  const { page } = window;
  await window.visit(stack, place("documents"));
  await page.getByRole("heading", { name: "Documents" }).waitFor();
  const navigation = page.getByRole("navigation", { name: "Main" });
  await navigation.dispatchEvent("drop", { dataTransfer: await dragged(page, "beside.csv", 100) });
  await page.getByText("1 uploaded").waitFor();
  let announced = 0;
  page.on("request", (request) => (announced += request.method() === "POST" && request.url().endsWith("/documents") ? 1 : 0));
  await navigation.dispatchEvent("drop", { dataTransfer: await dragged(page, "letter.pdf", 100) });
  await uploads(page).getByText("this is none of them").waitFor();
  await page.getByText("1 of 2 uploaded").waitFor();
  expect(announced).toBe(0);

  await window.visit(stack, place("runs"));
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  const transfer = await dragged(page, "astray.csv", 100);
  const kept = await page.evaluate((dataTransfer) => ["dragover", "drop"].map((name) => !globalThis.document.body.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }))), transfer);
  expect(kept, "the browser would open it").toEqual([true, true]);
});

test("what could not be deleted is tried again without what is gone", async () => {
  const { page } = window;
  const names = ["gone-1.csv", "gone-2.csv", "gone-3.csv"];
  const ids = await Promise.all(names.map((name) => stack.document(name, new Uint8Array(small(name).buffer))));
  await window.visit(stack, place("documents?q=gone"));
  for (const name of names) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("group", { name: "Selected documents" }).getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Delete 3 documents?" }).waitFor();
  // Somebody else deletes one, and another one can't be deleted now.
  await stack.api("DELETE", `/documents/${ids[0]}`);
  let refusals = 1;
  await page.route(`**/documents/${ids[1]}`, (route) => (refusals-- > 0 ? route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ title: "Busy", status: 503, code: "unavailable" }) }) : route.fallback()));
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByText("1 of 3 could not be deleted.").waitFor();
  await page.getByText("2 documents deleted").waitFor();
  await dialog.getByRole("heading", { name: "Delete gone-2.csv?" }).waitFor();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.waitFor({ state: "detached" });
  expect(await documents("&q=gone")).toEqual([]);
  await page.unroute(`**/documents/${ids[1]}`);
});

test("of many runs those that started are told, and the others are started without doing anything twice", async () => {
  const { page } = window;
  const bulk = Array.from({ length: 46 }, (_, index) => `bulk-${index}.csv`);
  for (const name of bulk) await stack.document(name, new Uint8Array(small(name).buffer));
  const requests: { key: string | undefined; documents: number }[] = [];
  await page.route("**/runs/batch", async (route) => {
    const { input_documents: asked } = route.request().postDataJSON() as { input_documents: string[] };
    requests.push({ key: route.request().headers()["idempotency-key"], documents: asked.length });
    // The answer to the second request is lost.
    if (requests.length === 2) return route.abort();
    return route.fulfill({ status: 201, json: { object: "list", data: asked.map((id) => ({ id: `run_${id}` })), has_more: false, next_cursor: null } });
  });
  await window.visit(stack, place("documents?q=bulk"));
  await expect.poll(() => page.getByRole("checkbox", { name: /^Select bulk/ }).count()).toBe(46);
  await page.getByRole("checkbox", { name: "Select all" }).check();
  await page.getByRole("group", { name: "Selected documents" }).getByRole("button", { name: "Run" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Run" }).click();
  await dialog.getByText("45 of 46 runs are started; the others are not.").waitFor();
  await dialog.getByRole("button", { name: "Run the other 1" }).click();
  await page.getByText("46 runs started").waitFor();
  expect(requests.map((request) => request.documents)).toEqual([45, 1, 1]);
  const [first, second, third] = requests.map(({ key }) => key);
  expect(first).toBeTruthy();
  expect(second).not.toBe(first);
  expect(third, "the same request has the same key").toBe(second);
  await page.unroute("**/runs/batch");
});

test("a run uses the version that is chosen, and a list of configs that can't be read says so", async () => {
  const { page } = window;
  const path = `/workspaces/${stack.workspace}/configs/${config}`;
  const { data: versions } = await stack.api<{ data: { id: string }[] }>("GET", `${path}/versions`);
  const old = versions.at(-1)!.id;
  await window.visit(stack, place("documents?q=patient"));
  await page.route("**/configs?*", (route) => route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ title: "No", status: 403, code: "forbidden", detail: "Configs are not for you." }) }));
  await page.getByRole("button", { name: "Run patient.csv" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Configs are not for you.").waitFor();
  await dialog.getByRole("button", { name: "Run" }).and(page.locator("[aria-disabled=true]")).waitFor();
  await page.unroute("**/configs?*");
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByLabel("Config").selectOption({ label: "Members" });
  await dialog.getByLabel("Version").selectOption(old);
  await dialog.getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "patient.csv", exact: true }).waitFor();
  const run = /runs\/(run_\w+)/.exec(page.url())![1]!;
  await stack.finished(run);
  const { options } = await stack.api<{ options: { version: string } }>("GET", `/runs/${run}`);
  expect(options.version).toBe(old);
});

test("the history is filtered by a document that is found by its name, by who submitted, and by days", async () => {
  const { page } = window;
  const [patient] = await documents("&q=patient");
  await window.visit(stack, place("runs"));
  const rows = page.getByRole("row").filter({ has: page.getByRole("link") });
  await expect.poll(() => rows.count()).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Any document …" }).click();
  await page.getByRole("dialog").getByRole("searchbox").fill("patien");
  await page.getByRole("dialog").getByRole("button", { name: /patient\.csv/ }).click();
  await expect.poll(() => rows.count()).toBe(1);
  expect(new URL(page.url()).searchParams.get("document")).toBe(patient!.id);
  await page.reload();
  await page.getByRole("button", { name: "Remove the condition: Document patient.csv" }).click();
  await expect.poll(() => rows.count()).toBeGreaterThan(1);

  const submitter = page.getByLabel("Submitter");
  const [, somebody] = await submitter.getByRole("option").allTextContents();
  await submitter.selectOption({ label: somebody! });
  expect(new URL(page.url()).searchParams.get("by")).toMatch(/^key_/);
  await page.reload();
  await expect.poll(() => submitter.locator("option:checked").textContent()).toBe(somebody);
  await page.getByRole("button", { name: "Clear" }).click();

  const today = await page.evaluate(() => new Date().toLocaleDateString("sv"));
  const asked: URLSearchParams[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/runs?")) asked.push(new URL(request.url()).searchParams);
  });
  await page.getByLabel("Period").selectOption({ label: "Between days …" });
  await page.getByLabel("First day").fill(today);
  await page.getByLabel("Last day").fill(today);
  await expect.poll(() => new URL(page.url()).search).toBe(`?from=${today}&to=${today}`);
  await expect.poll(() => rows.count()).toBeGreaterThan(1);
  await page.getByLabel("First day").fill("");
  await page.getByLabel("Last day").fill("2020-02-28");
  await page.getByText("No run fits these conditions.").waitFor();
  const midnight = await page.evaluate(() => new Date(2020, 1, 29).getTime() / 1000);
  expect(asked.at(-1)!.get("created_before")).toBe(String(midnight));
  expect(asked.at(-1)!.has("created_after")).toBe(false);
  await page.getByLabel("Period").selectOption("week");
  await expect.poll(() => new URL(page.url()).search).toBe("?period=week");
  await expect.poll(() => rows.count()).toBeGreaterThan(1);
});

test("documents of the same name are told apart, and what the engine says of the run is shown", async () => {
  const { page } = window;
  const ids: string[] = [];
  for (const mail of ["one-wrong", "two-wrong"]) ids.push(await stack.document("same.csv", new TextEncoder().encode(`First Name,Email\n${"Ada,ada@example.com\n".repeat(8)}Grace,${mail}\n`)));
  const { id } = await stack.api<{ id: string }>("POST", `/configs/${config}/runs`, { stream: false, input_documents: ids });
  await stack.finished(id);
  await window.visit(stack, place(`runs/${id}?tab=issues`));
  await page.getByRole("region", { name: "Findings" }).getByText(/No column was recognised as/).first().waitFor();
  for (const [index, mail] of ["one-wrong", "two-wrong"].entries()) {
    await page.getByRole("row").filter({ hasText: mail }).getByRole("button", { name: /of the output$/ }).click();
    const dialog = page.getByRole("dialog");
    const marked = dialog.locator("td[aria-current=true]");
    await expect.poll(() => marked.allTextContents()).toEqual([mail, mail]);
    await dialog.getByText(`Output: ${ids[index]}/same_normalized.xlsx`).waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  }
});

test("the lines that an address leads to stay in it from tab to tab", async () => {
  const { page } = window;
  await page.goto(`${page.url().replace(/\?.*/, "")}?tab=log#L2`);
  await page.getByRole("tab", { name: "Output" }).click();
  await expect.poll(() => page.url()).toContain("tab=output");
  expect(new URL(page.url()).hash).toBe("#L2");
});

test("in safe mode a menu says why a run can't be done again", async () => {
  const { page } = window;
  await stack.api("PUT", "/system/safe-mode", { enabled: true, detail: "Storage is being moved." });
  try {
    await window.visit(stack, place("runs"));
    await page.getByText("Storage is being moved.").first().waitFor();
    await page.getByRole("button", { name: /^More about the run of/ }).first().click();
    await page.getByRole("menu").getByText("Safe mode: Storage is being moved.").waitFor();
    await page.keyboard.press("Escape");
  } finally {
    await stack.api("PUT", "/system/safe-mode", { enabled: false });
  }
});

test("no page complained", () => expect(window.complaints).toEqual([]));
