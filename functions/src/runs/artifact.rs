use ade_core::id::RunId;

use super::get::find;
use super::outputs::finished;
use crate::downloads::{Download, download};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem};

/// Get the artifact of a run
///
/// `artifact.json` is the audit record: what was found, how columns were mapped and why, and every issue with its cell.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/artifact",
    operation_id = "get-run-artifact",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run.")),
    responses(
        (status = 200, description = "Where to download it; with `Accept: application/json`.", body = Download),
        (status = 307, description = "Go and download it there.", headers(("Location" = String, description = "A signed URL."))),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn get_run_artifact(call: Call) -> Answer {
    let run = find(&call).await?;
    finished(&run)?;
    let objects = &call.ade().objects;
    let key = run.outcome.report.artifact_uri.as_deref().and_then(|uri| objects.key_of(uri)).ok_or_else(|| Problem::no_such("artifact"))?;
    let object = objects.head(key).await?.ok_or_else(|| Problem::no_such("artifact"))?;
    download(&call, key, "artifact.json", object.byte_size).await
}
