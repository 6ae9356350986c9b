//! Executing a run: claim it, bring documents and environment here, run the engine, publish what it made, finish.
//!
//! Everything that ends a run early is a [`Stop`] that flows up to one place, which decides: a failure that would repeat itself
//! finishes the run as failed, a cancel request as canceled; after a storage fault that lasts the run is given back for another
//! attempt; an owner that lost its lease writes nothing more. An artifact is published however the run ends.

mod artifact;
mod build;
mod engine;
mod meter;
mod outputs;
mod stage;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ade_core::Ade;
use ade_core::dispatch::Dispatcher;
use ade_core::eventlog::{EventBody, FailureCode, LogWriter};
use ade_core::id::RunId;
use ade_core::layout;
use ade_core::lease::Lease;
use ade_core::run::{Outcome, Report, Run, RunDocument, RunResult, RunStatus};
use ade_core::store::StoreError;
use ade_core::time::Timestamp;
use bytes::Bytes;
use futures::{TryStreamExt as _, pin_mut};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use self::artifact::{Artifact, Counts, Whole};
use self::build::Ready;
use self::engine::Places;
use self::meter::measure;
use self::outputs::Output;
use self::verdict::{Evidence, verdict};
use crate::base::Base;
use crate::files::open_up;
use crate::halt::{Brake, Halt};
use crate::logged::{Finished, run_logged};
use crate::owner::own;
use crate::process::{Exit, Limits, Program};
use crate::pump::{Pump, Quota, Seen};
use crate::sandbox::Sandbox;
use crate::scratch::Scratch;
use crate::stop::{Failed, Stop, fault, outlast, unless_halted};

pub(crate) use engine::{Cell, engine};

/// How long a run that did not succeed may take to keep its outputs. Its end must be written down before the function's time is up.
const TIME_TO_KEEP: Duration = Duration::from_secs(8);

/// Executes runs.
pub struct Executor {
    /// The stores.
    pub ade: Ade,
    /// The base environment of this machine.
    pub base: Base,
    /// What confines the engine.
    pub sandbox: Sandbox,
    /// How builders are started.
    pub dispatcher: Arc<dyn Dispatcher>,
}

impl Executor {
    /// Executes a run if it waits for an executor, until `deadline` at the latest. Its committed events also go to `relay`. Returns the
    /// id of the completed event when the run was finished here.
    pub async fn execute(&self, id: RunId, deadline: Instant, relay: mpsc::Sender<Bytes>) -> Result<Option<u64>, StoreError> {
        let default = self.ade.settings.run_timeout.duration();
        let timeout = async |run: &Run| {
            let own = match run.options.timeout_seconds {
                Some(seconds) => Some(seconds),
                None => self.ade.workspaces.get(run.workspace_id).await?.and_then(|workspace| workspace.settings.run_timeout_seconds),
            };
            Ok(own.map_or(default, Duration::from_secs))
        };
        let claim = self.ade.runs.claim(id);
        let mut workspace = None;
        let owned = own(&self.ade, claim, deadline, timeout, |lease, run, brake| {
            workspace = Some(run.workspace_id);
            Attempt::carry_out(self, lease, run, brake, relay)
        })
        .await;
        // Its slot is free now, however the attempt ended.
        if let Some(workspace) = workspace {
            self.ade.runs.start_waiting(self.dispatcher.as_ref(), workspace).await;
        }
        owned
    }
}

/// One attempt at a run.
struct Attempt<'a> {
    executor: &'a Executor,
    lease: Lease<Run>,
    run: Arc<Run>,
    brake: Brake,
    log: LogWriter,
    pump: Pump,
    scratch: Scratch,
    found: Found,
}

/// What came of an attempt so far.
#[derive(Default)]
struct Found {
    parts: Vec<Artifact>,
    /// The artifact of a run's only document stands here as its engine left it.
    as_left: Option<PathBuf>,
    outputs: Vec<Output>,
    exit_code: Option<i32>,
    /// Issues of a config that was only checked.
    config_issues: u64,
}

/// How a run ends.
struct Ending {
    status: RunStatus,
    failed: Option<Failed>,
}

