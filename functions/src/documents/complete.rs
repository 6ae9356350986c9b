use ade_core::access::Permission;
use ade_core::document::{self, CompleteError, DocumentStatus};
use ade_core::id::DocumentId;
use ade_core::settings::Settings;
use ade_workbook::Limits;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::{Document, find, shown};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem, ok};

/// Complete a document
///
/// Checks what has been uploaded: its size, its checksum if one was announced, and that it opens as what its name says. The
/// document is `ready` afterwards and can be used in runs. Completing it again changes nothing.
#[utoipa::path(
    post,
    path = "/documents/{document_id}/complete",
    operation_id = "complete-document",
    tag = "Documents",
    params(("document_id" = DocumentId, Path, description = "The document.")),
    responses(
        (status = 200, description = "The document, which is ready.", body = Document),
        (
            status = 409,
            description = "Nothing has been uploaded yet (`document_not_uploaded`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
        (
            status = 422,
            description = "What has been uploaded is not what was announced (`document_size_mismatch`, `document_checksum_mismatch`), \
                or can't be used: `document_encrypted`, `document_unreadable`, `document_kind_mismatch`, `document_kind_unsupported`, \
                `document_too_large`.",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    )
)]
pub async fn complete_document(call: Call) -> Answer {
    let documents = &call.ade().documents;
    let document = find(&call, Permission::DocumentsManage).await?;
    if document.status == DocumentStatus::Ready {
        return ok(&shown(&call, document).await?);
    }
    documents.check_upload(&document).await?;
    let sha256 = inspect(&call, &document).await?;
    ok(&shown(&call, documents.mark_ready(&document, &sha256).await?).await?)
}

/// Downloads a document into a scratch file, checks that it opens, and returns its SHA-256.
async fn inspect(call: &Call, document: &document::Document) -> Result<String, Problem> {
    let mut object = call.ade().objects.open(&document.object_key(), None).await?.ok_or(CompleteError::NotUploaded)?;
    // Nameless: it is gone with its handle, whatever happens.
    let scratch = tempfile::tempfile().map_err(Problem::internal)?;
    let mut file = tokio::fs::File::from_std(scratch);
    let (mut digest, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = object.body.next().await {
        let chunk = chunk.map_err(Problem::interrupted)?;
        size += chunk.len() as u64;
        if size > document.byte_size {
            return Err(CompleteError::WrongSize { uploaded: size, announced: document.byte_size }.into());
        }
        digest.update(&chunk);
        file.write_all(&chunk).await.map_err(Problem::internal)?;
    }
    file.flush().await.map_err(Problem::internal)?;
    let (file, name, limits) = (file.into_std().await, document.name.clone(), limits(&call.ade().settings));
    let probe = tokio::task::spawn_blocking(move || ade_workbook::probe(file, &name, &limits).map(drop));
    probe.await.map_err(Problem::internal)??;
    Ok(hex::encode(digest.finalize()))
}

fn limits(settings: &Settings) -> Limits {
    Limits { file_bytes: settings.document_size_limit.0, expanded_bytes: settings.document_expanded_limit.0, ..Limits::default() }
}
