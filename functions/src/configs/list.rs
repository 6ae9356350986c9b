use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use super::Config;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List configs
///
/// The configs of a workspace, newest first.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs",
    operation_id = "list-configs",
    tag = "Configs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), PageQuery),
    responses((status = 200, description = "A page of configs.", body = List<Config>))
)]
pub async fn list_configs(call: Call) -> Answer {
    let workspace = call.workspace(Permission::ConfigsRead).await?;
    let page = call.request.query::<PageQuery>()?.request()?;
    let configs = call.ade().configs.list(workspace.workspace_id, page).await?;
    ok(&List::of(configs, Config::from))
}
