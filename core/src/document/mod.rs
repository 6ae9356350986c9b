//! Documents: the files people upload. Written once, never changed.

mod model;
mod service;

pub use model::{Document, DocumentStatus};
pub(crate) use service::key as document_key;
pub use service::{CompleteError, Documents, Grace, ListDocuments, NewDocument, Upload};
