//! Members: people who sign in with an access token of the identity provider, and what each may do in a workspace.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::Workspaces;
use crate::access::Role;
use crate::id::WorkspaceId;
use crate::store::table::{ListError, WORKSPACES, string_key};
use crate::store::{Item, Page, PageRequest, SCHEMA, StoreError};
use crate::time::Timestamp;

/// Most workspaces that somebody is a member of.
const MEMBERSHIPS: usize = 200;

/// A member as it is stored (table `workspaces`, item `member#<subject>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    item: String,
    schema: u32,
    /// Who it is: the subject (`sub`) of the identity provider's tokens.
    pub subject: String,
    /// Their name for people, as an admin wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When they became a member.
    pub created: Timestamp,
}

impl Member {
    const ITEM_PREFIX: &'static str = "member#";

    fn key(workspace: WorkspaceId, subject: &str) -> Item {
        string_key([("workspace_id", &workspace.to_string()), ("item", &format!("{}{subject}", Self::ITEM_PREFIX))])
    }
}

impl Workspaces {
    /// Makes somebody a member, or changes what a member may do.
    pub async fn put_member(&self, workspace: WorkspaceId, subject: &str, name: Option<String>, role: Role) -> Result<Member, StoreError> {
        let known = self.member(workspace, subject).await?;
        let member = Member {
            workspace_id: workspace,
            item: format!("{}{subject}", Member::ITEM_PREFIX),
            schema: SCHEMA,
            subject: subject.to_owned(),
            name,
            role,
            created: known.map_or_else(Timestamp::now, |member| member.created),
        };
        self.tables.put(&WORKSPACES, &member).await?;
        Ok(member)
    }

    /// Reads a member, consistently.
    pub async fn member(&self, workspace: WorkspaceId, subject: &str) -> Result<Option<Member>, StoreError> {
        self.tables.get(&WORKSPACES, Member::key(workspace, subject)).await
    }

    /// Ends a membership; `false` when there was none.
    pub async fn delete_member(&self, workspace: WorkspaceId, subject: &str) -> Result<bool, StoreError> {
        self.tables.delete(&WORKSPACES, Member::key(workspace, subject)).await
    }

    /// The members of a workspace, by subject.
    pub async fn members(&self, workspace: WorkspaceId, page: PageRequest) -> Result<Page<Member>, ListError> {
        self.tables.list_items(&WORKSPACES, &workspace.to_string(), Member::ITEM_PREFIX, page).await
    }

    /// What somebody may do where. A membership that has just ended does not count any more; one that has just begun may take a
    /// moment to count.
    pub async fn memberships(&self, subject: &str) -> Result<BTreeMap<WorkspaceId, Role>, ListError> {
        let page = PageRequest { limit: MEMBERSHIPS, cursor: None };
        let listed: Page<Member> = self.tables.list(&WORKSPACES, "by_member", subject, page, |_| true).await?;
        let now = try_join_all(listed.items.iter().map(|member| self.member(member.workspace_id, subject))).await?;
        Ok(now.into_iter().flatten().map(|member| (member.workspace_id, member.role)).collect())
    }
}
