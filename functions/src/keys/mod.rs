//! API keys.

mod create;
mod list;
mod revoke;

use ade_core::access::Role;
use ade_core::id::{KeyId, WorkspaceId};
use ade_core::key;
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;

pub use create::*;
pub use list::*;
pub use revoke::*;

object_name!(ApiKeyObject, "ade.api_key");

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its id, which is also the public part of the key.
    pub id: KeyId,
    /// Always `ade.api_key`.
    pub object: ApiKeyObject,
    /// Its workspace; null for a system admin's.
    pub workspace_id: Option<WorkspaceId>,
    /// Its name for people.
    #[schema(example = "Nightly import")]
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was created, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When it stops working, in Unix seconds; null for never.
    pub expires: Option<i64>,
    /// When it was last used, to the minute, in Unix seconds.
    pub last_used: Option<i64>,
    /// When it was revoked, in Unix seconds.
    pub revoked: Option<i64>,
}

impl From<key::ApiKey> for ApiKey {
    fn from(record: key::ApiKey) -> Self {
        Self {
            id: record.key_id,
            object: ApiKeyObject::Name,
            workspace_id: record.workspace_id,
            name: record.name,
            role: record.role,
            created: record.created.seconds(),
            expires: record.expires.map(Timestamp::seconds),
            last_used: record.last_used.map(Timestamp::seconds),
            revoked: record.revoked.map(Timestamp::seconds),
        }
    }
}
