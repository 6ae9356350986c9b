/** The settings: members, safe mode, what the health is told from. */
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

  const role = part.getByLabel("Role of auth0|ada");
  expect(await role.inputValue()).toBe("viewer");
  await role.selectOption("editor");
  await expect.poll(members).toEqual(["auth0|ada editor"]);
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
  await part.getByRole("button", { name: "Turn on" }).click();
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
