//! Workspaces: what configs, documents, runs and keys belong to.

mod model;
mod service;

pub use model::{Workspace, WorkspaceSlug};
pub use service::{CreateWorkspaceError, Workspaces};
