//! Who is asking, and what they may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::WorkspaceId;

/// What a principal is allowed to do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything in its workspace but keys and members.
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
    /// A person who signed in at the identity provider.
    User,
}

/// Who submitted a record, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitter {
    /// What kind of principal it was.
    #[serde(rename = "type")]
    pub kind: PrincipalKind,
    /// Its id: for an API key, the key's id; for a person, the subject of the identity provider.
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
    pub access: Access,
}

/// What a principal may do where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everything everywhere: a system admin's.
    System,
    /// What its role allows in each of these workspaces.
    Workspaces(BTreeMap<WorkspaceId, Role>),
}

/// Why access was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller must not learn that the thing exists.
    #[error("not found")]
    NotFound,
    /// The caller is known but lacks the permission.
    #[error("the role lacks the permission {}", .0.name())]
    Forbidden(Permission),
}

impl Principal {
    /// Checks a permission on something that belongs to `workspace`. Another workspace's things do not exist for the caller.
    pub fn require(&self, permission: Permission, workspace: WorkspaceId) -> Result<(), Denied> {
        if self.role(workspace)? >= permission.least_role() { Ok(()) } else { Err(Denied::Forbidden(permission)) }
    }

    /// What the caller is in a workspace. One in which it is nothing does not exist for it.
    pub fn role(&self, workspace: WorkspaceId) -> Result<Role, Denied> {
        match &self.access {
            Access::System => Ok(Role::SystemAdmin),
            Access::Workspaces(roles) => roles.get(&workspace).copied().ok_or(Denied::NotFound),
        }
    }

    /// Checks a permission that is about the whole system.
    pub fn require_system(&self, permission: Permission) -> Result<(), Denied> {
        match self.access {
            Access::System => Ok(()),
            Access::Workspaces(_) => Err(Denied::Forbidden(permission)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(access: Access) -> Principal {
        let submitter = Submitter { kind: PrincipalKind::ApiKey, id: "key_x".into(), name: "x".into() };
        Principal { submitter, access }
    }

    #[test]
    fn roles_grow_and_workspaces_stay_apart() {
        let (mine, other) = (WorkspaceId::generate(), WorkspaceId::generate());
        let operator = principal(Access::Workspaces([(mine, Role::Operator)].into()));
        assert_eq!(operator.require(Permission::RunsManage, mine), Ok(()));
        assert_eq!(operator.require(Permission::RunsRead, mine), Ok(()));
        assert_eq!(operator.require(Permission::ConfigsManage, mine), Err(Denied::Forbidden(Permission::ConfigsManage)));
        assert_eq!(operator.require(Permission::RunsRead, other), Err(Denied::NotFound));
        assert_eq!(operator.require_system(Permission::SystemManage), Err(Denied::Forbidden(Permission::SystemManage)));
        assert_eq!(principal(Access::System).require(Permission::KeysManage, other), Ok(()));
        assert_eq!(principal(Access::System).require_system(Permission::SystemManage), Ok(()));
        let both = principal(Access::Workspaces([(mine, Role::Viewer), (other, Role::Admin)].into()));
        assert_eq!(both.require(Permission::KeysManage, mine), Err(Denied::Forbidden(Permission::KeysManage)));
        assert_eq!(both.require(Permission::KeysManage, other), Ok(()));
        assert_eq!(principal(Access::Workspaces(BTreeMap::new())).require(Permission::RunsRead, mine), Err(Denied::NotFound));
    }
}
