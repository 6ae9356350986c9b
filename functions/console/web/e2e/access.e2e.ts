/** Every screen in both themes for everybody: no serious finding of axe, and a walk without a mouse. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Locator } from "playwright-core";
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
    const found: Record<string, string[]> = {};
    const check = async (name: string) => {
      const serious = await findings(window);
      if (serious.length > 0) found[name] = serious;
      await page.keyboard.press("Escape");
    };
    await window.visit(stack, places["runs"]!);
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").getByRole("combobox").waitFor();
    await check("palette");
    await page.getByRole("button", { name: /workspace$/ }).click();
    await check("workspaces");
    await page.getByRole("button", { name: /^More about the run/ }).first().click();
    await check("what can be done with a run");

    await window.visit(stack, places["documents"]!);
    await page.getByRole("button", { name: "Look into member-return.xlsx" }).click();
    await page.getByRole("group", { name: "Rows of member-return.xlsx" }).waitFor();
    await check("sheets of a document");
    await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
    await page.getByRole("dialog").getByLabel("Sheets").selectOption("chosen");
    await page.getByRole("dialog").getByRole("group").getByRole("checkbox").first().waitFor();
    await check("run dialog");
    await page.getByRole("button", { name: "Delete member-return.xlsx" }).click();
    await check("deleting");

    await window.visit(stack, places["issues of a run"]!);
    await page.getByRole("button", { name: /^Show cell/ }).first().click();
    await page.getByRole("dialog").locator("td[aria-current=true]").first().waitFor();
    await check("cell of an issue");

    await window.visit(stack, places["configs"]!);
    await page.getByRole("button", { name: "New config" }).click();
    await page.getByLabel("Starts from").selectOption("archive");
    await check("new config");

    await window.visit(stack, places["workbench"]!);
    await page.getByRole("treeitem", { name: "email.py" }).click();
    await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
    for (const item of [/Versions/, /Import a zip archive/]) {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: item }).click();
      await page.getByRole("dialog").waitFor();
      await check(String(item));
    }
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByRole("region", { name: "Test run" }).waitFor();
    await check("test pane");

    await window.visit(stack, places["settings"]!);
    for (const button of ["New key", "Add"]) {
      await page.getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await check(button);
    }
    expect(found).toEqual({});
  });

  test("safe mode, and no connection", async () => {
    const { page } = window;
    await stack.api("PUT", "/system/safe-mode", { enabled: true, detail: "Storage is being moved." });
    try {
      await window.visit(stack, places["documents"]!);
      await page.getByText("Storage is being moved.").first().waitFor();
      expect(await findings(window)).toEqual([]);
      await window.context.setOffline(true);
      await page.getByText("ADE can't be reached.").waitFor();
      expect(await findings(window)).toEqual([]);
    } finally {
      await window.context.setOffline(false);
      await stack.api("PUT", "/system/safe-mode", { enabled: false });
    }
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
  const tabUntil = async (what: string, selector: string) => {
    for (let steps = 0; steps < 60; steps++) {
      if (await page.evaluate((selector) => globalThis.document.activeElement?.matches(selector) === true, selector)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`${what} is not reached with Tab`);
  };
  const tabToRole = (role: string) => tabUntil(role, role === "searchbox" ? "input[type=search]" : `[role=${role}]`);
  const tabToButton = (label: string) => tabUntil(label, `button[aria-label=${JSON.stringify(label)}]`);
  const go = async (screen: string) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type(screen);
    await page.getByRole("option", { name: screen, exact: true }).and(page.locator("[data-selected=true]")).waitFor();
    await page.keyboard.press("Enter");
  };
  // From the beginning: what asks for files before the browser knows that somebody waits for it gets none.
  page.on("filechooser", (chooser) => void chooser.setFiles({ name: "keys.csv", mimeType: "text/csv", buffer: Buffer.from("First Name,Email\nAda,ada@example.com\n") }));
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

    // The workbench: a file is opened, changed, saved, checked and built.
    await tabTo("Build");
    await tabToRole("treeitem");
    await page.keyboard.press("End");
    for (let steps = 0; steps < 40 && (await focused()) !== "email.py"; steps++) await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
    await tabToRole("textbox");
    await page.keyboard.press("Control+End");
    await page.keyboard.type("\n# Typed.\n");
    await page.getByRole("button", { name: "Save" }).and(page.locator(":enabled")).waitFor();
    await page.keyboard.press("Control+s");
    await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
    await page.keyboard.press("Control+b");
    await page.getByText(/^Build succeeded/).first().waitFor({ timeout: 40_000 });
    const built = async () => (await stack.api<{ active_build_id: string }>("GET", `/workspaces/${stack.workspace}/configs/${places["workbench"]!.split("/").at(-1)}`)).active_build_id;
    const first = await built();
    await page.keyboard.press("Control+Shift+b");
    await expect.poll(built, { timeout: 40_000, message: "built anew although nothing changed" }).not.toBe(first);
    // Escape, then Tab, leaves the editor.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    await tabToRole("separator");
    const panel = page.getByRole("separator", { name: "Height of the panel" });
    const before = Number(await panel.getAttribute("aria-valuenow"));
    await page.keyboard.press("ArrowUp");
    await expect.poll(async () => Number(await panel.getAttribute("aria-valuenow"))).toBeGreaterThan(before);
    await page.reload();
    await expect.poll(async () => Number(await panel.getAttribute("aria-valuenow")), { message: "the height is remembered" }).toBeGreaterThan(before);
    await page.getByRole("tab", { name: "email.py" }).waitFor();
    await tabUntil("the open file", "[role=tab][data-path]");
    await page.keyboard.press("Delete");
    await page.getByText("No file is open").waitFor();

    // A document is uploaded, looked into, and run.
    await go("Documents");
    await page.getByRole("heading", { name: "Documents" }).waitFor();
    await tabTo("Upload");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Run keys.csv" }).waitFor();
    await tabTo("keys.csv");
    await page.keyboard.press("Enter");
    await page.getByRole("group", { name: "Rows of keys.csv" }).getByRole("cell", { name: "ada@example.com" }).waitFor();
    await tabTo("Run …");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Run keys.csv" }).waitFor();
    await tabTo("Run");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "keys.csv", exact: true }).waitFor();
    // A run that is over by now shows its output first.
    await tabToRole("tab");
    await page.keyboard.press("Home");
    await page.getByText("complete", { exact: true }).waitFor({ timeout: 40_000 });

    // A line is found, and gets an address.
    await tabToRole("searchbox");
    await page.keyboard.type("Run queued");
    await page.keyboard.press("Enter");
    await page.getByText("1 of 1", { exact: true }).waitFor();
    await tabTo("Copy a link to L1");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/#L1$/);

    // A key is made and revoked.
    await go("Settings");
    await page.getByRole("heading", { name: "API keys" }).waitFor();
    await tabTo("New key");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "New API key" }).waitFor();
    await page.keyboard.type("Nightly");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: /Nightly/ }).waitFor();
    await tabTo("Done");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Revoke Nightly" }).waitFor();
    await tabToButton("Revoke Nightly");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: /Revoke/ }).waitFor();
    await tabTo("Revoke");
    await page.keyboard.press("Enter");
    await page.getByText("revoked", { exact: true }).waitFor();

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

test("dialogs are opened, used and closed by keyboard, and the focus returns to what opened them", async () => {
  const window = await Window.open();
  const { page } = window;
  const lost: string[] = [];
  const title = (name: string | RegExp) => page.getByRole("dialog", { name });
  const returned = async (opener: Locator, name: string) => {
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const back = () => opener.evaluate((element) => element === globalThis.document.activeElement);
    // Where the focus goes is decided a moment after the dialog is gone.
    await expect.poll(back, { timeout: 1500 }).toBe(true).catch(() => lost.push(name));
  };
  /** Opened with Enter, closed with Escape. */
  const openAndClose = async (opener: Locator, name: string | RegExp, item?: string | RegExp) => {
    await opener.focus();
    await page.keyboard.press("Enter");
    if (item) {
      await page.getByRole("menuitem", { name: item }).focus();
      await page.keyboard.press("Enter");
    }
    await title(name).waitFor();
    expect(await page.evaluate(() => globalThis.document.activeElement?.closest("[role=dialog]") !== null), `the focus is in ${String(name)}`).toBe(true);
    await page.keyboard.press("Escape");
    await returned(opener, String(name));
  };
  const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
  /** Presses what is focused with Tab, inside of a dialog. */
  const pressInDialog = async (name: string) => {
    for (let steps = 0; steps < 12; steps++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => globalThis.document.activeElement?.textContent?.trim())) === name) return page.keyboard.press("Enter");
    }
    throw new Error(`${name} is not reached in the dialog`);
  };
  try {
    await window.visit(stack, places["documents"]!);
    await button("Run member-return.xlsx").waitFor();
    await button("Upload").focus();
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").getByRole("combobox").waitFor();
    await page.keyboard.press("Escape");
    await returned(button("Upload"), "palette");
    await openAndClose(button("Look into member-return.xlsx"), "member-return.xlsx");
    await openAndClose(button("Run member-return.xlsx"), "Run member-return.xlsx");
    await openAndClose(button("Delete member-return.xlsx"), "Delete member-return.xlsx?");
    // A dialog that follows another one leads back to the beginning.
    await button("Look into member-return.xlsx").focus();
    await page.keyboard.press("Enter");
    await title("member-return.xlsx").waitFor();
    await pressInDialog("Run …");
    await title("Run member-return.xlsx").waitFor();
    await pressInDialog("Cancel");
    await returned(button("Look into member-return.xlsx"), "from the preview to the run");

    await window.visit(stack, places["issues of a run"]!);
    await openAndClose(button(/^Show cell/).first(), /./);

    await window.visit(stack, places["configs"]!);
    await openAndClose(button("New config"), "New config");

    await window.visit(stack, places["workbench"]!);
    await page.getByRole("treeitem", { name: "README.md" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: /README\.md/ }).waitFor();
    await openAndClose(button("Rename the open file"), "Rename");
    await openAndClose(button("Delete the open file"), "Delete README.md?");
    await openAndClose(button("More"), "Versions", /Versions/);
    await openAndClose(button("More"), "Import a zip archive", /Import a zip archive/);
    await button("New file").focus();
    await page.keyboard.press("Enter");
    await title("New file").waitFor();
    await page.keyboard.press("End");
    await page.keyboard.type("extra.md");
    await page.keyboard.press("Enter");
    await returned(button("New file"), "New file, made");
    await page.getByRole("tab", { name: "extra.md" }).waitFor();
    await button("Delete the open file").focus();
    await page.keyboard.press("Enter");
    await title("Delete extra.md?").waitFor();
    await pressInDialog("Delete");
    await page.getByRole("treeitem", { name: "extra.md" }).waitFor({ state: "detached" });

    await window.visit(stack, places["settings"]!);
    await openAndClose(button("New key"), "New API key");
    await button("Add").focus();
    await page.keyboard.press("Enter");
    await title("Add a member").waitFor();
    await page.keyboard.type("auth0|grace");
    await page.keyboard.press("Enter");
    await returned(button("Add"), "Add a member");
    await openAndClose(button("Remove auth0|grace"), "Remove auth0|grace?");
    expect(lost).toEqual([]);
    expect(window.complaints).toEqual([]);
  } finally {
    await window.close();
  }
});

