use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use super::Member;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List members
///
/// By subject. Keys are not members: they are listed by themselves.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/members",
    operation_id = "list-members",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), PageQuery),
    responses((status = 200, description = "A page of members.", body = List<Member>))
)]
pub async fn list_members(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceManage).await?;
    let page = call.request.query::<PageQuery>()?.request()?;
    let members = call.ade().workspaces.members(workspace.workspace_id, page).await?;
    ok(&List::of(members, Member::from))
}
