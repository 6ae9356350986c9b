/** What a workbench does besides editing: build, validate, test. Each writes what happens into the journal. */
import { type Schemas, api, data } from "@/api/client";
import type { ConfigKey } from "@/api/config-files";
import { Problem } from "@/api/problem";
import { type Run, queryClient } from "@/api/queries";
import { eventsAt } from "@/stream/events";
import { follow } from "@/stream/follow";
import type { Journal } from "./journal";

/** Something that is wrong with the draft, in one of its files or in all of it. */
export type Issue = Schemas["ConfigIssue"];

/** Something that is under way, as the one who does it sees who asked for it. */
export interface Task {
  /** Nobody looks any more. What was begun goes on without us. */
  readonly signal: AbortSignal;
  /** Somebody has stopped it: nothing more is begun. */
  readonly stopped: boolean;
  /** Told how to cancel what has been begun. */
  begun(cancel: () => Promise<unknown>): void;
}

/** Where an issue is, as `path:line`; nothing when it is in no file. */
export function placeOf({ path, line }: Issue): string {
  return path && line ? `${path}:${line}` : (path ?? "");
}

function tell(journal: Journal, error: unknown): void {
  const problem = Problem.from(error);
  journal.write(problem.requestId ? `${problem.message} (request ${problem.requestId})` : problem.message, "error");
}

/** Follows the log of a build or run into the journal; the status that it ended with, or undefined when that is not known. */
async function watch(path: string, journal: Journal, signal: AbortSignal): Promise<unknown> {
  let status: unknown;
  await follow({
    open: eventsAt(path),
    onEvents: (events, lines) => {
      journal.take(events, lines);
      const last = events.at(-1);
      if (last?.type.endsWith(".completed")) status = last["status"];
    },
    onConnection: (connection) => {
      if (connection.state === "refused") journal.write(`The log is not available (${connection.status}).`, "error");
      journal.connected(connection);
    },
    signal,
  });
  return status;
}

async function watchBuild(id: string, journal: Journal, task: Task): Promise<unknown> {
  task.begun(() => data(api.POST("/builds/{build_id}/cancel", { params: { path: { build_id: id } } })));
  return watch(`/builds/${id}/events`, journal, task.signal);
}

/** A build of the draft as it is saved: a new one, one that fits, or the id of another that is in the way. */
async function createBuild(key: ConfigKey, force: boolean): Promise<Schemas["Build"] | { running: string }> {
  try {
    return (await data(
      api.POST("/workspaces/{workspace_id}/configs/{config_id}/builds", {
        params: { path: { workspace_id: key.workspace, config_id: key.config } },
        body: { stream: false, options: { force, wait: false } },
        parseAs: "json",
      }),
    )) as Schemas["Build"];
  } catch (error) {
    const running = error instanceof Problem && error.code === "build_in_progress" ? error.members["build_id"] : undefined;
    if (typeof running === "string") return { running };
    throw error;
  }
}

/** Builds the draft; whether that is the active build then. One that is under way is followed first: it may be of files that were saved before. */
export async function build(key: ConfigKey, journal: Journal, force: boolean, task: Task): Promise<boolean> {
  journal.begin(force ? "Build anew" : "Build");
  try {
    for (;;) {
      const made = await createBuild(key, force);
      if ("running" in made) {
        journal.write("A build is under way already; the draft is built after it.", "info");
        const ended = await watchBuild(made.running, journal, task);
        if (ended === undefined || task.stopped) return false;
      } else if (made.reused) {
        journal.write("Nothing has changed: the active build fits.", "success");
        return true;
      } else {
        return (await watchBuild(made.id, journal, task)) === "active";
      }
    }
  } catch (error) {
    tell(journal, error);
    return false;
  } finally {
    journal.end();
    void queryClient.invalidateQueries({ queryKey: ["configs", key.workspace] });
  }
}

/** Follows a build that somebody else began, or this page before it was left. */
export async function joinBuild(key: ConfigKey, id: string, journal: Journal, task: Task): Promise<void> {
  journal.begin("Build under way");
  await watchBuild(id, journal, task);
  journal.end();
  void queryClient.invalidateQueries({ queryKey: ["configs", key.workspace] });
}

/** Checks the draft; its problems, or undefined when that did not work. */
export async function validate(key: ConfigKey, journal: Journal): Promise<Issue[] | undefined> {
  journal.begin("Validate");
  try {
    const answer = await data(api.POST("/workspaces/{workspace_id}/configs/{config_id}/validate", { params: { path: { workspace_id: key.workspace, config_id: key.config } } }));
    for (const issue of answer.issues) {
      const place = placeOf(issue);
      journal.write(place ? `${place}: ${issue.message}` : issue.message, issue.severity);
    }
    if (answer.issues.length === 0) journal.write("The config is valid.", "success");
    return answer.issues;
  } catch (error) {
    tell(journal, error);
    return undefined;
  } finally {
    journal.end();
  }
}

/** What the draft is tested on. */
export interface TestInput {
  document: string;
  /** Which of its sheets; all of them when neither is given. */
  sheets: Pick<Partial<Schemas["RunOptions"]>, "active_sheet_only" | "input_sheet_names">;
}

/** Runs the draft on a document. The run is told about as soon as it is recorded. */
export async function testRun(config: string, { document, sheets }: TestInput, journal: Journal, task: Task, onRun: (run: Run) => void): Promise<void> {
  journal.begin("Test run");
  // What is left out has its usual value.
  const options: Partial<Schemas["RunOptions"]> = { version: "draft", metadata: { origin: "workbench" }, ...sheets };
  try {
    const run = (await data(
      api.POST("/configs/{config_id}/runs", {
        params: { path: { config_id: config } },
        body: { stream: false, input_documents: [document], options: options as Schemas["RunOptions"] },
        parseAs: "json",
      }),
    )) as Run;
    onRun(run);
    task.begun(() => data(api.POST("/runs/{run_id}/cancel", { params: { path: { run_id: run.id } } })));
    await watch(`/runs/${run.id}/events`, journal, task.signal);
    await queryClient.invalidateQueries({ queryKey: ["run", run.id] });
  } catch (error) {
    tell(journal, error);
  } finally {
    journal.end();
    void queryClient.invalidateQueries({ queryKey: ["runs"] });
  }
}
