use ade_core::access::Permission;
use ade_core::id::DocumentId;

use super::{Document, find, shown};
use crate::edge::{Answer, Call, ok};

/// Get a document
#[utoipa::path(
    get,
    path = "/documents/{document_id}",
    operation_id = "get-document",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document.")),
    responses((status = 200, description = "The document.", body = Document))
)]
pub async fn get_document(call: Call) -> Answer {
    let document = find(&call, Permission::DocumentsRead).await?;
    ok(&shown(&call, document).await?)
}
