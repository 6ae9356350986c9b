use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};

use super::Build;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List builds
///
/// The builds of a config, newest first.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/builds",
    operation_id = "list-builds",
    tag = "Builds",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        PageQuery,
    ),
    responses((status = 200, description = "A page of builds.", body = List<Build>))
)]
pub async fn list_builds(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::BuildsRead).await?;
    let page = call.request.query::<PageQuery>()?.request()?;
    let builds = call.ade().builds.list(config.config_id, page).await?;
    ok(&List::of(builds, Build::from))
}
