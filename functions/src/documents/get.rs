use ade_core::access::Permission;
use ade_core::id::DocumentId;

use super::Document;
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
    let id: DocumentId = call.request.id_in_path("document_id")?;
    call.note("document_id", id);
    let document = call.allow(Permission::DocumentsRead, call.ade().documents.get(id).await?)?;
    ok(&Document::from(document))
}
