use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};

use super::ConfigVersion;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List the versions of a config
///
/// Newest first. A version is made when its files are built, unless there is one with the same files.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/versions",
    operation_id = "list-config-versions",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        PageQuery,
    ),
    responses((status = 200, description = "A page of versions.", body = List<ConfigVersion>))
)]
pub async fn list_config_versions(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let page = call.request.query::<PageQuery>()?.request()?;
    let versions = call.ade().configs.versions(config.config_id, page).await?;
    ok(&List::of(versions, ConfigVersion::from))
}
