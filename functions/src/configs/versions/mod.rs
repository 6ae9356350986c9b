//! The versions of a config: its files at moments in the past, which never change.

mod compare;
mod get;
mod list;

use ade_core::build::VersionChoice;
use ade_core::config::{self, FileSet};
use ade_core::id::{BuildId, ConfigId, ConfigVersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::{Call, Problem};

pub use compare::*;
pub use get::*;
pub use list::*;

object_name!(ConfigVersionObject, "ade.config.version");

/// A version of a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigVersion {
    /// Its id.
    pub id: ConfigVersionId,
    /// Always `ade.config.version`.
    pub object: ConfigVersionObject,
    /// The config.
    pub config_id: ConfigId,
    /// SHA-256 over the paths and contents of its files: the same files are the same version.
    #[schema(example = "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13")]
    pub content_digest: String,
    /// How many files it has.
    #[schema(example = 12)]
    pub file_count: u32,
    /// Their size together, in bytes.
    #[schema(example = 18_764)]
    pub byte_size: u64,
    /// When it was made, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// Its newest usable build.
    pub build_id: Option<BuildId>,
}

impl From<config::ConfigVersion> for ConfigVersion {
    fn from(record: config::ConfigVersion) -> Self {
        Self {
            id: record.version_id,
            object: ConfigVersionObject::Name,
            config_id: record.config_id,
            content_digest: record.content_digest,
            file_count: record.file_count,
            byte_size: record.byte_size,
            created: record.created.seconds(),
            build_id: record.build_id,
        }
    }
}

/// The version with this id.
async fn find(call: &Call, config: &config::Config, id: ConfigVersionId) -> Result<config::ConfigVersion, Problem> {
    let version = call.ade().configs.version_by_id(config.config_id, id).await?;
    version.ok_or_else(|| Problem::no_such("config version"))
}

/// The files of a version, of the active one, or of the draft.
pub(super) async fn files_of(call: &Call, config: &config::Config, version: VersionChoice) -> Result<FileSet, Problem> {
    let configs = &call.ade().configs;
    let id = match version {
        VersionChoice::Draft => return Ok(configs.draft_files(config.config_id).await?),
        VersionChoice::Active => config.active_version_id.ok_or_else(|| Problem::no_such("config version"))?,
        VersionChoice::Version(id) => id,
    };
    Ok(configs.version_files(&find(call, config, id).await?).await?)
}
