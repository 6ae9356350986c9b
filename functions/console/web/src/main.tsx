import "./styles.css";
import "./lib/nonce";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Tooltip } from "radix-ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { mount } from "./api/client";
import { Problem } from "./api/problem";
import { queryClient } from "./api/queries";
import { refuseStrayFiles } from "./app/drops";
import { router } from "./app/router";
import { takeHandOver } from "./session/hand-over";
import { Toasts, failed } from "./ui/toast";

refuseStrayFiles();
const handOver = await takeHandOver(window.location, mount.href);
createRoot(document.getElementById("root")!, {
  // What ADE refuses, or a connection that is gone, is shown where it happens: it is no fault of this page.
  onCaughtError: (error) => {
    if (!(error instanceof Problem)) console.error(error);
  },
}).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
        <RouterProvider router={router} />
        <Toasts />
      </Tooltip.Provider>
    </QueryClientProvider>
  </StrictMode>,
);
if (handOver === "spent") failed(new Error("This sign-in link was used before. Use the key in .ade/local.json, or start ADE again for a new link."));
