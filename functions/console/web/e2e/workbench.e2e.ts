/** What the workbench promises besides the walk: nothing that is typed is lost, what was open is open again, versions are compared. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

let stack: Stack;
let window: Window;
let config: string;

beforeAll(async () => {
  stack = await Stack.start();
  config = await stack.config();
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const FILE = "src/ade_config/columns/email.py";
const workbench = () => window.visit(stack, `/w/${stack.workspace}/configs/${config}`);
const stored = async () => (await fetch(`${stack.url}/api/v1/workspaces/${stack.workspace}/configs/${config}/files/${FILE}`, { headers: { Authorization: `Bearer ${stack.key}` } })).text();

/** Answers the next question of the page; what was asked. */
function asked(answer: "accept" | "dismiss"): Promise<string> {
  return new Promise((resolve) => window.page.once("dialog", (dialog) => void dialog[answer]().then(() => resolve(dialog.message()))));
}

test("what is not saved is not left by accident", async () => {
  const { page } = window;
  await workbench();
  await page.getByRole("treeitem", { name: "email.py" }).click();
  const editor = page.getByRole("textbox", { name: /email\.py/ });
  await editor.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# Half a thought.\n");
  await page.getByRole("tab", { name: "email.py not saved" }).waitFor();
  const before = await stored();

  let question = asked("dismiss");
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  expect(await question).toContain("leave without saving?");
  await editor.getByText("# Half a thought.").waitFor();
  expect(page.url()).toContain(config);

  question = asked("dismiss");
  await page.getByRole("tab", { name: /email\.py/ }).press("Delete");
  expect(await question).toContain("is not saved");
  await editor.getByText("# Half a thought.").waitFor();

  question = asked("accept");
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await question;
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  expect(await stored()).toBe(before);
});

test("files that were open are open again", async () => {
  const { page } = window;
  await workbench();
  for (const name of ["email.py", "first_name.py"]) {
    await page.getByRole("treeitem", { name }).click();
    await page.getByRole("tab", { name }).waitFor();
  }
  await page.reload();
  await page.getByRole("tab", { name: "email.py" }).waitFor();
  await page.getByRole("tab", { name: "first_name.py", selected: true }).waitFor();
});

test("versions are compared line by line", async () => {
  const { page } = window;
  await page.getByRole("button", { name: "Build", exact: true }).click();
  await page.getByText(/^Build succeeded/).waitFor({ timeout: 40_000 });
  await page.getByRole("tab", { name: "email.py" }).click();
  await page.getByRole("textbox", { name: /email\.py/ }).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# Added after the build.\n");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: /Versions/ }).click();
  const dialog = page.getByRole("dialog", { name: "Versions" });
  await dialog.getByText("1 file differs").waitFor();
  await dialog.getByRole("region", { name: FILE }).getByText("+# Added after the build.", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
});

test("the terminal is emptied", async () => {
  const { page } = window;
  await page.getByText(/^Build succeeded/).waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByText("Builds, checks and test runs tell here what they do.").waitFor();
  expect(await page.locator("[data-testid=lines] [data-id]").count()).toBe(0);
});

test("no page complained", () => expect(window.complaints).toEqual([]));
