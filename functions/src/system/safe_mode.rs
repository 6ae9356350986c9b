use ade_core::access::Permission;
use ade_core::safe_mode::SafeModeState;
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Checks, Problem, ok};

/// Longest message to people, in characters.
const DETAIL_LIMIT: usize = 500;

object_name!(SafeModeObject, "ade.safe_mode");

/// Safe mode: while it is on, new runs and builds are recorded and end at once as `canceled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SafeMode {
    /// Always `ade.safe_mode`.
    pub object: SafeModeObject,
    /// Whether it is on.
    pub enabled: bool,
    /// What the operator wants people to know; it stands in the last event of everything that is skipped.
    #[schema(example = "Maintenance until noon")]
    pub detail: Option<String>,
    /// Whether the environment forces it on, so that it can't be changed here.
    pub locked: bool,
    /// When it was last changed, in Unix seconds.
    pub updated: Option<i64>,
}

impl From<SafeModeState> for SafeMode {
    fn from(state: SafeModeState) -> Self {
        Self {
            object: SafeModeObject::Name,
            enabled: state.enabled,
            detail: state.detail,
            locked: state.locked,
            updated: state.updated.map(Timestamp::seconds),
        }
    }
}

/// What safe mode is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutSafeMode {
    /// Whether it is on.
    pub enabled: bool,
    /// What people are told.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500, example = "Maintenance until noon")]
    pub detail: Option<String>,
}

/// Get safe mode
///
/// Anybody who has signed in may ask.
#[utoipa::path(
    get,
    path = "/system/safe-mode",
    operation_id = "get-safe-mode",
    tag = "System",
    responses((status = 200, description = "Safe mode as it is.", body = SafeMode))
)]
pub async fn get_safe_mode(call: Call) -> Answer {
    ok(&SafeMode::from(call.ade().safe_mode.state().await?))
}

/// Put safe mode
///
/// Turns it on or off, for runs and builds that are created from now on; what is under way goes on. Needs a system admin key.
#[utoipa::path(
    put,
    path = "/system/safe-mode",
    operation_id = "put-safe-mode",
    tag = "System",
    request_body(content = PutSafeMode, example = json!({ "enabled": true, "detail": "Maintenance until noon" })),
    responses(
        (status = 200, description = "Safe mode as it is now.", body = SafeMode),
        (
            status = 409,
            description = "The environment forces it on (`safe_mode_locked`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn put_safe_mode(call: Call) -> Answer {
    call.principal.require_system(Permission::SystemManage).map_err(|denied| Problem::denied(denied, "system"))?;
    let PutSafeMode { enabled, detail } = call.request.json()?;
    if let Some(detail) = &detail {
        Checks::new().line("detail", detail, DETAIL_LIMIT).finish()?;
    }
    ok(&SafeMode::from(call.ade().safe_mode.set(enabled, detail).await?))
}
