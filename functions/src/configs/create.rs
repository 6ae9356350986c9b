use ade_core::access::Permission;
use ade_core::config::template;
use ade_core::id::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Config;
use crate::edge::{Answer, Call, Checks, Problem, created};
use crate::workspaces::NAME_LIMIT;

/// What a new config's draft is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConfigSource {
    /// The engine's template: fields for names and e-mail addresses, to be changed.
    Template {},
}

/// A config to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConfig {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Customer lists")]
    pub name: String,
    /// What its draft is made from.
    #[serde(deserialize_with = "crate::edge::body::object")]
    pub source: ConfigSource,
}

/// Create a config
///
/// Its draft holds the files of the source; it is not built yet.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs",
    operation_id = "create-config",
    tag = "Configs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body(content = CreateConfig, example = json!({ "name": "Customer lists", "source": { "type": "template" } })),
    responses((status = 201, description = "The new config.", body = Config, headers(("Location" = String, description = "Its path."))))
)]
pub async fn create_config(call: Call) -> Answer {
    let workspace = call.workspace(Permission::ConfigsManage).await?;
    let new: CreateConfig = call.request.json()?;
    Checks::new().line("name", &new.name, NAME_LIMIT).finish()?;
    let files = match new.source {
        ConfigSource::Template {} => template().map_err(Problem::internal)?,
    };
    let config = call.ade().configs.create(workspace.workspace_id, &new.name, files).await?;
    call.note("config_id", config.config_id);
    let link = format!("/workspaces/{}/configs/{}", workspace.workspace_id, config.config_id);
    created(&call.request, &link, &Config::new(config, None))
}
