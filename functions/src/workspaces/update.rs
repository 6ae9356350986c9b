use ade_core::access::Permission;
use ade_core::id::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Workspace;
use super::create::{NAME_LIMIT, checked_slug};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Checks, ok};

/// What changes in a workspace; what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateWorkspace {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Finance")]
    pub name: Option<String>,
    /// Its unique name for URLs and commands.
    #[schema(max_length = 48, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "finance")]
    pub slug: Option<String>,
}

/// Update a workspace
#[utoipa::path(
    patch,
    path = "/workspaces/{workspace_id}",
    operation_id = "update-workspace",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body = UpdateWorkspace,
    responses(
        (status = 200, description = "The workspace as it is now.", body = Workspace),
        (
            status = 409,
            description = "Another workspace has the slug (`slug_taken`), or somebody else changed this one at the same time.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn update_workspace(call: Call) -> Answer {
    let workspace = call.workspace(Permission::WorkspaceManage).await?;
    let UpdateWorkspace { name, slug } = call.request.json()?;
    let mut checks = Checks::new();
    if let Some(name) = &name {
        checks = checks.line("name", name, NAME_LIMIT);
    }
    checked_slug(checks, slug.as_deref()).finish()?;
    let changed = call.ade().workspaces.update(&workspace, name.as_deref(), slug.as_deref()).await?;
    ok(&Workspace::from(changed))
}
