use ade_core::access::Permission;
use ade_core::build::VersionChoice;
use ade_core::id::{ConfigId, WorkspaceId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::versions::files_of;
use crate::downloads::{Download, download};
use crate::edge::{Answer, Call};

/// Which files are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportConfigQuery {
    /// `draft` (default) for the files as they are now, `active` for the version that runs use, or the id of a version.
    #[param(value_type = Option<String>, example = "draft")]
    pub version: Option<VersionChoice>,
}

/// Export a config
///
/// Its files as a zip archive, which can be imported again.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/export",
    operation_id = "export-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ExportConfigQuery,
    ),
    responses(
        (status = 200, description = "Where to download it; with `Accept: application/json`.", body = Download),
        (status = 307, description = "Go and download it there.", headers(("Location" = String, description = "A signed URL."))),
        (
            status = 409,
            description = "The draft's files can't stand together (`path_conflict`), or kept changing while they were read (`config_changing`).",
            body = crate::edge::problem::ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn export_config(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let query: ExportConfigQuery = call.request.query()?;
    let files = files_of(&call, &config, query.version.unwrap_or(VersionChoice::Draft)).await?;
    let (key, byte_size) = call.ade().configs.export(config.config_id, files).await?;
    download(&call, &key, &format!("{}.zip", config.name), byte_size).await
}
