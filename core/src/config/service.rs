use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;

use super::files::ConfigPath;
use super::model::{Config, ConfigVersion};
use crate::id::{ConfigId, ConfigVersionId, WorkspaceId};
use crate::layout;
use crate::store::table::{CONFIGS, ListError, string_key};
use crate::store::{Item, Objects, Page, PageRequest, StoreError, Tables};

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
        futures::future::try_join_all(files.into_iter().map(|(path, content)| {
            let key = format!("{prefix}{path}");
            async move { self.objects.put(&key, content).await }
        }))
        .await?;
        let config = Config::new(id, workspace, name.to_owned());
        self.tables.create(&CONFIGS, &config).await?;
        Ok(config)
    }

    /// Reads a config's record.
    pub async fn get(&self, id: ConfigId) -> Result<Option<Config>, StoreError> {
        self.tables.get(&CONFIGS, config_key(id)).await
    }

    /// Lists a workspace's configs, newest first.
    pub async fn list(&self, workspace: WorkspaceId, page: PageRequest) -> Result<Page<Config>, ListError> {
        self.tables.list(&CONFIGS, "by_workspace", &workspace.to_string(), page, |_: &Config| true).await
    }

    /// Reads a version by its content digest.
    pub async fn version(&self, config: ConfigId, digest: &str) -> Result<Option<ConfigVersion>, StoreError> {
        self.tables.get(&CONFIGS, version_key(config, digest)).await
    }

    /// Finds a version by its id among the config's versions.
    pub async fn version_by_id(&self, config: ConfigId, id: ConfigVersionId) -> Result<Option<ConfigVersion>, StoreError> {
        let mut start = None;
        loop {
            let output = self
                .tables
                .client()
                .query()
                .table_name(self.tables.name(&CONFIGS))
                .key_condition_expression("config_id = :config AND begins_with(#item, :version)")
                .filter_expression("version_id = :id")
                .expression_attribute_names("#item", "item")
                .expression_attribute_values(":config", AttributeValue::S(config.to_string()))
                .expression_attribute_values(":version", AttributeValue::S(ConfigVersion::ITEM_PREFIX.to_owned()))
                .expression_attribute_values(":id", AttributeValue::S(id.to_string()))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("Query", error))?;
            if let Some(item) = output.items.unwrap_or_default().into_iter().next() {
                return Ok(Some(serde_dynamo::from_item(item)?));
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(None);
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
