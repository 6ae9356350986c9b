//! Making an immutable version of a draft.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::archive::write_archive;
use super::files::ConfigPath;
use super::model::{Config, ConfigVersion, DraftVersion};
use super::service::{CONCURRENT, Configs, config_key};
use crate::id::ConfigId;
use crate::layout;
use crate::store::objects::collect;
use crate::store::table::CONFIGS;
use crate::store::{ObjectInfo, StoreError};

/// Most files a version may have.
pub const FILE_LIMIT: usize = 2000;
/// Most bytes a version may have, together.
pub(super) const SIZE_LIMIT: u64 = 64 << 20;
/// How often reading a draft is started over when somebody changes it meanwhile.
const RETRIES: u32 = 20;

/// Why a draft can't become a version.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It has no files.
    #[error("the draft has no files")]
    Empty,
    /// It has too many or too large files.
    #[error("the draft has more than {FILE_LIMIT} files or more than {} MiB", SIZE_LIMIT >> 20)]
    TooLarge,
    /// A file is below another one.
    #[error("{0} is below something that is a file: delete or move one of them")]
    Collision(ConfigPath),
    /// Somebody kept changing it.
    #[error("the draft kept changing while it was read; try again")]
    Changing,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The files of a config at one moment, in memory.
pub type FileSet = BTreeMap<ConfigPath, Bytes>;

impl Configs {
    /// Makes the version that the draft is now, or finds it when it was made before: versions are identified by content.
    pub async fn snapshot(&self, config: &Config) -> Result<ConfigVersion, SnapshotError> {
        let id = config.config_id;
        if let Some(known) = &config.draft_version
            && known.listing == listing_digest(&self.list_draft(id).await?)
            && let Some(version) = self.version(id, &known.content_digest).await?
        {
            return Ok(version);
        }
        let (listing, files) = self.read_draft(id).await?;
        let version = self.version_of(id, &files).await?;
        let draft = DraftVersion { listing, content_digest: version.content_digest.clone() };
        self.tables.update(&CONFIGS, config_key(id)).set("draft_version", draft)?.send(self.tables.client()).await?;
        Ok(version)
    }