test("on a narrow screen the navigation is a dialog that comes after its button", async () => {
  const window = await Window.open();
  const { page } = window;
  try {
    await page.setViewportSize({ width: 320, height: 640 });
    await window.visit(stack, places["documents"]!);
    const menu = page.getByRole("button", { name: "Menu", exact: true });
    await menu.waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    expect(await menu.evaluate((element) => element === globalThis.document.activeElement), "the button is the first thing after the way to the content").toBe(true);
    await page.keyboard.press("Enter");
    const drawer = page.getByRole("dialog", { name: "Navigation" });
    await drawer.waitFor();
    expect(await page.evaluate(() => globalThis.document.activeElement?.closest("[role=dialog]") !== null)).toBe(true);
    expect(await findings(window)).toEqual([]);
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    await expect.poll(() => menu.evaluate((element) => element === globalThis.document.activeElement)).toBe(true);

    await page.keyboard.press("Enter");
    await drawer.getByRole("link", { name: "Runs" }).click();
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await drawer.waitFor({ state: "detached" });
    await menu.click();
    await drawer.getByRole("button", { name: /Go to/ }).click();
    await page.getByRole("dialog", { name: "Go to" }).waitFor();
    await drawer.waitFor({ state: "detached" });
    await page.keyboard.press("Escape");

    // A window that grows shows it beside the screen, and nothing is left over it.
    await menu.click();
    await drawer.waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });
    await drawer.waitFor({ state: "detached" });
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Documents" }).click();
    await page.getByRole("heading", { name: "Documents" }).waitFor();
    expect(window.complaints).toEqual([]);
  } finally {
    await window.close();
  }
});
