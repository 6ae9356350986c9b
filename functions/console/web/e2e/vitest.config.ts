import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  resolve: { alias: { "@": join(import.meta.dirname, "../src") } },
  test: { include: [process.env["SHOTS"] ? "**/*.shot.ts" : "**/*.e2e.ts"], testTimeout: 90_000, hookTimeout: 60_000, fileParallelism: false, bail: 0 },
});
