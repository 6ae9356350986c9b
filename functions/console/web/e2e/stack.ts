/** A running `ade up` with a data directory of its own, and a browser for it. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

const repository = join(import.meta.dirname, "../../../..");
/** The engine that does what the metadata of a run says. */
const TEST_ENGINE = join(repository, "local/tests/fixtures/engine");
export const DEMO = join(repository, "local/demo/member-return.xlsx");

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this with \`local/dev/console walk\``);
  return value;
}

export class Stack {
  url = "";
  /** Where browsers find it, when that is not where its API is asked. */
  #site: string | undefined;
  key = "";
  workspace = "";
  /** The link that `ade up` printed. */
  link = "";
  readonly #port: number;
  /** Undefined for one that is deployed somewhere: it is neither started nor stopped here. */
  readonly #data: string | undefined;
  readonly #environment: Record<string, string>;
  #process: ChildProcess | undefined;

  private constructor(port: number, data: string | undefined, environment: Record<string, string>) {
    this.#port = port;
    this.#data = data;
    this.#environment = environment;
  }

  static async start({ testEngine = false, environment = {} as Record<string, string> } = {}): Promise<Stack> {
    const data = await mkdtemp(join(tmpdir(), "ade-console-"));
    const stack = new Stack(await quietPort(), data, { ...environment, ...(testEngine ? { ADE_ENGINE_SPEC: TEST_ENGINE } : {}) });
    await stack.restart();
    return stack;
  }

  /** The one at ADE_URL, with a workspace of its own; else a new one on this machine. */
  static async given(): Promise<Stack> {
    const [url, key] = [process.env["ADE_URL"], process.env["ADE_API_KEY"]];
    if (!url || !key) return Stack.start();
    const stack = new Stack(0, undefined, {});
    [stack.url, stack.key] = [url.replace(/\/$/, ""), key];
    // LocalStack's API Gateway has each API under a path too, of which functions are not told: a page would look for its files at the root.
    const local = /^http:\/\/[^/]+(:\d+)\/_aws\/execute-api\/([^/]+)(\/.*)$/.exec(stack.url);
    if (local) stack.#site = `http://${local[2]}.execute-api.localhost${local[1]}${local[3]}`;
    const slug = `walk-${Date.now().toString(36)}`;
    stack.workspace = (await stack.api<{ id: string }>("POST", "/workspaces", { name: "Walk", slug })).id;
    return stack;
  }

  /** The console's address. */
  get site(): string {
    return this.#site ?? this.url;
  }

