use ade_core::access::Permission;
use ade_core::id::RunId;
use ade_core::run;

use super::Run;
use crate::edge::{Answer, Call, Problem, ok};

/// Get a run
#[utoipa::path(
    get,
    path = "/runs/{run_id}",
    operation_id = "get-run",
    tag = "Runs",
    params(("run_id" = RunId, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = Run))
)]
pub async fn get_run(call: Call) -> Answer {
    let run = find(&call).await?;
    ok(&Run::from(run))
}

/// The run that the path names, if the caller may read it.
pub(super) async fn find(call: &Call) -> Result<run::Run, Problem> {
    let id: RunId = call.request.id_in_path("run_id")?;
    call.note("run_id", id);
    call.allow(Permission::RunsRead, call.ade().runs.get(id).await?)
}
