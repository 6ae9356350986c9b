//! Replacing all files of a draft at once, and archives on their way there.
//!
//! A draft has no lock: each file is changed if it is in the state that it had when the change was decided. Replacing is many such changes;
//! should one of them meet another writer's, those before it are taken back in the same way, and nobody's work is lost. Two who replace
//! would get in each other's way like that, so who replaces marks the config, and the other one is told.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::archive::{ArchiveError, read_archive};
use super::draft::{DraftError, DraftListing};
use super::files::ConfigPath;
use super::model::Config;
use super::service::{CONCURRENT, Configs, config_key};
use super::snapshot::{FileSet, listing_digest};
use crate::id::{ConfigUploadId, WorkspaceId};
use crate::layout;
use crate::store::objects::PresignedUrl;
use crate::store::table::CONFIGS;
use crate::store::{Expected, StoreError};
use crate::time::Timestamp;

/// How long a mark counts: whoever made it has failed by then. Longer than a function of the API lives.
const MARKED: Duration = Duration::from_mins(2);

/// Why an uploaded archive can't be read.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such upload.
    #[error("nothing has been uploaded under this id, or it was used already")]
    NotUploaded,
    /// It is not a config's.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change that was made.
struct Done {
    path: ConfigPath,
    before: Option<Bytes>,
    /// The entity tag that it has now; `None` when it was deleted.
    now: Option<String>,
}

impl Configs {
    /// The request that uploads an archive of exactly these bytes.
    pub async fn archive_upload(
        &self,
        workspace: WorkspaceId,
        id: ConfigUploadId,
        byte_size: u64,
        sha256: &str,
        valid: Duration,
    ) -> Result<PresignedUrl, StoreError> {
        let key = layout::config_upload(workspace, id);
        self.objects.presign_upload(&key, byte_size, "application/zip", Some(sha256), valid).await
    }

    /// The files of an uploaded archive. One that is refused is gone afterwards.
    pub async fn uploaded_archive(&self, workspace: WorkspaceId, id: ConfigUploadId) -> Result<FileSet, UploadError> {
        let archive = self.objects.read(&layout::config_upload(workspace, id)).await?.ok_or(UploadError::NotUploaded)?;
        let read = tokio::task::spawn_blocking(move || read_archive(&archive)).await;
        match read.map_err(|error| StoreError::Corrupt(error.to_string()))? {
            Ok(files) => Ok(files),
            Err(error) => {
                self.forget_archive(workspace, id).await;
                Err(error.into())
            }
        }
    }

    /// Deletes an uploaded archive that has been used. What was made of it does not depend on that: the bucket lets uploads expire.
    pub async fn forget_archive(&self, workspace: WorkspaceId, id: ConfigUploadId) {
        if let Err(error) = self.objects.delete(&layout::config_upload(workspace, id)).await {
            tracing::warn!(%error, upload_id = %id, "an archive that was used stays until it expires");
        }
    }

    /// Replaces the draft by these files, if its files have the hash that the caller expects.
    pub async fn replace_draft(&self, config: &Config, expected: &str, files: FileSet) -> Result<DraftListing, DraftError> {
        let mark = Timestamp::now();
        self.mark_replacing(config, mark).await?;
        let replaced = self.replace_marked(config, expected, files).await;
        let update = self.tables.update(&CONFIGS, config_key(config.config_id)).remove("replacing").when_equals("replacing", mark)?;
        match update.send(self.tables.client()).await {
            // Its time was up, or the config is gone.
            Ok(_) | Err(StoreError::Condition(_)) => replaced,
            Err(error) => replaced.and(Err(error.into())),
        }
    }

    async fn mark_replacing(&self, config: &Config, mark: Timestamp) -> Result<(), DraftError> {
        let update = || self.tables.update(&CONFIGS, config_key(config.config_id)).set("replacing", mark);
        let marked = update()?.when_missing("deleting").when_missing("replacing").send(self.tables.client()).await;
        let Err(StoreError::Condition(old)) = marked else { return marked.map(drop).map_err(DraftError::from) };
        let old: Option<Config> = old.map(|item| serde_dynamo::from_item(*item)).transpose().map_err(StoreError::from)?;
        match old.filter(|config| config.deleting.is_none()).map(|config| config.replacing) {
            None => Err(DraftError::NoSuchConfig),
            Some(Some(before)) if before + MARKED < mark => {
                let marked = update()?.when_missing("deleting").when_equals("replacing", before)?.send(self.tables.client()).await;
                marked.map(drop).map_err(|error| if error.is_condition() { DraftError::Changed } else { error.into() })
            }
            Some(_) => Err(DraftError::Changed),
        }
    }

