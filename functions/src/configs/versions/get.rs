use ade_core::access::Permission;
use ade_core::id::{ConfigId, ConfigVersionId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{ConfigVersion, find};
use crate::edge::{Answer, Call, ok};

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigVersionFile {
    /// Its path in the config.
    #[schema(example = "src/ade_config/columns/email.py")]
    pub path: String,
    /// Its size in bytes.
    #[schema(example = 1_204)]
    pub byte_size: u64,
    /// SHA-256 of its content in hexadecimal.
    pub sha256: String,
}

/// A version of a config with its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigVersionDetails {
    /// The version.
    #[serde(flatten)]
    pub version: ConfigVersion,
    /// Its files, by path.
    pub files: Vec<ConfigVersionFile>,
}

/// Get a version of a config
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/versions/{version_id}",
    operation_id = "get-config-version",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("version_id" = ConfigVersionId, Path, description = "The version."),
    ),
    responses((status = 200, description = "The version and its files.", body = ConfigVersionDetails))
)]
pub async fn get_config_version(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let version = find(&call, &config, call.request.id_in_path("version_id")?).await?;
    let files = call.ade().configs.version_files(&version).await?;
    let files = files.into_iter().map(|(path, content)| ConfigVersionFile {
        path: path.to_string(),
        byte_size: content.len() as u64,
        sha256: hex::encode(Sha256::digest(&content)),
    });
    ok(&ConfigVersionDetails { version: version.into(), files: files.collect() })
}
