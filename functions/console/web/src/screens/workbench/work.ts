/** What a workbench does besides editing: build, validate, test. Each writes what happens into the journal. */
import { type Schemas, api, data, open } from "@/api/client";
import type { ConfigKey } from "@/api/config-files";
import { Problem } from "@/api/problem";
import { type Run, queryClient } from "@/api/queries";
import { follow } from "@/stream/follow";
import type { Journal } from "./journal";

/** Something that is wrong with the draft, in one of its files or in all of it. */
export type Issue = Schemas["ConfigIssue"];

/** Where an issue is, as `path:line`; nothing when it is in no file. */
export function placeOf({ path, line }: Issue): string {
  return path && line ? `${path}:${line}` : (path ?? "");
}

function tell(journal: Journal, error: unknown): void {
  const problem = Problem.from(error);
  journal.write(problem.requestId ? `${problem.message} (request ${problem.requestId})` : problem.message, "error");
}

/** Follows the log of a build or run into the journal; true when it ended well. */
async function watch(path: string, journal: Journal, signal: AbortSignal): Promise<boolean> {
  let good = false;
  await follow({
    open: (afterId, signal) => open(`${path}?follow=true&after_id=${afterId}`, { signal, headers: { Accept: "application/x-ndjson" } }),
    onEvents: (events, lines) => {
      journal.take(events, lines);
      const last = events.at(-1);
      if (last?.type.endsWith(".completed")) good = last["status"] === "active" || last["status"] === "succeeded";
    },
    onConnection: (connection) => {
      if (connection.state === "refused") journal.write(`The log is not available (${connection.status}).`, "error");
      journal.connected(connection);
    },
    signal,
  });
  return good;
}

/** Builds the draft; a build that is under way is followed instead. */
export async function build(key: ConfigKey, journal: Journal, force: boolean, signal: AbortSignal): Promise<boolean> {
  journal.begin(force ? "Build anew" : "Build");
  try {
    const build = (await data(
      api.POST("/workspaces/{workspace_id}/configs/{config_id}/builds", {
        params: { path: { workspace_id: key.workspace, config_id: key.config } },
        body: { stream: false, options: { force, wait: false } },
        parseAs: "json",
      }),
    )) as Schemas["Build"];
    if (build.reused) {
      journal.write("Nothing has changed: the active build fits.", "success");
      return true;
    }
    return await watch(`/builds/${build.id}/events`, journal, signal);
  } catch (error) {
    const running = error instanceof Problem && error.code === "build_in_progress" ? error.members["build_id"] : undefined;
    if (typeof running === "string") {
      journal.write("A build is under way already; following it.", "info");
      return await watch(`/builds/${running}/events`, journal, signal);
    }
    tell(journal, error);
    return false;
  } finally {
    journal.end();
    void queryClient.invalidateQueries({ queryKey: ["configs", key.workspace] });
  }
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

/** Runs the draft on a document. The run is told about as soon as it is recorded. */
export async function testRun(config: string, document: string, journal: Journal, signal: AbortSignal, onRun: (run: Run) => void): Promise<void> {
  journal.begin("Test run");
  try {
    const run = (await data(
      api.POST("/configs/{config_id}/runs", {
        params: { path: { config_id: config } },
        body: { stream: false, input_documents: [document], options: { version: "draft", metadata: { origin: "workbench" } } as unknown as Schemas["RunOptions"] },
        parseAs: "json",
      }),
    )) as Run;
    onRun(run);
    await watch(`/runs/${run.id}/events`, journal, signal);
    await queryClient.invalidateQueries({ queryKey: ["run", run.id] });
  } catch (error) {
    tell(journal, error);
  } finally {
    journal.end();
    void queryClient.invalidateQueries({ queryKey: ["runs"] });
  }
}
