use std::collections::BTreeMap;

use ade_core::access::Permission;
use ade_core::document::{self, NewDocument};
use ade_core::id::{DocumentId, WorkspaceId};
use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Document;
use crate::edge::{Answer, Call, Checks, Kept, Problem, created};

/// Longest file name, in characters.
pub(super) const NAME_LIMIT: usize = 255;

/// A document to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDocument {
    /// Its file name; the extension says what it is.
    #[schema(min_length = 1, max_length = 255, example = "contacts.xlsx")]
    pub name: String,
    /// Its exact size in bytes.
    #[schema(minimum = 1, example = 18_764)]
    pub byte_size: u64,
    /// Its media type.
    #[schema(min_length = 3, max_length = 255, example = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    pub content_type: String,
    /// SHA-256 of its bytes in hexadecimal; the upload is then accepted with exactly those bytes.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub sha256: Option<String>,
}

/// The request that uploads a document's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Always `PUT`.
    #[schema(example = "PUT")]
    pub method: String,
    /// Where to send the bytes. Send no `Authorization` to it.
    #[schema(example = "https://example-bucket.s3.amazonaws.com/documents/doc_01JZX3Q4T5V6W7X8Y9ZABCDEFG/contacts.xlsx?X-Amz-Signature=…")]
    pub url: String,
    /// Headers to send exactly so.
    pub headers: BTreeMap<String, String>,
    /// When it stops being accepted, in Unix seconds.
    #[schema(example = 1_784_000_300)]
    pub expires: i64,
}

/// A new document and how to upload it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedDocument {
    /// The document.
    #[serde(flatten)]
    pub document: Document,
    /// The request that uploads its bytes.
    pub upload: Upload,
}

/// Create a document
///
/// Records a document and answers with the request that uploads its bytes, straight to storage. Complete it afterwards.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/documents",
    operation_id = "create-document",
    tag = "Documents",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace.")),
    request_body = CreateDocument,
    responses((status = 201, description = "The new document.", body = CreatedDocument, headers(("Location" = String, description = "Its path."))))
)]
pub async fn create_document(call: Call) -> Answer {
    let workspace = call.workspace(Permission::DocumentsManage).await?;
    let new: CreateDocument = call.request.json()?;
    Checks::new()
        .line("name", &new.name, NAME_LIMIT)
        .that(is_media_type(&new.content_type), "content_type", "invalid_value", "must be a media type like `text/csv`")
        .that(new.sha256.as_deref().is_none_or(is_sha256), "sha256", "invalid_value", "must be 64 hexadecimal digits")
        .finish()?;
    if new.byte_size == 0 {
        return Err(Problem::unprocessable("document_empty", "The file is empty (0 bytes)."));
    }
    let limit = call.ade().settings.document_size_limit.0;
    if new.byte_size > limit {
        return Err(Problem::document_too_large(limit));
    }
    let new = NewDocument {
        name: new.name,
        byte_size: new.byte_size,
        content_type: new.content_type,
        sha256: new.sha256.map(|sum| sum.to_ascii_lowercase()),
    };
    let documents = &call.ade().documents;
    let document = documents.create(workspace.workspace_id, new, call.principal.submitter.clone()).await?;
    call.note("document_id", document.document_id);
    let link = format!("/documents/{}", document.document_id);
    let kept = Kept::Document(document.document_id);
    let mut answer = created(&call.request, &link, &with_upload(&call, document).await?)?;
    answer.extensions_mut().insert(kept);
    Ok(answer)
}

/// A document that was created before, as it was announced then but for its upload, which is presigned anew.
pub(crate) async fn announced(call: &Call, id: DocumentId) -> Result<Bytes, Problem> {
    let document = call.allow(Permission::DocumentsManage, call.ade().documents.get(id).await?)?;
    let body = serde_json::to_vec(&with_upload(call, document).await?).map_err(Problem::internal)?;
    Ok(body.into())
}

async fn with_upload(call: &Call, document: document::Document) -> Result<CreatedDocument, Problem> {
    let upload = call.ade().documents.upload(&document, call.ade().settings.presign.duration()).await?;
    let upload = Upload {
        method: "PUT".to_owned(),
        url: upload.request.url,
        headers: upload.request.headers.into_iter().collect(),
        expires: upload.expires.seconds(),
    };
    Ok(CreatedDocument { document: Document::new(document, None), upload })
}

/// Whether a text can be sent as a `Content-Type`.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
    let whole = text.len() <= 255 && text.trim() == text && HeaderValue::from_str(text).is_ok() && text.is_ascii();
    whole && essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
