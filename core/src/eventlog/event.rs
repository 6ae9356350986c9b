//! The events themselves, as they are stored and sent: one JSON object a line.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{BuildId, ConfigId, RunId};
use crate::time::Timestamp;

/// What log an event stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum EventObject {
    /// The log of a run.
    #[serde(rename = "ade.run.event")]
    Run,
    /// The log of a build.
    #[serde(rename = "ade.build.event")]
    Build,
}

/// Which of a process's output streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How important a line is, where its writer said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For finding faults.
    Debug,
    /// Normal course of things.
    Info,
    /// Something a person should look at.
    Warning,
    /// Something failed.
    Error,
}

/// A step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildStep {
    /// Make the empty environment.
    CreateVenv,
    /// Bring the installer up to date; always skipped, because uv installs.
    UpgradePip,
    /// Make the engine available.
    InstallEngine,
    /// Copy the config and install its dependencies.
    InstallConfig,
    /// Import engine and config in the sandbox.
    VerifyImports,
    /// List packages and sizes.
    CollectMetadata,
    /// Pack, upload and activate.
    Publish,
}

/// Where a step of a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It has begun.
    Started,
    /// It is done.
    Completed,
    /// It was not needed.
    Skipped,
}

/// Why a run or build did not succeed, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The build that the run needed failed.
    BuildFailed,
    /// The engine failed on its own account.
    EngineError,
    /// The config's code or settings failed.
    ConfigError,
    /// A document can't be read.
    InputError,
    /// It took too long.
    Timeout,
    /// It used too much memory.
    OutOfMemory,
    /// It used too much CPU time.
    CpuLimitExceeded,
    /// It wrote a file that is too large.
    FileSizeLimitExceeded,
    /// It started too many processes or threads.
    ProcessLimitExceeded,
    /// It hit another limit: open files, number or size of outputs.
    LimitExceeded,
    /// A signal ended the engine that had nothing to do with a limit.
    EngineKilled,
    /// The executor disappeared too often.
    ExecutorLost,
    /// A person canceled it.
    CanceledByUser,
    /// Safe mode was on.
    SafeMode,
    /// A fault of ADE itself.
    Internal,
}

impl FailureCode {
    /// As stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BuildFailed => "build_failed",
            Self::EngineError => "engine_error",
            Self::ConfigError => "config_error",
            Self::InputError => "input_error",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out_of_memory",
            Self::CpuLimitExceeded => "cpu_limit_exceeded",
            Self::FileSizeLimitExceeded => "file_size_limit_exceeded",
            Self::ProcessLimitExceeded => "process_limit_exceeded",
            Self::LimitExceeded => "limit_exceeded",
            Self::EngineKilled => "engine_killed",
            Self::ExecutorLost => "executor_lost",
            Self::CanceledByUser => "canceled_by_user",
            Self::SafeMode => "safe_mode",
            Self::Internal => "internal",
        }
    }
}

/// Why a run or build did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The kind of failure.
    pub code: FailureCode,
    /// Where it happened: a stage of the execution, of the engine, or a build step.
    pub stage: String,
}

