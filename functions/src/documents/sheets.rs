use ade_core::id::DocumentId;

use super::ready;
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, List};
use crate::previews::{self, Sheet};

/// List the sheets of a document
///
/// Its worksheets in order, hidden ones too. A text table has one, named after the file.
#[utoipa::path(
    get,
    path = "/documents/{document_id}/sheets",
    operation_id = "list-document-sheets",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document.")),
    responses(
        (status = 200, description = "All sheets.", body = List<Sheet>),
        (
            status = 409,
            description = "It has not been uploaded and completed yet (`document_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "It can't be read (`document_unreadable`), or not without reading all of it, for which it is too large \
                (`preview_too_large`: `.xls`, `.xlsb` and `.ods` of more than 16 MiB).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn list_document_sheets(call: Call) -> Answer {
    let (document, object) = ready(&call).await?;
    previews::sheets(&call, object, &document.name).await
}
