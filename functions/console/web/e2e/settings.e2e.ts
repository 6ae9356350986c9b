/** The settings: keys, members, safe mode, what the health is told from. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

let stack: Stack;
let window: Window;

beforeAll(async () => {
  stack = await Stack.start();
  window = await Window.open();
  await window.visit(stack, `/w/${stack.workspace}/settings`);
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const section = (name: string) => window.page.getByRole("region", { name, exact: true });

test("a member is added, gets another role, and is removed", async () => {
  const { page } = window;
  const members = () => stack.api<{ data: { subject: string; role: string }[] }>("GET", `/workspaces/${stack.workspace}/members`).then(({ data }) => data.map(({ subject, role }) => `${subject} ${role}`));
  const part = section("Members");
  await part.getByText("No members").waitFor();
  await part.getByRole("button", { name: "Add" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a member" });
  await dialog.getByLabel("Subject").fill("auth0|ada");
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByRole("button", { name: "Add" }).click();
  await part.getByRole("cell", { name: "auth0|ada", exact: true }).waitFor();
  expect(await members()).toEqual(["auth0|ada viewer"]);

  // Arrow keys pass through roles on their way: nothing is sent before it is saved.
  const sent: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "PUT") sent.push(request.postData() ?? "");
  });
  const role = part.getByRole("combobox", { name: "Role of auth0|ada" });
  expect(await role.inputValue()).toBe("viewer");
  await role.press("ArrowDown");
  await role.press("ArrowDown");
  expect(await role.inputValue()).toBe("editor");
  await part.getByRole("button", { name: "Save the role of auth0|ada" }).click();
  await expect.poll(members).toEqual(["auth0|ada editor"]);
  expect(sent).toEqual([JSON.stringify({ role: "editor" })]);
  await expect.poll(() => role.evaluate((element) => element === globalThis.document.activeElement), { message: "the focus stays in the row" }).toBe(true);
  await role.selectOption("admin");
  await part.getByRole("button", { name: "Undo the role of auth0|ada" }).click();
  expect(await role.inputValue()).toBe("editor");
  await page.reload();
  await expect.poll(() => role.inputValue()).toBe("editor");

  // Nobody is shut out by a slip.
  const remove = part.getByRole("button", { name: "Remove auth0|ada" });
  await remove.click();
  const question = page.getByRole("dialog", { name: "Remove auth0|ada?" });
  await question.getByRole("button", { name: "Cancel" }).click();
  expect(await members()).toEqual(["auth0|ada editor"]);
  await remove.click();
  await question.getByRole("button", { name: "Remove" }).click();
  await part.getByText("No members").waitFor();
  expect(await members()).toEqual([]);
});

/** Opens the dialog that shows a new key. */
async function makeKey(name: string) {
  await section("API keys").getByRole("button", { name: "New key" }).click();
  const form = window.page.getByRole("dialog", { name: "New API key" });
  await form.getByLabel("Name").fill(name);
  await form.getByRole("button", { name: "Create" }).click();
  const dialog = window.page.getByRole("dialog", { name: `Key “${name}”` });
  await dialog.waitFor();
  return dialog;
}

test("a key that is shown once stays in sight until it is copied", async () => {
  const { page } = window;
  const dialog = await makeKey("Nightly");
  const secret = await dialog.getByText(/^ade_key_/).textContent();
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  expect(await dialog.getByText(secret!).isVisible()).toBe(true);
  await dialog.getByRole("button", { name: "Copy the key" }).click();
  await page.getByText("Copied", { exact: true }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

test("a key is copied where the page has no clipboard, and where it may not copy it is selected", async () => {
  const { page } = window;
  // As it is over plain HTTP from another host.
  await page.evaluate(() => Object.defineProperty(Navigator.prototype, "clipboard", { configurable: true, get: () => undefined }));
  const dialog = await makeKey("Weekly");
  const secret = await dialog.getByText(/^ade_key_/).textContent();
  await dialog.getByRole("button", { name: "Copy the key" }).click();
  await page.getByText("Copied", { exact: true }).last().waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();
  const name = section("Safe mode").getByLabel("What people are told");
  await name.focus();
  await page.keyboard.press("Control+v");
  expect(await name.inputValue()).toBe(secret);
  await name.fill("");

  await page.evaluate(() => Object.defineProperty(globalThis.document, "execCommand", { configurable: true, value: () => false }));
  const other = await makeKey("Monthly");
  await other.getByRole("button", { name: "Copy the key" }).click();
  const refusal = page.getByText("The browser does not let this page copy. The text is selected: copy it by hand.");
  await refusal.waitFor();
  expect(await page.evaluate(() => getSelection()?.toString())).toBe(await other.getByText(/^ade_key_/).textContent());
  // A toast over a dialog is no place outside of it.
  await page.getByRole("button", { name: "Dismiss" }).last().click();
  await refusal.waitFor({ state: "detached" });
  expect(await other.isVisible()).toBe(true);
  await other.getByRole("button", { name: "Done" }).click();
  await page.reload();
});

test("what was refused for one key is not said of another, and the key of this session is pointed out", async () => {
  const { page } = window;
  const part = section("API keys");
  for (const name of ["First", "Second"]) {
    await (await makeKey(name)).getByRole("button", { name: "Done" }).click();
  }
  await page.route("**/api-keys/*", (route) => (route.request().method() === "DELETE" ? route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify({ title: "Conflict", status: 409, code: "in_use", detail: "The first one stays.", request_id: "req-1" }) }) : route.fallback()));
  await part.getByRole("button", { name: "Revoke First" }).click();
  const first = page.getByRole("dialog", { name: "Revoke “First”?" });
  await first.getByRole("button", { name: "Revoke" }).click();
  await first.getByText("The first one stays.").waitFor();
  await page.keyboard.press("Escape");
  await part.getByRole("button", { name: "Revoke Second" }).click();
  const second = page.getByRole("dialog", { name: "Revoke “Second”?" });
  await second.waitFor();
  expect(await second.getByRole("alert").count()).toBe(0);
  expect(await second.getByText("You are signed in with it").count()).toBe(0);
  await page.keyboard.press("Escape");
  await page.unroute("**/api-keys/*");

  const own = await stack.api<{ id: string; secret: string }>("POST", `/workspaces/${stack.workspace}/api-keys`, { name: "Mine", role: "admin" });
  const other = await Window.open();
  try {
    await other.visit({ key: own.secret, site: stack.site }, `/w/${stack.workspace}/settings`);
    await other.page.getByRole("button", { name: "Revoke Mine" }).click();
    const question = other.page.getByRole("dialog", { name: "Revoke “Mine”?" });
    await question.getByText("You are signed in with it").waitFor();
    await question.getByRole("button", { name: "Revoke" }).click();
    await other.page.getByRole("heading", { name: "Sign in to ADE" }).waitFor();
  } finally {
    await other.close();
  }
});

test("a refusal stays until it is dismissed", async () => {
  const { page } = window;
  await page.clock.install();
  await page.reload();
  await stack.api("PUT", `/workspaces/${stack.workspace}/members/auth0%7Cada`, { role: "viewer" });
  await page.route("**/members/*", (route) => route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify({ title: "Conflict", status: 409, code: "conflict", detail: "Not now.", request_id: "req-2" }) }));
  const part = section("Members");
  await part.getByRole("combobox", { name: "Role of auth0|ada" }).selectOption("editor");
  await part.getByRole("button", { name: "Save the role of auth0|ada" }).click();
  await page.getByText("request req-2").waitFor();
  await page.clock.runFor(60_000);
  expect(await page.getByText("request req-2").isVisible()).toBe(true);
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.getByText("request req-2").waitFor({ state: "detached" });
  await page.unroute("**/members/*");
});

