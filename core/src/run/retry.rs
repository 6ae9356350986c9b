//! Repeating a run: a new run of the same documents with the same options, which names the one that it repeats.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Run, RunStatus};
use super::{NewRun, Runs};
use crate::access::Submitter;
use crate::build::VersionChoice;
use crate::idempotency::Mark;
use crate::store::StoreError;

/// What a repeated run runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryBuild {
    /// The version of the config that the run used, if it got so far; its build is used again.
    #[default]
    Same,
    /// Whatever the run's options name by now.
    Current,
}

/// A run that is to be repeated.
#[derive(Debug, Clone)]
pub struct Retry {
    /// What the new run runs on.
    pub build: RetryBuild,
    /// Who asks.
    pub submitted_by: Submitter,
    /// The trace of the request.
    pub trace_id: String,
}

/// Why a run was not repeated.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// It is not over.
    #[error("the run is {}; only a run that is over can be repeated", .0.word())]
    NotOver(RunStatus),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runs {
    /// Records a run that repeats `original`. Its documents need not exist any more: the original has its own copies. The run is noted
    /// in the `mark` of the request that asks for it.
    pub async fn retry(&self, original: &Run, retry: Retry, mark: Option<&Mark>) -> Result<Run, RetryError> {
        if !original.status.is_terminal() {
            return Err(RetryError::NotOver(original.status));
        }
        let mut options = original.options.clone();
        if let Some(version) = original.config_version_id.filter(|_| retry.build == RetryBuild::Same) {
            options.version = VersionChoice::Version(version);
            options.force_rebuild = false;
        }
        let mut run = Run::new(NewRun {
            workspace_id: original.workspace_id,
            config_id: original.config_id,
            documents: Vec::new(),
            options,
            submitted_by: retry.submitted_by,
            trace_id: retry.trace_id,
        });
        run.input_documents.clone_from(&original.input_documents);
        run.retry_of_run_id = Some(original.run_id);
        Ok(self.record(vec![run], mark).await?.remove(0))
    }
}
