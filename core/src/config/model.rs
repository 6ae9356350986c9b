use serde::{Deserialize, Serialize};

use crate::id::{BuildId, ConfigId, ConfigVersionId, WorkspaceId};
use crate::store::SCHEMA;
use crate::time::Timestamp;

/// A config as it is stored (table `configs`, item `config`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its id.
    pub config_id: ConfigId,
    item: String,
    schema: u32,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its name for people.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When its record last changed.
    pub updated: Timestamp,
    /// The build that runs use by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_build_id: Option<BuildId>,
    /// The version that the active build was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_version_id: Option<ConfigVersionId>,
    /// The build under way, if one is: a config has at most one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building_build_id: Option<BuildId>,
    /// Since when it is being deleted; to everybody but who deletes it, it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleting: Option<Timestamp>,
    /// Since when its draft is being replaced as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replacing: Option<Timestamp>,
    /// The version that the draft was when it was last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) draft_version: Option<DraftVersion>,
}

/// What a draft with a certain listing is, so that its files need not be read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DraftVersion {
    /// SHA-256 over the sorted (key, entity tag) of the draft's objects: writing a file changes its tag.
    pub(super) listing: String,
    /// The version's content digest.
    pub(super) content_digest: String,
}

impl Config {
    pub(crate) const ITEM: &'static str = "config";

    pub(super) fn new(config_id: ConfigId, workspace_id: WorkspaceId, name: String) -> Self {
        let now = Timestamp::now();
        Self {
            config_id,
            item: Self::ITEM.to_owned(),
            schema: SCHEMA,
            workspace_id,
            name,
            created: now,
            updated: now,
            active_build_id: None,
            active_version_id: None,
            building_build_id: None,
            deleting: None,
            replacing: None,
            draft_version: None,
        }
    }
}

/// An immutable version of a config (table `configs`, item `version#<digest>`): its files at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// The config.
    pub config_id: ConfigId,
    item: String,
    schema: u32,
    /// Its id.
    pub version_id: ConfigVersionId,
    /// SHA-256 over the sorted (path, SHA-256 of content) of its files, in hexadecimal.
    pub content_digest: String,
    /// How many files it has.
    pub file_count: u32,
    /// Their size together, in bytes.
    pub byte_size: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Its newest usable build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<BuildId>,
    /// The fingerprint of that build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_fingerprint: Option<String>,
}

impl ConfigVersion {
    pub(crate) const ITEM_PREFIX: &'static str = "version#";

    pub(crate) fn item(digest: &str) -> String {
        format!("{}{digest}", Self::ITEM_PREFIX)
    }

    pub(super) fn new(config_id: ConfigId, content_digest: String, file_count: u32, byte_size: u64) -> Self {
        Self {
            config_id,
            item: Self::item(&content_digest),
            schema: SCHEMA,
            version_id: ConfigVersionId::generate(),
            content_digest,
            file_count,
            byte_size,
            created: Timestamp::now(),
            build_id: None,
            build_fingerprint: None,
        }
    }
}
