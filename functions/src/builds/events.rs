use ade_core::build::Build;
use ade_core::eventlog::Event;
use ade_core::id::BuildId;

use super::get::find;
use crate::edge::{Call, StreamAnswer};
use crate::events::{FollowQuery, follow};

/// Follow the events of a build
///
/// Sends the events after `after_id` and then, unless `follow=false`, new ones as they happen, until `build.completed`: one JSON
/// object a line, or server-sent events with `Accept: text/event-stream`. After 10 s of silence comes a heartbeat line without an
/// id. A stream that ends without `build.completed` was cut: ask again with `after_id`.
#[utoipa::path(
    get,
    path = "/builds/{build_id}/events",
    operation_id = "follow-build-events",
    tag = "Builds",
    params(("build_id" = BuildId, Path, description = "The build."), FollowQuery),
    responses((
        status = 200,
        description = "Events, as they happen.",
        headers(("X-Build-Id" = BuildId, description = "The build.")),
        content((Event = "application/x-ndjson"), (String = "text/event-stream")),
    )),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn follow_build_events(call: Call) -> StreamAnswer {
    let build = find(&call).await?;
    follow::<Build>(&call, build.build_id, "x-build-id")
}
