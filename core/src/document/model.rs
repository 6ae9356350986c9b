use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Submitter;
use crate::id::{DocumentId, WorkspaceId};
use crate::layout;
use crate::lease::due_shard;
use crate::store::SCHEMA;
use crate::time::Timestamp;

/// Where a document is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Recorded; its bytes are not here or not checked yet.
    Pending,
    /// Uploaded, checked, usable in runs.
    Ready,
}

/// A document as it is stored (table `documents`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub document_id: DocumentId,
    schema: u32,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its file name as the uploader has it.
    pub name: String,
    /// Where it is in its life.
    pub status: DocumentStatus,
    /// Its media type, as declared.
    pub content_type: String,
    /// Its size in bytes, as declared and enforced.
    pub byte_size: u64,
    /// SHA-256 of its bytes in hexadecimal: declared and enforced, or computed when it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Who uploaded it.
    pub uploader: Submitter,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it became ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// When it was deleted: for everybody it is gone, until its retention ends its object stays for the runs that wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<Timestamp>,
    /// When what is left of it is removed, unless it becomes usable before (sparse index).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due_at: Option<Timestamp>,
    /// Partition of the `due` index; set while `due_at` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
}

impl Document {
    /// A document that is uploaded within `patience`, or removed.
    pub(super) fn new(workspace_id: WorkspaceId, new: super::NewDocument, uploader: Submitter, patience: Duration) -> Self {
        let (document_id, now) = (DocumentId::generate(), Timestamp::now());
        Self {
            document_id,
            schema: SCHEMA,
            workspace_id,
            name: new.name,
            status: DocumentStatus::Pending,
            content_type: new.content_type,
            byte_size: new.byte_size,
            sha256: new.sha256,
            uploader,
            created: now,
            completed: None,
            deleted: None,
            due_at: Some(now + patience),
            due_shard: Some(due_shard(document_id).to_owned()),
        }
    }

    /// Whether somebody has deleted it.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    /// The key of its object.
    pub fn object_key(&self) -> String {
        layout::document(self.document_id, &self.name)
    }
}
