/** Pictures of every screen in both themes, for looking at and for the README: `local/dev/console shots DIRECTORY`. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

const out = process.env["SHOTS"]!;
let stack: Stack;
let places: [string, string, ((window: Window) => Promise<void>)?][];

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
  await stack.finished(await stack.run(config, demo, { timeout_seconds: 1, version: "draft", force_rebuild: true }));
  const ws = `/w/${stack.workspace}`;
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
  ];
}, 120_000);

afterAll(() => stack?.stop());

test.each(["light", "dark"] as const)("%s", async (theme) => {
  const window = await Window.open({ theme });
  try {
    for (const [name, place, then] of places) {
      // The same place with another fragment would not be loaded again.
      await window.page.goto("about:blank");
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
}, 120_000);
