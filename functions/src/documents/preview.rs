use ade_core::id::DocumentId;

use super::ready;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call};
use crate::previews::{self, PreviewQuery, SheetPreview};

/// Preview a document
///
/// Some rows of a sheet: what kind each value is, and the value as text. Of a large document only what is needed is read, so the first
/// rows come at once; rows further on take longer. A page may have fewer rows than were asked for when they are long: go on at `next_offset`.
#[utoipa::path(
    get,
    path = "/documents/{document_id}/preview",
    operation_id = "preview-document",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document."), PreviewQuery),
    responses(
        (status = 200, description = "The rows.", body = SheetPreview),
        (
            status = 409,
            description = "It has not been uploaded and completed yet (`document_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "It can't be read (`document_unreadable`), or not without reading more than a preview may (`preview_too_large`: \
                `.xls`, `.xlsb` and `.ods` of more than 16 MiB, rows too far down); or a parameter can't be accepted.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn preview_document(call: Call) -> Answer {
    let query: PreviewQuery = call.request.query()?;
    let (document, object) = ready(&call).await?;
    previews::preview(&call, object, &document.name, query).await
}
