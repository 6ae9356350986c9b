use ade_core::access::Permission;
use ade_core::id::{ConfigId, WorkspaceId};
use bytes::Bytes;
use http::{HeaderValue, Response, header};

use super::path_of;
use crate::edge::{Answer, Call, Problem, not_modified, with_etag};

/// Longest content that travels as text. In the event that Lambda makes of an answer a character of text may take six bytes, and
/// the event has room for 6 MiB; bytes are sent in base64 and take a third more.
const TEXT_LIMIT: usize = 512 << 10;

/// Get a file of a config
///
/// Its bytes as they are. With `If-None-Match` and its entity tag, 304 when it has not changed.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs/{config_id}/files/{path}",
    operation_id = "get-config-file",
    tag = "Configs",
    params(
        ("workspace_id" = WorkspaceId, Path, description = "The workspace."),
        ("config_id" = ConfigId, Path, description = "The config."),
        ("path" = String, Path, description = "The file's path; it may hold slashes.", example = "src/ade_config/columns/email.py"),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of content that the caller still has."),
    ),
    responses(
        (
            status = 200,
            description = "Its content: `text/plain` when it is UTF-8 of at most 512 KiB, else `application/octet-stream`.",
            content((String = "text/plain"), (Vec<u8> = "application/octet-stream")),
            headers(("ETag" = String, description = "Its state.")),
        ),
        (status = 304, description = "It has not changed.", headers(("ETag" = String, description = "Its state."))),
    ),
    extensions(("x-ade-greedy" = json!(true)))
)]
pub async fn get_config_file(call: Call) -> Answer {
    let config = call.config_in_workspace(Permission::ConfigsRead).await?;
    let path = path_of(&call)?;
    let found = call.ade().configs.read_file(config.config_id, &path).await?;
    let (file, content) = found.ok_or_else(|| Problem::no_such("config file"))?;
    if call.request.knows(&file.etag) {
        return not_modified(&file.etag);
    }
    let content_type = if is_text(&content) { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let mut response = Response::new(content);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    with_etag(response, &file.etag)
}

/// Whether content survives as text. A byte order mark would be lost on the way.
fn is_text(content: &Bytes) -> bool {
    content.len() <= TEXT_LIMIT && !content.starts_with(b"\xEF\xBB\xBF") && std::str::from_utf8(content).is_ok()
}
