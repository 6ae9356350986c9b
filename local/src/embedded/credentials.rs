//! The key pair of a data directory: generated once, kept private, used by every local function.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::EmbeddedError;
use super::data_dir::write_durably;

/// An AWS-shaped key pair. Signatures of the embedded S3 are checked against it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 20 characters, like AWS's own.
    pub access_key_id: String,
    /// 40 characters: 240 random bits.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Credentials {
    fn generate() -> Self {
        Self {
            access_key_id: format!("ADEL{}", hex::encode_upper(rand::random::<[u8; 8]>())),
            secret_access_key: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 30]>()),
        }
    }

    /// Reads the pair, or makes it and stores it with mode 0600.
    ///
    /// # Errors
    /// The file is damaged, or the file system refuses.
    pub(super) fn load_or_create(path: &Path) -> Result<Self, EmbeddedError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| EmbeddedError::Credentials { path: path.to_owned(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let credentials = Self::generate();
                let json = serde_json::to_vec_pretty(&credentials)
                    .map_err(|source| EmbeddedError::Credentials { path: path.to_owned(), source })?;
                write_durably(path, &json, 0o600)?;
                Ok(credentials)
            }
            Err(error) => Err(EmbeddedError::io("read", path)(error)),
        }
    }
}
