use ade_core::access::Permission;
use ade_core::id::DocumentId;

use super::find;
use crate::edge::{Answer, Call, no_content};

/// Delete a document
///
/// It is gone from lists and can't be used in new runs. Runs that it is part of keep their copies of it.
#[utoipa::path(
    delete,
    path = "/documents/{document_id}",
    operation_id = "delete-document",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document.")),
    responses((status = 204, description = "It is gone."))
)]
pub async fn delete_document(call: Call) -> Answer {
    let document = find(&call, Permission::DocumentsManage).await?;
    call.ade().documents.delete(document.document_id).await?;
    no_content()
}
