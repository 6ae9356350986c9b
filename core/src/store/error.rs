//! What can go wrong between us and storage.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::Item;

/// Error codes of what would fail again, of [`DynamoDB`] and of [S3]. Others, such as credentials that have expired, may pass.
///
/// [`DynamoDB`]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
/// [S3]: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const REFUSALS: [&str; 12] = [
    "ValidationException",
    // As the reason why a transaction was canceled.
    "ValidationError",
    "ItemCollectionSizeLimitExceeded",
    "ItemCollectionSizeLimitExceededException",
    "ResourceNotFoundException",
    "AccessDeniedException",
    "AccessDenied",
    "EntityTooLarge",
    "InvalidArgument",
    "InvalidRequest",
    "KeyTooLongError",
    "NoSuchBucket",
];

/// A failure of `DynamoDB` or S3, sorted by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a write did not hold: somebody else was first. Carries the item as it was, where storage told it.
    #[error("the condition of a write did not hold")]
    Condition(Option<Box<Item>>),
    /// Storage asks us to slow down, after the SDK's own retries.
    #[error("storage is throttling: {0}")]
    Throttled(String),
    /// Storage could not be reached or answered with a fault.
    #[error("storage failed: {operation}: {message}")]
    Unavailable {
        /// The call that failed.
        operation: &'static str,
        /// What it said. For logs, not for API clients.
        message: String,
    },
    /// Storage refuses a request and would refuse it again: it is too large, not well formed, or not allowed.
    #[error("storage refuses: {operation}: {message}")]
    Refused {
        /// The call that was refused.
        operation: &'static str,
        /// Why. For logs, not for API clients.
        message: String,
    },
    /// A stored record can't be read as what it should be.
    #[error("stored record is not readable: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether this code of an error is one of what would fail again.
    pub(crate) fn is_refusal(code: &str) -> bool {
        REFUSALS.contains(&code)
    }

    /// Whether this is a lost race rather than a fault.
    pub fn is_condition(&self) -> bool {
        matches!(self, Self::Condition(_))
    }

    /// Sorts a failed SDK call by its error code.
    pub(crate) fn from_sdk<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = error.code().unwrap_or_default().to_owned();
        let message = aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string();
        match code.as_str() {
            "PreconditionFailed" | "ConditionalCheckFailedException" => Self::Condition(None),
            // A conditional write that met another one is not decided yet: S3 wants it tried again.
            "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "ConditionalRequestConflict" => Self::Throttled(message),
            code if Self::is_refusal(code) => Self::Refused { operation, message },
            _ => Self::Unavailable { operation, message },
        }
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}
