use ade_core::access::{Permission, Role};
use ade_core::id::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Member, subject};
use crate::edge::{Answer, Call, Checks, ok};
use crate::workspaces::NAME_LIMIT;

/// What a member is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMember {
    /// What they may do; not `system_admin`.
    pub role: Role,
    /// Their name for people.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 120, example = "Ada Okafor")]
    pub name: Option<String>,
}

/// Put a member
///
/// Lets the person with this subject work in the workspace, or changes what they may do.
#[utoipa::path(
    put,
    path = "/workspaces/{workspace_id}/members/{subject}",
    operation_id = "put-member",
    tag = "Workspaces",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("subject" = String, Path, description = "The subject (`sub`) of the identity provider's tokens.", max_length = 255),
    ),
    request_body = PutMember,
    responses((status = 200, description = "The member.", body = Member))
)]
pub async fn put_member(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceManage).await?;
    let subject = subject(&call)?;
    let PutMember { role, name } = call.request.json()?;
    let mut checks = Checks::new().that(role != Role::SystemAdmin, "role", "invalid_value", "a member can't be a system admin");
    if let Some(name) = &name {
        checks = checks.line("name", name, NAME_LIMIT);
    }
    checks.finish()?;
    let member = call.ade().workspaces.put_member(workspace.workspace_id, subject, name, role).await?;
    ok(&Member::from(member))
}
