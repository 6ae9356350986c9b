/** Pictures of every screen and what it looks like when it is empty, waits, fails or is cut off, in both themes, for looking at and for the README: `local/dev/console shots DIRECTORY`.
 * With SHOTS_ONLY, a regular expression, only those whose name fits. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

const out = process.env["SHOTS"]!;
const only = new RegExp(process.env["SHOTS_ONLY"] ?? "");
let stack: Stack;
let places: [string, string, ((window: Window) => Promise<void>)?][];
/** Answers that do not come, or say that something is wrong, or logs that are cut off. */
let answers: "real" | "never" | "wrong" | "cut" = "real";

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
  const changed = await stack.config("Volunteers");
  await stack.finished(await stack.run(changed, demo, { dry_run: true }));
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
        await page.getByRole("button", { name: "More" }).click();
        await page.getByRole("menuitem", { name: "Build anew" }).click();
        await page.getByText(/^Build succeeded/).waitFor();
        await page.getByRole("button", { name: "Dismiss" }).click();
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
    ["workbench-diff", `${ws}/configs/${changed}`, async ({ page }) => {
      await typed(page, "\n# E-mail addresses of clubs are checked by hand.\n");
      await page.keyboard.press("Control+s");
      await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: /Versions/ }).click();
      await page.getByRole("dialog").getByRole("region").first().waitFor();
    }],
    ["workbench-unsaved", `${ws}/configs/${changed}`, async ({ page }) => {
      await typed(page, "# Not saved yet.\n");
      await page.getByRole("link", { name: "Runs", exact: true }).click();
      await page.getByRole("dialog").waitFor();
    }],
    ["workbench-conflict", `${ws}/configs/${changed}`, async ({ page }) => {
      await typed(page, "# Mine.\n");
      const path = `/workspaces/${stack.workspace}/configs/${changed}/files/src/ade_config/columns/email.py`;
      const headers = { Authorization: `Bearer ${stack.key}` };
      const current = await fetch(`${stack.url}/api/v1${path}`, { headers });
      await fetch(`${stack.url}/api/v1${path}`, { method: "PUT", body: `${await current.text()}# Theirs.\n`, headers: { ...headers, "If-Match": current.headers.get("etag")! } });
      await page.keyboard.press("Control+s");
      await page.getByRole("dialog").getByText("# Theirs.").first().waitFor();
    }],
    ["workbench-name", `${ws}/configs/${changed}`, async ({ page }) => {
      await page.getByRole("button", { name: "New file" }).click();
      await page.getByRole("dialog").waitFor();
    }],
    ["settings-lower", `${ws}/settings#health`, async ({ page }) => page.getByRole("region", { name: "Health" }).locator("dd").first().waitFor()],
    ["settings-members", `${ws}/settings#keys`, async ({ page }) => {
      const secret = await stack.api<{ id: string }>("POST", `/workspaces/${stack.workspace}/api-keys`, { name: "Nightly import", role: "operator" });
      await stack.api("PUT", `/workspaces/${stack.workspace}/members/auth0%7Cada`, { role: "editor" });
      await page.reload();
      await page.getByRole("button", { name: "Remove auth0|ada" }).waitFor();
      await stack.api("DELETE", `/workspaces/${stack.workspace}/api-keys/${secret.id}`);
      await stack.api("DELETE", `/workspaces/${stack.workspace}/members/auth0%7Cada`);
    }],
    ["settings-member", `${ws}/settings`, async ({ page }) => {
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByRole("dialog").waitFor();
    }],
    ["run-log-filter", `${ws}/runs/${run}?tab=log#L12-18`, async ({ page }) => {
      await page.locator('[data-id="12"]').first().waitFor();
      await page.getByRole("button", { name: "Filter" }).click();
      await page.getByRole("menuitemcheckbox", { name: "info" }).click();
      await page.getByRole("menuitemcheckbox", { name: "success" }).hover();
    }],
    ["run-log-search", `${ws}/runs/${run}?tab=log`, async ({ page }) => {
      await page.getByRole("searchbox", { name: "Search the log" }).fill("detect");
      await page.getByRole("searchbox", { name: "Search the log" }).press("Enter");
      await page.getByRole("button", { name: "Timestamps" }).click();
    }],
    ["run-log-cut", `${ws}/runs/${run}?tab=log`, async ({ page }) => page.getByText(/reconnecting in/).waitFor()],
    ["run-again", `${ws}/runs/${run}?tab=output`, ({ page }) => page.getByRole("button", { name: "Run again" }).click()],
    ["workspaces", `${ws}/documents`, ({ page }) => page.getByRole("button", { name: /workspace$/ }).click()],
    ["documents-delete", `${ws}/documents`, async ({ page }) => {
      await page.getByRole("button", { name: "Delete member-return.xlsx" }).click();
      await page.getByRole("dialog").waitFor();
    }],
    ["documents-drop", `${ws}/documents`, async ({ page }) => {
      const dataTransfer = await page.evaluateHandle(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["Email\n"], "members.csv"));
        return transfer;
      });
      await page.getByRole("heading", { name: "Documents" }).dispatchEvent("dragover", { dataTransfer });
    }],
    ["documents-uploading", `${ws}/documents`, async ({ page, context }) => {
      const wire = await context.newCDPSession(page);
      await wire.send("Network.enable");
      await wire.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2 ** 19 });
      const buffer = Buffer.from(`Email\n${"ada@example.com\n".repeat(100_000)}`);
      await page.getByLabel("Files to upload").setInputFiles(["members-north.csv", "members-south.csv", "members-east.csv", "members-west.csv"].map((name, place) => ({ name, mimeType: "text/csv", buffer: Buffer.concat([buffer, Buffer.from(`${place}`)]) })));
      await page.getByRole("progressbar").first().and(page.locator("[aria-valuenow='40'], [aria-valuenow^='5'], [aria-valuenow^='3']")).waitFor();
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
    }],
    ["settings-safe-mode", `${ws}/settings#safe-mode`, async ({ page }) => {
      await page.getByRole("button", { name: "Turn off" }).waitFor();
      await page.getByRole("region", { name: "Health" }).getByText("Storage is being moved.").waitFor();
      await stack.api("PUT", "/system/safe-mode", { enabled: false });
    }],
  ];
}, 240_000);

