import { useQuery } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Ban, CircleAlert, FileArchive, FilePlus2, FlaskConical, GitCompare, Hammer, MoreHorizontal, Pencil, Save, ShieldCheck, Trash2, TriangleAlert, Upload, X } from "lucide-react";
import { Fragment, type KeyboardEvent as ReactKeyboardEvent, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { exportArchive } from "@/api/config-archives";
import { type ConfigKey, deleteFile, listFiles, moveFile, writeFile } from "@/api/config-files";
import { type Run, configQuery, queryClient } from "@/api/queries";
import { useBlocked, useLacking } from "@/app/role";
import { useStored } from "@/app/stored";
import { cn } from "@/lib/cn";
import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { pressed } from "@/ui/keys";
import { Menu, MenuItem } from "@/ui/menu";
import { useTitle } from "@/ui/page";
import { Empty, Failed, LoadingRows } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Tabs } from "@/ui/tabs";
import { Terminal } from "@/ui/terminal/terminal";
import { failed, said } from "@/ui/toast";
import { ConflictDialog } from "./conflict-dialog";
import { Editor, type Place } from "./editor";
import { type OpenFile, Workfiles, useWorkfiles } from "./files";
import { ImportDialog } from "./import-dialog";
import { Journal } from "./journal";
import { NameDialog } from "./name-dialog";
import { Splitter } from "./split";
import { type Doing, useTasks } from "./tasks";
import { TestPane } from "./test-pane";
import { Tree } from "./tree";
import { VersionsDialog } from "./versions-dialog";
import { type Issue, type TestInput, build, joinBuild, placeOf, testRun, validate } from "./work";

export function WorkbenchScreen() {
  const { workspace, config } = useParams({ from: "/w/$workspace/configs/$config" });
  return <Workbench key={config} workspace={workspace} config={config} />;
}

const SEVERITY = { error: <CircleAlert className="text-bad" />, warning: <TriangleAlert className="text-warn" /> };

