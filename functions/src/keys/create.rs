use ade_core::access::{Permission, Role};
use ade_core::id::WorkspaceId;
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiKey;
use crate::edge::{Answer, Call, Checks, Kept, Problem, created};
use crate::workspaces::NAME_LIMIT;

/// Latest moment that a key may expire at: the end of the year 9999, in Unix seconds.
const LATEST: i64 = 253_402_300_799;

/// An API key to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 120, example = "Nightly import")]
    pub name: String,
    /// What it may do; not `system_admin`.
    pub role: Role,
    /// When it stops working, in Unix seconds; never when missing.
    #[serde(default)]
    #[schema(maximum = 253_402_300_799_i64, example = 1_900_000_000)]
    pub expires: Option<i64>,
}

/// A new API key with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// What to send as `Authorization: Bearer …`. Shown this once and stored nowhere: null when the request is repeated with its
    /// `Idempotency-Key`.
    #[schema(example = "ade_key_01JZX3Q4T5V6W7X8Y9ZABCDEFG_…")]
    pub secret: Option<String>,
}

/// Create an API key
///
/// The answer shows the key's secret once. Keys belong to one workspace; a system admin's key is made with `ade admin bootstrap`.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/api-keys",
    operation_id = "create-api-key",
    tag = "Workspaces",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body = CreateApiKey,
    responses((status = 201, description = "The new key.", body = CreatedApiKey, headers(("Location" = String, description = "Its path."))))
)]
pub async fn create_api_key(call: Call) -> Answer {
    let workspace = call.workspace(Permission::KeysManage).await?;
    let new: CreateApiKey = call.request.json()?;
    let now = Timestamp::now().seconds();
    Checks::new()
        .line("name", &new.name, NAME_LIMIT)
        .that(new.role != Role::SystemAdmin, "role", "invalid_value", "a key of a workspace can't be a system admin's")
        .that(
            new.expires.is_none_or(|expires| (now + 1..=LATEST).contains(&expires)),
            "expires",
            "out_of_range",
            "must be a moment in the future, in Unix seconds",
        )
        .finish()?;
    let expires = new.expires.map(|seconds| Timestamp::from_millis(seconds * 1000));
    let (key, secret) = call.ade().keys.create(Some(workspace.workspace_id), &new.name, new.role, expires).await?;
    let link = format!("/workspaces/{}/api-keys/{}", workspace.workspace_id, key.key_id);
    let key = CreatedApiKey { key: key.into(), secret: None };
    let kept = serde_json::to_string(&key).map_err(Problem::internal)?;
    let mut answer = created(&call.request, &link, &CreatedApiKey { secret: Some(secret.expose()), ..key })?;
    answer.extensions_mut().insert(Kept::Body(kept));
    Ok(answer)
}
