use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};
use ade_core::store::Expected;
use http::StatusCode;

use super::{ConfigFile, link, path_in};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, created, respond, with_etag};

/// Create or replace a file of a config
///
/// The body is the file's content, byte by byte: at most 512 KiB of code (`.py`, `.pyi`, `.toml`, `.cfg`, `.ini`, `.md`), 4 MiB of anything else.
/// Send `If-None-Match: *` to create the file, or `If-Match` with its entity tag to replace it: of two who change the same state of
/// a file one gets 412, and nothing is lost.
#[utoipa::path(
    put,
    path = "/workspaces/{workspace_id}/configs/{config_id}/files/{path}",
    operation_id = "put-config-file",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("path" = String, Path, description = "The file's path; it may hold slashes.", example = "src/ade_config/columns/email.py"),
        ("If-Match" = Option<String>, Header, description = "The entity tag of the file that is replaced."),
        ("If-None-Match" = Option<String>, Header, description = "`*` to create the file."),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content."),
    responses(
        (status = 200, description = "The file, which was replaced.", body = ConfigFile, headers(("ETag" = String, description = "Its new state."))),
        (
            status = 201,
            description = "The new file.",
            body = ConfigFile,
            headers(("ETag" = String, description = "Its state."), ("Location" = String, description = "Its path.")),
        ),
        (
            status = 409,
            description = "A file is where a directory would have to be, or the other way round (`path_conflict`).",
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
            status = 422,
            description = "The path can't be that of a file, or the config would have too many or too large files (`config_too_large`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 428,
            description = "Neither `If-Match` nor `If-None-Match` was sent (`precondition_required`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    ),
    extensions(("x-ade-greedy" = json!(true)))
)]
pub async fn put_config_file(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsManage).await?;
    let path = path_in("path", call.request.parameter("path")).map_err(|error| Problem::invalid(vec![error]))?;
    let expected = call.request.expected()?;
    let content = call.request.bytes(path.size_limit())?;
    let file = call.ade().configs.write_file(config.config_id, &path, content, &expected).await?;
    let file = ConfigFile::from(file);
    let response = match expected {
        Expected::Absent => created(&call.request, &link(&config, &path), &file)?,
        Expected::Tag(_) => respond::json(StatusCode::OK, &file)?,
    };
    with_etag(response, &file.etag)
}
