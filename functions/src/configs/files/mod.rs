//! The files of a config's draft, one by one.

mod delete;
mod get;
mod list;
mod move_to;
mod put;

use ade_core::config::{Config, ConfigPath, DraftFile};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::problem::FieldError;
use crate::edge::{Call, Problem};

pub use delete::*;
pub use get::*;
pub use list::*;
pub use move_to::*;
pub use put::*;

/// What must be escaped in the path of a URL: everything but unreserved characters and the slash.
const URL_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

object_name!(ConfigFileObject, "ade.config.file");

/// A file of a config's draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigFile {
    /// Always `ade.config.file`.
    pub object: ConfigFileObject,
    /// Its path in the config.
    #[schema(example = "src/ade_config/columns/email.py")]
    pub path: String,
    /// Its size in bytes.
    #[schema(example = 1_204)]
    pub byte_size: u64,
    /// Its entity tag: the state it is in. Send it as `If-Match` to change or delete the file.
    #[schema(example = "\"9b2cf535f27731c974343645a3985328\"")]
    pub etag: String,
}

impl From<DraftFile> for ConfigFile {
    fn from(file: DraftFile) -> Self {
        Self { object: ConfigFileObject::Name, path: file.path.to_string(), byte_size: file.byte_size, etag: file.etag }
    }
}

/// The path that the request names. What can't be a file's path names no file.
fn path_of(call: &Call) -> Result<ConfigPath, Problem> {
    call.request.parameter("path").parse().map_err(|_| Problem::no_such("config file"))
}

/// A path that a field of the request gives to a file.
fn path_in(field: &str, text: &str) -> Result<ConfigPath, FieldError> {
    text.parse().map_err(|error| FieldError::new(field, "invalid_path", format!("{error}")))
}

/// Where a file is found.
fn link(config: &Config, path: &ConfigPath) -> String {
    let path = utf8_percent_encode(path.as_str(), URL_PATH);
    format!("/workspaces/{}/configs/{}/files/{path}", config.workspace_id, config.config_id)
}