function Workbench({ workspace, config }: ConfigKey) {
  const key = useMemo(() => ({ workspace, config }), [workspace, config]);
  const { data: record, error: recordError, refetch: askAgain, isFetchedAfterMount: isCurrent } = useQuery({ ...configQuery(workspace, config), refetchOnMount: "always" });
  const listing = useQuery({ queryKey: ["configs", workspace, config, "files"], queryFn: ({ signal }) => listFiles(key, signal) });
  const [work] = useState(() => new Workfiles(key));
  const [journal] = useState(() => new Journal());
  const files = useWorkfiles(work);
  const [panel, setPanel] = useStored<"problems" | "terminal">("workbench.tab", "problems");
  const [height, setHeight] = useStored("workbench.height", 220);
  const [testWidth, setTestWidth] = useStored("workbench.test-width", 460);
  const [testing, setTesting] = useStored("workbench.test-open", false);
  const [issues, setIssues] = useState<Issue[]>();
  const { doing, stop, stopping, start } = useTasks();
  const [goTo, setGoTo] = useState<Place>();
  const [naming, setNaming] = useState<{ from: string | undefined }>();
  const [comparing, setComparing] = useState(false);
  const [importing, setImporting] = useState(false);
  const [closing, setClosing] = useState<OpenFile>();
  const [deleting, setDeleting] = useState<string>();
  const [run, setRun] = useState<Run>();
  const [lacking, blocked, noTest] = [useLacking("editor"), useBlocked("editor"), useBlocked("operator")];
  const restored = useRef(false);
  const joined = useRef(false);
  const linked = useSearch({ from: "/w/$workspace/configs/$config" });
  const navigate = useNavigate();
  useTitle(record?.name ?? "Config");

  const openAt = useCallback(
    async (path: string, line?: number) => {
      try {
        await work.open(path);
        if (line) setGoTo({ path, line });
      } catch (error) {
        failed(error, path);
      }
    },
    [work],
  );
  useEffect(() => {
    if (!listing.data || restored.current) return;
    restored.current = true;
    void work.restore(listing.data.files.map(({ path }) => path)).then((failures) => {
      for (const { path, error } of failures) failed(error, `${path} is not open again`);
    });
  }, [listing.data, work]);
  // A link to a rule, from elsewhere or from the test beside the rules. It is taken out of the address, so that it can be followed again.
  useEffect(() => {
    if (!listing.data || linked.file === undefined) return;
    // A rule is named as the package has it, without the directories that the package is in.
    const path = listing.data.files.map(({ path }) => path).find((path) => path === linked.file || path.endsWith(`/${linked.file}`));
    if (path) void openAt(path, linked.line);
    else failed(new Error(`${linked.file} is not in the draft any more.`));
    void navigate({ from: "/w/$workspace/configs/$config", search: {}, replace: true });
  }, [listing.data, linked.file, linked.line, openAt, navigate]);

  // What is not saved is not lost by accident.
  const leaving = useBlocker({ shouldBlockFn: ({ current, next }) => work.dirty.length > 0 && current.pathname !== next.pathname, enableBeforeUnload: () => work.dirty.length > 0, withResolver: true });

  const refresh = useCallback(() => queryClient.invalidateQueries({ queryKey: ["configs", workspace, config, "files"] }), [workspace, config]);
  const active = files.get(files.active);

  const save = useCallback(async () => {
    try {
      const saved = await work.saveAll();
      void refresh();
      return saved;
    } catch (error) {
      failed(error, "Not saved");
      return false;
    }
  }, [work, refresh]);

  const check = () =>
    start("validate", async () => {
      if (!(await save())) return;
      const found = await validate(key, journal);
      if (found) setIssues(found);
      setPanel(found ? "problems" : "terminal");
    });

  const make = useCallback(
    async (force: boolean) => {
      if (blocked) return failed(new Error(blocked), "Not built");
      await start("build", async (task) => {
        if (!(await save()) || task.signal.aborted) return;
        setPanel("terminal");
        if (await build(key, journal, force, task)) said("The build is active");
      });
    },
    [blocked, start, save, key, journal, setPanel],
  );

  // A build that is under way when somebody comes is theirs as well: to watch, and to stop.
  const underWay = isCurrent ? record?.building_build_id : undefined;
  useEffect(() => {
    if (underWay === undefined || joined.current) return;
    joined.current = true;
    if (underWay) void start("build", (task) => joinBuild(key, underWay, journal, task));
  }, [underWay, start, key, journal]);

  const test = (input: TestInput) =>
    start("test", async (task) => {
      if (!(await save()) || task.signal.aborted) return;
      setPanel("terminal");
      await testRun(config, input, journal, task, setRun);
    });

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const act = pressed(event, "mod+s") ? () => void save() : pressed(event, "mod+b") ? () => void make(false) : pressed(event, "mod+shift+b") ? () => void make(true) : undefined;
      if (!act) return;
      event.preventDefault();
      // A key that is held is pressed once.
      if (!event.repeat) act();
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [save, make]);

  const create = async (path: string) => {
    await writeFile(key, path, "", undefined);
    await refresh();
    await work.open(path);
  };
  const rename = async (from: string, to: string) => {
    if (!(await work.save(from))) return;
    const moved = await moveFile(key, from, to);
    work.renamed(from, to, moved.etag);
    await refresh();
  };
  const remove = async (path: string) => {
    setDeleting(undefined);
    const entry = listing.data?.files.find((file) => file.path === path);
    if (!entry) return;
    try {
      await deleteFile(key, path, work.get(path)?.etag ?? entry.etag);
      work.close(path);
      await refresh();
    } catch (error) {
      failed(error, path);
    }
  };

  const problems = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { path } of issues ?? []) if (path) counts.set(path, (counts.get(path) ?? 0) + 1);
    return counts;
  }, [issues]);
  const onWent = useCallback(() => setGoTo(undefined), []);

  if (recordError && !record) return <Failed error={recordError} retry={() => void askAgain()} back={<Link to="/w/$workspace/configs" params={{ workspace }} className="font-medium text-accent underline underline-offset-2">All configs</Link>} className="h-full" what="This config can't be shown" />;
  const dirty = files.dirty.map(({ path }) => path);

  return (
    <div className="flex h-full min-h-120 flex-col">
      <header className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2">
        <Link to="/w/$workspace/configs" params={{ workspace }} aria-label="All configs" className="-ml-1.5 flex size-8 items-center justify-center rounded-md text-soft hover:bg-ink/6 hover:text-ink [&_svg]:size-4">
          <ArrowLeft />
        </Link>
        <h1 className="truncate text-base font-semibold">{record?.name ?? "…"}</h1>
        {record ? <Badge tone={record.status === "active" ? "good" : "neutral"}>{record.status === "active" ? "built" : "draft only"}</Badge> : null}
        <div className="ml-auto flex flex-wrap items-center gap-2">
          <Button onClick={() => void save()} blocked={lacking} disabled={dirty.length === 0}>
            <Save />
            Save{dirty.length > 1 ? ` ${dirty.length}` : ""}
          </Button>
          <Button onClick={() => void check()} disabled={doing !== undefined} blocked={blocked}>
            <ShieldCheck />
            Validate
          </Button>
          <Button aria-pressed={testing} onClick={() => setTesting(!testing)} className={cn(testing && "bg-accent-wash text-accent")}>
            <FlaskConical />
            Test
          </Button>
          <Button look="primary" onClick={() => void make(false)} disabled={doing !== undefined} blocked={blocked}>
            <Hammer />
            {doing === "build" ? "Building …" : "Build"}
          </Button>
          {stop ? (
            <Button look="danger" onClick={stop} disabled={stopping}>
              <Ban />
              {stopping ? "Stopping …" : "Stop"}
            </Button>
          ) : null}
          <Menu align="end" trigger={<IconButton label="More"><MoreHorizontal /></IconButton>}>
            <MenuItem disabled={doing !== undefined || blocked !== undefined} onSelect={() => void make(true)}>
              <Hammer />
              Build anew
              <Why reason={blocked ?? (doing && DOING[doing])} />
            </MenuItem>
            <MenuItem onSelect={() => setComparing(true)}>
              <GitCompare />
              Versions and differences
            </MenuItem>
            <MenuItem onSelect={() => setImporting(true)} disabled={!listing.data || doing !== undefined || lacking !== undefined}>
              <Upload />
              Import a zip archive …
              <Why reason={lacking ?? (doing && DOING[doing])} />
            </MenuItem>
            <MenuItem onSelect={() => void exportArchive(key, "draft").catch((error: unknown) => failed(error, "Not exported"))}>
              <FileArchive />
              Export the draft as a zip archive
            </MenuItem>
          </Menu>
        </div>
      </header>
      <div className="flex min-h-0 flex-1">
        <nav aria-label="Files of the config" className="thin-scroll flex w-60 shrink-0 flex-col overflow-y-auto border-r border-line">
          <div className="flex h-9 shrink-0 items-center justify-between pr-1.5 pl-3.5">
            <span className="text-xs font-medium text-faint">Files</span>
            <span className="flex">
              <IconButton label="New file" size="tiny" blocked={lacking} onClick={() => setNaming({ from: undefined })}><FilePlus2 /></IconButton>
              <IconButton label="Rename the open file" size="tiny" blocked={lacking} disabled={!active} onClick={() => active && setNaming({ from: active.path })}><Pencil /></IconButton>
              <IconButton label="Delete the open file" size="tiny" blocked={lacking} disabled={!active} onClick={() => active && setDeleting(active.path)}><Trash2 /></IconButton>
            </span>
          </div>
          {listing.isPending ? <LoadingRows rows={4} /> : listing.isLoadingError ? <Failed error={listing.error} retry={() => void listing.refetch()} /> : (
            <Tree files={listing.data.files} active={files.active} dirty={dirty} problems={problems} onOpen={(path) => void openAt(path)} onRename={(path) => (lacking ? failed(new Error(lacking)) : setNaming({ from: path }))} />
          )}
        </nav>
        <div className="flex min-w-0 flex-1 flex-col">
          <div className="flex min-h-0 flex-1">
            <div className="flex min-w-0 flex-1 flex-col">
              <OpenFiles
                files={files.files}
                active={active}
                onShow={(path) => work.show(path)}
                onClose={(file) => (file.dirty ? setClosing(file) : work.close(file.path))}
              />
              <div className="min-h-0 flex-1 bg-surface">
                {active?.state ? (
                  <Editor file={active} issues={issues} goTo={goTo} onWent={onWent} readOnly={lacking !== undefined} />
                ) : active ? (
                  <Empty title="Not a text" className="h-full">{active.path} can't be edited here.</Empty>
                ) : (
                  <Empty title="No file is open" className="h-full">
                    Columns are in <code className="font-mono">src/ade_config/columns</code>: one file for each field, with what recognises it and what cleans it.
                  </Empty>
                )}
              </div>
            </div>
            {testing ? (
              <>
                <Splitter upright size={testWidth} onSize={setTestWidth} least={300} label="Width of the test pane" />
                <TestPane workspace={workspace} config={config} run={run} busy={doing === "test"} width={testWidth} blocked={doing ? `Not now: ${DOING[doing]}.` : noTest} onTest={(input) => void test(input)} />
              </>
            ) : null}
          </div>
          <Splitter size={height} onSize={setHeight} label="Height of the panel" />
          <div style={{ height }} className="flex shrink-0 flex-col px-3 pb-2">
            <Tabs
              label="Panel"
              value={panel}
              onChange={(value) => setPanel(value as "problems" | "terminal")}
              tabs={[{ value: "problems", label: "Problems", note: issues?.length ? String(issues.length) : undefined }, { value: "terminal", label: "Terminal" }]}
              aside={panel === "terminal" ? <Button size="small" look="ghost" onClick={() => journal.clear()}>Clear</Button> : null}
            >
              {panel === "problems" ? <Problems issues={issues} onOpen={(path, line) => void openAt(path, line)} /> : <JournalView journal={journal} />}
            </Tabs>
          </div>
        </div>
      </div>
      {naming ? <NameDialog from={naming.from} onClose={() => setNaming(undefined)} onName={(path) => (naming.from === undefined ? create(path) : rename(naming.from, path))} /> : null}
      <Confirm
        open={leaving.status === "blocked"}
        onOpenChange={(open) => !open && leaving.reset?.()}
        title="Leave without saving?"
        description={<>What you typed is lost: <Paths paths={dirty} />.</>}
        cancel="Stay"
        action="Leave"
        onConfirm={() => leaving.proceed?.()}
      />
      <Confirm
        open={closing !== undefined}
        onOpenChange={(open) => !open && setClosing(undefined)}
        title={`Close ${nameOf(closing?.path)} without saving?`}
        description={<>What you typed into <Paths paths={closing ? [closing.path] : []} /> is lost.</>}
        cancel="Keep it open"
        action="Close"
        onConfirm={() => {
          if (closing) work.close(closing.path);
          setClosing(undefined);
        }}
      />
      <Confirm
        open={deleting !== undefined}
        onOpenChange={(open) => !open && setDeleting(undefined)}
        title={`Delete ${nameOf(deleting)}?`}
        description={<><Paths paths={deleting === undefined ? [] : [deleting]} /> is removed from the draft. Versions that hold it keep it.</>}
        action="Delete"
        onConfirm={() => deleting !== undefined && void remove(deleting)}
      />
      {comparing ? <VersionsDialog configKey={key} active={record?.active_version_id} onClose={() => setComparing(false)} /> : null}
      {importing && listing.data ? (
        <ImportDialog
          configKey={key}
          listing={listing.data}
          unsaved={dirty}
          onClose={() => setImporting(false)}
          onStale={refresh}
          onImported={async (now) => {
            await work.reload(now);
            setIssues(undefined);
            await refresh();
          }}
        />
      ) : null}
      <ConflictDialog conflict={files.conflict} onChoice={(choice) => void work.resolve(choice).then(refresh, (error: unknown) => failed(error, "Not saved"))} />
    </div>
  );
}