impl<'a> Attempt<'a> {
    /// Works on the run and finishes it.
    async fn carry_out(executor: &'a Executor, lease: Lease<Run>, run: Run, brake: Brake, relay: mpsc::Sender<Bytes>) -> Result<Run, Stop> {
        let settings = &executor.ade.settings;
        let log = LogWriter::start(
            lease.clone(),
            executor.ade.objects.clone(),
            layout::run_logs(run.run_id),
            run.subject(),
            run.created,
            Some(relay),
        );
        let quota = Quota { lines: settings.log_lines_limit.into(), bytes: settings.log_bytes_limit.0 };
        let scratch = Scratch::of_run(&settings.runs_dir, run.run_id, lease.fence()).map_err(fault("scratch"))?;
        let pump = Pump::new(quota, EventBody::RunLog);
        let run = Arc::new(run);
        let mut attempt = Self { executor, lease, run, brake, log, pump, scratch, found: Found::default() };
        match attempt.work().await {
            // Why the log can't be written is told by closing it.
            Err(Stop::Halted(Halt::LogClosed)) => Err(attempt.log.close().await.err().map_or(Stop::Halted(Halt::LogClosed), Stop::from)),
            worked => {
                let ending = ending(worked)?;
                if ending.failed.is_some() {
                    attempt.keep_outputs().await?;
                }
                attempt.tell_outputs().await?;
                attempt.conclude(ending).await
            }
        }
    }

    async fn work(&mut self) -> Result<(), Stop> {
        let (executor, run) = (self.executor, Arc::clone(&self.run));
        let (input, own) = (self.scratch.input(), self.scratch.own("venv"));
        let preparing =
            async { tokio::try_join!(stage::stage(&executor.ade.objects, &run, &input), build::ready(executor, &run, &self.log, own)) };
        let (inputs, Ready { build, venv, in_use: _in_use }) = unless_halted(&mut self.brake.halts(), preparing).await?;
        let noting = async { Ok(executor.ade.runs.note_build(&self.lease, &build).await?) };
        unless_halted(&mut self.brake.halts(), noting).await?;
        self.log.append_about(build.build_id, [(Timestamp::now(), EventBody::RunStarted { attempt: run.execution.attempt })]).await?;

        let limits = Limits::from(&executor.ade.settings);
        let cell = Cell { home: self.scratch.home(), limits, sandbox: &executor.sandbox };
        if run.options.validate_only {
            return self.validate(&engine::validate(&run, &venv, &cell)).await;
        }
        for (document, input) in run.input_documents.iter().zip(inputs) {
            let places = self.places(document, input)?;
            self.process(document, &engine::process_file(&run, &venv, &places, &cell), &places).await?;
        }
        self.publish_outputs().await
    }

    /// Documents of one run may have the same name: several get directories of their own.
    fn places(&self, document: &RunDocument, input: PathBuf) -> Result<Places, Stop> {
        let (mut output, mut logs) = (self.scratch.output(), self.scratch.logs());
        if self.run.input_documents.len() > 1 {
            let own = document.document_id.to_string();
            (output, logs) = (output.join(&own), logs.join(&own));
            for directory in [&output, &logs] {
                std::fs::create_dir_all(directory).map_err(fault("scratch"))?;
            }
        }
        Ok(Places { input, output, logs })
    }

