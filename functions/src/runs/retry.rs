use ade_core::access::Permission;
use ade_core::id::RunId;
use ade_core::run::{Retry, RetryBuild};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::earlier;
use super::{Run, start};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, created};

/// How a run is repeated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRun {
    /// What it runs on.
    pub build: RetryBuild,
}

/// Retry a run
///
/// A new run with the same documents and options, which names the one that it repeats as `retry_of_run_id`. The documents may
/// have been deleted since: a run keeps its own copies.
#[utoipa::path(
    post,
    path = "/runs/{run_id}/retry",
    operation_id = "retry-run",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run to repeat.")),
    request_body(content = RetryRun, example = json!({ "build": "same" })),
    responses(
        (status = 201, description = "The new run.", body = Run, headers(("Location" = String, description = "Its path."))),
        (
            status = 409,
            description = "The run is not over yet (`run_not_over`), or its config has been deleted (`config_deleted`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn retry_run(call: Call) -> Answer {
    let id: RunId = call.request.id_in_path("run_id")?;
    call.note("run_id", id);
    let original = call.allow(Permission::RunsManage, call.ade().runs.get(id).await?)?;
    let RetryRun { build } = call.request.json()?;
    if call.ade().configs.get(original.config_id).await?.is_none() {
        return Err(Problem::conflict("config_deleted", "The config of this run has been deleted."));
    }
    let retry = Retry { build, submitted_by: call.principal.submitter.clone(), trace_id: call.request.trace_id.clone() };
    let run = match earlier(&call).await?.pop() {
        Some(run) => run,
        None => call.ade().runs.retry(&original, retry, call.mark.as_ref()).await?,
    };
    start(&call, &run).await;
    created(&call.request, &format!("/runs/{}", run.run_id), &Run::from(run))
}
