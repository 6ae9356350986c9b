/** The workbench in detail: nothing is lost by accident, rules are found from what they did, versions are compared, the terminal forgets what is old, tabs are remembered. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

let stack: Stack;
let window: Window;
let config: string;

beforeAll(async () => {
  stack = await Stack.start();
  config = await stack.config("Members");
  window = await Window.open();
  await window.visit(stack, `/w/${stack.workspace}/configs/${config}`);
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const EMAIL = "src/ade_config/columns/email.py";
const read = (path = EMAIL) => stack.file(config, path);

async function open(name: string): Promise<void> {
  await window.page.getByRole("treeitem", { name }).click();
  await window.page.getByRole("tab", { name, selected: true }).waitFor();
}

/** Types at the end of the open file. */
async function type(text: string): Promise<void> {
  const { page } = window;
  await page.getByRole("textbox", { name: /^Contents of/ }).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

/** Replaces what is in the open file, and saves it. */
async function rewrite(text: string): Promise<void> {
  const { page } = window;
  await page.getByRole("textbox", { name: /^Contents of/ }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
}

async function saveAndBuild(): Promise<void> {
  const { page } = window;
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
  await page.keyboard.press("Control+b");
  await page.getByRole("tabpanel").getByText(/^Build succeeded/).last().waitFor({ timeout: 40_000 });
  await page.getByRole("button", { name: "Build", exact: true }).and(page.locator(":enabled")).waitFor();
}

test("who leaves with unsaved changes is asked, and stays with them or goes without", async () => {
  const { page } = window;
  await open("email.py");
  const before = await read();
  await type("# Not saved yet.\n");
  const editor = page.getByRole("textbox", { name: /email\.py/ });
  const question = page.getByRole("dialog", { name: "Leave without saving?" });

  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await question.getByText(EMAIL).waitFor();
  await question.getByRole("button", { name: "Stay" }).click();
  await question.waitFor({ state: "detached" });
  expect(page.url()).toContain(`/configs/${config}`);
  await editor.getByText("# Not saved yet.").waitFor();

  // The tab's own close button, and a file's.
  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await page.getByRole("button", { name: `Close ${EMAIL}`, includeHidden: true }).click();
  await page.getByRole("dialog", { name: "Close email.py without saving?" }).getByRole("button", { name: "Keep it open" }).click();
  await editor.getByText("# Not saved yet.").waitFor();

  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await question.getByRole("button", { name: "Leave" }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  expect(await read()).toBe(before);
});

test("the open files, their order and the panel are there again after a reload", async () => {
  const { page } = window;
  await page.getByRole("link", { name: "Configs", exact: true }).click();
  await page.getByRole("link", { name: "Members" }).click();
  await open("email.py");
  await open("first_name.py");
  await open("settings.toml");
  await open("first_name.py");
  await page.getByRole("tab", { name: "Terminal" }).click();
  const tabs = page.getByRole("tablist", { name: "Open files" }).getByRole("tab");
  const shown = () => tabs.evaluateAll((all) => all.map((tab) => `${tab.textContent}${tab.getAttribute("aria-selected") === "true" ? " *" : ""}`));
  const expected = ["email.py", "first_name.py *", "settings.toml"];
  expect(await shown()).toEqual(expected);
  await page.reload();
  await expect.poll(shown).toEqual(expected);
  await page.getByRole("textbox", { name: /first_name\.py/ }).waitFor();
  await page.getByRole("tab", { name: "Terminal", selected: true }).waitFor();
});

test("what is typed into an empty file stays in it", async () => {
  const { page } = window;
  const folder = "src/ade_config";
  for (const name of ["one.py", "two.py"]) {
    await page.getByRole("button", { name: "New file" }).click();
    const dialog = page.getByRole("dialog", { name: "New file" });
    await dialog.getByLabel("Path").fill(`${folder}/${name}`);
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("tab", { name, selected: true }).waitFor();
  }
  await type("# Two.");
  await page.getByRole("tab", { name: "one.py" }).click();
  await type("# One.");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
  expect([await read(`${folder}/one.py`), await read(`${folder}/two.py`)]).toEqual(["# One.", "# Two."]);
  for (const name of ["one.py", "two.py"]) {
    await open(name);
    await page.getByRole("button", { name: "Delete the open file" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("treeitem", { name }).waitFor({ state: "detached" });
  }
});

test("keys that are held or pressed again while the file is saved do nothing twice", async () => {
  const { page } = window;
  await open("email.py");
  await type("# Saved once.\n");
  const builds: string[] = [];
  page.on("request", (request) => request.method() === "POST" && request.url().endsWith("/builds") && builds.push(request.url()));
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/files/**", async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest((request) => request.method() === "PUT");
  await page.keyboard.down("Control");
  await page.keyboard.down("s");
  await page.keyboard.down("s");
  await page.keyboard.up("s");
  await asked;
  await page.keyboard.press("s");
  await page.keyboard.press("b");
  await page.keyboard.press("b");
  await page.keyboard.up("Control");
  answer();
  await page.getByRole("tabpanel").getByText(/^Build succeeded/).last().waitFor({ timeout: 40_000 });
  await page.getByRole("button", { name: "Build", exact: true }).and(page.locator(":enabled")).waitFor();
  await page.unroute("**/files/**");
  expect(await page.getByRole("dialog").count(), "nobody else has changed the file").toBe(0);
  expect(await read()).toContain("# Saved once.");
  expect(builds).toHaveLength(1);
});

test("the draft is tested on the document that was chosen, and a rule is found from what it did", async () => {
  const { page } = window;
  const pane = page.getByRole("region", { name: "Test run" });
  const chosen = pane.getByLabel("Test the draft on");
  await stack.document("people.csv", new TextEncoder().encode("Name,Email\nAda,ada@example.com\n"));
  await stack.document("others.csv", new TextEncoder().encode("Name,Email\nBob,bob@example.com\n"));
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await expect.poll(() => chosen.textContent(), { message: "the newest is suggested" }).toContain("others.csv");
  await chosen.click();
  const picker = page.getByRole("dialog", { name: "Test the draft on a document" });
  await picker.getByRole("searchbox").fill("peop");
  await expect.poll(() => picker.getByRole("listitem").count()).toBe(1);
  await picker.getByRole("button", { name: /people\.csv/ }).click();
  await expect.poll(() => chosen.textContent()).toContain("people.csv");
  await pane.getByRole("button", { name: "Test run" }).click();
  await pane.getByText("succeeded").waitFor({ timeout: 40_000 });

  await open("settings.toml");
  await pane.getByRole("button", { name: /Email/ }).click();
  const rule = pane.getByRole("link", { name: /email\.py:\d+/ }).first();
  const line = /\d+$/.exec((await rule.textContent())!)![0];
  const marked = page.locator(".cm-lineNumbers .cm-activeLineGutter");
  for (const _ of [1, 2]) {
    await rule.click();
    await page.getByRole("tab", { name: "email.py", selected: true }).waitFor();
    await expect.poll(() => marked.textContent()).toBe(line);
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(/email\.py/);
    // From there on nothing jumps.
    await page.getByRole("textbox", { name: /^Contents of/ }).press("Control+End");
    await page.getByRole("tab", { name: "settings.toml" }).click();
    await page.getByRole("textbox", { name: /settings\.toml/ }).waitFor();
    await page.getByRole("tab", { name: "email.py" }).click();
    await page.getByRole("textbox", { name: /email\.py/ }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("tab");
    expect(await marked.textContent()).not.toBe(line);
    await page.getByRole("tab", { name: "settings.toml" }).click();
  }
  await page.getByRole("button", { name: "Test", exact: true }).click();
});

test("a file is as it was left: how far it was scrolled, and where its problems are", async () => {
  const { page } = window;
  const before = await read();
  await open("email.py");
  await type("this is not python\n");
  await page.getByRole("button", { name: "Validate" }).click();
  const mistake = before.split("\n").length;
  await page.getByRole("tabpanel").getByRole("button", { name: new RegExp(`email\\.py:${mistake}$`) }).click();
  // 40 lines before the first one: the mistake moves with its line.
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("\n".repeat(40));
  await page.keyboard.press("Control+End");
  const scroller = page.locator(".cm-scroller");
  const marks = page.locator(".cm-lint-marker-error");
  await marks.waitFor();
  const seen = () => page.evaluate(() => [document.querySelector(".cm-scroller")!.scrollTop, document.querySelector(".cm-lint-marker-error")?.getBoundingClientRect().top]);
  await scroller.evaluate((element) => (element.scrollTop = element.scrollHeight - element.clientHeight - 30));
  await expect.poll(async () => (await seen())[1]).toBeDefined();
  const left = await seen();
  await open("settings.toml");
  await open("email.py");
  await expect.poll(seen).toEqual(left);
  expect(left[0]).toBeGreaterThan(100);
  await rewrite(before);
});

test("a build goes on when its page is left, and is seen and stopped from there again", async () => {
  const { page } = window;
  await open("email.py");
  const before = await read();
  await type("import time; time.sleep(60)\n");
  await page.keyboard.press("Control+b");
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Building …" }).waitFor();
  await page.getByRole("tabpanel").getByText("Build queued").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("tabpanel").getByText(/^Build canceled/).waitFor();
  await page.getByRole("button", { name: "Build", exact: true }).and(page.locator(":enabled")).waitFor();
  expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);

  await open("email.py");
  await rewrite(`${before}# Stopped before.\n`);
});

test("versions are compared, with the draft and with each other", async () => {
  const { page } = window;
  await open("email.py");
  await saveAndBuild();
  await type("# The second version.\n");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
  const dialog = page.getByRole("dialog", { name: "Versions" });
  const compare = async () => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: /Versions/ }).click();
    await dialog.waitFor();
  };
  const patch = dialog.getByRole("region", { name: EMAIL });
  await compare();
  await dialog.getByText("1 file differs", { exact: true }).waitFor();
  await patch.getByText("+# The second version.").waitFor();
  await page.keyboard.press("Escape");

  await saveAndBuild();
  await compare();
  await dialog.getByText("Both have the same files.").waitFor();
  const [newest, oldest] = await dialog.getByLabel("Before", { exact: true }).getByRole("option").evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  await dialog.getByLabel("Before", { exact: true }).selectOption(newest!);
  await dialog.getByLabel("After", { exact: true }).selectOption(oldest!);
  await patch.getByText("-# The second version.").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

test("the terminal keeps the newest lines only, and is cleared", async () => {
  const { page } = window;
  await open("email.py");
  await type("for n in range(6000): print('printed', n)\n");
  await saveAndBuild();
  const copied = async () => {
    await page.getByRole("button", { name: "Copy what is shown" }).click();
    await page.getByText("Copied").last().waitFor();
    return (await page.evaluate(() => navigator.clipboard.readText())).split("\n");
  };
  const lines = await copied();
  expect(lines.length).toBeGreaterThanOrEqual(5000);
  expect(lines.length).toBeLessThanOrEqual(5500);
  expect(lines).toContain("printed 5999");
  expect(lines).not.toContain("printed 0");

  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByText("Builds, checks and test runs tell here what they do.").waitFor();
  expect(await copied()).toEqual([""]);
  // What comes next is shown as before.
  await page.keyboard.press("Control+b");
  await page.getByText("Nothing has changed: the active build fits.").waitFor();
  expect(window.complaints).toEqual([]);
});
