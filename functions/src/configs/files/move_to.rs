use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConfigFile, path_in};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, respond, with_etag};

/// A file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveConfigFile {
    /// The file's path.
    #[schema(max_length = 400, example = "src/ade_config/columns/email.py")]
    pub from: String,
    /// Its new path, where no file may be.
    #[schema(max_length = 400, example = "src/ade_config/columns/e_mail.py")]
    pub to: String,
}

/// Move a file of a config
///
/// Gives it another path. Nothing is replaced; should the file be changed at the same time, it stays where it is (412).
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/configs/{config_id}/file-moves",
    operation_id = "move-config-file",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
    ),
    request_body = MoveConfigFile,
    responses(
        (status = 200, description = "The file at its new path.", body = ConfigFile, headers(("ETag" = String, description = "Its state."))),
        (
            status = 409,
            description = "There is a file already (`file_exists`), or a file where a directory would have to be (`path_conflict`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 412,
            description = "The file was changed meanwhile (`precondition_failed`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn move_config_file(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    let wanted: MoveConfigFile = call.request.json()?;
    let (from, to) = match (path_in("from", &wanted.from), path_in("to", &wanted.to)) {
        (Ok(from), Ok(to)) => (from, to),
        (from, to) => return Err(Problem::invalid([from.err(), to.err()].into_iter().flatten().collect())),
    };
    let file = call.ade().configs.move_file(config.config_id, &from, &to).await?;
    let file = ConfigFile::from(file);
    with_etag(respond::json(StatusCode::OK, &file)?, &file.etag)
}
