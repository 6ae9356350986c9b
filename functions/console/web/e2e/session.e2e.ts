/** Sessions that end and servers that go away: what is on the screen, and what was typed, outlives both. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

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

const EMAIL = "src/ade_config/columns/email.py";
const read = () => stack.file(config, EMAIL);
const newKey = (role: string) => stack.api<{ id: string; secret: string }>("POST", `/workspaces/${stack.workspace}/api-keys`, { name: "Somebody", role });

/** Opens a place as whoever has this key, who signs in with it. */
async function enter(key: string, place: string): Promise<void> {
  const { page } = window;
  await page.goto(`${stack.url}/sign-in?to=${encodeURIComponent(place)}`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**${place}`);
}

async function type(text: string): Promise<void> {
  const { page } = window;
  await page.getByRole("textbox", { name: /^Contents of/ }).click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

test("a key is revoked while somebody types: they sign in again over the page, and save", async () => {
  const { page } = window;
  const mine = await newKey("editor");
  await enter(mine.secret, `/w/${stack.workspace}/configs/${config}`);
  await page.getByRole("treeitem", { name: "email.py" }).click();
  await type("# Kept over the session.\n");
  await stack.api("DELETE", `/workspaces/${stack.workspace}/api-keys/${mine.id}`);
  await page.keyboard.press("Control+s");
  const dialog = page.getByRole("dialog", { name: "Sign in again" });
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.getByLabel("API key").fill("ade_nothing");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("API key").fill((await newKey("editor")).secret);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("textbox", { name: /email\.py/ }).getByText("# Kept over the session.").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(read).toContain("# Kept over the session.");
});

test("who signs out with unsaved changes is asked, and stays signed in with them or goes without", async () => {
  const { page } = window;
  await type("# Not saved.\n");
  const question = page.getByRole("dialog", { name: "Leave without saving?" });
  await page.getByRole("button", { name: "Sign out" }).click();
  await question.getByRole("button", { name: "Stay" }).click();
  await question.waitFor({ state: "detached" });
  await type("# Saved after all.\n");
  await page.keyboard.press("Control+s");
  await expect.poll(read).toContain("# Not saved.\n# Saved after all.");

  await type("# Given up.\n");
  await page.getByRole("button", { name: "Sign out" }).click();
  await question.getByRole("button", { name: "Leave" }).click();
  await page.getByLabel("API key").waitFor();
  const kept = await page.evaluate(() => [sessionStorage, localStorage].flatMap((storage) => Object.keys(storage)).filter((name) => name.startsWith("ade.")));
  expect(kept, "nothing of theirs stays").toEqual([]);
});

test("at the start, a key that is worth nothing any more leads to the form", async () => {
  const { page } = window;
  await page.evaluate(() => localStorage.setItem("ade.session", JSON.stringify({ key: "ade_gone" })));
  await page.goto(stack.url);
  await page.getByLabel("API key").waitFor();
});

test("while the server is away what is known stays, and what could not be read is read when it is back", async () => {
  const { page } = window;
  await enter(stack.key, `/w/${stack.workspace}/configs/${config}`);
  await page.getByRole("treeitem", { name: "email.py" }).click();
  await type("# Typed before.\n");
  const editor = page.getByRole("textbox", { name: /email\.py/ });
  // The code of the other screen is fetched when somebody is about to go there.
  await Promise.all([page.waitForResponse(/\/settings-/), page.getByRole("link", { name: "Settings", exact: true }).hover()]);

  await stack.kill();
  const banner = page.getByText("ADE can't be reached.", { exact: true });
  // Whoever comes back to a page has it asked for anew.
  await expect.poll(async () => {
    await page.evaluate(() => globalThis.window.dispatchEvent(new Event("visibilitychange")));
    return banner.isVisible();
  }).toBe(true);
  await editor.getByText("# Typed before.").waitFor();

  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("dialog", { name: "Leave without saving?" }).getByRole("button", { name: "Leave" }).click();
  const keys = page.getByRole("region", { name: "API keys", exact: true });
  await keys.getByText("No connection").waitFor();
  await stack.restart();
  await keys.getByRole("table").waitFor();
  await banner.waitFor({ state: "detached" });
});

test("who may only look is told what it takes instead of being refused", async () => {
  const { page } = window;
  await page.getByRole("button", { name: "Sign out" }).click();
  await enter((await newKey("viewer")).secret, `/w/${stack.workspace}/documents`);
  const upload = page.getByRole("button", { name: "Upload", exact: true });
  await upload.and(page.locator("[aria-disabled=true]")).hover();
  await page.getByRole("tooltip", { name: "This takes the role operator; yours here is viewer." }).waitFor();
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("region", { name: "API keys", exact: true }).getByText("This takes the role admin; yours here is viewer.").waitFor();
  expect(window.complaints).toEqual([]);
});
