use ade_core::access::Permission;
use ade_core::config::{self, FileStatus};
use ade_core::id::{ConfigId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files_of;
use crate::edge::object::object_name;
use crate::edge::{Answer, Call, Problem, ok};

object_name!(ConfigDiffObject, "ade.config.diff");

/// A file that two versions do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigFileChange {
    /// Its path in the config.
    #[schema(example = "src/ade_config/columns/email.py")]
    pub path: String,
    /// What happened to it.
    pub status: FileStatus,
    /// Its size before, in bytes; null for a new file.
    pub from_byte_size: Option<u64>,
    /// Its size afterwards, in bytes; null for one that is gone.
    pub to_byte_size: Option<u64>,
    /// The difference in unified format; null when the file is not text or longer than 512 KiB, and after 1 MiB of patches.
    pub patch: Option<String>,
}

/// What is different between two versions of a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigDiff {
    /// Always `ade.config.diff`.
    pub object: ConfigDiffObject,
    /// The config.
    pub config_id: ConfigId,
    /// The version that is compared.
    #[schema(example = "active")]
    pub from: String,
    /// The version that it is compared with.
    #[schema(example = "draft")]
    pub to: String,
    /// The files that are different, by path.
    pub files: Vec<ConfigFileChange>,
}

/// Compare two versions of a config
///
/// `version_id` and `other_version_id` are ids of versions, `active` for the version that runs use, or `draft` for the files as they are now.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/versions/{version_id}/diff/{other_version_id}",
    operation_id = "diff-config-versions",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("version_id" = String, Path, description = "The version that is compared.", example = "active"),
        ("other_version_id" = String, Path, description = "The version that it is compared with.", example = "draft"),
    ),
    responses((status = 200, description = "What is different.", body = ConfigDiff))
)]
pub async fn diff_config_versions(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let [from, to] = ["version_id", "other_version_id"].map(|name| call.request.parameter(name).to_owned());
    let versions = (from.parse()?, to.parse()?);
    let (before, after) = futures::try_join!(files_of(&call, &config, versions.0), files_of(&call, &config, versions.1))?;
    let changes = tokio::task::spawn_blocking(move || config::diff(&before, &after)).await.map_err(Problem::internal)?;
    let files = changes.into_iter().map(|change| ConfigFileChange {
        path: change.path.to_string(),
        status: change.status,
        from_byte_size: change.from_byte_size,
        to_byte_size: change.to_byte_size,
        patch: change.patch,
    });
    ok(&ConfigDiff { object: ConfigDiffObject::Name, config_id: config.config_id, from, to, files: files.collect() })
}
