use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::files::ConfigPath;
use super::model::{Config, ConfigVersion};
use crate::id::{ConfigId, ConfigVersionId, WorkspaceId};
use crate::layout;
use crate::store::table::{CONFIGS, ListError, string_key};
use crate::store::{Item, Objects, Page, PageRequest, StoreError, Tables};
use crate::time::Timestamp;

/// How many objects or records are read, written or deleted at the same time: a function has a thousand connections at most.
pub(super) const CONCURRENT: usize = 16;

/// Which configs to list.
#[derive(Debug, Clone, Default)]
pub struct ListConfigs {
    /// Whose name contains this text, in any case.
    pub name_contains: Option<String>,
    /// With (or without) an active build.
    pub built: Option<bool>,
}

/// Creating, reading and versioning configs.
#[derive(Debug, Clone)]
pub struct Configs {
    pub(super) tables: Tables,
    pub(super) objects: Objects,
}

impl Configs {
    /// Configs in these tables and this bucket.
    pub fn new(tables: Tables, objects: Objects) -> Self {
        Self { tables, objects }
    }

    /// Creates a config whose draft holds `files`. The record is written last: a config that exists has its files.
    pub async fn create(
        &self,
        workspace: WorkspaceId,
        name: &str,
        files: impl IntoIterator<Item = (ConfigPath, Bytes)>,
    ) -> Result<Config, StoreError> {
        let id = ConfigId::generate();
        let prefix = layout::draft_prefix(id);
        let writes = files.into_iter().map(|(path, content)| {
            let key = format!("{prefix}{path}");
            async move { self.objects.put(&key, content).await }
        });
        futures::stream::iter(writes).buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
        let config = Config::new(id, workspace, name.to_owned());
        self.tables.create(&CONFIGS, &config).await?;
        Ok(config)
    }

    /// Reads a config's record.
    pub async fn get(&self, id: ConfigId) -> Result<Option<Config>, StoreError> {
        Ok(self.get_any(id).await?.filter(|config| config.deleting.is_none()))
    }

    /// Reads a config's record, also while it is being deleted.
    pub async fn get_any(&self, id: ConfigId) -> Result<Option<Config>, StoreError> {
        self.tables.get(&CONFIGS, config_key(id)).await
    }

    /// Lists a workspace's configs, newest first.
    pub async fn list(&self, workspace: WorkspaceId, wanted: &ListConfigs, page: PageRequest) -> Result<Page<Config>, ListError> {
        let name = wanted.name_contains.as_ref().map(|text| text.to_lowercase());
        let keep = |config: &Config| {
            config.deleting.is_none()
                && name.as_ref().is_none_or(|name| config.name.to_lowercase().contains(name))
                && wanted.built.is_none_or(|built| built == config.active_build_id.is_some())
        };
        self.tables.list(&CONFIGS, "by_workspace", &workspace.to_string(), page, keep).await
    }

    /// Gives a config another name. `None` when it is gone.
    pub async fn rename(&self, id: ConfigId, name: &str) -> Result<Option<Config>, StoreError> {
        let update = self.tables.update(&CONFIGS, config_key(id)).set("name", name)?.set("updated", Timestamp::now())?;
        match update.when_missing("deleting").send(self.tables.client()).await {
            Ok(item) => Ok(Some(serde_dynamo::from_item(item)?)),
            Err(StoreError::Condition(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists a config's versions, newest first.
    pub async fn versions(&self, config: ConfigId, page: PageRequest) -> Result<Page<ConfigVersion>, ListError> {
        self.tables.list(&CONFIGS, "versions", &config.to_string(), page, |_: &ConfigVersion| true).await
    }

    /// The version that the draft is known to be when its files have this hash: one was made of exactly them.
    pub async fn version_of_draft(&self, config: &Config, fileset_hash: &str) -> Result<Option<ConfigVersion>, StoreError> {
        match config.draft_version.as_ref().filter(|draft| draft.listing == fileset_hash) {
            Some(draft) => self.version(config.config_id, &draft.content_digest).await,
            None => Ok(None),
        }
    }

    /// Reads a version by its content digest.
    pub async fn version(&self, config: ConfigId, digest: &str) -> Result<Option<ConfigVersion>, StoreError> {
        self.tables.get(&CONFIGS, version_key(config, digest)).await
    }

    /// Finds a version by its id among the config's versions.
    pub async fn version_by_id(&self, config: ConfigId, id: ConfigVersionId) -> Result<Option<ConfigVersion>, StoreError> {
        Ok(self.stored_versions(config, Some(id)).await?.into_iter().next())
    }

    /// The config's versions as they are stored at this moment: all, or the one with this id.
    pub(super) async fn stored_versions(&self, config: ConfigId, id: Option<ConfigVersionId>) -> Result<Vec<ConfigVersion>, StoreError> {
        let (mut versions, mut start) = (Vec::new(), None);
        loop {
            let mut query = self
                .tables
                .client()
                .query()
                .table_name(self.tables.name(&CONFIGS))
                .key_condition_expression("config_id = :config AND begins_with(#item, :version)")
                .expression_attribute_names("#item", "item")
                .expression_attribute_values(":config", AttributeValue::S(config.to_string()))
                .expression_attribute_values(":version", AttributeValue::S(ConfigVersion::ITEM_PREFIX.to_owned()))
                .consistent_read(true)
                .set_exclusive_start_key(start);
            if let Some(id) = id {
                query = query.filter_expression("version_id = :id").expression_attribute_values(":id", AttributeValue::S(id.to_string()));
            }
            let output = query.send().await.map_err(|error| StoreError::from_sdk("Query", error))?;
            versions.extend(serde_dynamo::from_items::<_, ConfigVersion>(output.items.unwrap_or_default())?);
            start = output.last_evaluated_key;
            if start.is_none() || (id.is_some() && !versions.is_empty()) {
                return Ok(versions);
            }
        }
    }
}

/// The key of a config's record.
pub(crate) fn config_key(id: ConfigId) -> Item {
    string_key([("config_id", &id.to_string()), ("item", Config::ITEM)])
}

/// The key of a version's record.
pub(crate) fn version_key(id: ConfigId, digest: &str) -> Item {
    string_key([("config_id", &id.to_string()), ("item", &ConfigVersion::item(digest))])
}
