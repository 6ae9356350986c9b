import { Link, Navigate, Outlet, createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";
import { type Schemas, mount } from "@/api/client";
import { Problem } from "@/api/problem";
import { queryClient, workspacesQuery } from "@/api/queries";
import { RunsScreen, type RunsSearch, runsSearch } from "@/screens/runs/runs";
import { SignInScreen } from "@/screens/sign-in";
import { getSession } from "@/session/session";
import { Button, buttonStyle } from "@/ui/button";
import { Empty } from "@/ui/states";
import { ScreenFailed, lazyScreen } from "./lazy-screen";
import { useLeave } from "./leave";
import { Shell } from "./shell";
import { readStored } from "./stored";

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <Empty title="There is nothing here" className="h-full" action={<Link to="/" className={buttonStyle()}>To the start</Link>}>
      This address leads nowhere in this console.
    </Empty>
  ),
});

const signInRoute = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { to?: string } => (typeof search["to"] === "string" && search["to"].startsWith("/") ? { to: search["to"] } : {}),
  component: SignInScreen,
});

const startRoute = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async ({ location }) => {
    if (!getSession()) throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { to: location.href } });
    const { data: workspaces } = await queryClient.ensureQueryData(workspacesQuery).catch((error: unknown) => {
      // The session has ended: there is nothing here to go on with.
      throw error instanceof Problem && error.status === 401 ? redirect({ to: "/sign-in" }) : error;
    });
    const last = readStored("workspace", "");
    const workspace = workspaces.find(({ id }) => id === last) ?? workspaces.at(-1);
    if (workspace) throw redirect({ to: "/w/$workspace/documents", params: { workspace: workspace.id }, replace: true });
  },
  component: NoWorkspace,
  errorComponent: ScreenFailed,
});

function NoWorkspace() {
  const leave = useLeave();
  return (
    <Empty title="No workspace" className="h-full" action={<Button onClick={() => void leave()}>Sign out</Button>}>
      You can see no workspace here. A system admin can create one, and an admin of a workspace can make you a member.
    </Empty>
  );
}

export const workspaceRoute = createRoute({
  getParentRoute: () => root,
  path: "/w/$workspace",
  beforeLoad: ({ location }) => {
    if (!getSession()) throw redirect({ to: "/sign-in", search: { to: location.href } });
  },
  component: Shell,
});

const workspaceIndex = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/",
  component: function Index() {
    return <Navigate to="/w/$workspace/documents" params={workspaceRoute.useParams()} replace />;
  },
});

export const documentsRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/documents",
  validateSearch: (search: Record<string, unknown>): { q?: string; status?: Schemas["DocumentStatus"] } => ({
    ...(typeof search["q"] === "string" && search["q"] ? { q: search["q"] } : {}),
    ...(search["status"] === "pending" || search["status"] === "ready" ? { status: search["status"] } : {}),
  }),
  component: lazyScreen(async () => (await import("@/screens/documents/documents")).DocumentsScreen),
});

export const runsRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/runs",
  validateSearch: (search: Record<string, unknown>): RunsSearch => runsSearch(search),
  component: RunsScreen,
});

const RUN_TABS = ["log", "output", "issues", "mapping"] as const;
export type RunTab = (typeof RUN_TABS)[number];

export const runRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/runs/$run",
  validateSearch: (search: Record<string, unknown>): { tab?: RunTab } => {
    const tab = RUN_TABS.find((known) => known === search["tab"]);
    return tab ? { tab } : {};
  },
  component: lazyScreen(async () => (await import("@/screens/run/run")).RunScreen),
});

export const configsRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/configs",
  component: lazyScreen(async () => (await import("@/screens/configs/configs")).ConfigsScreen),
});

export const workbenchRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/configs/$config",
  // A file to open, and where in it: for links to rules.
  validateSearch: (search: Record<string, unknown>): { file?: string; line?: number } => ({
    ...(typeof search["file"] === "string" && search["file"] ? { file: search["file"] } : {}),
    ...(typeof search["line"] === "number" && search["line"] > 0 ? { line: Math.floor(search["line"]) } : {}),
  }),
  component: lazyScreen(async () => (await import("@/screens/workbench/workbench")).WorkbenchScreen),
});

export const settingsRoute = createRoute({
  getParentRoute: () => workspaceRoute,
  path: "/settings",
  component: lazyScreen(async () => (await import("@/screens/settings/settings")).SettingsScreen),
});

const tree = root.addChildren([
  signInRoute,
  startRoute,
  workspaceRoute.addChildren([workspaceIndex, documentsRoute, runsRoute, runRoute, configsRoute, workbenchRoute, settingsRoute]),
]);

export const router = createRouter({
  routeTree: tree,
  basepath: mount.pathname,
  defaultPreload: "intent",
  defaultErrorComponent: ScreenFailed,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
