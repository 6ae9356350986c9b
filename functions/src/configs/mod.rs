//! Configs: Python packages of rules.

mod create;
mod get;
mod list;
mod template;

use ade_core::config;
use ade_core::id::{BuildId, ConfigId, ConfigVersionId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;

pub use create::*;
pub use get::*;
pub use list::*;
pub use template::{TemplateError, template};

object_name!(ConfigObject, "ade.config");

/// Whether a config has been built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigStatus {
    /// It has a draft only.
    Draft,
    /// It has an active build, which runs use.
    Active,
}

/// A config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Config {
    /// Its id.
    pub id: ConfigId,
    /// Always `ade.config`.
    pub object: ConfigObject,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its name for people.
    #[schema(example = "Customer lists")]
    pub name: String,
    /// Whether it has been built.
    pub status: ConfigStatus,
    /// When it was created, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When its record last changed, in Unix seconds.
    #[schema(example = 1_784_000_060)]
    pub updated: i64,
    /// The build that runs use by default.
    pub active_build_id: Option<BuildId>,
    /// The version that the active build was made from.
    pub active_version_id: Option<ConfigVersionId>,
    /// The build under way, if one is.
    pub building_build_id: Option<BuildId>,
}

impl From<config::Config> for Config {
    fn from(record: config::Config) -> Self {
        Self {
            id: record.config_id,
            object: ConfigObject::Name,
            workspace_id: record.workspace_id,
            name: record.name,
            status: if record.active_build_id.is_some() { ConfigStatus::Active } else { ConfigStatus::Draft },
            created: record.created.seconds(),
            updated: record.updated.seconds(),
            active_build_id: record.active_build_id,
            active_version_id: record.active_version_id,
            building_build_id: record.building_build_id,
        }
    }
}
