//! Documents: the files people upload. Written once, never changed.

mod model;
mod service;

pub use model::{Document, DocumentStatus};
pub use service::{CompleteError, Documents, ListDocuments, NewDocument, Upload};
