use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::slots;
use crate::access::Submitter;
use crate::build::VersionChoice;
use crate::dispatch::{ExecuteRun, Work};
use crate::document::Document;
use crate::eventlog::{Event, EventBody, Failure, FailureCode, LogHead, LogLevel, Subject};
use crate::id::{BuildId, ConfigId, ConfigVersionId, DocumentId, RunId, WorkspaceId};
use crate::layout;
use crate::lease::{Executable, Execution};
use crate::store::table::{RUNS, string_key};
use crate::store::{Item, SCHEMA, StoreError, Table, Tables, Update};
use crate::time::Timestamp;

/// Where a run is in its life: `queued → running → succeeded | failed | canceled`; a lost attempt goes back to `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Recorded, waiting for an executor.
    Queued,
    /// An executor works on it.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It was canceled, or skipped in safe mode.
    Canceled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    /// As stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether it is over, for good.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// Whether a run may go from this status to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Running | Self::Failed | Self::Canceled),
            Self::Running => matches!(next, Self::Queued | Self::Succeeded | Self::Failed | Self::Canceled),
            Self::Succeeded | Self::Failed | Self::Canceled => false,
        }
    }
}

impl std::str::FromStr for RunStatus {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|status| status.word() == text).ok_or(())
    }
}

/// A document of a run, as it was when the run was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDocument {
    /// The document.
    pub document_id: DocumentId,
    /// Its file name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub byte_size: u64,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: Option<String>,
}

impl From<&Document> for RunDocument {
    fn from(document: &Document) -> Self {
        Self {
            document_id: document.document_id,
            name: document.name.clone(),
            content_type: document.content_type.clone(),
            byte_size: document.byte_size,
            sha256: document.sha256.clone(),
        }
    }
}

/// How a run is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// Only check the config; no document is needed and none is read.
    pub validate_only: bool,
    /// The whole pipeline and its artifact, but no output files.
    pub dry_run: bool,
    /// Only these sheets.
    #[schema(max_items = 1000)]
    pub input_sheet_names: Option<Vec<String>>,
    /// Only the sheet that is active in the workbook.
    pub active_sheet_only: bool,
    /// Which version of the config: `active`, `draft` or the id of a version.
    #[schema(value_type = String, example = "active")]
    pub version: VersionChoice,
    /// Build again even if a usable build exists.
    pub force_rebuild: bool,
    /// The least level of the engine's log lines.
    pub log_level: LogLevel,
    /// Seconds the run may take; the installation's default when null.
    #[schema(minimum = 1, maximum = 86_400)]
    pub timeout_seconds: Option<u64>,
    /// What the caller wants to remember about the run, given to the config's code too.
    pub metadata: BTreeMap<String, serde_json::Value>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            validate_only: false,
            dry_run: false,
            input_sheet_names: None,
            active_sheet_only: false,
            version: VersionChoice::Active,
            force_rebuild: false,
            log_level: LogLevel::Info,
            timeout_seconds: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RunResult {
    /// Tables found.
    pub tables: u64,
    /// Data rows written.
    pub rows: u64,
    /// Columns that got a field.
    pub mapped_columns: u64,
    /// Columns that did not.
    pub unmapped_columns: u64,
    /// Cells with an issue.
    pub issues: u64,
    /// Files produced.
    pub outputs: u64,
    /// Lines the engine printed.
    pub log_lines: u64,
    /// Lines that are not in the log because it was full.
    pub log_lines_dropped: u64,
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What went wrong, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What its executor tells.
    #[serde(default)]
    pub report: Report,
    /// Paths of its outputs, the first 100.
    #[serde(default)]
    pub output_paths: Vec<String>,
}

/// What the executor of a run tells about it. One attribute of the record: an index holds at most 20 of them
/// ([Projection](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Projection.html)).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Exit code of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The result in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it did, in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RunResult>,
    /// `s3://` URI of its audit record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_uri: Option<String>,
    /// `s3://` URI of the prefix of its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_uri: Option<String>,
    /// `s3://` URI of the prefix of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs_uri: Option<String>,
}

/// A run as it is stored (table `runs`, item `run`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    pub(super) item: String,
    pub(super) schema: u32,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// `<workspace_id>#<status>`, for lists by status.
    #[serde(default)]
    pub(super) workspace_status: String,
    /// The config.
    pub config_id: ConfigId,
    /// The version that ran, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_version_id: Option<ConfigVersionId>,
    /// The build that ran, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<BuildId>,
    /// Where it is in its life.
    pub status: RunStatus,
    /// The run that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of_run_id: Option<RunId>,
    /// Its documents.
    pub input_documents: Vec<RunDocument>,
    /// How it is executed.
    pub options: RunOptions,
    /// Who submitted it.
    pub submitted_by: Submitter,
    /// The trace it belongs to.
    pub trace_id: String,
    /// When it was recorded.
    pub created: Timestamp,
    /// When its newest attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// What came of it; empty until it is over.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Who works on it and how far its log is.
    #[serde(flatten)]
    pub execution: Execution,
}

