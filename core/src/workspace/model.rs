use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// What holds for it alone.
    #[serde(default)]
    pub settings: WorkspaceSettings,
}

/// What a workspace decides for itself, within what the installation allows; where it decides nothing, the installation's settings hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkspaceSettings {
    /// Runs that are worked on at once; more wait, in order. Never more than the installation's `ADE_WORKSPACE_RUNS`.
    #[schema(minimum = 1, maximum = 10_000, example = 4)]
    pub concurrent_runs: Option<u32>,
    /// Seconds a run may take when its options do not say; instead of the installation's `ADE_RUN_TIMEOUT_SECONDS`.
    #[schema(minimum = 1, maximum = 86_400, example = 300)]
    pub run_timeout_seconds: Option<u64>,
    /// Days that runs are kept after their end. Never longer than the installation's `ADE_RUN_RETENTION`.
    #[schema(minimum = 1, maximum = 36_500, example = 90)]
    pub run_retention_days: Option<u32>,
    /// Days that documents are kept. Never longer than the installation's `ADE_DOCUMENT_RETENTION`.
    #[schema(minimum = 1, maximum = 36_500, example = 30)]
    pub document_retention_days: Option<u32>,
}

impl WorkspaceSettings {
    /// How long runs are kept after their end, as far as the workspace says.
    pub fn run_retention(&self) -> Option<Duration> {
        self.run_retention_days.map(days)
    }

    /// How long documents are kept, as far as the workspace says.
    pub fn document_retention(&self) -> Option<Duration> {
        self.document_retention_days.map(days)
    }
}

fn days(days: u32) -> Duration {
    Duration::from_hours(u64::from(days) * 24)
}

impl Workspace {
    pub(crate) const ITEM: &'static str = "workspace";

    pub(crate) fn key(id: WorkspaceId) -> Item {
        string_key([("workspace_id", &id.to_string()), ("item", Self::ITEM)])
    }

    /// A new workspace.
    pub fn new(name: String, slug: String) -> Self {
        Self {
            workspace_id: WorkspaceId::generate(),
            item: Self::ITEM.to_owned(),
            schema: SCHEMA,
            name,
            slug,
            created: Timestamp::now(),
            settings: WorkspaceSettings::default(),
        }
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
    const ITEM: &'static str = "slug";

    fn partition(slug: &str) -> String {
        format!("slug#{slug}")
    }

    pub(super) fn key(slug: &str) -> Item {
        string_key([("workspace_id", &Self::partition(slug)), ("item", Self::ITEM)])
    }

    pub(super) fn new(workspace: &Workspace) -> Self {
        Self { key: Self::partition(&workspace.slug), item: Self::ITEM.to_owned(), schema: SCHEMA, owner: workspace.workspace_id }
    }
}