    /// Runs the engine on one document.
    async fn process(&mut self, document: &RunDocument, program: &Program, places: &Places) -> Result<(), Stop> {
        let Finished { exit, excess, seen } = run_logged(program, &mut self.pump, &self.log, &self.brake).await?;
        self.found.exit_code = match exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        };
        for directory in [&places.output, &places.logs] {
            open_up(directory);
        }
        let left = places.logs.join(artifact::FILE_NAME);
        let artifact = Artifact::read(&left).map_err(fault("read_artifact"))?;
        if artifact.is_some() && self.run.input_documents.len() == 1 {
            self.found.as_left = Some(left);
        }
        let artifact = artifact.or_else(|| seen.completed.as_ref().map(|data| Artifact::from_event(&document.name, data)));
        let limit = self.executor.ade.settings.run_file_size_limit.0;
        let error = artifact.as_ref().and_then(|artifact| artifact.run.error.as_ref());
        let file_at_limit = outputs::any_as_large_as(&places.output, limit).map_err(fault("read_output"))?;
        let is_silent = self.executor.ade.settings.engine_spec.is_none() && artifact.is_none();
        let failed = verdict(&Evidence { exit, excess, seen: &seen, error, file_at_limit, is_silent });
        self.found.parts.extend(artifact);
        failed.map_or(Ok(()), |failed| Err(failed.into()))
    }

    /// Only checks the config.
    async fn validate(&mut self, program: &Program) -> Result<(), Stop> {
        let Finished { exit, excess, seen } = run_logged(program, &mut self.pump, &self.log, &self.brake).await?;
        let checked = Checked::of(&seen);
        self.found.config_issues = checked.issues;
        let Some(failed) = verdict(&Evidence { exit, excess, seen: &seen, error: None, file_at_limit: false, is_silent: false }) else {
            self.found.exit_code = Some(0);
            return Ok(());
        };
        self.found.exit_code = failed.exit_code;
        Err(match checked.first {
            Some(first) => Failed { exit_code: failed.exit_code, ..Failed::new(FailureCode::ConfigError, "validate", first) },
            None => failed,
        }
        .into())
    }

    async fn publish_outputs(&mut self) -> Result<(), Stop> {
        let found = self.find_outputs()?;
        unless_halted(&mut self.brake.halts(), self.upload(found)).await
    }

    /// Tells of the outputs that are published.
    async fn tell_outputs(&mut self) -> Result<(), Stop> {
        self.found.outputs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.log.append(self.found.outputs.iter().map(Output::event)).await?)
    }

    fn find_outputs(&self) -> Result<Vec<Output>, Stop> {
        outputs::find(&self.scratch.output(), self.executor.ade.settings.run_output_limit.0)
    }

    /// Publishes what the engine left before it failed or was stopped; files that can't be published, or not in time, don't change how the
    /// run ends.
    async fn keep_outputs(&mut self) -> Result<(), Stop> {
        let keeping = async {
            let found = self.find_outputs()?;
            self.upload(found).await
        };
        match timeout(TIME_TO_KEEP, keeping).await {
            Ok(Err(Stop::Failed(failed))) => {
                tracing::warn!(code = failed.failure.code.word(), "the outputs of a run that did not succeed are not kept");
                Ok(())
            }
            Ok(kept) => kept,
            Err(_) => {
                tracing::warn!("not all outputs of a run that did not succeed could be kept in time");
                Ok(())
            }
        }
    }

    /// Publishes those files that are not published yet.
    async fn upload(&mut self, mut found: Vec<Output>) -> Result<(), Stop> {
        found.retain(|output| !self.found.outputs.contains(output));
        let prefix = layout::run_output(self.run.run_id, self.lease.fence());
        let uploads = outputs::upload(&self.executor.ade.objects, &prefix, found);
        pin_mut!(uploads);
        while let Some(output) = uploads.try_next().await? {
            self.found.outputs.push(output);
        }
        Ok(())
    }

    /// Publishes the artifact and ends the run; one that can't be written is missing, and a run without it has not succeeded.
    async fn conclude(self, mut ending: Ending) -> Result<Run, Stop> {
        let Self { executor, lease, run, log, pump, scratch, found, .. } = self;
        let (objects, fence) = (&executor.ade.objects, lease.fence());
        let output_paths: Vec<String> = found.outputs.iter().map(|output| output.path.clone()).collect();
        if pump.conclude(&log).await.is_err() {
            tracing::warn!("the log is closed; closing it says why");
        }

        // What the engine left must not say that a run succeeded which failed afterwards.
        let is_told = ending.failed.is_none() || found.parts.iter().any(|part| part.run.error.is_some());
        let artifact = if let Some(path) = found.as_left.filter(|_| is_told) {
            Some(path)
        } else {
            let whole = Whole {
                status: ending.status.word(),
                started: run.started.unwrap_or(run.created),
                completed: Timestamp::now(),
                engine_version: &executor.base.info.engine_version,
                inputs: run.input_documents.iter().map(|document| document.name.as_str()).collect(),
                outputs: &output_paths,
                failed: ending.failed.as_ref(),
            };
            let path = scratch.own(artifact::FILE_NAME);
            match artifact::write(&path, &whole, &found.parts).map_err(fault("write_artifact")) {
                Ok(()) => Some(path),
                Err(stop) => {
                    tracing::error!(%stop, "the run has no artifact");
                    if ending.failed.is_none() {
                        ending = self::ending(Err(stop))?;
                    }
                    None
                }
            }
        };
        let key = layout::run_artifact(run.run_id, fence);
        if let Some(artifact) = &artifact {
            outlast(|| objects.put_file(&key, artifact, Some("application/json"))).await?;
        }

        let counts = found.parts.iter().map(Artifact::counts).fold(Counts::default(), std::ops::Add::add);
        let result = RunResult {
            tables: counts.tables,
            rows: counts.rows,
            mapped_columns: counts.mapped_columns,
            unmapped_columns: counts.unmapped_columns,
            issues: counts.issues + found.config_issues,
            outputs: output_paths.len() as u64,
            log_lines: pump.lines(),
            log_lines_dropped: pump.dropped(),
        };
        let (failure, error_message) = ending.failed.map(|failed| (failed.failure, failed.message)).unzip();
        let report = Report {
            exit_code: found.exit_code,
            summary: (ending.status == RunStatus::Succeeded).then(|| summary(&run, &result)),
            result: Some(result),
            artifact_uri: artifact.map(|_| objects.uri(&key)),
            output_uri: Some(objects.uri(&layout::run_output(run.run_id, fence))),
            logs_uri: Some(objects.uri(&layout::run_logs(run.run_id))),
        };
        let outcome = Outcome { error_message, failure, report, output_paths };
        let closed = log.close().await?;
        let finished = outlast(|| executor.ade.runs.finish(&lease, &run, closed.last_id, ending.status, outcome.clone())).await?;
        measure(&run, &finished, found.outputs.iter().map(|output| output.byte_size).sum());
        if let (Some(relay), Some(completed)) = (closed.relay, finished.completed_event()) {
            // A reader that is too slow for this reads the log itself.
            drop(relay.try_send(completed.line()));
        }
        Ok(finished)
    }
}

