//! The build that a run uses: found, joined or made, and its environment unpacked here.

use std::path::PathBuf;

use ade_core::build::{Build, BuildStatus, CreateBuildError, CreatedBuild, NewBuild, VersionChoice};
use ade_core::config::{Config, ConfigVersion};
use ade_core::dispatch::{ExecuteBuild, Work};
use ade_core::eventlog::{Event, FailureCode, Follow, LogSource, LogWriter, follow};
use ade_core::run::Run;
use futures::{TryStreamExt as _, pin_mut};

use super::Executor;
use crate::stop::{Failed, Stop, fault, outlast};
use crate::venv::{HydrateError, InUse, Venv, hydrate, hydrate_alone};

const STAGE: &str = "build";

/// A build that can be run, and where its environment is.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) build: Build,
    pub(super) venv: Venv,
    /// Keeps the environment here until the run has ended.
    pub(super) in_use: InUse,
}

/// Finds or makes the build that the run's options name. What happens in a build that is under way goes into the run's log. Without
/// Landlock the environment is unpacked at `own`, for this run alone.
pub(super) async fn ready(executor: &Executor, run: &Run, log: &LogWriter, own: PathBuf) -> Result<Ready, Stop> {
    let ade = &executor.ade;
    let config = ade.configs.get(run.config_id).await?.ok_or_else(|| failed(format!("the config {} is gone", run.config_id)))?;
    let choice = run.options.version;
    let version = ade.builds.resolve(&config, choice).await.map_err(not_created)?;
    // The active build follows what is active: a build of the draft becomes it when there is none, a newer build of its version replaces it.
    let activate = choice == VersionChoice::Active;
    let mut force = run.options.force_rebuild;
    let mut rebuilt = false;
    loop {
        let build = make(executor, run, log, &config, &version, force, activate).await?;
        let in_use = InUse::begin(&ade.settings, &build).map_err(fault("hydrate"))?;
        let hydrated = if executor.sandbox.layers().landlock {
            hydrate(ade, &executor.base, &build).await
        } else {
            hydrate_alone(ade, &executor.base, &build, Venv::at(&own)).await
        };
        match hydrated {
            Ok(venv) => return Ok(Ready { build, venv, in_use }),
            Err(HydrateError::Unusable(reason)) if !rebuilt => {
                tracing::warn!(build_id = %build.build_id, reason, "building the version again");
                (force, rebuilt) = (true, true);
            }
            Err(HydrateError::Unusable(reason)) => {
                return Err(failed(format!("the build {} is not usable: {reason}", build.build_id)).into());
            }
            Err(HydrateError::Store(error)) => return Err(error.into()),
            Err(HydrateError::Local(error)) => return Err(fault("hydrate")(error)),
        }
    }
}

/// A usable build of the version, waited for when it is under way.
async fn make(
    executor: &Executor,
    run: &Run,
    log: &LogWriter,
    config: &Config,
    version: &ConfigVersion,
    force: bool,
    activate: bool,
) -> Result<Build, Stop> {
    loop {
        let new = NewBuild { version: version.clone(), force, activate, trace_id: run.trace_id.clone() };
        let (build, ours) = match executor.ade.builds.create(config, new).await.map_err(not_created)? {
            CreatedBuild::Reused(build) => return Ok(build),
            CreatedBuild::New(build) => {
                dispatch(executor, &build).await?;
                (build, true)
            }
            CreatedBuild::InProgress(build) => {
                let same = build.content_digest == version.content_digest;
                (build, same)
            }
            CreatedBuild::Skipped(_) => return Err(failed("builds are skipped in safe mode".to_owned()).into()),
        };
        let ended = watch(executor, &build, log).await?;
        match ended.status {
            // Another version was being built: the place is free now.
            _ if !ours => {}
            BuildStatus::Active => return Ok(ended),
            _ => {
                let reason = ended.error_message.unwrap_or_else(|| format!("it was {}", ended.status.word()));
                return Err(
                    Failed { exit_code: ended.exit_code, ..failed(format!("the build failed: {reason} ({})", ended.build_id)) }.into()
                );
            }
        }
    }
}

/// Starts a builder. Should that fail for long, the run is given back; the build waits for whoever comes next.
async fn dispatch(executor: &Executor, build: &Build) -> Result<(), Stop> {
    let work = Work::Build(ExecuteBuild { build_id: build.build_id });
    outlast(|| async {
        let sent = executor.dispatcher.send(build.workspace_id, work).await;
        sent.map_err(|error| ade_core::store::StoreError::Unavailable { operation: "invoke the builder", message: error.0 })
    })
    .await
    .map_err(Stop::from)
}

/// Copies a build's events into the run's log until the build is over.
async fn watch(executor: &Executor, build: &Build, log: &LogWriter) -> Result<Build, Stop> {
    let source = LogSource::<Build>::new(executor.ade.tables.clone(), build.build_id);
    let lines = follow(source, executor.ade.objects.clone(), Follow { after_id: 0, live: true });
    pin_mut!(lines);
    while let Some(chunk) = lines.try_next().await? {
        let events: Vec<Event> = serde_json::Deserializer::from_slice(&chunk)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| ade_core::store::StoreError::Corrupt(format!("event line: {error}")))?;
        log.append_about(build.build_id, events.into_iter().map(|event| (event.happened(build.created), event.body))).await?;
    }
    let ended = executor.ade.builds.get(build.build_id).await?;
    ended.ok_or_else(|| failed(format!("the build {} is gone", build.build_id)).into())
}

fn failed(message: String) -> Failed {
    Failed::new(FailureCode::BuildFailed, STAGE, message)
}

fn not_created(error: CreateBuildError) -> Stop {
    match error {
        CreateBuildError::Store(error) | CreateBuildError::Snapshot(ade_core::config::SnapshotError::Store(error)) => error.into(),
        other => failed(other.to_string()).into(),
    }
}
