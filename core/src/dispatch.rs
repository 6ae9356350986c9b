//! Handing work to the executor and the builder.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::config::Validation;
use crate::id::{BuildId, ConfigId, RunId, WorkspaceId};

/// What the executor is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteRun {
    /// Execute this run, if it still waits for an executor.
    pub run_id: RunId,
}

/// What the builder is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteBuild {
    /// Make this build, if it still waits for a builder.
    pub build_id: BuildId,
}

/// What the builder is asked to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateConfig {
    /// Check the draft of this config.
    pub validate_config_id: ConfigId,
}

/// What the builder is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BuilderWork {
    /// Make a build.
    Build(ExecuteBuild),
    /// Check a config.
    Validate(ValidateConfig),
}

/// What the builder answers when it was to check a config: what it found, or why it could not.
pub type ValidateAnswer = Result<Validation, String>;

/// One piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// For the executor.
    Run(ExecuteRun),
    /// For the builder.
    Build(ExecuteBuild),
}

/// Work could not be handed over. Nothing is lost: the record says that it waits, and it is dispatched again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not dispatched: {0}")]
pub struct DispatchError(pub String);

/// The committed events of the work, as whole NDJSON lines. It may end early or with an error at any point; the log has the rest.
pub type Relay = BoxStream<'static, Result<Bytes, DispatchError>>;

/// Starts executors and builders.
#[async_trait]
pub trait Dispatcher: Send + Sync {
    /// Hands work over and returns without waiting for it.
    async fn send(&self, workspace: WorkspaceId, work: Work) -> Result<(), DispatchError>;

    /// Hands work over and relays its events while it goes on.
    async fn stream(&self, workspace: WorkspaceId, work: Work) -> Result<Relay, DispatchError>;
}
