use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};

use super::{Config, shown};
use crate::edge::{Answer, Call, ok};

/// Get a config
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}",
    operation_id = "get-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
    ),
    responses((status = 200, description = "The config.", body = Config))
)]
pub async fn get_config(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    ok(&shown(&call, config).await?)
}
