use ade_core::access::Permission;
use ade_core::config::{Config, DraftListing};
use ade_core::id::{ConfigId, ConfigVersionId, WorkspaceId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ConfigFile;
use crate::edge::object::object_name;
use crate::edge::{Answer, Call, not_modified, respond, with_etag};

object_name!(ConfigFilesObject, "ade.config.files");

/// All files of a config's draft at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigFiles {
    /// Always `ade.config.files`.
    pub object: ConfigFilesObject,
    /// The config.
    pub config_id: ConfigId,
    /// Changes whenever a file does; also the entity tag of this answer.
    #[schema(example = "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13")]
    pub fileset_hash: String,
    /// The version that these files are, if one was made of exactly them: the active one's id says that nothing has changed since.
    pub version_id: Option<ConfigVersionId>,
    /// How many files there are.
    #[schema(example = 12)]
    pub file_count: u64,
    /// Their size together, in bytes.
    #[schema(example = 18_764)]
    pub byte_size: u64,
    /// The files, by path. Directories are where files are.
    pub files: Vec<ConfigFile>,
}

/// List the files of a config
///
/// The whole draft at once: at most 2,000 files. With `If-None-Match` and the entity tag of an earlier answer, 304 when nothing has
/// changed.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/files",
    operation_id = "list-config-files",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an answer that the caller still has."),
    ),
    responses(
        (status = 200, description = "The files.", body = ConfigFiles, headers(("ETag" = String, description = "The fileset's hash."))),
        (status = 304, description = "Nothing has changed.", headers(("ETag" = String, description = "The fileset's hash."))),
    )
)]
pub async fn list_config_files(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let draft = call.ade().configs.draft(config.config_id).await?;
    let etag = format!("\"{}\"", draft.fileset_hash);
    if call.request.knows(&etag) {
        return not_modified(&etag);
    }
    let version = call.ade().configs.version_of_draft(&config, &draft.fileset_hash).await?;
    ConfigFiles::answer(&config, draft, version.map(|version| version.version_id))
}

impl ConfigFiles {
    /// The files of a draft, as an answer.
    pub(in crate::configs) fn answer(config: &Config, draft: DraftListing, version_id: Option<ConfigVersionId>) -> Answer {
        let etag = format!("\"{}\"", draft.fileset_hash);
        let files = Self {
            object: ConfigFilesObject::Name,
            config_id: config.config_id,
            fileset_hash: draft.fileset_hash,
            version_id,
            file_count: draft.files.len() as u64,
            byte_size: draft.files.iter().map(|file| file.byte_size).sum(),
            files: draft.files.into_iter().map(ConfigFile::from).collect(),
        };
        with_etag(respond::json(StatusCode::OK, &files)?, &etag)
    }
}
