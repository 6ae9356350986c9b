use ade_core::eventlog::Event;
use ade_core::id::RunId;
use ade_core::run::Run;

use super::get::find;
use crate::edge::{Call, StreamAnswer};
use crate::events::{FollowQuery, follow};

/// Follow the events of a run
///
/// Sends the events after `after_id` and then, unless `follow=false`, new ones as they happen, until `run.completed`: one JSON
/// object a line, or server-sent events with `Accept: text/event-stream`. After 10 s of silence comes a heartbeat line without an
/// id. A stream that ends without `run.completed` was cut: ask again with `after_id`.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/events",
    operation_id = "follow-run-events",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run."), FollowQuery),
    responses((
        status = 200,
        description = "Events, as they happen.",
        headers(("X-Run-Id" = RunId, description = "The run.")),
        content((Event = "application/x-ndjson"), (String = "text/event-stream")),
    )),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn follow_run_events(call: Call) -> StreamAnswer {
    let run = find(&call).await?;
    follow::<Run>(&call, run.run_id, "x-run-id")
}
