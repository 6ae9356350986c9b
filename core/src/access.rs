//! Who is asking, and what they may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::WorkspaceId;

/// What a principal is allowed to do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything in its workspace.
    Viewer,
    /// Also uploads documents and starts runs.
    Operator,
    /// Also changes configs and builds them.
    Editor,
    /// Also manages keys, members and the workspace itself.
    Admin,
    /// Manages the system: every workspace, and safe mode. Belongs to no workspace.
    SystemAdmin,
}

/// One thing that can be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read workspaces.
    WorkspaceRead,
    /// Change a workspace and its members.
    WorkspaceManage,
    /// Create and delete workspaces, and everything system-wide.
    SystemManage,
    /// Create and revoke API keys.
    KeysManage,
    /// Read configs.
    ConfigsRead,
    /// Change configs.
    ConfigsManage,
    /// Read builds.
    BuildsRead,
    /// Start and cancel builds.
    BuildsManage,
    /// Read documents.
    DocumentsRead,
    /// Upload and delete documents.
    DocumentsManage,
    /// Read runs, their events and outputs.
    RunsRead,
    /// Start, cancel and retry runs.
    RunsManage,
}

impl Permission {
    /// The permission's name in documents and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkspaceRead => "workspace.read",
            Self::WorkspaceManage => "workspace.manage",
            Self::SystemManage => "system.manage",
            Self::KeysManage => "keys.manage",
            Self::ConfigsRead => "configs.read",
            Self::ConfigsManage => "configs.manage",
            Self::BuildsRead => "builds.read",
            Self::BuildsManage => "builds.manage",
            Self::DocumentsRead => "documents.read",
            Self::DocumentsManage => "documents.manage",
            Self::RunsRead => "runs.read",
            Self::RunsManage => "runs.manage",
        }
    }

    /// The least role that has the permission.
    pub const fn least_role(self) -> Role {
        match self {
            Self::WorkspaceRead | Self::ConfigsRead | Self::BuildsRead | Self::DocumentsRead | Self::RunsRead => Role::Viewer,
            Self::DocumentsManage | Self::RunsManage => Role::Operator,
            Self::ConfigsManage | Self::BuildsManage => Role::Editor,
            Self::WorkspaceManage | Self::KeysManage => Role::Admin,
            Self::SystemManage => Role::SystemAdmin,
        }
    }
}

/// The kind of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// An API key.
    ApiKey,
}

/// Who submitted a record, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitter {
    /// What kind of principal it was.
    #[serde(rename = "type")]
    pub kind: PrincipalKind,
    /// Its id: for an API key, the key's id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub submitter: Submitter,
    /// What it may do.
    pub role: Role,
    /// The workspace it belongs to; `None` for system admins.
    pub workspace: Option<WorkspaceId>,
}

/// Why access was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller must not learn that the thing exists.
    #[error("not found")]
    NotFound,
    /// The caller is known but lacks the permission.
    #[error("this key's role lacks the permission {}", .0.name())]
    Forbidden(Permission),
}

impl Principal {
    /// Checks a permission on something that belongs to `workspace`. Another workspace's things do not exist for the caller.
    pub fn require(&self, permission: Permission, workspace: WorkspaceId) -> Result<(), Denied> {
        if self.role != Role::SystemAdmin && self.workspace != Some(workspace) {
            return Err(Denied::NotFound);
        }
        self.require_role(permission)
    }

    /// Checks a permission that is about the whole system.
    pub fn require_system(&self, permission: Permission) -> Result<(), Denied> {
        self.require_role(permission)
    }

    fn require_role(&self, permission: Permission) -> Result<(), Denied> {
        if self.role >= permission.least_role() { Ok(()) } else { Err(Denied::Forbidden(permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role, workspace: Option<WorkspaceId>) -> Principal {
        let submitter = Submitter { kind: PrincipalKind::ApiKey, id: "key_x".into(), name: "x".into() };
        Principal { submitter, role, workspace }
    }

    #[test]
    fn roles_grow_and_workspaces_stay_apart() {
        let (mine, other) = (WorkspaceId::generate(), WorkspaceId::generate());
        let operator = principal(Role::Operator, Some(mine));
        assert_eq!(operator.require(Permission::RunsManage, mine), Ok(()));
        assert_eq!(operator.require(Permission::RunsRead, mine), Ok(()));
        assert_eq!(operator.require(Permission::ConfigsManage, mine), Err(Denied::Forbidden(Permission::ConfigsManage)));
        assert_eq!(operator.require(Permission::RunsRead, other), Err(Denied::NotFound));
        assert_eq!(operator.require_system(Permission::SystemManage), Err(Denied::Forbidden(Permission::SystemManage)));
        assert_eq!(principal(Role::SystemAdmin, None).require(Permission::KeysManage, other), Ok(()));
        assert_eq!(principal(Role::Admin, None).require(Permission::RunsRead, mine), Err(Denied::NotFound));
    }
}
