//! Work that ends before its end: what a step returns instead of a result.

use std::future::Future;
use std::time::Duration;

use ade_core::eventlog::{Failure, FailureCode, WriterClosed};
use ade_core::layout::truncate;
use ade_core::lease::LeaseError;
use ade_core::retry::{self, Passing};
use ade_core::store::StoreError;
use tokio::time::Instant;

use crate::halt::{Halt, Halts};

/// Why a step did not succeed, which settles what becomes of the run or build.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// It failed and would fail again.
    #[error("{}", .0.message)]
    Failed(Failed),
    /// It was told to stop.
    #[error("stopped: {0:?}")]
    Halted(Halt),
    /// Storage failed for too long; another attempt may succeed.
    #[error(transparent)]
    Storage(StoreError),
}

/// A failure that is not tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What went wrong and where, for programs.
    pub failure: Failure,
    /// What went wrong, for people.
    pub message: String,
    /// The exit code of the program that failed, if one did.
    pub exit_code: Option<i32>,
}

/// Bytes of a message. Records are small, and user code may fail with as many words as it likes.
const MESSAGE_LIMIT: usize = 8 << 10;
/// Bytes of a stage's name, which an engine may choose too.
const STAGE_LIMIT: usize = 100;

impl Failed {
    /// A failure without a program's exit code. A message that is too long is cut.
    pub fn new(code: FailureCode, stage: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_LIMIT));
        Self { failure: Failure { code, stage: truncate(stage, STAGE_LIMIT).to_owned() }, message, exit_code: None }
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            // The next attempt would ask for the same.
            StoreError::Refused { .. } => Failed::new(FailureCode::Internal, "storage", error.to_string()).into(),
            error => Self::Storage(error),
        }
    }
}

impl From<WriterClosed> for Stop {
    fn from(WriterClosed: WriterClosed) -> Self {
        Self::Halted(Halt::LogClosed)
    }
}

impl From<LeaseError> for Stop {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::Halted(Halt::LeaseLost),
            LeaseError::Store(error) => error.into(),
        }
    }
}

/// A fault of this machine: a full disk, a missing directory, a process that can't be started.
pub fn fault(stage: &'static str) -> impl Fn(std::io::Error) -> Stop {
    move |error| Failed::new(FailureCode::Internal, stage, format!("{stage} failed on the executor's machine: {error}")).into()
}

/// Does something unless it must stop first.
pub async fn unless_halted<T>(halts: &mut Halts, work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    tokio::select! {
        done = work => done,
        halt = halts.next() => Err(Stop::Halted(halt)),
    }
}

/// How long work waits for storage to come back, besides what the SDK tries by itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// Tries an idempotent operation on storage again through faults that pass.
pub async fn outlast<T, E, F>(operation: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Passing + std::fmt::Display,
{
    retry::outlast(Instant::now() + PATIENCE, operation).await
}
