use ade_core::access::Permission;
use ade_core::id::{KeyId, WorkspaceId};

use super::ApiKey;
use crate::edge::{Answer, Call, Problem, ok};

/// Revoke an API key
///
/// It is refused from the next request on. The record stays, for what the key has done to be told apart; revoking it again changes
/// nothing.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/api-keys/{key_id}",
    operation_id = "revoke-api-key",
    tag = "Workspaces",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("key_id" = KeyId, Path, description = "The key."),
    ),
    responses((status = 200, description = "The key, which is revoked.", body = ApiKey))
)]
pub async fn revoke_api_key(call: Call) -> Answer {
    let workspace = call.workspace(Permission::KeysManage).await?;
    let keys = &call.ade().keys;
    let key = keys.get(call.request.id_in_path("key_id")?).await?;
    let key = key.filter(|key| key.workspace_id == Some(workspace.workspace_id)).ok_or_else(|| Problem::no_such("key"))?;
    ok(&ApiKey::from(keys.revoke(key).await?))
}
