use serde::{Deserialize, Serialize};

use crate::id::WorkspaceId;
use crate::store::SCHEMA;
use crate::time::Timestamp;

/// A workspace as it is stored (table `workspaces`, item `workspace`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub workspace_id: WorkspaceId,
    item: String,
    schema: u32,
    /// Its name for people.
    pub name: String,
    /// Its unique name for URLs and commands.
    pub slug: String,
    /// When it was created.
    pub created: Timestamp,
}

impl Workspace {
    pub(super) const ITEM: &'static str = "workspace";

    /// A new workspace.
    pub fn new(name: String, slug: String) -> Self {
        Self { workspace_id: WorkspaceId::generate(), item: Self::ITEM.to_owned(), schema: SCHEMA, name, slug, created: Timestamp::now() }
    }
}

/// Keeps a slug unique: its existence takes the slug (table `workspaces`, key `slug#<slug>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSlug {
    #[serde(rename = "workspace_id")]
    key: String,
    item: String,
    schema: u32,
    /// The workspace that has the slug.
    pub owner: WorkspaceId,
}

impl WorkspaceSlug {
    pub(super) const ITEM: &'static str = "slug";

    pub(super) fn key(slug: &str) -> String {
        format!("slug#{slug}")
    }

    pub(super) fn new(workspace: &Workspace) -> Self {
        Self { key: Self::key(&workspace.slug), item: Self::ITEM.to_owned(), schema: SCHEMA, owner: workspace.workspace_id }
    }
}
