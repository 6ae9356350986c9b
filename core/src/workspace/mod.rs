//! Workspaces: what configs, documents, runs and keys belong to.

mod change;
mod member;
mod model;
mod service;

pub use change::{ChangeWorkspace, DeleteWorkspaceError};
pub use member::Member;
pub(crate) use model::DeletedWorkspace;
pub use model::{Workspace, WorkspaceSettings, WorkspaceSlug};
pub use service::{CreateWorkspaceError, Workspaces};
