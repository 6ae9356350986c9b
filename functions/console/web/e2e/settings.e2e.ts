/** What an administrator does: workspaces, members, safe mode, health. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Stack, Window } from "./stack";

let stack: Stack;
let window: Window;

beforeAll(async () => {
  stack = await Stack.start();
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
});

const settings = () => window.visit(stack, `/w/${stack.workspace}/settings`);

test("one changes to another workspace, which is there the next time", async () => {
  const { page } = window;
  const { id } = await stack.api<{ id: string }>("POST", "/workspaces", { name: "Second", slug: "second" });
  await stack.document("people.csv", new TextEncoder().encode("Email\nada@example.com\n"));
  await window.visit(stack, `/w/${stack.workspace}/documents`);
  await page.getByRole("button", { name: "Run people.csv" }).waitFor();
  await page.getByRole("button", { name: /workspace$/ }).click();
  await page.getByRole("menuitem", { name: "Second" }).click();
  await page.getByText("Bring a messy spreadsheet").waitFor();
  expect(page.url()).toContain(`/w/${id}/documents`);
  await page.goto(`${stack.url}/`);
  await page.getByText("Bring a messy spreadsheet").waitFor();
  expect(page.url()).toContain(`/w/${id}/documents`);
});

test("a member is added, gets another role, and is removed", async () => {
  const { page } = window;
  const members = async () => (await stack.api<{ data: { subject: string; role: string }[] }>("GET", `/workspaces/${stack.workspace}/members`)).data.map(({ subject, role }) => [subject, role]);
  await settings();
  const region = page.getByRole("region", { name: "Members" });
  await region.getByText("No members").waitFor();
  await region.getByRole("button", { name: "Add" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a member" });
  await dialog.getByLabel("Subject").fill("auth0|ada");
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByRole("button", { name: "Add" }).click();
  const role = region.getByLabel("Role of auth0|ada");
  await role.waitFor();
  expect(await members()).toEqual([["auth0|ada", "viewer"]]);
  await role.selectOption("editor");
  await expect.poll(members).toEqual([["auth0|ada", "editor"]]);
  await region.getByRole("button", { name: "Remove auth0|ada" }).click();
  await region.getByText("No members").waitFor();
  expect(await members()).toEqual([]);
});

test("safe mode is turned on with a reason, and off again", async () => {
  const { page } = window;
  await settings();
  const region = page.getByRole("region", { name: "Safe mode" });
  await region.getByLabel("What people are told").fill("Tables are being moved.");
  await region.getByRole("button", { name: "Turn on" }).click();
  await page.getByText("Safe mode. Tables are being moved.").waitFor();
  await region.getByText("On. Tables are being moved.").waitFor();
  expect(await stack.api("GET", "/system/safe-mode")).toMatchObject({ enabled: true, detail: "Tables are being moved." });
  await region.getByRole("button", { name: "Turn off" }).click();
  await page.getByText("Safe mode. Tables are being moved.").waitFor({ state: "detached" });
  await region.getByText("Off: runs and builds are executed.").waitFor();
  expect(await stack.api("GET", "/system/safe-mode")).toMatchObject({ enabled: false });
});

test("every check of health is shown as it is", async () => {
  const { page } = window;
  await settings();
  const region = page.getByRole("region", { name: "Health" });
  const { components } = await stack.api<{ components: { name: string; status: string }[] }>("GET", "/health");
  expect(components.length).toBeGreaterThan(3);
  await region.getByRole("term").first().waitFor();
  expect(await region.getByRole("term").allTextContents()).toEqual(components.map(({ name }) => name));
  const shown = await region.getByRole("definition").allTextContents();
  components.forEach(({ name, status }, at) => expect(shown[at], name).toContain(status));
});

test("no page complained", () => expect(window.complaints).toEqual([]));
