use ade_core::access::Permission;
use ade_core::id::WorkspaceId;

use super::ApiKey;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List API keys
///
/// Newest first, revoked and expired ones included; without their secrets.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/api-keys",
    operation_id = "list-api-keys",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), PageQuery),
    responses((status = 200, description = "A page of keys.", body = List<ApiKey>))
)]
pub async fn list_api_keys(call: Call) -> Answer {
    let workspace = call.workspace(Permission::KeysManage).await?;
    let page = call.request.query::<PageQuery>()?.request()?;
    let keys = call.ade().keys.list(workspace.workspace_id, page).await?;
    ok(&List::of(keys, ApiKey::from))
}
