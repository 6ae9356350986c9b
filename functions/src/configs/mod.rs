//! Configs: Python packages of rules.

mod create;
mod delete;
mod export;
mod files;
mod get;
mod import;
mod list;
mod update;
mod uploads;
mod validate;
mod versions;

use ade_core::config;
use ade_core::id::{BuildId, ConfigId, ConfigVersionId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::{Call, Problem};
use crate::runs::LastRun;

pub use create::*;
pub use delete::*;
pub use export::*;
pub use files::*;
pub use get::*;
pub use import::*;
pub use list::*;
pub use update::*;
pub use uploads::*;
pub use validate::*;
pub use versions::*;

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
    /// Its newest run.
    pub last_run: Option<LastRun>,
}

impl Config {
    /// A record as the API shows it.
    pub fn new(record: config::Config, last_run: Option<LastRun>) -> Self {
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
            last_run,
        }
    }
}

/// A record with what belongs to it.
async fn shown(call: &Call, record: config::Config) -> Result<Config, Problem> {
    let last_run = LastRun::of_config(call, &record).await?;
    Ok(Config::new(record, last_run))
}
