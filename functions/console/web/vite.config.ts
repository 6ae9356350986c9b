import { rmSync } from "node:fs";
import { join } from "node:path";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const dist = join(import.meta.dirname, "../dist");
/** What `npm run dev` talks to. */
const ade = process.env["ADE_URL"] ?? "http://127.0.0.1:8000";

/** Removes what an earlier build left. */
function cleared(): Plugin {
  return { name: "cleared", apply: "build", buildStart: () => rmSync(join(dist, "assets"), { recursive: true, force: true }) };
}

export default defineConfig({
  // Relative, so that the console works under any mount; the page's <base> says where that is.
  base: "./",
  plugins: [react(), tailwindcss(), cleared()],
  resolve: { alias: { "@": join(import.meta.dirname, "src") } },
  build: {
    outDir: dist,
    emptyOutDir: false,
    target: "es2023",
    // The policy of the page lets nothing come from `data:` but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: Object.fromEntries(["/api", "/ade-data", "/ade-sign-in"].map((path) => [path, { target: ade, changeOrigin: true }])) },
});
