use ade_core::access::{Permission, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Workspace;
use crate::edge::{Answer, Call, Checks, Problem, created};

/// Longest name of a workspace, config or key, in characters.
pub(crate) const NAME_LIMIT: usize = 120;
const SLUG_LIMIT: usize = 48;

/// A workspace to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWorkspace {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Finance")]
    pub name: String,
    /// Its unique name for URLs and commands; made from its name when missing.
    #[serde(default)]
    #[schema(max_length = 48, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "finance")]
    pub slug: Option<String>,
}

/// Create a workspace
///
/// Needs a system admin key.
#[utoipa::path(
    post,
    path = "/workspaces",
    operation_id = "create-workspace",
    tag = "Workspaces",
    request_body = CreateWorkspace,
    responses((status = 201, description = "The new workspace.", body = Workspace, headers(("Location" = String, description = "Its path."))))
)]
pub async fn create_workspace(call: Call) -> Answer {
    call.principal.require_system(Permission::SystemManage).map_err(|denied| Problem::denied(denied, "workspace"))?;
    let new: CreateWorkspace = call.request.json()?;
    checked_slug(Checks::new().line("name", &new.name, NAME_LIMIT), new.slug.as_deref()).finish()?;
    let workspace = call.ade().workspaces.create(&new.name, new.slug.as_deref()).await?;
    let link = format!("/workspaces/{}", workspace.workspace_id);
    created(&call.request, &link, &Workspace::new(workspace, Role::SystemAdmin))
}

/// Notes a slug that can't be one.
pub(super) fn checked_slug(checks: Checks, slug: Option<&str>) -> Checks {
    checks.that(
        slug.is_none_or(is_slug),
        "slug",
        "invalid_value",
        format!("must be lower-case letters and digits in groups joined by single hyphens, at most {SLUG_LIMIT} characters"),
    )
}

fn is_slug(text: &str) -> bool {
    let plain = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= SLUG_LIMIT && text.split('-').all(plain)
}
