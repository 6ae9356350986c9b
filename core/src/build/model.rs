use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dispatch::{ExecuteBuild, Work};
use crate::eventlog::{Event, EventBody, Failure, FailureCode, LogHead, Subject};
use crate::id::{BuildId, ConfigId, ConfigVersionId, WorkspaceId};
use crate::layout;
use crate::lease::{Executable, Execution};
use crate::store::table::{BUILDS, CONFIGS, string_key};
use crate::store::{Item, StoreError, Table, Tables, Update};
use crate::time::Timestamp;

/// Where a build is in its life: `queued → building → active | failed | canceled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildStatus {
    /// Recorded, waiting for a builder.
    Queued,
    /// A builder works on it.
    Building,
    /// It succeeded: its environment can be used.
    Active,
    /// It failed.
    Failed,
    /// It was canceled, or skipped in safe mode.
    Canceled,
}

impl BuildStatus {
    /// As stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Building => "building",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether it is over.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Active | Self::Failed | Self::Canceled)
    }
}

/// A build's packed environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Archive {
    /// Its size in bytes.
    pub byte_size: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A build as it is stored (table `builds`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its id.
    pub build_id: BuildId,
    pub(super) schema: u32,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The config.
    pub config_id: ConfigId,
    /// The version that is built.
    pub config_version_id: ConfigVersionId,
    /// That version's content digest; names its archive.
    pub content_digest: String,
    /// Where it is in its life.
    pub status: BuildStatus,
    /// Identity of what is built, on what: content, base environment, builder.
    pub fingerprint: String,
    /// Whether the config's active build becomes this one.
    pub activate: bool,
    /// The trace it belongs to.
    pub trace_id: String,
    /// When it was recorded.
    pub created: Timestamp,
    /// When a builder began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// The engine in the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The Python of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python_version: Option<String>,
    /// Exit code of the tool that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The result in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What went wrong, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Its packed environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Who works on it and how far its log is.
    #[serde(flatten)]
    pub execution: Execution,
}

impl Build {
    /// Its id and the log it writes.
    pub fn subject(&self) -> Subject {
        Subject::Build(self.build_id)
    }

    /// The derived first event.
    pub fn created_event(&self) -> Event {
        let body = EventBody::BuildCreated {
            status: BuildStatus::Queued.word().to_owned(),
            config_id: self.config_id,
            fingerprint: self.fingerprint.clone(),
        };
        Event { trace_id: Some(self.trace_id.clone()), ..Event::new(self.subject(), 1, self.created, self.created, body) }
    }

    /// The derived last event, once the build is over.
    pub fn completed_event(&self) -> Option<Event> {
        let body = EventBody::BuildCompleted {
            status: self.status.word().to_owned(),
            exit_code: self.exit_code,
            error_message: self.error_message.clone(),
            summary: self.summary.clone(),
        };
        let finished = self.finished.filter(|_| self.status.is_terminal())?;
        Some(Event::new(self.subject(), self.execution.last_event_id, self.created, finished, body))
    }

    /// The end of the build's place in its config, which has at most one build under way.
    pub(super) fn leave_config(&self, tables: &Tables) -> Result<Update, StoreError> {
        tables
            .update(&CONFIGS, crate::config::config_key(self.config_id))
            .when_equals("building_build_id", self.build_id)?
            .remove("building_build_id")
            .set("updated", Timestamp::now())
    }

    /// Records that safe mode skipped the build.
    pub(super) fn skip(mut self, detail: &str) -> Self {
        self.status = BuildStatus::Canceled;
        self.failure = Some(Failure { code: FailureCode::SafeMode, stage: "safe_mode".to_owned() });
        self.summary = Some("Safe mode skip".to_owned());
        self.error_message = Some(detail.to_owned());
        self.finished = Some(self.created);
        self.execution = Execution::finished();
        self
    }
}

impl Executable for Build {
    type Id = BuildId;
    const TABLE: &'static Table = &BUILDS;
    const WORKING: &'static str = BuildStatus::Building.word();

    fn key(id: BuildId) -> Item {
        string_key([("build_id", &id.to_string())])
    }

    fn id(&self) -> BuildId {
        self.build_id
    }

    fn status_word(&self) -> &'static str {
        self.status.word()
    }

    fn execution(&self) -> &Execution {
        &self.execution
    }

    fn workspace(&self) -> WorkspaceId {
        self.workspace_id
    }

    fn trace_id(&self) -> &str {
        &self.trace_id
    }

    fn work(&self) -> Work {
        Work::Build(ExecuteBuild { build_id: self.build_id })
    }

    fn release(&self, tables: &Tables) -> Result<Vec<TransactWriteItem>, StoreError> {
        let config = self.leave_config(tables)?.into_transaction()?;
        Ok(vec![TransactWriteItem::builder().update(config).build()])
    }

    fn set_status(&self, update: Update, status: &str) -> Result<Update, StoreError> {
        update.set("status", status)
    }

    fn log_head(&self) -> LogHead {
        LogHead {
            prefix: layout::build_logs(self.build_id),
            last_event_id: self.execution.last_event_id,
            fences: self.execution.fences.clone(),
            created: self.created_event(),
            completed: self.completed_event(),
        }
    }
}
