use ade_core::eventlog::{Event, read_all};
use ade_core::id::RunId;
use ade_core::lease::Executable as _;

use super::get::find;
use crate::edge::stream::{Framing, file};
use crate::edge::{Call, StreamAnswer};

/// Download the log of a run
///
/// All events there are, from the first, one JSON object a line. For a run that is over that is its whole log; the last line is
/// then `run.completed`, and a file that ends with another was cut.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/logfile",
    operation_id = "download-run-log",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run.")),
    responses((
        status = 200,
        description = "The log as a file.",
        headers(("Content-Disposition" = String, description = "Its name.")),
        content((Event = "application/x-ndjson")),
    )),
    extensions(("x-ade-streaming" = json!(true)))
)]
pub async fn download_run_log(call: Call) -> StreamAnswer {
    let run = find(&call).await?;
    let lines = read_all(&call.ade().objects, run.log_head());
    file(lines, Framing::Ndjson.media_type(), &format!("{}.ndjson", run.run_id), call.request.deadline)
}
