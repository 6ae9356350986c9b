import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const dist = join(import.meta.dirname, "../dist");
/** What `npm run dev` talks to. */
const ade = process.env["ADE_URL"] ?? "http://127.0.0.1:8000";
const packable = /\.(js|css|svg|html|json)$/;

/** Packs text files once, at build time; the console function serves `<name>.gz` to browsers that take it. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    buildStart: () => rmSync(join(dist, "assets"), { recursive: true, force: true }),
    closeBundle() {
      for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        // The page is filled in before it is sent.
        if (entry.isFile() && packable.test(entry.name) && entry.name !== "index.html") {
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        }
      }
    },
  };
}

export default defineConfig({
  // Relative, so that the console works under any mount; the page's <base> says where that is.
  base: "./",
  plugins: [react(), tailwindcss(), packed()],
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
