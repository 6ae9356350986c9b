/** Signing in at an identity provider. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Provider } from "./provider";
import { Stack, Window } from "./stack";

const CLIENT = "ade-console";
let provider: Provider;
let stack: Stack;
let window: Window;

beforeAll(async () => {
  provider = await Provider.start("ada", CLIENT);
  stack = await Stack.start({ environment: { ADE_OIDC_ISSUER: provider.url, ADE_OIDC_AUDIENCE: CLIENT, ADE_OIDC_CLIENT_ID: CLIENT } });
  await stack.api("PUT", `/workspaces/${stack.workspace}/members/ada`, { role: "editor", name: "Ada" });
  window = await Window.open();
});

afterAll(async () => {
  await window?.close();
  await stack?.stop();
  provider?.stop();
});

test("a person signs in there and comes back to where they wanted to go", async () => {
  const { page } = window;
  await page.goto(`${stack.url}/w/${stack.workspace}/runs`);
  await page.getByRole("button", { name: /^Sign in at/ }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`/w/${stack.workspace}/runs`);
  expect(page.url()).not.toContain("code=");
  expect(provider.issued.authorization_code).toBe(1);
});

test("a token that is about to expire is renewed, once, and the person stays signed in", async () => {
  const { page } = window;
  // It was issued for 31 seconds, and one with less than 30 left is renewed before it is sent.
  await page.clock.install();
  await page.clock.fastForward(5_000);
  await page.getByRole("link", { name: "Documents", exact: true }).click();
  await page.getByRole("heading", { name: "Documents" }).waitFor();
  await expect.poll(() => provider.issued.refresh_token).toBe(1);
  await page.reload();
  await page.getByRole("heading", { name: "Documents" }).waitFor();
  expect(provider.issued).toEqual({ authorization_code: 1, refresh_token: 1 });
});

test("a code that this browser did not ask for signs nobody in", async () => {
  const other = await Window.open();
  try {
    await other.page.goto(`${stack.url}/sign-in?code=stolen&state=guessed`);
    await other.page.getByText("This sign-in was not begun here").waitFor();
    expect(provider.issued.authorization_code).toBe(1);
    expect(other.page.url()).not.toContain("stolen");
  } finally {
    await other.close();
  }
});
