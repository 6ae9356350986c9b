use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};

use super::path_of;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, no_content};

/// Delete a file of a config
///
/// Send `If-Match` with its entity tag.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/configs/{config_id}/files/{path}",
    operation_id = "delete-config-file",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("path" = String, Path, description = "The file's path; it may hold slashes.", example = "src/ade_config/columns/email.py"),
        ("If-Match" = Option<String>, Header, description = "The entity tag of the file that is deleted."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (
            status = 400,
            description = "`If-Match` is not one strong entity tag (`invalid_precondition`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 412,
            description = "The file is not in the state that was expected (`precondition_failed`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 428,
            description = "`If-Match` was not sent (`precondition_required`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    ),
    extensions(("x-ade-greedy" = json!(true)))
)]
pub async fn delete_config_file(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    let path = path_of(&call)?;
    let tag = call.request.expected_tag()?;
    call.ade().configs.delete_file(config.config_id, &path, &tag).await?;
    no_content()
}
