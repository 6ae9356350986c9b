use ade_core::access::Permission;
use ade_core::id::RunId;

use super::Run;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, ok};

/// Cancel a run
///
/// A queued run is `canceled` at once. A running one is stopped within a few seconds, whether its engine runs or it waits for its
/// build: until then it is `running` with `cancel_requested`; what it has made and logged so far is kept. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/runs/{run_id}/cancel",
    operation_id = "cancel-run",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run.")),
    responses(
        (status = 200, description = "The run, `canceled` or soon to be.", body = Run),
        (
            status = 409,
            description = "The run is over, and was not canceled (`run_not_cancelable`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn cancel_run(call: Call) -> Answer {
    let id: RunId = call.request.id_in_path("run_id")?;
    call.note("run_id", id);
    let run = call.allow(Permission::RunsManage, call.ade().runs.get(id).await?)?;
    let canceled = call.ade().runs.cancel(run).await.map_err(|error| Problem::not_cancelable(error, "run_not_cancelable"))?;
    ok(&Run::from(canceled))
}
