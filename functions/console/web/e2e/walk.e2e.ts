/** What a person does who never saw ADE: upload, run, look, change a rule, run again. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEMO, Stack, Window } from "./stack";

let stack: Stack;
let window: Window;
let config: string;

beforeAll(async () => {
  stack = await Stack.given();
  config = await stack.config("Members");
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

test.runIf(process.env["ADE_URL"])("one signs in with a key", async () => {
  const { page } = window;
  await page.goto(`${stack.site}/w/${stack.workspace}/documents`);
  await page.getByLabel("API key").fill(stack.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Documents" }).waitFor();
});

test.skipIf(process.env["ADE_URL"])("the link that ade up prints signs in, once, and leaves no trace in the address", async () => {
  const { page } = window;
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url()));
  await page.goto(stack.link);
  await page.getByRole("heading", { name: "Documents" }).waitFor();
  expect(page.url()).not.toContain("sign-in");
  expect(sent.filter((url) => url.includes(stack.key))).toEqual([]);

  const other = await Window.open();
  try {
    await other.page.goto(stack.link);
    await other.page.getByText("This sign-in link was used before.").waitFor();
    await other.page.getByRole("heading", { name: "Sign in to ADE" }).waitFor();
    await other.page.getByLabel("API key").fill("ade_key_nonsense");
    await other.page.getByRole("button", { name: "Sign in" }).click();
    await other.page.getByRole("alert").waitFor();
  } finally {
    await other.close();
  }
});

test("a workbook is uploaded, and noticed when it comes twice", async () => {
  const { page } = window;
  await page.getByLabel("Files to upload").setInputFiles(DEMO);
  await page.getByRole("row", { name: /member-return\.xlsx/ }).waitFor();
  await page.getByLabel("Files to upload").setInputFiles(DEMO);
  await page.getByText("The same file is here already").waitFor();
});

test("one looks into it, from sheet to sheet", async () => {
  const { page } = window;
  await page.getByRole("button", { name: "Look into member-return.xlsx" }).click();
  const rows = page.getByRole("group", { name: "Rows of member-return.xlsx" });
  await rows.getByRole("row").nth(3).waitFor();
  const sheet = page.getByLabel("Sheet of member-return.xlsx");
  await sheet.waitFor();
  const names = await sheet.getByRole("option").allTextContents();
  const before = await rows.textContent();
  await sheet.selectOption(names.find((name) => name !== names[0])!);
  await expect.poll(() => rows.textContent()).not.toBe(before);
  await page.getByRole("button", { name: "Close", exact: true }).first().click();
});

test("it is run, and the run is watched live", async () => {
  const { page } = window;
  await page.getByRole("button", { name: "Run member-return.xlsx" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "member-return.xlsx" }).waitFor();
  await page.getByRole("tab", { name: "Log" }).click();
  // What is not streamed comes at once, and then its end is in sight.
  if (!process.env["ADE_URL"]) await page.getByText("Run queued").waitFor();
  await page.getByText("complete", { exact: true }).waitFor({ timeout: 40_000 });
  await page.getByText(/^Run succeeded/).waitFor();
});

test("the output is looked into", async () => {
  const { page } = window;
  await page.getByRole("tab", { name: "Output" }).click();
  const rows = page.getByRole("group", { name: "Rows of member-return_normalized.xlsx" });
  await rows.getByRole("cell", { name: /@/ }).first().waitFor();
});

test("an issue leads to the cell it is about, in the source and in the output", async () => {
  const { page } = window;
  await page.getByRole("tab", { name: "Issues" }).click();
  const cell = page.getByRole("button", { name: /^Show cell/ }).first();
  // Until then the rows are those of the tab before.
  await cell.waitFor();
  const value = (await page.getByRole("row").nth(1).getByRole("cell").nth(3).textContent())!;
  await cell.click();
  const marked = page.getByRole("dialog").locator("td[aria-current=true]");
  await expect.poll(() => marked.count()).toBe(2);
  expect(await marked.allTextContents()).toContain(value);
  await page.getByRole("button", { name: "Close" }).click();
});

test("the mapping says why", async () => {
  const { page } = window;
  await page.getByRole("tab", { name: "Mapping" }).click();
  await page.getByRole("button", { name: /E-mail Address/ }).click();
  await page.getByText(/columns\/email\.py:\d+/).waitFor();
});

test("a rule is changed and built", async () => {
  const { page } = window;
  await page.getByRole("link", { name: "Configs", exact: true }).click();
  await page.getByRole("link", { name: "Members" }).click();
  await page.getByRole("treeitem", { name: "email.py" }).click();
  const editor = page.getByRole("textbox", { name: /email\.py/ });
  await editor.waitFor();
  await editor.click();

  await page.keyboard.press("Control+End");
  await page.keyboard.type("\n# Checked by a person.\n");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Save" }).and(page.locator(":disabled")).waitFor();
  await page.keyboard.press("Control+b");
  await page.getByText(/^Build succeeded/).waitFor({ timeout: 40_000 });
});

test("a mistake is found and shown where it is", async () => {
  const { page } = window;
  const editor = page.getByRole("textbox", { name: /email\.py/ });
  await editor.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("this is not python\n");
  await page.getByRole("button", { name: "Validate" }).click();
  await page.getByRole("tabpanel").getByRole("button", { name: /email\.py/ }).first().waitFor({ timeout: 30_000 });
  await editor.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Control+s");
});

test("the draft is tested on a document", async () => {
  const { page } = window;
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await page.getByRole("button", { name: "Test run" }).click();
  await page.getByText(/^Run succeeded/).waitFor({ timeout: 40_000 });
  await page.getByRole("link", { name: "Open the run" }).waitFor();
});

test("somebody else's change is not overwritten", async () => {
  const { page } = window;
  const path = `/workspaces/${stack.workspace}/configs/${config}/files/src/ade_config/columns/email.py`;
  const headers = { Authorization: `Bearer ${stack.key}` };
  const current = await fetch(`${stack.url}/api/v1${path}`, { headers });
  const theirs = `${await current.text()}\n# Changed by somebody else.\n`;
  await fetch(`${stack.url}/api/v1${path}`, { method: "PUT", body: theirs, headers: { ...headers, "If-Match": current.headers.get("etag")! } });

  await page.getByRole("textbox", { name: /email\.py/ }).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# Mine.\n");
  await page.keyboard.press("Control+s");
  const dialog = page.getByRole("dialog", { name: "The file was changed meanwhile" });
  await dialog.waitFor();
  await dialog.getByText("Changed by somebody else.").waitFor();
  await dialog.getByRole("button", { name: "Take theirs, drop mine" }).click();
  await page.getByRole("textbox", { name: /email\.py/ }).getByText("Changed by somebody else.").waitFor();
});

test("the history knows it all", async () => {
  const { page } = window;
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByRole("link", { name: "member-return.xlsx" }).first().waitFor();
  await page.getByRole("button", { name: "failed" }).click();
  await page.getByText("No run fits these conditions.").waitFor();
  await page.reload();
  await page.getByText("No run fits these conditions.").waitFor();
  expect(window.complaints).toEqual([]);
});
