use ade_core::id::RunId;
use ade_core::lease::Executable as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::get::find;
use crate::edge::object::object_name;
use crate::edge::{Answer, Call, ok};
use crate::events::{LogEntry, LogsQuery, page};

object_name!(RunLogsObject, "ade.run.logs");

/// A page of a run's log lines, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunLogs {
    /// The run.
    pub run_id: RunId,
    /// Always `ade.run.logs`.
    pub object: RunLogsObject,
    /// The lines.
    pub entries: Vec<LogEntry>,
    /// Give it as `after_id` to get the next page; null when the run is over and nothing follows.
    pub next_after_id: Option<u64>,
}

/// List log lines of a run
///
/// A page ends at `limit` lines or 2 MiB. While the run goes on, an empty page means: ask again.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/logs",
    operation_id = "list-run-logs",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run."), LogsQuery),
    responses((status = 200, description = "A page of log lines.", body = RunLogs))
)]
pub async fn list_run_logs(call: Call) -> Answer {
    let run = find(&call).await?;
    let (entries, next_after_id) = page(&call, &run.log_head()).await?;
    ok(&RunLogs { run_id: run.run_id, object: RunLogsObject::Name, entries, next_after_id })
}
