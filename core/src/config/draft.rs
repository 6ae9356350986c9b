//! The draft: a config's files while people edit them.
//!
//! Each file is an object, and its entity tag is the token of its state: who changes a file says which state it was changed from,
//! and S3 refuses when that is not the state it is in. So of two writers one wins, and the other learns it and has lost nothing.

use bytes::Bytes;

use super::files::ConfigPath;
use super::service::Configs;
use super::snapshot::{FILE_LIMIT, SIZE_LIMIT, listing_digest};
use crate::id::ConfigId;
use crate::layout;
use crate::store::objects::collect;
use crate::store::{Expected, ObjectInfo, StoreError};

/// A file of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFile {
    /// Its path.
    pub path: ConfigPath,
    /// Its size in bytes.
    pub byte_size: u64,
    /// Its entity tag, quoted as HTTP has it.
    pub etag: String,
}

/// All files of a draft at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftListing {
    /// The files, by path.
    pub files: Vec<DraftFile>,
    /// SHA-256 in hexadecimal that changes with every file.
    pub fileset_hash: String,
}

/// Why a file of a draft can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is no such config, or not any more.
    #[error("the config is gone")]
    NoSuchConfig,
    /// There is no such file.
    #[error("there is no file {0}")]
    NoSuchFile(ConfigPath),
    /// The file is not in the state that the caller expects.
    #[error("the file is not what it was: somebody else changed, created or deleted it")]
    Changed,
    /// A file is where the other one is to be moved.
    #[error("there is a file {0} already")]
    Exists(ConfigPath),
    /// A file would be where a directory is, or the other way round.
    #[error("{0} is a file, so nothing can be below it")]
    Collision(ConfigPath),
    /// The file is larger than one with its name may be.
    #[error("a file with this name has at most {0} bytes")]
    FileTooLarge(u64),
    /// The draft would have too many or too large files.
    #[error("a config has at most {FILE_LIMIT} files and {} MiB", SIZE_LIMIT >> 20)]
    Full,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Configs {
    /// Lists the files of a draft.
    pub async fn draft(&self, config: ConfigId) -> Result<DraftListing, StoreError> {
        let prefix = layout::draft_prefix(config);
        let listed = self.objects.list(&prefix, None, usize::MAX).await?;
        let fileset_hash = listing_digest(&listed);
        let mut files = listed.into_iter().map(|object| draft_file(&prefix, object)).collect::<Result<Vec<_>, _>>()?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(DraftListing { files, fileset_hash })
    }

    /// Reads a file of a draft. `None` when there is no such file.
    pub async fn read_file(&self, config: ConfigId, path: &ConfigPath) -> Result<Option<(DraftFile, Bytes)>, StoreError> {
        let Some(object) = self.objects.open(&key(config, path), None).await? else {
            return Ok(None);
        };
        let file = DraftFile { path: path.clone(), byte_size: object.info.byte_size, etag: object.info.etag };
        Ok(Some((file, collect(object.body).await?)))
    }

    /// Creates or replaces a file, if it is in the state that the caller expects.
    pub async fn write_file(
        &self,
        config: ConfigId,
        path: &ConfigPath,
        content: Bytes,
        expected: &Expected,
    ) -> Result<DraftFile, DraftError> {
        self.make_room(config, path, content.len() as u64, None).await?;
        let key = key(config, path);
        let byte_size = content.len() as u64;
        let etag = match self.objects.put_expecting(&key, content.clone(), expected).await {
            // The file is what it should become: most likely by our own first try, whose answer was lost.
            Err(StoreError::Condition(_)) => self.tag_of(&key, &content).await?.ok_or(DraftError::Changed)?,
            put => put?,
        };
        self.still_there(config, &key, &etag).await?;
        Ok(DraftFile { path: path.clone(), byte_size, etag })
    }

    /// Deletes a file that is in the state with this entity tag.
    pub async fn delete_file(&self, config: ConfigId, path: &ConfigPath, etag: &str) -> Result<(), DraftError> {
        let key = key(config, path);
        match self.objects.delete_expecting(&key, etag).await {
            Err(StoreError::Condition(_)) if self.objects.head(&key).await?.is_none() => Err(DraftError::NoSuchFile(path.clone())),
            deleted => deleted.map_err(changed),
        }
    }

    /// Gives a file another path, where no file may be. Should the file be changed meanwhile, nothing is moved.
    pub async fn move_file(&self, config: ConfigId, from: &ConfigPath, to: &ConfigPath) -> Result<DraftFile, DraftError> {
        let Some((file, content)) = self.read_file(config, from).await? else {
            return Err(DraftError::NoSuchFile(from.clone()));
        };
        self.make_room(config, to, file.byte_size, Some(from)).await?;
        let target = key(config, to);
        let etag = match self.objects.put_expecting(&target, content, &Expected::Absent).await {
            Err(StoreError::Condition(_)) => return Err(DraftError::Exists(to.clone())),
            put => put?,
        };
        if let Err(error) = self.delete_file(config, from, &file.etag).await {
            // The copy is ours: unless somebody has taken it up meanwhile, it goes.
            match self.objects.delete_expecting(&target, &etag).await {
                Ok(()) | Err(StoreError::Condition(_)) => return Err(error),
                Err(fault) => return Err(fault.into()),
            }
        }
        self.still_there(config, &target, &etag).await?;
        Ok(DraftFile { path: to.clone(), byte_size: file.byte_size, etag })
    }

    /// Checks that a file of this size can be at `path`. Two writers at once may both pass: a version is checked again.
    async fn make_room(
        &self,
        config: ConfigId,
        path: &ConfigPath,
        byte_size: u64,
        instead_of: Option<&ConfigPath>,
    ) -> Result<(), DraftError> {
        if byte_size > path.size_limit() {
            return Err(DraftError::FileTooLarge(path.size_limit()));
        }
        let draft = self.draft(config).await?;
        let others = || draft.files.iter().filter(|file| file.path != *path && Some(&file.path) != instead_of);
        if let Some(other) = others().find(|file| file.path.collides_with(path)) {
            let file = if other.path.as_str().len() < path.as_str().len() { &other.path } else { path };
            return Err(DraftError::Collision(file.clone()));
        }
        if others().count() >= FILE_LIMIT || others().map(|file| file.byte_size).sum::<u64>() + byte_size > SIZE_LIMIT {
            return Err(DraftError::Full);
        }
        Ok(())
    }

    /// The entity tag of an object, if this is what is in it.
    pub(super) async fn tag_of(&self, key: &str, content: &Bytes) -> Result<Option<String>, StoreError> {
        let Some(object) = self.objects.open(key, None).await?.filter(|object| object.info.byte_size == content.len() as u64) else {
            return Ok(None);
        };
        let etag = object.info.etag.clone();
        Ok((collect(object.body).await? == *content).then_some(etag))
    }

    /// Takes back what was written for a config that was deleted meanwhile: its deletion may not have seen it.
    async fn still_there(&self, config: ConfigId, key: &str, etag: &str) -> Result<(), DraftError> {
        if self.get(config).await?.is_some() {
            return Ok(());
        }
        match self.objects.delete_expecting(key, etag).await {
            Ok(()) | Err(StoreError::Condition(_)) => Err(DraftError::NoSuchConfig),
            Err(error) => Err(error.into()),
        }
    }
}

/// A listed object as a file of the draft with this prefix.
fn draft_file(prefix: &str, object: ObjectInfo) -> Result<DraftFile, StoreError> {
    let path = object.key.strip_prefix(prefix).unwrap_or_default();
    let path = path.parse().map_err(|error| StoreError::Corrupt(format!("draft file {path:?}: {error}")))?;
    Ok(DraftFile { path, byte_size: object.byte_size, etag: object.etag })
}

fn key(config: ConfigId, path: &ConfigPath) -> String {
    format!("{}{path}", layout::draft_prefix(config))
}

fn changed(error: StoreError) -> DraftError {
    if error.is_condition() { DraftError::Changed } else { error.into() }
}
