//! Builds: a config's version, frozen into an environment that runs use.

mod cancel;
mod create;
mod events;
mod get;
mod list;
mod logs;

use ade_core::build::{self, Archive, BuildStatus};
use ade_core::eventlog::Failure;
use ade_core::id::{BuildId, ConfigId, ConfigVersionId, WorkspaceId};
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;

pub use cancel::*;
pub use create::*;
pub use events::*;
pub use get::*;
pub use list::*;
pub use logs::*;

object_name!(BuildObject, "ade.build");

/// A package in a build's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// Its name.
    #[schema(example = "polars")]
    pub name: String,
    /// Its version.
    #[schema(example = "2.0.0")]
    pub version: String,
}

/// Paths of what belongs to a build, relative to the API's base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildLinks {
    /// The build itself.
    #[serde(rename = "self")]
    #[schema(example = "/builds/build_01JZX3Q4T5V6W7X8Y9ZABCDEFG")]
    pub this: String,
    /// Its events.
    pub events: String,
    /// Its log lines.
    pub logs: String,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// Always `ade.build`.
    pub object: BuildObject,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The config.
    pub config_id: ConfigId,
    /// The version that is built.
    pub config_version_id: ConfigVersionId,
    /// `queued → building → active | failed | canceled`.
    pub status: BuildStatus,
    /// Whether this answer names a build that existed already.
    pub reused: bool,
    /// Identity of what is built, on what.
    pub fingerprint: String,
    /// The engine in the environment.
    pub engine_version: Option<String>,
    /// The Python of the environment.
    pub python_version: Option<String>,
    /// When it was recorded, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When a builder began, in Unix seconds.
    pub started: Option<i64>,
    /// When it was over, in Unix seconds.
    pub finished: Option<i64>,
    /// Exit code of the tool that failed; 0 when none did.
    pub exit_code: Option<i32>,
    /// The result in one sentence.
    pub summary: Option<String>,
    /// What went wrong, for people.
    pub error_message: Option<String>,
    /// What went wrong, for programs.
    pub failure: Option<Failure>,
    /// Its packed environment.
    pub archive: Option<Archive>,
    /// The packages in the environment; null in lists and until known.
    pub packages: Option<Vec<Package>>,
    /// Paths of what belongs to it.
    pub links: BuildLinks,
}

impl From<build::Build> for Build {
    fn from(record: build::Build) -> Self {
        let this = format!("/builds/{}", record.build_id);
        Self {
            id: record.build_id,
            object: BuildObject::Name,
            workspace_id: record.workspace_id,
            config_id: record.config_id,
            config_version_id: record.config_version_id,
            status: record.status,
            reused: false,
            fingerprint: record.fingerprint,
            engine_version: record.engine_version,
            python_version: record.python_version,
            created: record.created.seconds(),
            started: record.started.map(Timestamp::seconds),
            finished: record.finished.map(Timestamp::seconds),
            exit_code: record.exit_code,
            summary: record.summary,
            error_message: record.error_message,
            failure: record.failure,
            archive: record.archive,
            packages: None,
            links: BuildLinks { events: format!("{this}/events"), logs: format!("{this}/logs"), this },
        }
    }
}
