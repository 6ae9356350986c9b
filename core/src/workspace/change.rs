//! Changing and deleting workspaces.

use aws_sdk_dynamodb::types::TransactWriteItem;
use ulid::Ulid;

use super::model::{DeletedWorkspace, Workspace, WorkspaceSettings, WorkspaceSlug};
use super::{CreateWorkspaceError, Workspaces};
use crate::id::WorkspaceId;
use crate::run::allow_slots;
use crate::store::table::{CONFIGS, RUNS, WORKSPACES};
use crate::store::{PageRequest, StoreError};

/// What changes in a workspace; what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeWorkspace {
    /// Its name.
    pub name: Option<String>,
    /// Its slug.
    pub slug: Option<String>,
    /// All of its settings.
    pub settings: Option<WorkspaceSettings>,
}

/// Why a workspace was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteWorkspaceError {
    /// Runs of it are queued or running.
    #[error("the workspace has runs that are not over")]
    InUse,
    /// It has configs.
    #[error("the workspace still has configs; delete them first")]
    NotEmpty,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Workspaces {
    /// Gives a workspace another name, slug or other settings.
    pub async fn update(&self, workspace: &Workspace, change: ChangeWorkspace) -> Result<Workspace, CreateWorkspaceError> {
        let ChangeWorkspace { name, slug, settings } = change;
        let mut changed = workspace.clone();
        changed.name = name.unwrap_or(changed.name);
        changed.slug = slug.unwrap_or(changed.slug);
        changed.settings = settings.unwrap_or(changed.settings);
        let id = workspace.workspace_id;
        let update = self.tables.update(&WORKSPACES, Workspace::key(id)).set("name", &changed.name)?.set("slug", &changed.slug)?;
        let update = if settings.is_some() { update.set("settings", changed.settings)? } else { update };
        let update = update.when_equals("slug", &workspace.slug)?;
        let mut items = vec![TransactWriteItem::builder().update(update.into_transaction()?).build()];
        if settings.is_some() {
            items.push(allow_slots(&self.tables, id, changed.settings.concurrent_runs)?);
        }
        if changed.slug != workspace.slug {
            items.push(self.tables.create_in_transaction(&WORKSPACES, &WorkspaceSlug::new(&changed))?);
            items.push(self.tables.delete_in_transaction(&WORKSPACES, WorkspaceSlug::key(&workspace.slug))?);
        }
        match self.tables.transact(&Ulid::generate().to_string(), items).await {
            Ok(()) => Ok(changed),
            Err(StoreError::Condition(_)) if changed.slug != workspace.slug => Err(CreateWorkspaceError::SlugTaken(changed.slug)),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a workspace without configs and without runs under way: its record and its slug. Its members and keys have to follow. What is
    /// left of older runs and documents is removed by sweeps ([`crate::retention`]): after a while, or at once with `purge`.
    pub async fn delete(&self, workspace: &Workspace, purge: bool) -> Result<(), DeleteWorkspaceError> {
        let id = workspace.workspace_id;
        for status in ["queued", "running"] {
            if self.holds(&RUNS, "by_workspace_status", &format!("{id}#{status}")).await? {
                return Err(DeleteWorkspaceError::InUse);
            }
        }
        if self.holds(&CONFIGS, "by_workspace", &id.to_string()).await? {
            return Err(DeleteWorkspaceError::NotEmpty);
        }
        let items = vec![
            self.tables.delete_in_transaction(&WORKSPACES, Workspace::key(id))?,
            self.tables.delete_in_transaction(&WORKSPACES, WorkspaceSlug::key(&workspace.slug))?,
            self.tables.create_in_transaction(&WORKSPACES, &DeletedWorkspace::new(id, purge))?,
        ];
        self.tables.transact(&Ulid::generate().to_string(), items).await?;
        Ok(())
    }

    /// Whether a workspace was deleted of which something may be left.
    pub async fn is_deleted(&self, id: WorkspaceId) -> Result<bool, StoreError> {
        let left: Option<DeletedWorkspace> = self.tables.get(&WORKSPACES, DeletedWorkspace::key(id)).await?;
        Ok(left.is_some())
    }

    /// Removes all members of a workspace.
    pub async fn remove_members(&self, id: WorkspaceId) -> Result<(), StoreError> {
        loop {
            let page = PageRequest { limit: 100, cursor: None };
            let members = self.members(id, page).await.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if members.items.is_empty() {
                return Ok(());
            }
            for member in members.items {
                self.delete_member(id, &member.subject).await?;
            }
        }
    }

    async fn holds(&self, table: &crate::store::Table, index: &str, partition: &str) -> Result<bool, StoreError> {
        // Every id begins with a letter.
        let whole = ("a".to_owned(), "~".to_owned());
        Ok(!self.tables.newest_between(table, index, partition, whole, 1).await?.is_empty())
    }
}
