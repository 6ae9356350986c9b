use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use super::model::{Archive, Build, BuildStatus};
use crate::config::{Config, ConfigVersion, Configs, SnapshotError};
use crate::eventlog::Failure;
use crate::id::{BuildId, ConfigId, ConfigVersionId, InvalidId};
use crate::lease::{CancelError, Claim, Executable as _, Execution, Lease, LeaseError, Unlimited};
use crate::safe_mode::SafeMode;
use crate::store::table::{BUILDS, CONFIGS, ListError};
use crate::store::{Page, PageRequest, SCHEMA, StoreError, Tables};
use crate::time::Timestamp;

/// Part of every fingerprint: raised when the same inputs are built differently.
pub const BUILDER_VERSION: &str = "1";

/// Creating, reusing and finishing builds.
#[derive(Debug, Clone)]
pub struct Builds {
    tables: Tables,
    configs: Configs,
    base_digest: Option<String>,
    safe_mode: SafeMode,
}

/// Which version of a config is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionChoice {
    /// What the config's active build was made from; the draft when there is none.
    #[default]
    Active,
    /// The draft as it is now.
    Draft,
    /// An immutable version.
    Version(ConfigVersionId),
}

impl FromStr for VersionChoice {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "active" => Ok(Self::Active),
            "draft" => Ok(Self::Draft),
            id => id.parse().map(Self::Version),
        }
    }
}

impl fmt::Display for VersionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::Draft => f.write_str("draft"),
            Self::Version(id) => id.fmt(f),
        }
    }
}

impl Serialize for VersionChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("expected \"active\", \"draft\" or the id of a version"))
    }
}

/// A build that is asked for.
#[derive(Debug, Clone)]
pub struct NewBuild {
    /// Of what.
    pub version: ConfigVersion,
    /// Build even if a usable build exists.
    pub force: bool,
    /// Make it the config's active build.
    pub activate: bool,
    /// The trace of the request.
    pub trace_id: String,
}

/// What asking for a build led to.
#[derive(Debug, Clone)]
pub enum CreatedBuild {
    /// A new build was recorded; it must be dispatched.
    New(Build),
    /// A usable build of the same thing exists.
    Reused(Build),
    /// The config is being built already.
    InProgress(Build),
    /// Safe mode: recorded as canceled, nothing is executed.
    Skipped(Build),
}

/// Why a build was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateBuildError {
    /// The draft can't become a version.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The version does not exist.
    #[error("the config has no version {0}")]
    UnknownVersion(ConfigVersionId),
    /// The config was deleted meanwhile.
    #[error("the config {0} is gone")]
    NoSuchConfig(ConfigId),
    /// This installation does not say what its base environment is.
    #[error("ADE_BASE_DIGEST is not set, so builds can't be identified")]
    NoBase,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a build ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// Its environment is packed and uploaded.
    Active {
        /// The packed environment.
        archive: Archive,
        /// The engine in it.
        engine_version: String,
        /// Its Python.
        python_version: String,
        /// The result in one sentence.
        summary: String,
    },
    /// It did not succeed.
    Without {
        /// `failed`, or `canceled`.
        status: BuildStatus,
        /// Why, for programs.
        failure: Failure,
        /// Why, for people.
        message: String,
        /// Exit code of the tool that failed.
        exit_code: Option<i32>,
    },
}

impl Builds {
    /// Builds on the base environment with this digest.
    pub fn new(tables: Tables, configs: Configs, base_digest: Option<String>, safe_mode: SafeMode) -> Self {
        Self { tables, configs, base_digest, safe_mode }
    }

    /// Claims a queued build.
    pub async fn claim(&self, id: BuildId) -> Result<Claim<Build>, StoreError> {
        crate::lease::claim(&self.tables, id, &Unlimited).await
    }

    /// Asks for the end of a build: a queued one is `canceled` at once, one under way within seconds, by its builder.
    pub async fn cancel(&self, build: Build) -> Result<Build, CancelError> {
        crate::lease::cancel(&self.tables, build).await
    }

    /// Reads a build's record.
    pub async fn get(&self, id: BuildId) -> Result<Option<Build>, StoreError> {
        crate::lease::read(&self.tables, id).await
    }

    /// Lists a config's builds, newest first.
    pub async fn list(&self, config: ConfigId, page: PageRequest) -> Result<Page<Build>, ListError> {
        self.tables.list(&BUILDS, "by_config", &config.to_string(), page, |_: &Build| true).await
    }

    /// Finds the version that is meant; a draft becomes one.
    pub async fn resolve(&self, config: &Config, choice: VersionChoice) -> Result<ConfigVersion, CreateBuildError> {
        let id = match choice {
            VersionChoice::Active => config.active_version_id,
            VersionChoice::Draft => None,
            VersionChoice::Version(id) => Some(id),
        };
        match id {
            None => Ok(self.configs.snapshot(config).await?),
            Some(id) => self.configs.version_by_id(config.config_id, id).await?.ok_or(CreateBuildError::UnknownVersion(id)),
        }
    }