/// What happened. The `type` field names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type")]
pub enum EventBody {
    /// The run was recorded.
    #[serde(rename = "run.created")]
    RunCreated {
        /// Always `queued`.
        status: String,
        /// The config it runs.
        config_id: ConfigId,
    },
    /// An attempt begins; `build_id` names the build it runs.
    #[serde(rename = "run.started")]
    RunStarted {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// A line of output.
    #[serde(rename = "run.log")]
    RunLog(LogLine),
    /// A file the run produced.
    #[serde(rename = "run.output")]
    RunOutput {
        /// Its path among the run's outputs.
        path: String,
        /// Its size in bytes.
        byte_size: u64,
        /// Its media type.
        content_type: String,
    },
    /// The run is over. Always the last event, exactly once.
    #[serde(rename = "run.completed")]
    RunCompleted {
        /// `succeeded`, `failed` or `canceled`.
        status: String,
        /// Exit code of the engine, if one ran to its end.
        exit_code: Option<i32>,
        /// What went wrong, for people.
        error_message: Option<String>,
        /// What went wrong, for programs.
        failure: Option<Failure>,
        /// The result in one sentence.
        summary: Option<String>,
        /// Paths of the outputs; at most 100 are named here.
        output_paths: Vec<String>,
    },
    /// The build was recorded.
    #[serde(rename = "build.created")]
    BuildCreated {
        /// Always `queued`.
        status: String,
        /// The config it builds.
        config_id: ConfigId,
        /// Identity of what is built, on what.
        fingerprint: String,
    },
    /// A step of the build begins or ends.
    #[serde(rename = "build.step")]
    BuildStep {
        /// Which step.
        step: BuildStep,
        /// Where it is.
        status: StepStatus,
        /// How long it took, when it is over, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<u64>,
        /// What was done or why it was skipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A line of output of the build.
    #[serde(rename = "build.log")]
    BuildLog(LogLine),
    /// The build is over. Always the last event, exactly once.
    #[serde(rename = "build.completed")]
    BuildCompleted {
        /// `active`, `failed` or `canceled`.
        status: String,
        /// Exit code of the tool that failed, if one did.
        exit_code: Option<i32>,
        /// What went wrong, for people.
        error_message: Option<String>,
        /// The result in one sentence.
        summary: Option<String>,
    },
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Where it was printed.
    pub stream: LogStream,
    /// The line, without its end.
    pub message: String,
    /// How important it is, for structured lines of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// The engine's name of the event, for structured lines of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The engine's data of the event, for structured lines of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// The line was longer and has been cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl LogLine {
    /// A plain line.
    pub fn plain(stream: LogStream, message: impl Into<String>) -> Self {
        Self { stream, message: message.into(), level: None, name: None, data: None, truncated: false }
    }
}

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A run's.
    Run(RunId),
    /// A build's.
    Build(BuildId),
}

/// An event: what happened, whose it is, its place in the log and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The kind of log it stands in.
    pub object: EventObject,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
    /// The run it belongs to, in a run's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The build it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<BuildId>,
    /// Its place in the log: 1, 2, 3 … without gaps.
    pub id: u64,
    /// When it happened, in Unix seconds.
    pub created: i64,
    /// Milliseconds since the record was created.
    pub elapsed_ms: u64,
    /// The trace the record belongs to; on the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Event {
    /// An event of `subject`, whose record was created at `origin`.
    pub fn new(subject: Subject, id: u64, origin: Timestamp, now: Timestamp, body: EventBody) -> Self {
        let (object, run_id, build_id) = match subject {
            Subject::Run(run) => (EventObject::Run, Some(run), None),
            Subject::Build(build) => (EventObject::Build, None, Some(build)),
        };
        Self { object, body, run_id, build_id, id, created: now.seconds(), elapsed_ms: now.millis_since(origin), trace_id: None }
    }

    /// The moment it happened, to the millisecond; its record was created at `origin`.
    pub fn happened(&self, origin: Timestamp) -> Timestamp {
        origin + Duration::from_millis(self.elapsed_ms)
    }

    /// Adds the event to an NDJSON buffer as one line.
    pub fn write_line(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        match serde_json::to_writer(&mut *buffer, self) {
            Ok(()) => buffer.push(b'\n'),
            // Writing plain data to memory does not fail; should it ever, no half line may stay.
            Err(error) => {
                buffer.truncate(start);
                tracing::error!(%error, id = self.id, "event could not be written");
            }
        }
    }

    /// The event as one NDJSON line.
    pub fn line(&self) -> bytes::Bytes {
        let mut buffer = Vec::with_capacity(256);
        self.write_line(&mut buffer);
        buffer.into()
    }
}
