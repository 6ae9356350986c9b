//! What the API answers with, as far as commands need it.

use ade_core::id::{ConfigId, DocumentId, RunId, WorkspaceId};
use ade_core::run::{RunResult, RunStatus};
use serde::Deserialize;

/// A document, as far as commands need it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Document {
    /// Its id.
    pub(in crate::cli) id: DocumentId,
    /// Where to put its bytes, while it is pending.
    pub(in crate::cli) upload: Option<Upload>,
}

/// A presigned upload.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Upload {
    /// Where the bytes go; whoever knows it may put them there.
    pub(super) url: String,
    /// Headers that must be sent exactly so.
    #[serde(default)]
    pub(super) headers: std::collections::BTreeMap<String, String>,
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub(in crate::cli) struct NewDocument {
    /// File name.
    pub(in crate::cli) name: String,
    /// Media type.
    pub(in crate::cli) content_type: &'static str,
    /// Size in bytes.
    pub(in crate::cli) byte_size: u64,
    /// SHA-256 in hexadecimal.
    pub(in crate::cli) sha256: String,
}

/// A config.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Config {
    /// Its id.
    pub(in crate::cli) id: ConfigId,
    /// Its workspace.
    pub(in crate::cli) workspace_id: WorkspaceId,
    /// Its name.
    pub(in crate::cli) name: String,
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Run {
    /// Its id.
    pub(in crate::cli) id: RunId,
    /// Where it is in its life.
    pub(in crate::cli) status: RunStatus,
    /// The result in one sentence.
    pub(in crate::cli) summary: Option<String>,
    /// What went wrong.
    pub(in crate::cli) error_message: Option<String>,
    /// What it did, in numbers.
    pub(in crate::cli) result: Option<RunResult>,
    /// The audit record's place, once there is one.
    pub(in crate::cli) artifact_uri: Option<String>,
}

/// A file that a run produced.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Output {
    /// Its path among the outputs.
    #[serde(alias = "path")]
    pub(in crate::cli) name: String,
    /// Its size in bytes.
    pub(in crate::cli) byte_size: u64,
}
