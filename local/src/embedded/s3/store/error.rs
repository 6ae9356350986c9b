//! What goes wrong in the store.

use s3s::{S3Error, S3ErrorCode};

/// A failure of the store, or its refusal of one request.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request cannot be granted; S3's own error says why.
    #[error("{0}")]
    Refused(S3Error),
    /// The index failed.
    #[error("the index failed: {0}")]
    Index(#[from] rusqlite::Error),
    /// A blob or a directory could not be read or written.
    #[error("the file system failed: {0}")]
    File(#[from] std::io::Error),
    /// An object's attributes could not be read from or written to the index.
    #[error("an entry of the index is damaged: {0}")]
    Entry(#[from] serde_json::Error),
    /// The transaction that held a write could not be committed.
    #[error("the write could not be committed: {0}")]
    Commit(String),
    /// The index was written by a version that lays it out in another way.
    #[error("its index has layout {0}, which this ade does not know")]
    Layout(i64),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<S3Error> for StoreError {
    fn from(error: S3Error) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal,
            StoreError::Closed => Self::with_message(S3ErrorCode::ServiceUnavailable, "The service is stopping"),
            failure => {
                tracing::error!(error = %failure, "an S3 request failed");
                Self::with_message(S3ErrorCode::InternalError, "We encountered an internal error. Please try again.")
            }
        }
    }
}
