use std::time::Duration;

use ade_core::access::Permission;
use ade_core::config::Deleted;
use ade_core::id::{ConfigId, WorkspaceId};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, no_content};

/// How long one request deletes; gateways wait 29 seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is deleted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteConfigQuery {
    /// Also its runs, with their outputs, logs and copies of documents.
    #[param(default = false)]
    pub purge: bool,
}

/// Delete a config
///
/// Its draft, versions, builds and their archives go with it; its runs stay readable until their retention ends, unless `purge` is
/// set. A config with a build or run that is not over can't be deleted.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/configs/{config_id}",
    operation_id = "delete-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        DeleteConfigQuery,
    ),
    responses(
        (status = 204, description = "It is gone, with everything that belongs to it."),
        (
            status = 202,
            description = "It is gone; not everything that belongs to it is yet. Repeat the request until it is answered with 204.",
            headers(("Retry-After" = String, description = "In how many seconds to repeat the request.")),
        ),
        (
            status = 409,
            description = "A build or run of it is not over (`in_use`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn delete_config(call: Call) -> Answer {
    let workspace: WorkspaceId = call.request.id_in_path("workspace_id")?;
    let config: ConfigId = call.request.id_in_path("config_id")?;
    // One whose deletion broke off can be deleted again.
    let config = call.ade().configs.get_any(config).await?.filter(|config| config.workspace_id == workspace);
    let config = call.allow(Permission::ConfigsManage, config)?;
    let query: DeleteConfigQuery = call.request.query()?;
    let mut response = no_content()?;
    if call.ade().configs.delete(&config, query.purge, Instant::now() + PATIENCE).await? == Deleted::Partly {
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}
