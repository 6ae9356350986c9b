use std::time::Duration;

use super::model::{Document, DocumentStatus};
use crate::access::Submitter;
use crate::id::{DocumentId, WorkspaceId};
use crate::layout;
use crate::lease::due_shard;
use crate::store::objects::PresignedUrl;
use crate::store::table::{DOCUMENTS, ListError, string_key};
use crate::store::{Item, Objects, Page, PageRequest, StoreError, Tables};
use crate::time::Timestamp;

/// Recording, completing and reading documents.
#[derive(Debug, Clone)]
pub struct Documents {
    tables: Tables,
    objects: Objects,
    grace: Grace,
}

/// How long what is left of documents stays that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// Of documents that were announced and not completed.
    pub uploads: Duration,
    /// Of documents that were deleted.
    pub deleted: Duration,
}

/// A document to be uploaded.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Its file name.
    pub name: String,
    /// Its exact size in bytes.
    pub byte_size: u64,
    /// Its media type.
    pub content_type: String,
    /// SHA-256 of its bytes in lower-case hexadecimal; the upload is then bound to it.
    pub sha256: Option<String>,
}

/// Which documents to list.
#[derive(Debug, Clone, Default)]
pub struct ListDocuments {
    /// Whose name contains this text, in any case.
    pub name_contains: Option<String>,
    /// With this status.
    pub status: Option<DocumentStatus>,
    /// With exactly these bytes: their SHA-256 in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Uploaded by the principal with this id.
    pub uploader: Option<String>,
}

/// How to upload a document's bytes.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The request to make.
    pub request: PresignedUrl,
    /// When it stops being accepted.
    pub expires: Timestamp,
}

/// Why a document did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// Nothing has been uploaded.
    #[error("nothing has been uploaded for this document yet")]
    NotUploaded,
    /// Something else has been uploaded than was announced.
    #[error("{uploaded} bytes were uploaded but {announced} were announced")]
    WrongSize {
        /// Size of the object.
        uploaded: u64,
        /// Size in the record.
        announced: u64,
    },
    /// The bytes are not the announced ones.
    #[error("the SHA-256 of what was uploaded is not the announced one")]
    WrongChecksum,
    /// It was deleted meanwhile.
    #[error("the document is gone")]
    Gone,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Documents {
    /// Documents in these tables and this bucket.
    pub fn new(tables: Tables, objects: Objects, grace: Grace) -> Self {
        Self { tables, objects, grace }
    }

    /// Records a document that will be uploaded.
    pub async fn create(&self, workspace: WorkspaceId, new: NewDocument, uploader: Submitter) -> Result<Document, StoreError> {
        let document = Document::new(workspace, new, uploader, self.grace.uploads);
        self.tables.create(&DOCUMENTS, &document).await?;
        Ok(document)
    }

    /// The request that uploads a pending document: bound to its size and, when announced, its checksum.
    pub async fn upload(&self, document: &Document, valid: Duration) -> Result<Upload, StoreError> {
        let expires = Timestamp::now() + valid;
        let key = document.object_key();
        let request =
            self.objects.presign_upload(&key, document.byte_size, &document.content_type, document.sha256.as_deref(), valid).await?;
        Ok(Upload { request, expires })
    }

    /// Reads a document's record.
    pub async fn get(&self, id: DocumentId) -> Result<Option<Document>, StoreError> {
        let document: Option<Document> = self.tables.get(&DOCUMENTS, key(id)).await?;
        Ok(document.filter(|document| document.deleted.is_none()))
    }

    /// Lists a workspace's documents, newest first.
    pub async fn list(&self, workspace: WorkspaceId, wanted: &ListDocuments, page: PageRequest) -> Result<Page<Document>, ListError> {
        let name = wanted.name_contains.as_ref().map(|text| text.to_lowercase());
        let keep = |document: &Document| {
            document.deleted.is_none()
                && name.as_ref().is_none_or(|name| document.name.to_lowercase().contains(name))
                && wanted.status.is_none_or(|status| status == document.status)
                && wanted.sha256.as_ref().is_none_or(|sha256| document.sha256.as_ref() == Some(sha256))
                && wanted.uploader.as_ref().is_none_or(|uploader| *uploader == document.uploader.id)
        };
        self.tables.list(&DOCUMENTS, "by_workspace", &workspace.to_string(), page, keep).await
    }

    /// Deletes a document. Runs that wait for it still get it, and others have copies of their own. Its bytes go after a while.
    pub async fn delete(&self, id: DocumentId) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let update = self.tables.update(&DOCUMENTS, key(id)).set("deleted", now)?.when_missing("deleted");
        let update = update.set("due_at", now + self.grace.deleted)?.set("due_shard", due_shard(id))?;
        match update.send(self.tables.client()).await {
            // Somebody else has deleted it in this moment.
            Ok(_) | Err(StoreError::Condition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets a document that can't be used stay until another moment.
    pub(crate) async fn keep(&self, document: &Document, until: Timestamp) -> Result<(), StoreError> {
        let update = self.tables.update(&DOCUMENTS, key(document.document_id)).when_equals("due_at", document.due_at)?;
        match update.set("due_at", until)?.send(self.tables.client()).await {
            Ok(_) | Err(StoreError::Condition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes a document for good: its object, whose bytes are returned, and then its record.
    pub(crate) async fn remove(&self, document: &Document) -> Result<u64, StoreError> {
        if !document.is_deleted() {
            // From here on nobody can complete it.
            self.delete(document.document_id).await?;
        }
        let bytes = self.objects.delete_all(&layout::document_prefix(document.document_id)).await?;
        self.tables.delete(&DOCUMENTS, key(document.document_id)).await?;
        Ok(bytes)
    }

    /// Checks that what was uploaded is what was announced, by what storage says about it.
    pub async fn check_upload(&self, document: &Document) -> Result<(), CompleteError> {
        let object = self.objects.head(&document.object_key()).await?.ok_or(CompleteError::NotUploaded)?;
        if object.byte_size != document.byte_size {
            return Err(CompleteError::WrongSize { uploaded: object.byte_size, announced: document.byte_size });
        }
        match (&object.sha256, &document.sha256) {
            (Some(stored), Some(announced)) if stored != announced => Err(CompleteError::WrongChecksum),
            _ => Ok(()),
        }
    }

    /// Marks a checked document as ready, with the SHA-256 of its bytes. Completing again is fine.
    pub async fn mark_ready(&self, document: &Document, sha256: &str) -> Result<Document, CompleteError> {
        if document.sha256.as_deref().is_some_and(|announced| announced != sha256) {
            return Err(CompleteError::WrongChecksum);
        }
        if document.status == DocumentStatus::Ready {
            return Ok(document.clone());
        }
        let update = self
            .tables
            .update(&DOCUMENTS, key(document.document_id))
            .set("status", DocumentStatus::Ready)?
            .set("sha256", sha256)?
            .set("completed", Timestamp::now())?
            .remove("due_at")
            .remove("due_shard")
            .when_missing("deleted");
        match update.send(self.tables.client()).await {
            Ok(item) => Ok(serde_dynamo::from_item(item).map_err(StoreError::from)?),
            Err(StoreError::Condition(_)) => Err(CompleteError::Gone),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) fn key(id: DocumentId) -> Item {
    string_key([("document_id", &id.to_string())])
}
