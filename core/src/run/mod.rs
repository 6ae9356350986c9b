//! Runs: one execution each of a build over documents.

mod list;
mod model;
mod remove;
mod retry;
mod service;
mod slots;

pub use list::ListRuns;
pub(crate) use model::workspace_status;
pub use model::{Outcome, Report, Run, RunDocument, RunLink, RunOptions, RunResult, RunStatus};
pub(crate) use remove::remove_run;
pub use retry::{Retry, RetryBuild, RetryError};
pub use service::{CreateRunError, NewRun, Runs};
pub(crate) use slots::{allow_slots, remove_slots};