afterAll(() => stack?.stop());

/** Types at the end of a file in the workbench. */
async function typed(page: Page, text: string): Promise<void> {
  await page.getByRole("treeitem", { name: "email.py" }).click();
  await page.getByRole("textbox", { name: /email\.py/ }).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

test.each(["light", "dark"] as const)("%s", async (theme) => {
  const window = await Window.open({ theme });
  const refused = JSON.stringify({ type: "about:blank", title: "Unprocessable Content", status: 422, code: "invalid_cursor", detail: "The cursor is of another list.", request_id: "req_01JZX3Q4T5V6W7X8Y9ZABCDEFG" });
  await window.page.route(/\/runs\/[^/]+\/events/, (route) => (answers === "cut" ? route.abort() : route.continue()));
  await window.page.route(/\/api\/v1\/workspaces\//, (route) => {
    if (answers === "real" || answers === "cut") return route.continue();
    // Left without an answer until the page is left.
    return answers === "never" ? undefined : route.fulfill({ status: 422, contentType: "application/problem+json", body: refused });
  });
  try {
    for (const { id } of (await stack.api<{ data: { id: string }[] }>("GET", `/workspaces/${stack.workspace}/documents?status=pending`)).data) await stack.api("DELETE", `/documents/${id}`);
    for (const [name, place, then] of places) {
      if (!only.test(name)) continue;
      // The same place with another fragment would not be loaded again.
      await window.context.setOffline(false);
      await window.page.goto("about:blank");
      answers = name.endsWith("-loading") ? "never" : name.endsWith("-error") ? "wrong" : name.endsWith("-cut") ? "cut" : "real";
      await window.visit(stack, place);
      await window.page.waitForLoadState("networkidle", { timeout: 1500 }).catch(() => undefined);
      await then?.(window);
      await window.page.mouse.move(0, 0);
      await window.page.waitForTimeout(400);
      await window.page.screenshot({ path: join(out, `${name}-${theme}.png`) });
    }
  } finally {
    await window.close();
  }
}, 400_000);