    /// Makes the version that holds these files, or finds it.
    async fn version_of(&self, config: ConfigId, files: &FileSet) -> Result<ConfigVersion, SnapshotError> {
        let hashes: Vec<String> = files.values().map(|content| hex::encode(Sha256::digest(content))).collect();
        let digest = content_digest(files.keys().map(ConfigPath::as_str).zip(hashes.iter().map(String::as_str)));
        if let Some(version) = self.version(config, &digest).await? {
            return Ok(version);
        }
        let byte_size = files.values().map(|content| content.len() as u64).sum();
        let archive = pack(files).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        match self.objects.create(&layout::version_archive(config, &digest), archive).await {
            // Same digest, same content: whoever was first stored what we would have.
            Ok(()) | Err(StoreError::Condition(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let version = ConfigVersion::new(config, digest, files.len() as u32, byte_size);
        match self.tables.create(&CONFIGS, &version).await {
            Ok(()) => Ok(version),
            Err(StoreError::Condition(Some(existing))) => Ok(serde_dynamo::from_item(*existing).map_err(StoreError::from)?),
            Err(error) => Err(error.into()),
        }
    }

    /// The files of the draft as they are together at one moment.
    pub async fn draft_files(&self, config: ConfigId) -> Result<FileSet, SnapshotError> {
        Ok(self.read_draft(config).await?.1)
    }

    /// The files of a version.
    pub async fn version_files(&self, version: &ConfigVersion) -> Result<FileSet, StoreError> {
        let key = layout::version_archive(version.config_id, &version.content_digest);
        let archive = self.objects.read(&key).await?.ok_or_else(|| StoreError::Corrupt(format!("{key} is gone")))?;
        unpack(&archive).map_err(|error| StoreError::Corrupt(format!("{key}: {error}")))
    }

    /// Writes files as a zip archive for people; its key and size.
    pub async fn export(&self, config: ConfigId, files: FileSet) -> Result<(String, u64), StoreError> {
        let hashes: Vec<String> = files.values().map(|content| hex::encode(Sha256::digest(content))).collect();
        let digest = content_digest(files.keys().map(ConfigPath::as_str).zip(hashes.iter().map(String::as_str)));
        let packed = tokio::task::spawn_blocking(move || write_archive(&files)).await.map_err(io::Error::other).flatten();
        let archive = packed.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let (key, byte_size) = (layout::config_export(config, &digest), archive.len() as u64);
        // Over an older one with the same content: its time begins anew.
        self.objects.put(&key, archive).await?;
        Ok((key, byte_size))
    }

    /// What the draft holds now, in key order.
    async fn list_draft(&self, config: ConfigId) -> Result<Vec<ObjectInfo>, SnapshotError> {
        let listed = self.objects.list(&layout::draft_prefix(config), None, FILE_LIMIT + 1).await?;
        if listed.is_empty() {
            return Err(SnapshotError::Empty);
        }
        if listed.len() > FILE_LIMIT || listed.iter().map(|object| object.byte_size).sum::<u64>() > SIZE_LIMIT {
            return Err(SnapshotError::TooLarge);
        }
        Ok(listed)
    }

    /// Reads all files of the draft as they were at one listing, whose hash comes with them: each must still be what was
    /// listed, or it starts over.
    pub async fn read_draft(&self, config: ConfigId) -> Result<(String, FileSet), SnapshotError> {
        let prefix = layout::draft_prefix(config);
        for _ in 0..RETRIES {
            let listed = self.list_draft(config).await?;
            let reads = listed.clone().into_iter().map(|object| {
                let prefix = &prefix;
                async move { self.read_draft_file(prefix, &object).await }
            });
            let files: Vec<_> = futures::stream::iter(reads).buffer_unordered(CONCURRENT).try_collect().await?;
            if let Some(files) = files.into_iter().collect::<Option<FileSet>>() {
                // Two writers at once may have made such files.
                match files.keys().find(|path| path.directories().any(|directory| files.contains_key(&directory))) {
                    Some(path) => return Err(SnapshotError::Collision(path.clone())),
                    None => return Ok((listing_digest(&listed), files)),
                }
            }
        }
        Err(SnapshotError::Changing)
    }

    /// `None` when the file is not what was listed any more.
    pub(super) async fn read_draft_file(&self, prefix: &str, object: &ObjectInfo) -> Result<Option<(ConfigPath, Bytes)>, StoreError> {
        let path = object.key.strip_prefix(prefix).unwrap_or_default();
        let path = path.parse().map_err(|error| StoreError::Corrupt(format!("draft file {path:?}: {error}")))?;
        let content = match self.objects.open(&object.key, Some(&object.etag)).await {
            Ok(Some(opened)) => collect(opened.body).await?,
            Ok(None) | Err(StoreError::Condition(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some((path, content)))
    }
}

/// A digest of a listing that changes with every object.
pub(super) fn listing_digest(sorted: &[ObjectInfo]) -> String {
    let mut digest = Sha256::new();
    for object in sorted {
        digest.update(&object.key);
        digest.update([0]);
        digest.update(&object.etag);
        digest.update([b'\n']);
    }
    hex::encode(digest.finalize())
}

/// What names a version: SHA-256 over its files' paths, sorted, and the SHA-256 of each one's content, in hexadecimal.
pub fn content_digest<'a>(sorted: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut digest = Sha256::new();
    for (path, sha256) in sorted {
        digest.update(path);
        digest.update([0]);
        digest.update(sha256);
        digest.update([b'\n']);
    }
    hex::encode(digest.finalize())
}

/// A `tar.zst` that depends on nothing but the files: no times, owners or machine order.
fn pack(files: &FileSet) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 3)?);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, path.as_str(), content.as_ref())?;
    }
    archive.into_inner()?.finish()
}

/// Reads what [`pack`] made.
fn unpack(archive: &[u8]) -> io::Result<FileSet> {
    let mut files = FileSet::new();
    for entry in tar::Archive::new(zstd::Decoder::new(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().parse().map_err(io::Error::other)?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path, content.into());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_version_holds_what_was_packed(files in proptest::collection::btree_map("([a-zé]{1,40}/){0,5}[a-z]{1,90}", proptest::collection::vec(any::<u8>(), 0..200), 0..6)) {
            let files: FileSet = files.into_iter().map(|(path, content)| (path.parse().unwrap(), content.into())).collect();
            let packed = pack(&files).unwrap();
            prop_assert_eq!(&pack(&files).unwrap(), &packed);
            prop_assert_eq!(unpack(&packed).unwrap(), files);
        }
    }
}