/** What is under way, as the reason of what has to wait for it. */
const DOING: Record<Doing, string> = { build: "a build is under way", validate: "the draft is being checked", test: "a test is under way" };

/** Why something can't be chosen. */
function Why({ reason }: { reason: string | undefined }) {
  return reason ? <span className="ml-auto pl-3 text-xs">{reason}</span> : null;
}

/** The last part of a path. */
function nameOf(path = ""): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function Paths({ paths }: { paths: string[] }) {
  return paths.map((path, index) => (
    <Fragment key={path}>
      {index > 0 ? ", " : ""}
      <code className="font-mono text-xs break-all">{path}</code>
    </Fragment>
  ));
}

/** The open files as tabs: one stop, in which arrow keys move and Delete closes. */
function OpenFiles({ files, active, onShow, onClose }: { files: OpenFile[]; active: OpenFile | undefined; onShow: (path: string) => void; onClose: (file: OpenFile) => void }) {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: ReactKeyboardEvent, at: number) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step === undefined ? undefined : files[(at + step + files.length) % files.length];
    if (next) {
      onShow(next.path);
      list.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(next.path)}"]`)?.focus();
    } else if (event.key === "Delete" && files[at]) onClose(files[at]);
    else return;
    event.preventDefault();
  };
  return (
    <div ref={list} role="tablist" aria-label="Open files" className="thin-scroll flex h-9 shrink-0 overflow-x-auto border-b border-line bg-canvas">
      {files.map((file, at) => (
        <div key={file.path} role="presentation" className={cn("flex items-center border-r border-line pl-3", file === active ? "bg-surface" : "text-soft")}>
          <button
            type="button"
            role="tab"
            aria-selected={file === active}
            aria-keyshortcuts="Delete"
            tabIndex={file === active ? 0 : -1}
            data-path={file.path}
            title={file.path}
            onClick={() => onShow(file.path)}
            onKeyDown={(event) => onKey(event, at)}
            className="flex h-full items-center gap-2 text-[13px] -outline-offset-2"
          >
            {nameOf(file.path)}
            {file.dirty ? <span className="size-2 rounded-full bg-accent" role="img" aria-label="not saved" /> : null}
          </button>
          {/* A list of tabs may hold nothing but tabs: with the keyboard Delete does the same. */}
          <IconButton label={`Close ${file.path}`} size="tiny" className="mx-1" aria-hidden tabIndex={-1} onClick={() => onClose(file)}>
            <X />
          </IconButton>
        </div>
      ))}
    </div>
  );
}

