use ade_core::access::Permission;
use ade_core::document::{DocumentStatus, ListDocuments};
use ade_core::id::WorkspaceId;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use utoipa::IntoParams;

use super::create::{NAME_LIMIT, is_sha256};
use super::{Document, shown};
use crate::edge::page::page_request;
use crate::edge::{Answer, Call, Checks, List, ok};

/// How many documents are completed at the same time.
const CONCURRENT: usize = 16;

/// Which documents are wanted; conditions add up.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListDocumentsQuery {
    /// Whose name contains this, in any case.
    #[param(max_length = 255)]
    pub q: Option<String>,
    /// With this status.
    #[param(inline)]
    pub status: Option<DocumentStatus>,
    /// With exactly these bytes: their SHA-256 in hexadecimal.
    #[param(pattern = "^[0-9a-fA-F]{64}$")]
    pub sha256: Option<String>,
    /// Uploaded by the principal with this id.
    #[param(example = "key_01JZX3Q4T5V6W7X8Y9ZABCDEFG")]
    pub uploader: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List documents
///
/// The documents of a workspace, newest first. With conditions, a page may be short and still have a next one.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/documents",
    operation_id = "list-documents",
    tag = "Documents",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), ListDocumentsQuery),
    responses((status = 200, description = "A page of documents.", body = List<Document>))
)]
pub async fn list_documents(call: Call) -> Answer {
    let workspace = call.workspace(Permission::DocumentsRead).await?;
    let query: ListDocumentsQuery = call.request.query()?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let is_hash = query.sha256.as_deref().is_none_or(is_sha256);
    Checks::new()
        .at_most("q", query.q.as_deref().unwrap_or_default(), NAME_LIMIT)
        .that(is_hash, "sha256", "invalid_value", "must be 64 hexadecimal digits")
        .finish()?;
    let wanted = ListDocuments {
        name_contains: query.q,
        status: query.status,
        sha256: query.sha256.map(|sum| sum.to_ascii_lowercase()),
        uploader: query.uploader,
    };
    let found = call.ade().documents.list(workspace.workspace_id, &wanted, page).await?;
    let documents = futures::stream::iter(found.items.into_iter().map(|document| shown(&call, document)));
    let documents = documents.buffered(CONCURRENT).try_collect().await?;
    ok(&List::new(documents, found.next.map(|cursor| cursor.encode())))
}
