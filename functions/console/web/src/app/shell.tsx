/** What is around every screen: where one is, what there is, and whether it works. */
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { Blocks, ChevronsUpDown, FileSpreadsheet, History, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Settings, ShieldAlert, Sun, WifiOff } from "lucide-react";
import { Dialog } from "radix-ui";
import { Suspense, lazy, useEffect, useState, type ReactNode } from "react";
import { healthQuery, workspacesQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { useLost, useSession } from "@/session/session";
import { IconButton } from "@/ui/button";
import { Keys, pressed } from "@/ui/keys";
import { Menu, MenuChoice, MenuLabel } from "@/ui/menu";
import { useReturnFocus } from "@/ui/return-focus";
import { LoadingRows } from "@/ui/states";
import { useLeave } from "./leave";
import { useAway } from "./reach";
import { useSafeMode } from "./safe-mode";
import { SignInAgain } from "./sign-in-again";
import { writeStored } from "./stored";
import { type Theme, setTheme, useTheme } from "./theme";

const Palette = lazy(() => import("./palette"));

const NAVIGATION = [
  { to: "/w/$workspace/documents", label: "Documents", icon: <FileSpreadsheet /> },
  { to: "/w/$workspace/runs", label: "Runs", icon: <History /> },
  { to: "/w/$workspace/configs", label: "Configs", icon: <Blocks /> },
  { to: "/w/$workspace/settings", label: "Settings", icon: <Settings /> },
] as const;

export function Shell() {
  const session = useSession();
  const navigate = useNavigate();
  const { workspace } = useParams({ from: "/w/$workspace" });
  const [palette, setPalette] = useState(false);

  useEffect(() => writeStored("workspace", workspace), [workspace]);
  const { href } = useLocation();
  const lost = useLost();
  // What is not saved may keep somebody here, and then they sign in again without leaving.
  const [kept, setKept] = useState(false);
  useEffect(() => {
    setKept(false);
    if (session || lost) return;
    void navigate({ to: "/sign-in", search: { to: href } }).then(() => setKept(true));
  }, [session, lost, navigate, href]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (pressed(event, "mod+k")) {
        event.preventDefault();
        setPalette(true);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="flex h-full">
      <a href="#main" className="absolute top-2 left-2 z-50 -translate-y-20 rounded-md bg-ink px-3 py-1.5 text-canvas focus:translate-y-0" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        Skip to the content
      </a>
      <aside className="hidden w-56 flex-col gap-1 border-r border-line bg-canvas p-3 md:flex">
        <Navigation workspace={workspace} onSearch={() => setPalette(true)} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <div className="flex items-center border-b border-line p-2 md:hidden">
          <Drawer workspace={workspace} onSearch={() => setPalette(true)} />
          <span className="ml-1 font-semibold">ADE</span>
        </div>
        <AwayBanner />
        <SafeModeBanner />
        <main id="main" tabIndex={-1} className="thin-scroll min-h-0 flex-1 overflow-y-auto outline-none">
          <Suspense fallback={<LoadingRows />}>
            {/* Nothing that was typed or chosen in one workspace is left for another. */}
            <Outlet key={workspace} />
          </Suspense>
        </main>
      </div>
      {session === null && (lost || kept) ? <SignInAgain /> : null}
      {palette ? (
        <Suspense>
          <Palette workspace={workspace} onClose={() => setPalette(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}

/** The way to everything: beside the screen, or in the drawer of a narrow one. */
function Navigation({ workspace, onSearch }: { workspace: string; onSearch: () => void }) {
  const leave = useLeave();
  return (
    <>
      <WorkspaceSwitcher workspace={workspace} />
      <button
        type="button"
        onClick={onSearch}
        className="mt-1 mb-2 flex h-8 items-center gap-2 rounded-md border border-line bg-surface px-2.5 text-faint hover:border-line-strong/60 [&_svg]:size-4"
      >
        <Search />
        <span className="flex-1 text-left">Go to …</span>
        <Keys keys="mod+k" />
      </button>
      <nav aria-label="Main" className="flex flex-col gap-0.5">
        {NAVIGATION.map(({ to, label, icon }) => (
          <Link
            key={to}
            to={to}
            params={{ workspace }}
            className="flex h-8 items-center gap-2.5 rounded-md px-2.5 text-soft hover:bg-ink/6 hover:text-ink [&_svg]:size-4"
            activeProps={{ className: "bg-ink/6 font-medium !text-ink", "aria-current": "page" }}
          >
            {icon}
            {label}
          </Link>
        ))}
      </nav>
      <footer className="mt-auto flex items-center gap-1">
        <HealthDot />
        <ThemeMenu />
        <IconButton label="Sign out" onClick={() => void leave()}>
          <LogOut />
        </IconButton>
      </footer>
    </>
  );
}

/** From this width on, the navigation is beside the screen: Tailwind's `md`. */
const WIDE = "(min-width: 48rem)";

/** The navigation of a narrow screen. It goes away with whatever leads elsewhere. */
function Drawer({ workspace, onSearch }: { workspace: string; onSearch: () => void }) {
  const [open, setOpen] = useState(false);
  const onCloseAutoFocus = useReturnFocus(open);
  const close = () => setOpen(false);
  const { href } = useLocation();
  useEffect(close, [href]);
  useEffect(() => {
    const wide = window.matchMedia(WIDE);
    wide.addEventListener("change", close);
    return () => wide.removeEventListener("change", close);
  }, []);
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger asChild>
        <IconButton label="Menu">
          <MenuIcon />
        </IconButton>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-30 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={onCloseAutoFocus}
          // Also for a link to where one is already.
          onClick={(event) => event.target instanceof Element && event.target.closest("a") && close()}
          className="thin-scroll fixed inset-y-0 left-0 z-30 flex w-56 flex-col gap-1 overflow-y-auto border-r border-line bg-canvas p-3 outline-none"
        >
          <Dialog.Title className="sr-only">Navigation</Dialog.Title>
          <Navigation
            workspace={workspace}
            onSearch={() => {
              close();
              onSearch();
            }}
          />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function WorkspaceSwitcher({ workspace }: { workspace: string }) {
  const navigate = useNavigate();
  const { data } = useQuery(workspacesQuery);
  const current = data?.data.find(({ id }) => id === workspace);
  return (
    <Menu
      trigger={
        <button type="button" className="flex h-10 w-full items-center gap-2.5 rounded-md px-1.5 text-left hover:bg-ink/6">
          <img src="./icon.svg" alt="" className="size-7" />
          <span className="min-w-0 flex-1">
            <span className="block truncate leading-4 font-semibold">{current?.name ?? "…"}</span>
            <span className="block text-2xs text-faint">workspace</span>
          </span>
          <ChevronsUpDown className="size-4 text-faint" />
        </button>
      }
    >
      <MenuLabel>Workspaces</MenuLabel>
      {data?.data.map(({ id, name }) => (
        <MenuChoice key={id} chosen={id === workspace} onSelect={() => void navigate({ to: "/w/$workspace/documents", params: { workspace: id } })}>
          <span className="truncate">{name}</span>
        </MenuChoice>
      ))}
    </Menu>
  );
}

function HealthDot() {
  const { data, isError } = useQuery(healthQuery);
  const away = useAway();
  const { workspace } = useParams({ from: "/w/$workspace" });
  const status = isError || away ? "unreachable" : (data?.status ?? "unknown");
  const colour = status === "available" ? "bg-good" : status === "degraded" ? "bg-warn" : status === "unknown" ? "bg-line-strong" : "bg-bad";
  return (
    <Link to="/w/$workspace/settings" params={{ workspace }} hash="health" className="mr-auto flex h-8 items-center gap-2 rounded-md px-2.5 text-xs text-soft hover:bg-ink/6 hover:text-ink">
      <span aria-hidden className={cn("size-2 rounded-full", colour)} />
      {status}
    </Link>
  );
}

function ThemeMenu() {
  const theme = useTheme();
  const themes: [Theme, string, ReactNode][] = [
    ["light", "Light", <Sun key="light" />],
    ["dark", "Dark", <Moon key="dark" />],
    ["system", "As the system", <Monitor key="system" />],
  ];
  return (
    <Menu
      align="end"
      trigger={
        <IconButton label="Theme">{themes.find(([name]) => name === theme)?.[2]}</IconButton>
      }
    >
      {themes.map(([name, label, icon]) => (
        <MenuChoice key={name} chosen={name === theme} onSelect={() => setTheme(name)}>
          {icon}
          {label}
        </MenuChoice>
      ))}
    </Menu>
  );
}

function AwayBanner() {
  if (!useAway()) return null;
  return (
    <div role="status" className="flex items-center gap-2.5 border-b border-bad/25 bg-bad-wash px-4 py-2 text-bad [&_svg]:size-4 [&_svg]:shrink-0">
      <WifiOff />
      <p>
        <strong className="font-semibold">ADE can't be reached.</strong> What is shown may be out of date. This page keeps asking, and goes on by itself.
      </p>
    </div>
  );
}

function SafeModeBanner() {
  const safeMode = useSafeMode();
  if (!safeMode) return null;
  return (
    <div role="status" className="flex items-center gap-2.5 border-b border-warn/30 bg-warn-wash px-4 py-2 text-warn [&_svg]:size-4 [&_svg]:shrink-0">
      <ShieldAlert />
      <p>
        <strong className="font-semibold">Safe mode.</strong> {safeMode}
      </p>
    </div>
  );
}