test("lists are read to their end", async () => {
  const { page } = window;
  for (let number = 0; number <= 200; number++) await stack.api("PUT", `/workspaces/${stack.workspace}/members/auth0%7C${number}`, { role: "viewer" });
  await page.reload();
  await section("Members").getByRole("combobox", { name: "Role of auth0|0", exact: true }).waitFor();
  await section("Members").getByRole("combobox", { name: "Role of auth0|99", exact: true }).waitFor();
});

test("the health is what the checks say, and safe mode is turned on and off", async () => {
  const { page } = window;
  interface Health { status: string; components: { name: string; status: string; detail: string | null }[] }
  const known = async () => (await stack.api<Health>("GET", "/health")).components.map(({ status, detail }) => [status, detail ?? ""]);
  const shown = () => section("Health").locator("dd").evaluateAll((all) => all.map((one) => Array.from(one.firstElementChild!.children, (part) => part.textContent ?? "")));
  const state = () => stack.api<{ enabled: boolean; detail: string | null }>("GET", "/system/safe-mode");

  // An executor that has worked tells how it confines what it runs.
  const config = await stack.config();
  await stack.finished(await stack.run(config, await stack.document("people.csv", new TextEncoder().encode("First Name,Email\nAda,ada@example.com\n"))));
  await page.reload();
  await section("Health").getByText(/User code is confined by/).waitFor();
  // The way to it from every screen ends where all of it is in sight.
  const last = section("Health").locator("dd").last();
  const inSight = () => last.evaluate((element) => element.getBoundingClientRect().bottom <= globalThis.innerHeight);
  expect(await inSight()).toBe(false);
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.getByRole("link", { name: "available" }).click();
  await expect.poll(inSight).toBe(true);
  await page.reload();
  await expect.poll(() => section("Health").locator("dd").count()).toBe(5);
  await expect.poll(inSight, { message: "opened by its address" }).toBe(true);
  expect((await known()).length).toBe(5);
  expect(await shown()).toEqual(await known());

  const part = section("Safe mode");
  await part.getByText("Off: runs and builds are executed.").waitFor();
  await part.getByLabel("What people are told").fill("Storage is being moved.");
  // Nobody stops an installation by a slip.
  const turnOn = part.getByRole("button", { name: "Turn on" });
  const question = page.getByRole("dialog", { name: "Turn on safe mode?" });
  await turnOn.click();
  await question.getByText("Storage is being moved.").waitFor();
  await question.getByRole("button", { name: "Cancel" }).click();
  await question.waitFor({ state: "detached" });
  expect(await state()).toMatchObject({ enabled: false });
  await turnOn.click();
  await question.getByRole("button", { name: "Turn on" }).click();
  const banner = page.getByRole("status").filter({ hasText: "Safe mode. Storage is being moved." });
  await banner.waitFor();
  expect(await state()).toMatchObject({ enabled: true, detail: "Storage is being moved." });
  await section("Health").getByText("Storage is being moved.").waitFor();
  expect(await shown()).toEqual(await known());
  expect((await known()).at(-1)?.[0]).toBe("degraded");
  await page.getByRole("link", { name: "degraded" }).waitFor();

  await part.getByRole("button", { name: "Turn off" }).click();
  await banner.waitFor({ state: "detached" });
  await part.getByText("Off: runs and builds are executed.").waitFor();
  expect(await state()).toMatchObject({ enabled: false });
  expect(window.complaints).toEqual([]);
});
