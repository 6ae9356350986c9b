use ade_core::id::BuildId;
use ade_core::lease::Executable as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::get::find;
use crate::edge::object::object_name;
use crate::edge::{Answer, Call, ok};
use crate::events::{LogEntry, LogsQuery, page};

object_name!(BuildLogsObject, "ade.build.logs");

/// A page of a build's log lines, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildLogs {
    /// The build.
    pub build_id: BuildId,
    /// Always `ade.build.logs`.
    pub object: BuildLogsObject,
    /// The lines.
    pub entries: Vec<LogEntry>,
    /// Give it as `after_id` to get the next page; null when the build is over and nothing follows.
    pub next_after_id: Option<u64>,
}

/// List log lines of a build
///
/// A page ends at `limit` lines or 2 MiB. While the build goes on, an empty page means: ask again.
#[utoipa::path(
    get,
    path = "/builds/{build_id}/logs",
    operation_id = "list-build-logs",
    tag = "Builds",
    params(("build_id" = BuildId, Path, description = "The build."), LogsQuery),
    responses((status = 200, description = "A page of log lines.", body = BuildLogs))
)]
pub async fn list_build_logs(call: Call) -> Answer {
    let build = find(&call).await?;
    let (entries, next_after_id) = page(&call, &build.log_head()).await?;
    ok(&BuildLogs { build_id: build.build_id, object: BuildLogsObject::Name, entries, next_after_id })
}
