use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Config, shown};
use crate::edge::{Answer, Call, Checks, Problem, ok};
use crate::workspaces::NAME_LIMIT;

/// What changes about a config; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateConfig {
    /// Its new name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 120, example = "Customer lists")]
    pub name: Option<String>,
}

/// Update a config
#[utoipa::path(
    patch,
    path = "/workspaces/{workspace_id}/configs/{config_id}",
    operation_id = "update-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
    ),
    request_body = UpdateConfig,
    responses((status = 200, description = "The config as it is now.", body = Config))
)]
pub async fn update_config(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    let change: UpdateConfig = call.request.json()?;
    let Some(name) = change.name else {
        return ok(&shown(&call, config).await?);
    };
    Checks::new().line("name", &name, NAME_LIMIT).finish()?;
    let renamed = call.ade().configs.rename(config.config_id, &name).await?.ok_or_else(|| Problem::no_such("config"))?;
    ok(&shown(&call, renamed).await?)
}
