//! Deleting a config with everything that is made from it.
//!
//! A config is marked first: from then on it is gone for everybody, and nothing new can be made of it. Then whatever belongs to it
//! goes, and its record last, so that a deletion that breaks off can be taken up again by asking for it once more.

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use super::model::Config;
use super::service::{CONCURRENT, Configs, config_key, version_key};
use crate::build::Build;
use crate::id::{BuildId, RunId};
use crate::layout;
use crate::lease::Executable as _;
use crate::run::{Run, RunStatus, remove_run, workspace_status};
use crate::store::table::{BUILDS, CONFIGS, ListError, RUNS, Table};
use crate::store::{PageRequest, StoreError};
use crate::time::Timestamp;

/// Records that are read at once.
const PAGE: usize = 200;

/// How far a deletion got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Nothing is left.
    Wholly,
    /// Time was up; asking again goes on.
    Partly,
}

/// Why a config is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// It is being built.
    #[error("the config is being built, by {0}; wait for the build or cancel it")]
    Building(BuildId),
    /// A run of it is not over.
    #[error("the config has a run that is not over, {0}; wait for it or cancel it")]
    Running(RunId),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ListError> for DeleteError {
    fn from(error: ListError) -> Self {
        Self::Store(match error {
            ListError::Store(error) => error,
            // Every page continues one that was just read.
            ListError::Cursor(error) => StoreError::Corrupt(error.to_string()),
        })
    }
}

impl Configs {
    /// Deletes a config, its draft, versions, builds and archives, and with `purge` its runs and their files; until `deadline`.
    /// A config with a build or run that is not over stays as it is.
    pub async fn delete(&self, config: &Config, purge: bool, deadline: Instant) -> Result<Deleted, DeleteError> {
        let marked = Timestamp::now();
        self.mark(config, marked).await?;
        if let Err(error) = self.none_runs(config).await {
            // What is not deleted must not seem to be. Another deletion's mark is not ours to take.
            let update = self.tables.update(&CONFIGS, config_key(config.config_id)).remove("deleting").when_equals("deleting", marked)?;
            match update.send(self.tables.client()).await {
                Ok(_) | Err(StoreError::Condition(_)) => {}
                Err(fault) => tracing::error!(error = %fault, config_id = %config.config_id, "a config that is not deleted stays marked"),
            }
            return Err(error);
        }
        let id = config.config_id.to_string();
        let builds = self.each(&BUILDS, "by_config", &id, deadline, |build: Build| self.delete_build(build)).await?;
        let runs =
            if purge { self.each(&RUNS, "by_config", &id, deadline, |run: Run| self.delete_run(run)).await? } else { Deleted::Wholly };
        if builds == Deleted::Partly || runs == Deleted::Partly {
            return Ok(Deleted::Partly);
        }
        self.objects.delete_all(&layout::config_prefix(config.config_id)).await?;
        self.objects.delete_all(&layout::config_exports(config.config_id)).await?;
        let versions = self.stored_versions(config.config_id, None).await?;
        let deletions = versions.into_iter().map(|version| {
            let key = version_key(version.config_id, &version.content_digest);
            self.tables.delete(&CONFIGS, key)
        });
        futures::stream::iter(deletions).buffer_unordered(CONCURRENT).try_collect::<Vec<bool>>().await?;
        self.tables.delete(&CONFIGS, config_key(config.config_id)).await?;
        Ok(Deleted::Wholly)
    }

    async fn mark(&self, config: &Config, now: Timestamp) -> Result<(), DeleteError> {
        let update = self.tables.update(&CONFIGS, config_key(config.config_id)).set("deleting", now)?;
        match update.when_missing("building_build_id").send(self.tables.client()).await {
            Ok(_) => Ok(()),
            Err(StoreError::Condition(old)) => {
                let old: Option<Config> = old.map(|item| serde_dynamo::from_item(*item)).transpose().map_err(StoreError::from)?;
                match old.and_then(|config| config.building_build_id) {
                    Some(build) => Err(DeleteError::Building(build)),
                    // Somebody else has just deleted the rest of it.
                    None => Ok(()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses while a run of the config is not over. One that is created in this moment may be missed: it will find the config gone.
    async fn none_runs(&self, config: &Config) -> Result<(), DeleteError> {
        for status in RunStatus::ALL.into_iter().filter(|status| !status.is_terminal()) {
            let partition = workspace_status(config.workspace_id, status.word());
            let mut page = PageRequest { limit: PAGE, cursor: None };
            loop {
                let of_config = |run: &Run| run.config_id == config.config_id;
                let found = self.tables.list(&RUNS, "by_workspace_status", &partition, page, of_config).await?;
                if let Some(run) = found.items.first() {
                    return Err(DeleteError::Running(run.run_id));
                }
                match found.next {
                    Some(cursor) => page = PageRequest { limit: PAGE, cursor: Some(cursor) },
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn delete_build(&self, build: Build) -> Result<(), StoreError> {
        self.objects.delete_all(&layout::build_prefix(build.build_id)).await?;
        self.tables.delete(&BUILDS, Build::key(build.build_id)).await.map(drop)
    }

    async fn delete_run(&self, run: Run) -> Result<(), StoreError> {
        remove_run(&self.tables, &self.objects, &run).await.map(drop)
    }

    /// Does something with every record of an index partition, until `deadline`.
    async fn each<T, F>(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        deadline: Instant,
        work: impl Fn(T) -> F,
    ) -> Result<Deleted, DeleteError>
    where
        T: serde::de::DeserializeOwned,
        F: Future<Output = Result<(), StoreError>>,
    {
        let mut page = PageRequest { limit: PAGE, cursor: None };
        loop {
            let found = self.tables.list(table, index, partition, page, |_: &T| true).await?;
            futures::stream::iter(found.items.into_iter().map(&work)).buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
            match found.next {
                None => return Ok(Deleted::Wholly),
                Some(_) if Instant::now() >= deadline => return Ok(Deleted::Partly),
                Some(cursor) => page = PageRequest { limit: PAGE, cursor: Some(cursor) },
            }
        }
    }
}
