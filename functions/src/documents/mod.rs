//! Documents: workbooks and text tables that runs read.

mod complete;
mod create;
mod delete;
mod download;
mod get;
mod list;
mod preview;
mod sheets;

use ade_core::access::{Permission, Submitter};
use ade_core::document::{self, DocumentStatus};
use ade_core::id::{DocumentId, WorkspaceId};
use ade_core::store::ObjectInfo;
use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::{Call, Problem};
use crate::runs::LastRun;

pub use complete::*;
pub use create::*;
pub use delete::*;
pub use download::*;
pub use get::*;
pub use list::*;
pub use preview::*;
pub use sheets::*;

object_name!(DocumentObject, "ade.document");

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// Always `ade.document`.
    pub object: DocumentObject,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its file name.
    #[schema(example = "contacts.xlsx")]
    pub name: String,
    /// `pending` until its upload is completed.
    pub status: DocumentStatus,
    /// Its media type.
    #[schema(example = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    pub content_type: String,
    /// Its size in bytes.
    #[schema(example = 18_764)]
    pub byte_size: u64,
    /// SHA-256 of its bytes in hexadecimal; null until announced or computed.
    pub sha256: Option<String>,
    /// Who uploaded it.
    pub uploader: Submitter,
    /// When it was recorded, in Unix seconds.
    #[schema(example = 1_784_000_000)]
    pub created: i64,
    /// When it became ready, in Unix seconds.
    pub completed: Option<i64>,
    /// Its newest run.
    pub last_run: Option<LastRun>,
}

impl Document {
    /// A record as the API shows it.
    pub fn new(record: document::Document, last_run: Option<LastRun>) -> Self {
        Self {
            id: record.document_id,
            object: DocumentObject::Name,
            workspace_id: record.workspace_id,
            name: record.name,
            status: record.status,
            content_type: record.content_type,
            byte_size: record.byte_size,
            sha256: record.sha256,
            uploader: record.uploader,
            created: record.created.seconds(),
            completed: record.completed.map(Timestamp::seconds),
            last_run,
        }
    }
}

/// The document that the path names, if the caller may do this with it.
async fn find(call: &Call, permission: Permission) -> Result<document::Document, Problem> {
    let id: DocumentId = call.request.id_in_path("document_id")?;
    call.note("document_id", id);
    call.allow(permission, call.ade().documents.get(id).await?)
}

/// The document that the path names and its object, if the caller may read it and it is there.
async fn ready(call: &Call) -> Result<(document::Document, ObjectInfo), Problem> {
    let document = find(call, Permission::DocumentsRead).await?;
    if document.status != DocumentStatus::Ready {
        return Err(not_ready());
    }
    let object = call.ade().objects.head(&document.object_key()).await?.ok_or_else(not_ready)?;
    Ok((document, object))
}

fn not_ready() -> Problem {
    Problem::conflict("document_not_ready", "The document has not been uploaded and completed yet.")
}

/// A record with what belongs to it.
async fn shown(call: &Call, record: document::Document) -> Result<Document, Problem> {
    let last_run = LastRun::of_document(call, &record).await?;
    Ok(Document::new(record, last_run))
}
