//! Blobs: immutable files with random names, one for each chunk that is too large for the index.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The name of a blob: 32 hex digits. Its first two are the directory it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobName(String);

impl BlobName {
    fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// A name as the index holds it.
    pub(super) fn from_index(name: String) -> Self {
        Self(name)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The directory of blobs.
#[derive(Debug)]
pub(super) struct Blobs {
    root: PathBuf,
}

impl Blobs {
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        for first in 0..=u8::MAX {
            fs::create_dir_all(root.join(hex::encode([first])))?;
        }
        sync_dir(&root)?;
        Ok(Self { root })
    }

    /// Makes a new, empty blob, which is removed again unless it is kept.
    pub(super) fn create(&self) -> io::Result<(StagedBlob, File)> {
        let name = BlobName::random();
        let path = self.path(&name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let staged = StagedBlob { name, path, kept: false };
        Ok((staged, file))
    }

    pub(super) fn path(&self, name: &BlobName) -> PathBuf {
        let directory = name.as_str().get(..2).unwrap_or_default();
        self.root.join(directory).join(name.as_str())
    }

    /// Removes a blob. Readers that have it open keep it.
    pub(super) fn remove(&self, name: &BlobName) {
        remove(&self.path(name));
    }

    /// Removes every blob that is not among the `known`: leftovers of a process that was killed
    /// between writing a blob and committing it, or between a commit and the removal that followed.
    pub(super) fn sweep(&self, known: &HashSet<String>) -> io::Result<()> {
        let mut removed = 0_u64;
        for directory in fs::read_dir(&self.root)? {
            for file in fs::read_dir(directory?.path())? {
                let file = file?;
                let is_known = file.file_name().to_str().is_some_and(|name| known.contains(name));
                if !is_known {
                    fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        if removed > 0 {
            tracing::info!(removed, "blobs of unfinished uploads removed");
        }
        Ok(())
    }
}

/// A blob that nothing in the index points at yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct StagedBlob {
    name: BlobName,
    path: PathBuf,
    kept: bool,
}

impl StagedBlob {
    pub(super) fn name(&self) -> &BlobName {
        &self.name
    }

    /// Puts the blob on disk: its bytes, then its name. Must come before the commit that points at
    /// it.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        self.path.parent().map_or(Ok(()), sync_dir)
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for StagedBlob {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a blob could not be removed; the next start tries again");
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