  /** Starts it (again) on the same data and the same port. */
  async restart(): Promise<void> {
    const data = this.#data;
    if (data === undefined) throw new Error("what is deployed can't be restarted");
    const { PATH = "", HOME = "" } = process.env;
    const child = spawn(required("ADE"), ["up", "--port", String(this.#port), "--data-dir", data], {
      cwd: repository,
      env: { PATH, HOME, ADE_BASE_DIR: join(repository, ".ade/base"), ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    let printed = "";
    await new Promise<void>((resolve, reject) => {
      const read = (piece: Buffer) => {
        printed += piece.toString();
        if (printed.includes("Stop with Ctrl-C")) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`ade up ended with ${code}:\n${printed}`)));
    });
    this.link = /\S+\/#sign-in=\S+/.exec(printed)?.[0] ?? "";
    const local = JSON.parse(await readFile(join(data, "local.json"), "utf8")) as { url: string; api_key: string; workspace_id: string };
    [this.url, this.key, this.workspace] = [local.url, local.api_key, local.workspace_id];
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    if (this.#data !== undefined) await rm(this.#data, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Asks the API as the system admin. */
  async api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async config(name = "Members"): Promise<string> {
    const { id } = await this.api<{ id: string }>("POST", `/workspaces/${this.workspace}/configs`, { name, source: { type: "template" } });
    return id;
  }

  /** What is in a file of a config's draft. */
  async file(config: string, path: string): Promise<string> {
    const response = await fetch(`${this.url}/api/v1/workspaces/${this.workspace}/configs/${config}/files/${path}`, { headers: { Authorization: `Bearer ${this.key}` } });
    return response.text();
  }

  async document(name: string, content: Uint8Array<ArrayBuffer>): Promise<string> {
    const created = await this.api<{ id: string; upload: { url: string; headers: Record<string, string> } }>("POST", `/workspaces/${this.workspace}/documents`, {
      name, byte_size: content.byteLength, content_type: "application/octet-stream",
    });
    const put = await fetch(created.upload.url, { method: "PUT", body: content, headers: created.upload.headers });
    if (!put.ok) throw new Error(`upload: ${put.status}`);
    await this.api("POST", `/documents/${created.id}/complete`);
    return created.id;
  }

  async run(config: string, document: string, options: Record<string, unknown> = {}): Promise<string> {
    const { id } = await this.api<{ id: string }>("POST", `/configs/${config}/runs`, { stream: false, input_documents: [document], options });
    return id;
  }

  /** Waits until a run is over; its record. */
  async finished(run: string): Promise<{ status: string; last_event_id: number }> {
    for (;;) {
      const record = await this.api<{ status: string; finished: number | null; last_event_id: number }>("GET", `/runs/${run}`);
      if (record.finished !== null) return record;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A browser, and what its pages complained about. */
export class Window {
  static readonly #open = new Set<Window>();
  readonly complaints: string[] = [];
  /** What was refused or did not arrive, in order. */
  readonly #refusals: string[] = [];
  readonly browser: Browser;
  readonly context: BrowserContext;
  readonly page: Page;

  private constructor(browser: Browser, context: BrowserContext, page: Page) {
    [this.browser, this.context, this.page] = [browser, context, page];
  }

  static async open({ theme = "light" as "light" | "dark" } = {}): Promise<Window> {
    const browser = await chromium.launch({
      executablePath: required("CHROMIUM"),
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, colorScheme: theme, permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const window = new Window(browser, context, page);
    Window.#open.add(window);
    page.on("response", (response) => {
      if (response.status() >= 400) window.#refusals.push(`${response.status()} ${response.request().method()} ${response.url()}`);
    });
    page.on("requestfailed", (request) => window.#refusals.push(`${request.failure()?.errorText} ${request.method()} ${request.url()}`));
    page.on("pageerror", (error) => window.complaints.push(error.message));
    page.on("console", (message) => {
      // What the page's policy blocks is told here too. A server that is away is not the page's fault.
      if (message.type() === "error" && !message.text().includes("Failed to load resource")) window.complaints.push(message.text());
    });
    return window;
  }

  /** Opens a place of the console as somebody who is signed in. */
  async visit(stack: Pick<Stack, "key" | "site">, place: string): Promise<void> {
    await this.page.addInitScript((key) => localStorage.setItem("ade.session", JSON.stringify({ key })), stack.key);
    await this.page.goto(stack.site + place);
  }

  async close(): Promise<void> {
    Window.#open.delete(this);
    await this.browser.close();
  }

  /** What a person would see in every open window now, and what went wrong in it: for whoever reads of a failed test. */
  static async describeAll(): Promise<string> {
    return (await Promise.all([...Window.#open].map((window) => window.#describe()))).join("\n");
  }

  async #describe(): Promise<string> {
    const shown = await this.page.locator("body").ariaSnapshot({ timeout: 5_000 }).catch((error: unknown) => `The page does not answer: ${String(error)}`);
    return [`The window shows ${this.page.url()}`, shown.slice(0, 4_000), "Refused or lost:", ...this.#refusals.slice(-20), "Complaints:", ...this.complaints.slice(-20)].join("\n");
  }
}

/** A free port that stays free until it is used, also while its owner restarts: the system gives the ones above to whoever asks for any. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** The ids of the events of the shown log, as the terminal's download has them. */
export async function downloadedIds(page: Page): Promise<number[]> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download the events" }).click()]);
  const text = await readFile(await download.path(), "utf8");
  return text.trim().split("\n").map((line) => (JSON.parse(line) as { id: number }).id);
}
