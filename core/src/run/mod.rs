//! Runs: one execution each of a build over documents.

mod model;
mod service;

pub use model::{Outcome, Run, RunDocument, RunLink, RunOptions, RunResult, RunStatus};
pub use service::{CreateRunError, ListRuns, NewRun, Runs};
