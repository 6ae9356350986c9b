use ade_core::access::Permission;
use ade_core::id::BuildId;

use super::Build;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, ok};

/// Cancel a build
///
/// A queued build is `canceled` at once. One under way is stopped within a few seconds: until then it is `building`. The config's active
/// build stays what it is. A run that waits for the build fails with `build_failed`. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/builds/{build_id}/cancel",
    operation_id = "cancel-build",
    tag = "Builds",
    params(("build_id" = BuildId, Path, description = "The build.")),
    responses(
        (status = 200, description = "The build, `canceled` or soon to be.", body = Build),
        (
            status = 409,
            description = "The build is over, and was not canceled (`build_not_cancelable`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn cancel_build(call: Call) -> Answer {
    let id: BuildId = call.request.id_in_path("build_id")?;
    call.note("build_id", id);
    let build = call.allow(Permission::BuildsManage, call.ade().builds.get(id).await?)?;
    let canceled = call.ade().builds.cancel(build).await.map_err(|error| Problem::not_cancelable(error, "build_not_cancelable"))?;
    ok(&Build::from(canceled))
}
