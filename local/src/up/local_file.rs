//! `<data-dir>/local.json`: how commands find the ADE that runs on a data directory.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ade_core::id::WorkspaceId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const NAME: &str = "local.json";

/// A running local ADE. The file is there exactly while it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalFile {
    /// Base URL of its API and object store.
    pub url: String,
    /// A system admin's key.
    pub api_key: String,
    /// The default workspace.
    pub workspace_id: WorkspaceId,
    /// Its process.
    pub pid: u32,
}

/// A file of the data directory that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl LocalFile {
    /// Reads the file of a data directory, if it is there.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, FileError> {
        read_json(&data_dir.join(NAME))
    }

    /// Writes the file: whole at once, readable by its owner only.
    pub fn write(&self, data_dir: &Path) -> Result<(), FileError> {
        write_json(&data_dir.join(NAME), self)
    }

    /// Removes the file; that it is not there is fine.
    pub fn remove(data_dir: &Path) -> Result<(), FileError> {
        let path = data_dir.join(NAME);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FileError { action: "remove", path, source }),
            _ => Ok(()),
        }
    }
}

/// Reads a JSON file, if it is there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let failed = |source| FileError { action: "read", path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Writes a JSON file that holds a secret: a reader sees the old one or the new one, and only its owner may read.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        // Made with mode 0600, in the same directory so that the rename is one step.
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
        serde_json::to_writer_pretty(&mut file, value)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| FileError { action: "write", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_reads_back_is_private_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let file = LocalFile { url: "http://127.0.0.1:1".into(), api_key: "k".into(), workspace_id: WorkspaceId::generate(), pid: 7 };
        assert_eq!(LocalFile::read(dir.path()).unwrap(), None);
        file.write(dir.path()).unwrap();
        assert_eq!(LocalFile::read(dir.path()).unwrap(), Some(file));
        assert_eq!(fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
        LocalFile::remove(dir.path()).unwrap();
        LocalFile::remove(dir.path()).unwrap();
        assert_eq!(LocalFile::read(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), "{").unwrap();
        let error = LocalFile::read(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains(NAME), "{error}");
    }
}
