//! Members of workspaces: people who sign in with an access token of the identity provider.

mod delete;
mod list;
mod put;

use ade_core::access::Role;
use ade_core::id::WorkspaceId;
use ade_core::workspace;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::{Call, Checks, Problem};

pub use delete::*;
pub use list::*;
pub use put::*;

/// Longest subject, in characters.
const SUBJECT_LIMIT: usize = 255;

object_name!(MemberObject, "ade.member");

/// A member of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The subject (`sub`) of the identity provider's tokens.
    #[schema(example = "6f1e2a34-93d1-4b57-9c15-3d5e2b9a7c11")]
    pub subject: String,
    /// Always `ade.member`.
    pub object: MemberObject,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Their name for people.
    #[schema(example = "Ada Okafor")]
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When they became a member, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
}

impl From<workspace::Member> for Member {
    fn from(record: workspace::Member) -> Self {
        Self {
            subject: record.subject,
            object: MemberObject::Name,
            workspace_id: record.workspace_id,
            name: record.name,
            role: record.role,
            created: record.created.seconds(),
        }
    }
}

/// The subject that the path names.
fn subject(call: &Call) -> Result<&str, Problem> {
    let subject = call.request.parameter("subject");
    Checks::new().line("subject", subject, SUBJECT_LIMIT).finish()?;
    Ok(subject)
}
