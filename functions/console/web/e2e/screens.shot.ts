/** Pictures of every screen and what it looks like when it is empty, waits, fails or is cut off, in both themes, for looking at and for the README: `local/dev/console shots DIRECTORY`. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

const out = process.env["SHOTS"]!;
let stack: Stack;
let places: [string, string, ((window: Window) => Promise<void>)?][];
/** Answers that do not come, or say that something is wrong. */
let answers: "real" | "never" | "wrong" = "real";

const csv = (rows: number) => new TextEncoder().encode(`First Name,Surname,E-mail\n${Array.from({ length: rows }, (_, row) => `Given ${row},Family ${row},person${row}@example.com`).join("\n")}\n`);

beforeAll(async () => {
  await mkdir(out, { recursive: true });
  stack = await Stack.start();
  const config = await stack.config("Member lists");
  const demo = await stack.document("member-return.xlsx", new Uint8Array(await readFile(DEMO)));
  const run = await stack.run(config, demo);
  await stack.finished(run);
  for (const [name, rows] of [["volunteers-spring.csv", 40], ["newsletter-sign-ups.csv", 3000], ["partner-contacts.csv", 250]] as const) {
    await stack.finished(await stack.run(config, await stack.document(name, csv(rows))));
  }
  const both = await stack.run(config, demo, { dry_run: true });
  await stack.finished(both);
  const several = await stack.api<{ id: string }>("POST", `/configs/${config}/runs`, { stream: false, input_documents: [demo, await stack.document("people.csv", csv(3))] });
  await stack.finished(several.id);
  const empty = await stack.api<{ id: string }>("POST", "/workspaces", { name: "Nothing yet", slug: "nothing-yet" });
  const ws = `/w/${stack.workspace}`;
  const none = `/w/${empty.id}`;
  const broken = await stack.config("With mistakes");
  const file = `/workspaces/${stack.workspace}/configs/${broken}/files/src/ade_config/columns/email.py`;
  const found = await fetch(`${stack.url}/api/v1${file}`, { headers: { Authorization: `Bearer ${stack.key}` } });
  await fetch(`${stack.url}/api/v1${file}`, { method: "PUT", body: `${await found.text()}\nthis is not python\n`, headers: { Authorization: `Bearer ${stack.key}`, "If-Match": found.headers.get("etag")! } });
  await stack.finished(await stack.run(broken, demo, { version: "draft" }));
  places = [
    ["sign-in", "/sign-in"],
    ["documents", `${ws}/documents`],
    ["runs", `${ws}/runs`],
    ["run-log", `${ws}/runs/${run}?tab=log`, async ({ page }) => page.getByRole("button", { name: "Timeline" }).click()],
    ["run-output", `${ws}/runs/${run}?tab=output`],
    ["run-issues", `${ws}/runs/${run}?tab=issues`],
    ["run-mapping", `${ws}/runs/${run}?tab=mapping`, async ({ page }) => page.getByRole("button", { name: /E-mail Address/ }).click()],
    ["configs", `${ws}/configs`],
    [
      "workbench",
      `${ws}/configs/${config}`,
      async ({ page }) => {
        await page.getByRole("treeitem", { name: "email.py" }).click();
        await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
        await page.getByRole("button", { name: "Build", exact: true }).click();
        await page.getByText(/Nothing has changed|Build succeeded/).waitFor();
      },
    ],
    ["settings", `${ws}/settings`],
    ["palette", `${ws}/runs`, async ({ page }) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").getByRole("combobox").waitFor();
    }],
    ["documents-preview", `${ws}/documents`, async ({ page }) => {
      await page.getByRole("button", { name: "Look into member-return.xlsx" }).click();
      await page.getByRole("group", { name: "Rows of member-return.xlsx" }).waitFor();
    }],
    ["documents-run", `${ws}/documents`, async ({ page }) => {
      await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
      await page.getByRole("dialog").getByLabel("Sheets").selectOption("chosen");
      await page.getByRole("dialog").getByRole("group").getByRole("checkbox").first().waitFor();
    }],
    ["documents-many", `${ws}/documents`, async ({ page }) => {
      await page.getByLabel("Files to upload").setInputFiles([{ name: "newsletter-again.csv", mimeType: "text/csv", buffer: Buffer.from(csv(3000)) }, { name: "broken.xlsx", mimeType: "application/octet-stream", buffer: Buffer.from("no workbook") }]);
      await page.getByText("2 uploaded").waitFor();
      await page.getByRole("checkbox", { name: "Select all" }).check();
    }],
    ["runs-menu", `${ws}/runs?status=succeeded`, ({ page }) => page.getByRole("button", { name: /^More about the run/ }).first().click()],
    ["run-failed", `${ws}/runs?status=failed`, async ({ page }) => {
      await page.getByRole("link", { name: "member-return.xlsx" }).first().click();
      await page.getByText("complete", { exact: true }).waitFor();
    }],
    ["run-dry", `${ws}/runs/${both}?tab=output`],
    ["run-several", `${ws}/runs/${several.id}?tab=output`, async ({ page }) => {
      await page.getByRole("button", { name: "member-return_normalized.xlsx", exact: true }).click();
      await page.getByLabel("Sheet of member-return_normalized.xlsx").waitFor();
    }],
    ["run-issue-cell", `${ws}/runs/${run}?tab=issues`, async ({ page }) => {
      await page.getByRole("button", { name: /^Show cell/ }).first().click();
      await page.getByRole("dialog").locator("td[aria-current=true]").nth(1).waitFor();
    }],
    ["run-missing", `${ws}/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG`],
    ["config-new", `${ws}/configs`, async ({ page }) => {
      await page.getByRole("button", { name: "New config" }).click();
      await page.getByLabel("Starts from").selectOption("archive");
    }],
    ["workbench-problems", `${ws}/configs/${broken}`, async ({ page }) => {
      await page.getByRole("treeitem", { name: "email.py" }).click();
      await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
      await page.getByRole("button", { name: "Validate" }).click();
      await page.getByRole("tabpanel").getByRole("button", { name: /email\.py/ }).first().click();
    }],
    ["workbench-test", `${ws}/configs/${config}`, async ({ page }) => {
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.getByRole("button", { name: "Test run" }).click();
      await page.getByRole("region", { name: "Test run" }).getByText("succeeded").waitFor({ timeout: 40_000 });
      await page.getByRole("region", { name: "Test run" }).getByRole("cell").first().waitFor();
    }],
    ["workbench-import", `${ws}/configs/${broken}`, async ({ page }) => {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: /Import a zip archive/ }).click();
    }],
    ["workbench-versions", `${ws}/configs/${config}`, async ({ page }) => {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: /Versions/ }).click();
      await page.getByLabel("Before", { exact: true }).waitFor();
    }],
    ["settings-key", `${ws}/settings`, async ({ page }) => {
      await page.getByRole("button", { name: "New key" }).click();
      await page.getByRole("dialog").waitFor();
    }],
    ["nowhere", `${ws}/nowhere`],
    ["documents-empty", `${none}/documents`],
    ["runs-empty", `${none}/runs`],
    ["configs-empty", `${none}/configs`],
    ["runs-none-fits", `${ws}/runs?status=queued`],
    ...(["documents", "runs", "configs", "settings"].flatMap((screen) => [[`${screen}-loading`, `${ws}/${screen}`], [`${screen}-error`, `${ws}/${screen}`]] as [string, string][])),
    ...(["documents", "runs", "configs", "settings"].map((screen) => [`${screen}-offline`, `${ws}/${screen}`, async ({ page, context }: Window) => {
      await context.setOffline(true);
      await page.getByText("ADE can't be reached.").waitFor();
    }] as [string, string, (window: Window) => Promise<void>])),
    ["documents-safe-mode", `${ws}/documents`, async ({ page }) => {
      await stack.api("PUT", "/system/safe-mode", { enabled: true, detail: "Storage is being moved." });
      await page.reload();
      await page.getByText("Storage is being moved.").first().waitFor();
    }],
    ["workbench-safe-mode", `${ws}/configs/${config}`, async ({ page }) => {
      await page.getByText("Storage is being moved.").first().waitFor();
      await page.getByRole("button", { name: "Build", exact: true }).focus();
      await page.getByRole("tooltip").waitFor();
      await stack.api("PUT", "/system/safe-mode", { enabled: false });
    }],
  ];
}, 240_000);

afterAll(() => stack?.stop());

test.each(["light", "dark"] as const)("%s", async (theme) => {
  const window = await Window.open({ theme });
  const refused = JSON.stringify({ type: "about:blank", title: "Unprocessable Content", status: 422, code: "invalid_cursor", detail: "The cursor is of another list.", request_id: "req_01JZX3Q4T5V6W7X8Y9ZABCDEFG" });
  await window.page.route(/\/api\/v1\/workspaces\//, (route) => {
    if (answers === "real") return route.continue();
    // Left without an answer until the page is left.
    return answers === "never" ? undefined : route.fulfill({ status: 422, contentType: "application/problem+json", body: refused });
  });
  try {
    for (const [name, place, then] of places) {
      // The same place with another fragment would not be loaded again.
      await window.context.setOffline(false);
      await window.page.goto("about:blank");
      answers = name.endsWith("-loading") ? "never" : name.endsWith("-error") ? "wrong" : "real";
      await window.visit(stack, place);
      await window.page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => undefined);
      await then?.(window);
      await window.page.mouse.move(0, 0);
      await window.page.waitForTimeout(400);
      await window.page.screenshot({ path: join(out, `${name}-${theme}.png`) });
    }
  } finally {
    await window.close();
  }
}, 400_000);
