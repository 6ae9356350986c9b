use std::time::Duration;

use ade_core::access::Permission;
use ade_core::config::ConfigIssue;
use ade_core::id::{ConfigId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, ok};

/// How long the builder is waited for; gateways wait 29 seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(27);

object_name!(ConfigValidationObject, "ade.config.validation");

/// What came of checking a config's draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigValidation {
    /// Always `ade.config.validation`.
    pub object: ConfigValidationObject,
    /// The config.
    pub config_id: ConfigId,
    /// Hash of the files that were checked, as the list of files has it; null when there are none or too many.
    pub fileset_hash: Option<String>,
    /// Whether there is no issue that is an error.
    pub valid: bool,
    /// What is wrong, errors first; at most 100.
    pub issues: Vec<ConfigIssue>,
}

/// Validate a config
///
/// Checks the draft as it is now, as a build would: what it requires is installed and its rules are loaded, in an isolated process that
/// is given 20 seconds. Nothing is built, and nothing changes.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs/{config_id}/validate",
    operation_id = "validate-config",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
    ),
    responses(
        (status = 200, description = "What was found.", body = ConfigValidation),
        (
            status = 409,
            description = "ADE is in safe mode, so nothing is executed (`safe_mode`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn validate_config(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    if let Some(detail) = call.ade().safe_mode.skips().await? {
        return Err(Problem::conflict("safe_mode", detail));
    }
    let dispatcher = call.app.dispatcher();
    let asked = tokio::time::timeout(PATIENCE, dispatcher.validate(config.workspace_id, config.config_id));
    let validation = match asked.await {
        Ok(Ok(validation)) => validation,
        Ok(Err(error)) => return Err(Problem::no_builder(error)),
        Err(late) => return Err(Problem::no_builder(late)),
    };
    ok(&ConfigValidation {
        object: ConfigValidationObject::Name,
        config_id: config.config_id,
        valid: validation.is_valid(),
        fileset_hash: validation.fileset_hash,
        issues: validation.issues,
    })
}
