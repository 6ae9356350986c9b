//! Why the embedded services could not start, stop or be reset.

use std::path::PathBuf;

use super::s3::StoreError;

/// A failure of the embedded services as a whole. Failures of single requests are answered to their
/// callers in the protocol's own words and never come here.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A second process tried to open a data directory.
    #[error("another ade is using {} ({holder}); stop it, or choose another data directory", dir.display())]
    InUse {
        /// The directory both want.
        dir: PathBuf,
        /// `pid N`, or `pid unknown` in the instant before the other process has written its number.
        holder: String,
    },
    /// The directory was written by a version that lays data out in another way.
    #[error(
        "{} holds data in a format this ade does not know ({found}; it knows `{}`); use the ade that wrote it, or choose another data directory",
        dir.display(),
        super::data_dir::FORMAT
    )]
    UnknownFormat {
        /// The data directory.
        dir: PathBuf,
        /// What its marker says, shortened.
        found: String,
    },
    /// Asked to empty a directory that no ADE made.
    #[error("{} is not an ADE data directory (it has no `{}` file), so nothing was removed", dir.display(), super::data_dir::FORMAT_FILE)]
    NotADataDir {
        /// The directory named.
        dir: PathBuf,
    },
    /// The credentials file is there but unreadable as what it should be.
    #[error("{} is damaged: {source}; restore it, or reset the data directory", path.display())]
    Credentials {
        /// The credentials file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb: `read`, `write`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// No listener or thread could be had.
    #[error("cannot start the embedded {service}: {source}")]
    Start {
        /// `DynamoDB` or `S3`.
        service: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// The DynamoDB tables could not be opened.
    #[error("cannot open the DynamoDB tables in {}: {reason}", path.display())]
    Dynamo {
        /// The database file.
        path: PathBuf,
        /// The database's word.
        reason: String,
    },
    /// The S3 store could not be opened.
    #[error("cannot open the S3 store in {}: {source}", path.display())]
    Store {
        /// The store's directory.
        path: PathBuf,
        /// What went wrong.
        source: StoreError,
    },
}

impl EmbeddedError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
