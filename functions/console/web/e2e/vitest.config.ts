import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** What is deployed elsewhere is walked through; everything else needs a server that may be killed. */
const chosen = process.env["SHOTS"] ? "**/*.shot.ts" : process.env["ADE_URL"] ? "**/walk.e2e.ts" : "**/*.e2e.ts";

export default defineConfig({
  root: import.meta.dirname,
  resolve: { alias: { "@": join(import.meta.dirname, "../src") } },
  test: { include: [chosen], setupFiles: ["./failed.ts"], testTimeout: 90_000, hookTimeout: 60_000, fileParallelism: false, bail: 0, expect: { poll: { timeout: 20_000 } } },
});
