//! Checking the draft of a config: what a build would find out about it, without making one.

use std::time::Duration;

use ade_core::config::{ConfigIssue, FileSet, SnapshotError, Validation};
use ade_core::eventlog::FailureCode;
use ade_core::id::ConfigId;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use ulid::Ulid;

use super::Builder;
use super::environment::{Environment, Unfinished};
use crate::halt::{Brake, Halt};
use crate::logged::Finished;
use crate::process::Exit;
use crate::pump::{Nowhere, Seen};
use crate::stop::{Failed, Stop, fault};
use crate::venv::Venv;

/// How long a check may take: somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where what a config requires is written.
const PROJECT: &str = "pyproject.toml";

/// Why a draft could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// There is no such config.
    #[error("the config {0} is gone")]
    NoSuchConfig(ConfigId),
    /// Its files can't be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Something failed that is not the config's fault.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Builder {
    /// Checks the draft of a config, until `deadline` at the latest.
    pub async fn validate(&self, config: ConfigId, deadline: Instant) -> Result<Validation, ValidateError> {
        self.ade.configs.get(config).await.map_err(Stop::from)?.ok_or(ValidateError::NoSuchConfig(config))?;
        let (fileset_hash, files) = match self.ade.configs.read_draft(config).await {
            Ok(draft) => draft,
            Err(error @ (SnapshotError::Empty | SnapshotError::TooLarge | SnapshotError::Collision(_))) => {
                return Ok(Validation { fileset_hash: None, issues: vec![ConfigIssue::error(None, "files", error.to_string())] });
            }
            Err(error) => return Err(error.into()),
        };
        let venv = Venv::at(self.ade.settings.runs_dir.join(format!("check-{}", Ulid::generate())).join(".venv"));
        let _unfinished = Unfinished(venv.clone());
        let brake = Brake::default();
        let time_is_up = async {
            sleep_until(deadline.min(Instant::now() + PATIENCE)).await;
            brake.pull(Halt::Timeout);
            std::future::pending::<()>().await;
        };
        let mut environment = Environment::new(self, venv, brake.clone(), Nowhere);
        let checked = tokio::select! {
            checked = check(&mut environment, files) => checked,
            () = time_is_up => Err(Stop::Halted(Halt::Timeout)),
        };
        let issues = match checked {
            Ok(Finished { exit, seen, .. }) => issues(exit, &seen),
            Err(stop) => vec![issue(stop)?],
        };
        Ok(Validation { fileset_hash: Some(fileset_hash), issues })
    }
}

async fn check(environment: &mut Environment<'_, Nowhere>, files: FileSet) -> Result<Finished, Stop> {
    environment.create()?;
    environment.install_engine().await?;
    let directory = environment.venv.config();
    let writing = spawn_blocking(move || write(&directory, &files));
    writing.await.map_err(|error| fault("write_config")(error.into()))?.map_err(fault("write_config"))?;
    environment.install_requirements().await?;
    environment.validate().await
}

fn write(directory: &std::path::Path, files: &FileSet) -> std::io::Result<()> {
    for (path, content) in files {
        let file = directory.join(path.as_str());
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, content)?;
    }
    Ok(())
}

/// What the engine reports, or how it ended without a report.
fn issues(exit: Exit, seen: &Seen) -> Vec<ConfigIssue> {
    let reported = seen.validated.as_ref().and_then(|data| serde_json::from_value(data["issues"].clone()).ok());
    reported.unwrap_or_else(|| {
        let how = match exit {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("signal {signal}"),
        };
        let said = seen.tail.back().map_or_else(String::new, |line| format!(": {line}"));
        vec![ConfigIssue::error(None, "crashed", format!("Checking the config ended with {how}{said}"))]
    })
}

/// What a check that broke off says about the config, if it does.
fn issue(stop: Stop) -> Result<ConfigIssue, Stop> {
    match stop {
        Stop::Halted(Halt::Timeout) => {
            Ok(ConfigIssue::error(None, "timeout", "Checking the config took too long; building it may take longer"))
        }
        Stop::Failed(Failed { failure, message, .. }) if [FailureCode::ConfigError, FailureCode::BuildFailed].contains(&failure.code) => {
            Ok(ConfigIssue::error(Some(PROJECT), "requirements", message))
        }
        stop => Err(stop),
    }
}
