use std::time::Duration;

use ade_core::access::Permission;
use ade_core::id::WorkspaceId;
use ade_core::retention::Sweeper;
use ade_core::workspace::Workspace;
use http::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Owned as _, Problem, no_content};

/// How long one request deletes; gateways wait 29 seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// When what is left of it goes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteWorkspaceQuery {
    /// Remove its runs and documents at once.
    #[param(default = false)]
    pub purge: bool,
}

/// Delete a workspace
///
/// Needs a system admin key. The workspace must have no configs and no runs under way. Its keys and members go with it; its
/// older runs and documents are removed after a week (`ADE_DELETED_RETENTION`), or at once with `purge`.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}",
    operation_id = "delete-workspace",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), DeleteWorkspaceQuery),
    responses(
        (status = 204, description = "It is gone; with `purge` nothing of it is left."),
        (status = 202, description = "It is gone; the rest of its runs and documents follows within minutes."),
        (
            status = 409,
            description = "It has runs that are not over (`in_use`), or configs (`workspace_not_empty`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn delete_workspace(call: Call) -> Answer {
    let id: WorkspaceId = call.request.id_in_path("workspace_id")?;
    let denied = |denied| Problem::denied(denied, Workspace::KIND);
    call.principal.require(Permission::WorkspaceRead, id).map_err(denied)?;
    call.principal.require_system(Permission::SystemManage).map_err(denied)?;
    let DeleteWorkspaceQuery { purge } = call.request.query()?;
    call.note("workspace_id", id);
    let workspaces = &call.ade().workspaces;
    match workspaces.get(id).await? {
        Some(workspace) => workspaces.delete(&workspace, purge).await?,
        // A deletion that broke off: nobody's way in may stay.
        None if workspaces.is_deleted(id).await? => {}
        None => return Err(Problem::no_such(Workspace::KIND)),
    }
    workspaces.remove_members(id).await?;
    call.ade().keys.revoke_all(id).await?;
    let mut response = no_content()?;
    if purge && !Sweeper::of(call.ade()).clear(id, Instant::now() + PATIENCE).await? {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}
