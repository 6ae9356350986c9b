use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Owned as _, Problem, no_content};

/// Delete a workspace
///
/// Needs a system admin key. The workspace must have no configs and no runs under way. Its keys and members go with it; what is left of
/// older runs and documents is removed when their retention ends.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}",
    operation_id = "delete-workspace",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    responses(
        (status = 204, description = "It is gone."),
        (
            status = 409,
            description = "It has runs that are not over (`in_use`), or configs (`workspace_not_empty`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn delete_workspace(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceRead).await?;
    call.principal
        .require_system(Permission::SystemManage)
        .map_err(|denied| Problem::denied(denied, ade_core::workspace::Workspace::KIND))?;
    call.ade().workspaces.delete(&workspace).await?;
    call.ade().keys.revoke_all(workspace.workspace_id).await?;
    no_content()
}
