use ade_core::access::Permission;
use ade_core::document::DocumentStatus;
use ade_core::id::DocumentId;

use super::{find, not_ready};
use crate::downloads::{Download, download};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call};

/// Download a document
#[utoipa::path(
    get,
    path = "/documents/{document_id}/download",
    operation_id = "download-document",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document.")),
    responses(
        (status = 200, description = "Where to download it; with `Accept: application/json`.", body = Download),
        (status = 307, description = "Go and download it there.", headers(("Location" = String, description = "A signed URL."))),
        (
            status = 409,
            description = "It has not been uploaded and completed yet (`document_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn download_document(call: Call) -> Answer {
    let document = find(&call, Permission::DocumentsRead).await?;
    if document.status != DocumentStatus::Ready {
        return Err(not_ready());
    }
    download(&call, &document.object_key(), &document.name, document.byte_size).await
}