    async fn replace_marked(&self, config: &Config, expected: &str, files: FileSet) -> Result<DraftListing, DraftError> {
        let prefix = layout::draft_prefix(config.config_id);
        let listed = self.objects.list(&prefix, None, usize::MAX).await?;
        if listing_digest(&listed) != expected {
            return Err(DraftError::Changed);
        }
        let reads = listed.into_iter().map(|object| {
            let prefix = &prefix;
            async move {
                let read = self.read_draft_file(prefix, &object).await?;
                Ok::<_, StoreError>((object.etag, read))
            }
        });
        let before: Vec<_> = futures::stream::iter(reads).buffer_unordered(CONCURRENT).try_collect().await?;
        let mut changes = Vec::new();
        let mut new = files;
        for (etag, read) in before {
            let (path, content) = read.ok_or(DraftError::Changed)?;
            let wanted = new.remove(&path);
            if wanted.as_ref() != Some(&content) {
                changes.push((path, Some((etag, content)), wanted));
            }
        }
        changes.extend(new.into_iter().map(|(path, content)| (path, None, Some(content))));
        let made = changes.into_iter().map(|(path, before, wanted)| self.change(&prefix, path, before, wanted));
        let made: Vec<Result<Done, DraftError>> = futures::stream::iter(made).buffer_unordered(CONCURRENT).collect().await;
        let (done, failed): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
        if let Some(Err(error)) = failed.into_iter().next() {
            let undone = done.into_iter().flatten().map(|done| self.undo(&prefix, done));
            futures::stream::iter(undone).buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
            return Err(error);
        }
        if self.get(config.config_id).await?.is_none() {
            // Its deletion may not have seen what was written.
            self.objects.delete_all(&prefix).await?;
            return Err(DraftError::NoSuchConfig);
        }
        Ok(self.draft(config.config_id).await?)
    }

    /// Changes a file from the state that it was in.
    async fn change(
        &self,
        prefix: &str,
        path: ConfigPath,
        before: Option<(String, Bytes)>,
        wanted: Option<Bytes>,
    ) -> Result<Done, DraftError> {
        let key = format!("{prefix}{path}");
        let (etag, before) = before.unzip();
        let changed = match (&wanted, etag) {
            (Some(content), Some(etag)) => self.objects.put_expecting(&key, content.clone(), &Expected::Tag(etag)).await.map(Some),
            (Some(content), None) => self.objects.put_expecting(&key, content.clone(), &Expected::Absent).await.map(Some),
            (None, Some(etag)) => self.objects.delete_expecting(&key, &etag).await.map(|()| None),
            (None, None) => Ok(None),
        };
        match changed {
            Ok(now) => Ok(Done { path, before, now }),
            // Our own first try, whose answer was lost, or somebody else's change.
            Err(StoreError::Condition(_)) => match wanted {
                Some(content) => {
                    let etag = self.tag_of(&key, &content).await?.ok_or(DraftError::Changed)?;
                    Ok(Done { path, before, now: Some(etag) })
                }
                None if self.objects.open(&key, None).await?.is_none() => Ok(Done { path, before, now: None }),
                None => Err(DraftError::Changed),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a change back, unless somebody has changed the file since.
    async fn undo(&self, prefix: &str, done: Done) -> Result<(), StoreError> {
        let key = format!("{prefix}{}", done.path);
        let expected = done.now.map_or(Expected::Absent, Expected::Tag);
        let undone = match (done.before, expected) {
            (Some(content), expected) => self.objects.put_expecting(&key, content, &expected).await.map(drop),
            (None, Expected::Tag(etag)) => self.objects.delete_expecting(&key, &etag).await,
            (None, Expected::Absent) => Ok(()),
        };
        match undone {
            Err(StoreError::Condition(_)) => Ok(()),
            undone => undone,
        }
    }
}
