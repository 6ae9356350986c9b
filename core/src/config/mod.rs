//! Configs: Python packages of rules. A config has a draft that people edit and immutable versions made from it.

mod archive;
mod delete;
mod diff;
mod draft;
mod files;
mod model;
mod replace;
mod service;
mod snapshot;
mod template;
mod validation;

pub use archive::{ARCHIVE_LIMIT, ArchiveError, EntryIssue};
pub use delete::{DeleteError, Deleted};
pub use diff::{FileChange, FileStatus, diff};
pub use draft::{DraftError, DraftFile, DraftListing};
pub use files::{ConfigPath, InvalidPath};
pub use model::{Config, ConfigVersion};
pub use replace::UploadError;
pub use service::{Configs, ListConfigs};
pub(crate) use service::{config_key, version_key};
pub use snapshot::{FILE_LIMIT, FileSet, SnapshotError, content_digest};
pub use template::{TemplateError, template};
pub use validation::{ConfigIssue, IssueSeverity, Validation};
