//! Configs: Python packages of rules. A config has a draft that people edit and immutable versions made from it.

mod files;
mod model;
mod service;
mod snapshot;

pub use files::{ConfigPath, InvalidPath};
pub use model::{Config, ConfigVersion};
pub use service::Configs;
pub(crate) use service::{config_key, version_key};
pub use snapshot::{SnapshotError, content_digest};