function Problems({ issues, onOpen }: { issues: Issue[] | undefined; onOpen: (path: string, line: number | undefined) => void }) {
  if (!issues) return <p className="py-4 text-soft">Validate to see what ADE thinks of this draft.</p>;
  if (issues.length === 0) return <p className="py-4 text-good">No problems: the draft is valid.</p>;
  return (
    <ul className="thin-scroll -mt-2 min-h-0 flex-1 overflow-y-auto">
      {issues.map((issue, index) => (
        <li key={index}>
          <Problem issue={issue} onOpen={onOpen} />
        </li>
      ))}
    </ul>
  );
}

/** A problem, and the way to where it is when it is in a file. */
function Problem({ issue, onOpen }: { issue: Issue; onOpen: (path: string, line: number | undefined) => void }) {
  const { path, line, message, severity } = issue;
  const look = "flex w-full items-center gap-2 rounded px-1 py-1 text-left [&_svg]:size-4 [&_svg]:shrink-0";
  const content = (
    <>
      {SEVERITY[severity]}
      <span className="truncate" title={message}>{message}</span>
      <span className="ml-auto shrink-0 font-mono text-xs text-faint">{placeOf(issue)}</span>
    </>
  );
  if (!path) return <p className={look}>{content}</p>;
  return (
    <button type="button" onClick={() => onOpen(path, line ?? undefined)} className={cn(look, "-outline-offset-2 hover:bg-ink/6")}>
      {content}
    </button>
  );
}

function JournalView({ journal }: { journal: Journal }) {
  useSyncExternalStore(journal.subscribe, journal.snapshot);
  return <Terminal log={journal} name="workbench" addressed={false} empty="Builds, checks and test runs tell here what they do." className="-mt-1 min-h-0 flex-1" />;
}