    /// Records a build, or finds the one that makes it unnecessary. A config has at most one build under way: taking its place is
    /// part of the transaction that records the build, and nobody takes it over.
    pub async fn create(&self, config: &Config, new: NewBuild) -> Result<CreatedBuild, CreateBuildError> {
        let fingerprint = self.fingerprint(&new.version.content_digest)?;
        if !new.force
            && let Some(build) = self.reusable(&new.version, &fingerprint).await?
        {
            if new.activate {
                self.activate(config, &build).await?;
            }
            return Ok(CreatedBuild::Reused(build));
        }
        let build_id = BuildId::generate();
        let build = Build {
            build_id,
            schema: SCHEMA,
            workspace_id: config.workspace_id,
            config_id: config.config_id,
            config_version_id: new.version.version_id,
            content_digest: new.version.content_digest,
            status: BuildStatus::Queued,
            fingerprint,
            activate: new.activate,
            trace_id: new.trace_id,
            created: Timestamp::now(),
            started: None,
            finished: None,
            engine_version: None,
            python_version: None,
            exit_code: None,
            summary: None,
            error_message: None,
            failure: None,
            archive: None,
            execution: Execution::queued(build_id, Timestamp::now()),
        };
        if let Some(detail) = self.safe_mode.skips().await? {
            let build = build.skip(&detail);
            self.tables.create(&BUILDS, &build).await?;
            return Ok(CreatedBuild::Skipped(build));
        }
        loop {
            let lock = self
                .tables
                .update(&CONFIGS, crate::config::config_key(config.config_id))
                .set("building_build_id", build.build_id)?
                .when_missing("building_build_id")
                .when_missing("deleting");
            let items = vec![
                self.tables.create_in_transaction(&BUILDS, &build)?,
                TransactWriteItem::builder().update(lock.into_transaction()?).build(),
            ];
            match self.tables.transact(&Ulid::generate().to_string(), items).await {
                Ok(()) => return Ok(CreatedBuild::New(build)),
                Err(StoreError::Condition(_)) => {
                    let Some(config) = self.configs.get(config.config_id).await? else {
                        return Err(CreateBuildError::NoSuchConfig(config.config_id));
                    };
                    let Some(other) = config.building_build_id else {
                        continue;
                    };
                    if other == build.build_id {
                        return Ok(CreatedBuild::New(build));
                    }
                    match self.get(other).await? {
                        Some(other) if !other.status.is_terminal() => return Ok(CreatedBuild::InProgress(other)),
                        // It ended between our two reads: its place is free now.
                        Some(_) => {}
                        None => self.heal(config.config_id, other).await?,
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends a build that `lease` owns: its record, the config's place and pointers, in one transaction.
    pub async fn finish(&self, lease: &Lease<Build>, build: &Build, last_id: u64, ended: Ended) -> Result<Build, LeaseError> {
        let update = lease.finish(last_id)?;
        let mut config = build.leave_config(&self.tables)?;
        let mut others = Vec::new();
        let update = match ended {
            Ended::Active { archive, engine_version, python_version, summary } => {
                if build.activate {
                    config = config.set("active_build_id", build.build_id)?.set("active_version_id", build.config_version_id)?;
                }
                let version = self
                    .tables
                    .update(&CONFIGS, crate::config::version_key(build.config_id, &build.content_digest))
                    .set("build_id", build.build_id)?
                    .set("build_fingerprint", &build.fingerprint)?;
                others.push(TransactWriteItem::builder().update(version.into_transaction()?).build());
                build
                    .set_status(update, BuildStatus::Active.word())?
                    .set("archive", archive)?
                    .set("engine_version", engine_version)?
                    .set("python_version", python_version)?
                    .set("exit_code", 0)?
                    .set("summary", summary)?
            }
            Ended::Without { status, failure, message, exit_code } => build
                .set_status(update, status.word())?
                .set("failure", failure)?
                .set("error_message", message)?
                .set_or_remove("exit_code", exit_code)?,
        };
        others.push(TransactWriteItem::builder().update(config.into_transaction()?).build());
        lease.send_finish(build, update, others).await
    }

    /// The identity of a version's build on this base: what is the same is not built twice.
    pub fn fingerprint(&self, content_digest: &str) -> Result<String, CreateBuildError> {
        let base = self.base_digest.as_deref().ok_or(CreateBuildError::NoBase)?;
        let mut digest = Sha256::new();
        for part in [content_digest, base, BUILDER_VERSION] {
            digest.update(part);
            digest.update([0]);
        }
        Ok(hex::encode(digest.finalize()))
    }

    async fn reusable(&self, version: &ConfigVersion, fingerprint: &str) -> Result<Option<Build>, StoreError> {
        let Some(id) = version.build_id.filter(|_| version.build_fingerprint.as_deref() == Some(fingerprint)) else {
            return Ok(None);
        };
        Ok(self.get(id).await?.filter(|build| build.status == BuildStatus::Active && build.archive.is_some()))
    }

    /// Frees a config whose build under way has no record.
    async fn heal(&self, config: ConfigId, gone: BuildId) -> Result<(), StoreError> {
        tracing::error!(config_id = %config, build_id = %gone, "the build under way has no record: its place is given free");
        let update = self.tables.update(&CONFIGS, crate::config::config_key(config)).when_equals("building_build_id", gone)?;
        match update.remove("building_build_id").send(self.tables.client()).await {
            Ok(_) | Err(StoreError::Condition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn activate(&self, config: &Config, build: &Build) -> Result<(), StoreError> {
        if config.active_build_id == Some(build.build_id) {
            return Ok(());
        }
        self.tables
            .update(&CONFIGS, crate::config::config_key(config.config_id))
            .set("active_build_id", build.build_id)?
            .set("active_version_id", build.config_version_id)?
            .set("updated", Timestamp::now())?
            .send(self.tables.client())
            .await
            .map(drop)
    }
}
