use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use super::subject;
use crate::edge::{Answer, Call, Problem, no_content};

/// Delete a member
///
/// Ends what the person with this subject may do in the workspace, from their next request on.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/members/{subject}",
    operation_id = "delete-member",
    tag = "Workspaces",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("subject" = String, Path, description = "The subject (`sub`) of the identity provider's tokens.", max_length = 255),
    ),
    responses((status = 204, description = "They are no member."))
)]
pub async fn delete_member(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceManage).await?;
    // What can't be a subject is nobody's.
    let subject = subject(&call).map_err(|_| Problem::no_such("member"))?;
    let was_one = call.ade().workspaces.delete_member(workspace.workspace_id, subject).await?;
    if was_one { no_content() } else { Err(Problem::no_such("member")) }
}
