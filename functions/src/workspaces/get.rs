use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use super::Workspace;
use crate::edge::{Answer, Call, ok};

/// Get a workspace
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}",
    operation_id = "get-workspace",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    responses((status = 200, description = "The workspace.", body = Workspace))
)]
pub async fn get_workspace(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceRead).await?;
    let role = call.role(&workspace)?;
    ok(&Workspace::new(workspace, role))
}
