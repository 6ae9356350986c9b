/** Every screen in both themes for everybody: no serious finding of axe, and a walk without a mouse. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let stack: Stack;
let places: Record<string, string>;

beforeAll(async () => {
  stack = await Stack.start();
  const config = await stack.config();
  const document = await stack.document("member-return.xlsx", new Uint8Array(await readFile(DEMO)));
  const run = await stack.run(config, document);
  await stack.finished(run);
  const ws = `/w/${stack.workspace}`;
  places = {
    documents: `${ws}/documents`,
    runs: `${ws}/runs`,
    "log of a run": `${ws}/runs/${run}?tab=log`,
    "output of a run": `${ws}/runs/${run}?tab=output`,
    "issues of a run": `${ws}/runs/${run}?tab=issues`,
    "mapping of a run": `${ws}/runs/${run}?tab=mapping`,
    configs: `${ws}/configs`,
    workbench: `${ws}/configs/${config}`,
    settings: `${ws}/settings`,
    "nothing": `${ws}/nothing`,
  };
});

afterAll(() => stack?.stop());

/** Findings that keep people out, as `rule: where`. */
async function findings(window: Window): Promise<string[]> {
  // Through the protocol: the page's own policy does not let a script in.
  await window.page.evaluate(axe);
  const results = await window.page.evaluate(() => (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run());
  const serious = results.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary?.split("\n")[1]?.trim() ?? ""}`));
}

describe.each(["light", "dark"] as const)("%s", (theme) => {
  let window: Window;
  beforeAll(async () => {
    window = await Window.open({ theme });
  });
  afterAll(() => window?.close());

  test("the sign-in screen", async () => {
    await window.page.goto(`${stack.url}/sign-in`);
    await window.page.getByRole("heading", { name: "Sign in to ADE" }).waitFor();
    expect(await findings(window)).toEqual([]);
  });

  test("every screen", async () => {
    const found: Record<string, string[]> = {};
    for (const [name, place] of Object.entries(places)) {
      await window.visit(stack, place);
      await window.page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => undefined);
      await window.page.getByRole("status", { name: "Loading" }).first().waitFor({ state: "detached" }).catch(() => undefined);
      const serious = await findings(window);
      if (serious.length > 0) found[name] = serious;
    }
    expect(found).toEqual({});
    expect(window.complaints).toEqual([]);
  });

  test("what opens over a screen", async () => {
    const { page } = window;
    await window.visit(stack, places["runs"]!);
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").getByRole("combobox").waitFor();
    expect(await findings(window)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /workspace$/ }).click();
    expect(await findings(window)).toEqual([]);
  });
});

test("a walk without a mouse", async () => {
  const window = await Window.open();
  const { page } = window;
  const focused = () => page.evaluate(() => globalThis.document.activeElement?.textContent?.trim() || globalThis.document.activeElement?.getAttribute("aria-label"));
  const tabTo = async (name: string | RegExp) => {
    for (let steps = 0; steps < 60; steps++) {
      const here = await focused();
      if (typeof name === "string" ? here === name : name.test(here ?? "")) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`${String(name)} is not reached with Tab`);
  };
  try {
    // Signing in with the key, by keyboard only.
    await page.goto(`${stack.url}/`);
    await page.getByLabel("API key").waitFor();
    await page.keyboard.type(stack.key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Documents" }).waitFor();

    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the content");
    await tabTo("Runs");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await tabTo("failed");
    await page.keyboard.press("Enter");
    await page.getByText("No run fits these conditions.").waitFor();
    expect(page.url()).toContain("status=");
    await tabTo("Clear");
    await page.keyboard.press("Enter");
    await tabTo("member-return.xlsx");
    await page.keyboard.press("Enter");

    // Tabs are one stop, and arrows move between them.
    await page.getByRole("tab", { name: "Output" }).waitFor();
    await tabTo("Output");
    await page.keyboard.press("ArrowRight");
    await page.getByText("Source cell").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByText("first_name").first().waitFor();
    await page.keyboard.press("Home");
    await page.getByRole("searchbox", { name: "Search the log" }).waitFor();

    // The palette leads everywhere.
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("config Members");
    await page.getByRole("option", { name: "Members", exact: true }).and(page.locator("[data-selected=true]")).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Members" }).waitFor();
    await tabTo(/^Build$/);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("dark theme");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => globalThis.document.documentElement.dataset["theme"])).toBe("dark");
    expect(window.complaints).toEqual([]);
  } finally {
    await window.close();
  }
});