impl Run {
    pub(super) const ITEM: &'static str = "run";

    pub(super) fn new(new: super::NewRun) -> Self {
        let (now, run_id) = (Timestamp::now(), RunId::generate());
        Self {
            run_id,
            item: Self::ITEM.to_owned(),
            schema: SCHEMA,
            workspace_id: new.workspace_id,
            workspace_status: workspace_status(new.workspace_id, RunStatus::Queued.word()),
            config_id: new.config_id,
            config_version_id: None,
            build_id: None,
            status: RunStatus::Queued,
            retry_of_run_id: None,
            input_documents: new.documents.iter().map(RunDocument::from).collect(),
            options: new.options,
            submitted_by: new.submitted_by,
            trace_id: new.trace_id,
            created: now,
            started: None,
            finished: None,
            outcome: Outcome::default(),
            execution: Execution::queued(run_id, now),
        }
    }

    /// Records that safe mode skipped the run.
    pub(super) fn skip(mut self, detail: &str) -> Self {
        self.status = RunStatus::Canceled;
        self.workspace_status = workspace_status(self.workspace_id, self.status.word());
        self.outcome = Outcome {
            failure: Some(Failure { code: FailureCode::SafeMode, stage: "safe_mode".to_owned() }),
            error_message: Some(detail.to_owned()),
            report: Report { summary: Some("Safe mode skip".to_owned()), ..Report::default() },
            output_paths: Vec::new(),
        };
        self.finished = Some(self.created);
        self.execution = Execution::finished();
        self
    }

    /// Its id and the log it writes.
    pub fn subject(&self) -> Subject {
        Subject::Run(self.run_id)
    }

    /// The derived first event.
    pub fn created_event(&self) -> Event {
        let body = EventBody::RunCreated { status: RunStatus::Queued.word().to_owned(), config_id: self.config_id };
        Event { trace_id: Some(self.trace_id.clone()), ..Event::new(self.subject(), 1, self.created, self.created, body) }
    }

    /// The derived last event, once the run is over.
    pub fn completed_event(&self) -> Option<Event> {
        let Outcome { error_message, failure, report: Report { exit_code, summary, .. }, output_paths } = self.outcome.clone();
        let status = self.status.word().to_owned();
        let body = EventBody::RunCompleted { status, exit_code, error_message, failure, summary, output_paths };
        let finished = self.finished.filter(|_| self.status.is_terminal())?;
        Some(Event::new(self.subject(), self.execution.last_event_id, self.created, finished, body))
    }
}

impl Executable for Run {
    type Id = RunId;
    const TABLE: &'static Table = &RUNS;
    const WORKING: &'static str = RunStatus::Running.word();

    fn key(id: RunId) -> Item {
        string_key([("run_id", &id.to_string()), ("item", Self::ITEM)])
    }

    fn id(&self) -> RunId {
        self.run_id
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
        Work::Run(ExecuteRun { run_id: self.run_id })
    }

    fn rest(&self, tables: &Tables) -> Result<Vec<TransactWriteItem>, StoreError> {
        Ok(vec![slots::free(tables, self)?])
    }

    fn set_status(&self, update: Update, status: &str) -> Result<Update, StoreError> {
        update.set("status", status)?.set("workspace_status", workspace_status(self.workspace_id, status))
    }

    fn log_head(&self) -> LogHead {
        LogHead {
            prefix: layout::run_logs(self.run_id),
            last_event_id: self.execution.last_event_id,
            fences: self.execution.fences.clone(),
            created: self.created_event(),
            completed: self.completed_event(),
        }
    }
}

/// Partition of the index that lists a workspace's runs by status.
pub(crate) fn workspace_status(workspace: WorkspaceId, status: &str) -> String {
    format!("{workspace}#{status}")
}

/// That a run has a document (table `runs`, item `document#<document_id>`): for lists of a document's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLink {
    /// The run.
    pub run_id: RunId,
    item: String,
    /// The document.
    pub document_id: DocumentId,
}

impl RunLink {
    pub(super) fn new(run_id: RunId, document_id: DocumentId) -> Self {
        Self { run_id, item: Self::item(document_id), document_id }
    }

    /// The key of the link between these two.
    pub(crate) fn key(run_id: RunId, document_id: DocumentId) -> Item {
        string_key([("run_id", &run_id.to_string()), ("item", &Self::item(document_id))])
    }

    fn item(document_id: DocumentId) -> String {
        format!("document#{document_id}")
    }
}
