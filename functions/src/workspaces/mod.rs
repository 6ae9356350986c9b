//! Workspaces.

mod create;
mod delete;
mod get;
mod list;
mod update;

use ade_core::access::Role;
use ade_core::id::WorkspaceId;
use ade_core::workspace::{self, WorkspaceSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;

pub use create::*;
pub use delete::*;
pub use get::*;
pub use list::*;
pub use update::*;

object_name!(WorkspaceObject, "ade.workspace");

/// A workspace: what it holds is invisible to every other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Always `ade.workspace`.
    pub object: WorkspaceObject,
    /// Its name for people.
    #[schema(example = "Finance")]
    pub name: String,
    /// Its unique name for URLs and commands.
    #[schema(example = "finance")]
    pub slug: String,
    /// When it was created, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// What holds for it alone; null where the installation's settings hold.
    pub settings: WorkspaceSettings,
    /// What the caller may do in it.
    pub role: Role,
}

impl Workspace {
    /// A workspace as somebody sees it who has this role in it.
    pub(super) fn new(record: workspace::Workspace, role: Role) -> Self {
        Self {
            id: record.workspace_id,
            object: WorkspaceObject::Name,
            name: record.name,
            slug: record.slug,
            created: record.created.seconds(),
            settings: record.settings,
            role,
        }
    }
}
