//! Runs: executions of a build over documents.

mod artifact;
mod audit;
mod batch;
mod cancel;
mod create;
mod download;
mod events;
mod export;
mod get;
mod issues;
mod last;
mod list;
mod logfile;
mod logs;
mod outputs;
mod preview;
mod retry;
mod summary;

use ade_core::access::Submitter;
use ade_core::eventlog::Failure;
use ade_core::id::{BuildId, ConfigId, ConfigVersionId, RunId, WorkspaceId};
use ade_core::run::{self, RunDocument, RunOptions, RunResult, RunStatus};
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;

pub use artifact::*;
pub use batch::*;
pub use cancel::*;
pub(crate) use create::TIMEOUT;
pub use create::*;
pub use download::*;
pub use events::*;
pub use get::*;
pub use issues::*;
pub use last::LastRun;
pub use list::*;
pub use logfile::*;
pub use logs::*;
pub use outputs::*;
pub use preview::*;
pub use retry::*;
pub use summary::*;

use create::start;

object_name!(RunObject, "ade.run");

/// Paths of what belongs to a run, relative to the API's base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunLinks {
    /// The run itself.
    #[serde(rename = "self")]
    #[schema(example = "/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG")]
    pub this: String,
    /// Its events.
    pub events: String,
    /// Its log lines.
    pub logs: String,
    /// Its audit record.
    pub artifact: String,
    /// Its outputs.
    pub outputs: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Always `ade.run`.
    pub object: RunObject,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The config.
    pub config_id: ConfigId,
    /// The version that runs.
    pub config_version_id: Option<ConfigVersionId>,
    /// The build that runs.
    pub build_id: Option<BuildId>,
    /// `queued → running → succeeded | failed | canceled`; a lost attempt goes back to `queued`.
    pub status: RunStatus,
    /// Counts executions of this run, from 1.
    #[schema(minimum = 1, example = 1)]
    pub attempt: u32,
    /// The run that this one repeats.
    pub retry_of_run_id: Option<RunId>,
    /// Its documents, as they were when it was created.
    pub input_documents: Vec<RunDocument>,
    /// How it is executed.
    pub options: RunOptions,
    /// Who submitted it.
    pub submitted_by: Submitter,
    /// The trace it belongs to.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// When it was recorded, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When its newest attempt began, in Unix seconds.
    pub started: Option<i64>,
    /// When it was over, in Unix seconds.
    pub finished: Option<i64>,
    /// Whether somebody asked for its end.
    pub cancel_requested: bool,
    /// Exit code of the engine.
    pub exit_code: Option<i32>,
    /// The result in one sentence.
    pub summary: Option<String>,
    /// What went wrong, for people.
    pub error_message: Option<String>,
    /// What went wrong, for programs.
    pub failure: Option<Failure>,
    /// What it did, in numbers.
    pub result: Option<RunResult>,
    /// `s3://` URI of its audit record.
    pub artifact_uri: Option<String>,
    /// `s3://` URI of the prefix of its outputs.
    pub output_uri: Option<String>,
    /// `s3://` URI of the prefix of its log.
    pub logs_uri: Option<String>,
    /// Id of its last event; null in lists.
    #[schema(example = 12)]
    pub last_event_id: Option<u64>,
    /// Paths of what belongs to it.
    pub links: RunLinks,
}

impl From<run::Run> for Run {
    fn from(record: run::Run) -> Self {
        let this = format!("/runs/{}", record.run_id);
        Self {
            id: record.run_id,
            object: RunObject::Name,
            workspace_id: record.workspace_id,
            config_id: record.config_id,
            config_version_id: record.config_version_id,
            build_id: record.build_id,
            status: record.status,
            attempt: record.execution.attempt,
            retry_of_run_id: record.retry_of_run_id,
            input_documents: record.input_documents,
            options: record.options,
            submitted_by: record.submitted_by,
            trace_id: record.trace_id,
            created: record.created.seconds(),
            started: record.started.map(Timestamp::seconds),
            finished: record.finished.map(Timestamp::seconds),
            cancel_requested: record.execution.cancel_requested,
            exit_code: record.outcome.report.exit_code,
            summary: record.outcome.report.summary,
            error_message: record.outcome.error_message,
            failure: record.outcome.failure,
            result: record.outcome.report.result,
            artifact_uri: record.outcome.report.artifact_uri,
            output_uri: record.outcome.report.output_uri,
            logs_uri: record.outcome.report.logs_uri,
            // Lists read an index that does not hold it; a record's own log has at least its first event.
            last_event_id: Some(record.execution.last_event_id).filter(|id| *id > 0),
            links: RunLinks {
                events: format!("{this}/events"),
                logs: format!("{this}/logs"),
                artifact: format!("{this}/artifact"),
                outputs: format!("{this}/outputs"),
                this,
            },
        }
    }
}