/// How a run ends after its work; an error when it does not end here.
fn ending(worked: Result<(), Stop>) -> Result<Ending, Stop> {
    let halted = |status, code, message: &str| Ending { status, failed: Some(Failed::new(code, "engine", message)) };
    match worked {
        Ok(()) => Ok(Ending { status: RunStatus::Succeeded, failed: None }),
        Err(Stop::Failed(failed)) => Ok(Ending { status: RunStatus::Failed, failed: Some(failed) }),
        Err(Stop::Halted(Halt::Canceled)) => Ok(halted(RunStatus::Canceled, FailureCode::CanceledByUser, "the run was canceled")),
        Err(Stop::Halted(Halt::Timeout)) => Ok(halted(RunStatus::Failed, FailureCode::Timeout, "the run's time was up")),
        Err(stop) => Err(stop),
    }
}

/// The result in one sentence.
fn summary(run: &Run, result: &RunResult) -> String {
    if run.options.validate_only {
        return "The config is valid".to_owned();
    }
    let some = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let RunResult { tables, rows, mapped_columns, unmapped_columns, issues, .. } = *result;
    format!(
        "{} with {}: {} mapped, {unmapped_columns} not, {}",
        some(tables, "table", "tables"),
        some(rows, "row", "rows"),
        some(mapped_columns, "column", "columns"),
        some(issues, "issue", "issues"),
    )
}

/// What `config validate` found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    issues: u64,
    /// The first error, with its place.
    pub(crate) first: Option<String>,
}

impl Checked {
    /// Reads the engine's report on a config.
    pub(crate) fn of(seen: &Seen) -> Self {
        let issues = seen.validated.as_ref().and_then(|data| data["issues"].as_array()).map(Vec::as_slice).unwrap_or_default();
        let first = issues.iter().find(|issue| issue["severity"] == "error").or(issues.first()).map(|issue| {
            let message = issue["message"].as_str().unwrap_or("the config is not valid");
            match (issue["path"].as_str(), issue["line"].as_u64()) {
                (Some(path), Some(line)) => format!("{path}:{line}: {message}"),
                (Some(path), None) => format!("{path}: {message}"),
                _ => message.to_owned(),
            }
        });
        Self { issues: issues.len() as u64, first }
    }
}
