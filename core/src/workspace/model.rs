use serde::{Deserialize, Serialize};

use crate::id::WorkspaceId;
use crate::store::table::string_key;
use crate::store::{Item, SCHEMA};
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
    pub(crate) const ITEM: &'static str = "workspace";

    /// A new workspace.
    pub fn new(name: String, slug: String) -> Self {
        Self { workspace_id: WorkspaceId::generate(), item: Self::ITEM.to_owned(), schema: SCHEMA, name, slug, created: Timestamp::now() }
    }
}

/// That runs and documents of a workspace may be left that was deleted (table `workspaces`, item `deleted`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeletedWorkspace {
    workspace_id: WorkspaceId,
    item: String,
    schema: u32,
    /// When it was deleted.
    pub(crate) deleted: Timestamp,
    /// Whether what is left goes at once.
    pub(crate) purge: bool,
}

impl DeletedWorkspace {
    pub(crate) const ITEM: &'static str = "deleted";

    pub(super) fn new(workspace_id: WorkspaceId, purge: bool) -> Self {
        Self { workspace_id, item: Self::ITEM.to_owned(), schema: SCHEMA, deleted: Timestamp::now(), purge }
    }

    pub(crate) fn key(id: WorkspaceId) -> Item {
        string_key([("workspace_id", &id.to_string()), ("item", Self::ITEM)])
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
