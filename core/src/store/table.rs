//! The `DynamoDB` tables: their definitions, once, and the few calls that every store makes.
//!
//! `infra/template.yaml` declares the same tables for the cloud. Locally, [`Tables::create_missing`] makes them from here.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, Delete, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    Put, ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus, TimeToLiveSpecification, TransactWriteItem,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::page::InvalidCursor;
use super::{Cursor, Item, Page, PageRequest, StoreError, Update};
use crate::time::Timestamp;

/// A secondary index.
#[derive(Debug)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Partition and sort key attributes.
    pub key: (&'static str, &'static str),
    /// Attributes it holds besides the keys, at most 20: what a list shows, never lease fields.
    pub projection: &'static [&'static str],
}

/// A table's definition.
#[derive(Debug)]
pub struct Table {
    /// Its name, after the prefix.
    pub name: &'static str,
    /// Partition key attribute.
    pub partition: &'static str,
    /// Sort key attribute, when it has one.
    pub sort: Option<&'static str>,
    /// Secondary indexes.
    pub indexes: &'static [Index],
    /// The attribute by which items expire, in epoch seconds.
    pub ttl: Option<&'static str>,
}

impl Table {
    /// What kind of value a key attribute has, in any table or index.
    pub fn attribute_kind(name: &str) -> ScalarAttributeType {
        if name == "due_at" { ScalarAttributeType::N } else { ScalarAttributeType::S }
    }
}

impl Index {
    /// The attributes to declare as projected: an index holds its own keys anyway.
    pub fn projected(&self) -> Vec<&'static str> {
        self.projection.iter().copied().filter(|attribute| ![self.key.0, self.key.1].contains(attribute)).collect()
    }
}

/// Workspaces, their members and counters: key (`workspace_id`, `item`).
pub const WORKSPACES: Table = Table {
    name: "workspaces",
    partition: "workspace_id",
    sort: Some("item"),
    indexes: &[
        Index { name: "by_kind", key: ("item", "workspace_id"), projection: &["schema", "name", "slug", "created", "settings"] },
        Index { name: "by_member", key: ("subject", "workspace_id"), projection: &["item", "schema", "name", "role", "created"] },
    ],
    ttl: None,
};

/// API keys.
pub const API_KEYS: Table = Table {
    name: "api-keys",
    partition: "key_id",
    sort: None,
    indexes: &[Index {
        name: "by_workspace",
        key: ("workspace_id", "key_id"),
        projection: &["schema", "name", "role", "created", "expires", "last_used", "revoked"],
    }],
    ttl: None,
};

/// Configs and their versions: key (`config_id`, `item`).
pub const CONFIGS: Table = Table {
    name: "configs",
    partition: "config_id",
    sort: Some("item"),
    indexes: &[
        Index {
            name: "by_workspace",
            key: ("workspace_id", "config_id"),
            projection: &[
                "item",
                "schema",
                "name",
                "created",
                "updated",
                "active_build_id",
                "active_version_id",
                "building_build_id",
                "deleting",
            ],
        },
        Index {
            name: "versions",
            key: ("config_id", "version_id"),
            projection: &["item", "schema", "content_digest", "file_count", "byte_size", "created", "build_id", "build_fingerprint"],
        },
    ],
    ttl: None,
};

/// The ledger of documents.
pub const DOCUMENTS: Table = Table {
    name: "documents",
    partition: "document_id",
    sort: None,
    indexes: &[
        Index {
            name: "by_workspace",
            key: ("workspace_id", "document_id"),
            projection: &["schema", "name", "status", "content_type", "byte_size", "sha256", "uploader", "created", "completed", "deleted"],
        },
        DUE,
    ],
    ttl: None,
};

/// Builds.
pub const BUILDS: Table = Table {
    name: "builds",
    partition: "build_id",
    sort: None,
    indexes: &[
        Index {
            name: "by_config",
            key: ("config_id", "build_id"),
            projection: &[
                "schema",
                "workspace_id",
                "config_version_id",
                "content_digest",
                "status",
                "fingerprint",
                "engine_version",
                "python_version",
                "created",
                "started",
                "finished",
                "exit_code",
                "summary",
                "error_message",
                "failure",
                "archive",
                "activate",
                "trace_id",
            ],
        },
        DUE,
    ],
    ttl: None,
};

/// What a list of runs shows.
const RUN_LIST: &[&str] = &[
    "schema",
    "config_id",
    "workspace_id",
    "config_version_id",
    "build_id",
    "status",
    "attempt",
    "retry_of_run_id",
    "input_documents",
    "options",
    "submitted_by",
    "trace_id",
    "created",
    "started",
    "finished",
    "cancel_requested",
    "error_message",
    "failure",
    "report",
];

/// Runs and their documents: key (`run_id`, `item`).
pub const RUNS: Table = Table {
    name: "runs",
    partition: "run_id",
    sort: Some("item"),
    indexes: &[
        Index { name: "by_workspace", key: ("workspace_id", "run_id"), projection: RUN_LIST },
        Index { name: "by_workspace_status", key: ("workspace_status", "run_id"), projection: RUN_LIST },
        Index { name: "by_config", key: ("config_id", "run_id"), projection: RUN_LIST },
        Index { name: "by_document", key: ("document_id", "run_id"), projection: &[] },
        DUE,
    ],
    ttl: None,
};

/// Answers to requests that carried an `Idempotency-Key`.
pub const IDEMPOTENCY: Table = Table { name: "idempotency", partition: "request", sort: None, indexes: &[], ttl: Some("expires_at") };

/// What operators set at run time.
pub const SETTINGS: Table = Table { name: "settings", partition: "name", sort: None, indexes: &[], ttl: None };

/// Every run and build that is not finished, and every document that can't be used, by when somebody must look at it.
const DUE: Index = Index { name: "due", key: ("due_shard", "due_at"), projection: &["status", "workspace_id"] };

/// Every table there is.
pub const TABLES: &[&Table] = &[&WORKSPACES, &API_KEYS, &CONFIGS, &DOCUMENTS, &BUILDS, &RUNS, &IDEMPOTENCY, &SETTINGS];

/// Ids read at a time.
const PAGE: i32 = 100;

/// How many items of an index one page may read while filtering.
const FILTERED_READ_LIMIT: usize = 1000;

/// A client and the prefix of the table names.
#[derive(Debug, Clone)]
pub struct Tables {
    client: Client,
    prefix: String,
}

/// How often a transaction that meets another one is tried.
const MEETINGS: u32 = 5;
/// Up to how long the first of them waits before it is tried again; each pause may be twice as long as the one before.
const MEETING_PAUSE: Duration = Duration::from_millis(100);

/// Why a page can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor is not one of this list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes an item under a condition. What the condition meets may be the item itself: then the first try was carried out, its answer was
/// lost, and the SDK has tried again.
async fn put_expecting(put: PutItemFluentBuilder, item: Item) -> Result<(), StoreError> {
    let put = put.set_item(Some(item.clone())).return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match put.send().await {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(service)) => match service.into_err() {
            PutItemError::ConditionalCheckFailedException(failed) => match failed.item {
                Some(old) if old == item => Ok(()),
                old => Err(StoreError::Condition(old.map(Box::new))),
            },
            other => Err(StoreError::from_sdk("PutItem", SdkError::<_, ()>::service_error(other, ()))),
        },
        Err(other) => Err(StoreError::from_sdk("PutItem", other)),
    }
}

impl Tables {
    /// Tables whose names start with `prefix`.
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }

    /// The SDK client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The full name of a table.
    pub fn name(&self, table: &Table) -> String {
        format!("{}{}", self.prefix, table.name)
    }

    /// Reads one item, consistently.
    pub async fn get<T: DeserializeOwned>(&self, table: &Table, key: Item) -> Result<Option<T>, StoreError> {
        let answer = self.client.get_item().table_name(self.name(table)).set_key(Some(key)).consistent_read(true).send().await;
        match answer {
            Ok(output) => Ok(output.item.map(serde_dynamo::from_item).transpose()?),
            Err(error) => Err(StoreError::from_sdk("GetItem", error)),
        }
    }

    /// Writes a new item; [`StoreError::Condition`] when another one with its key exists.
    pub async fn create(&self, table: &Table, item: &impl Serialize) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(self.name(table));
        let put = put.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", table.partition);
        put_expecting(put, serde_dynamo::to_item(item)?).await
    }

    /// Writes an item, over an older one if there is one.
    pub async fn put(&self, table: &Table, item: &impl Serialize) -> Result<(), StoreError> {
        let answer = self.client.put_item().table_name(self.name(table)).set_item(Some(serde_dynamo::to_item(item)?)).send().await;
        answer.map(drop).map_err(|error| StoreError::from_sdk("PutItem", error))
    }

    /// Writes an item over an older one whose attribute still has this value; else [`StoreError::Condition`].
    pub async fn replace(&self, table: &Table, item: &impl Serialize, (name, value): (&str, &str)) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(self.name(table)).condition_expression("#name = :value");
        let put = put.expression_attribute_names("#name", name).expression_attribute_values(":value", AttributeValue::S(value.to_owned()));
        put_expecting(put, serde_dynamo::to_item(item)?).await
    }

    /// Deletes an item; `false` when there was none.
    pub async fn delete(&self, table: &Table, key: Item) -> Result<bool, StoreError> {
        let request = self.client.delete_item().table_name(self.name(table)).set_key(Some(key)).return_values(ReturnValue::AllOld);
        let answer = request.send().await.map_err(|error| StoreError::from_sdk("DeleteItem", error))?;
        Ok(answer.attributes.is_some())
    }

    /// The deletion of an item, which must exist, as a part of a transaction.
    pub fn delete_in_transaction(&self, table: &Table, key: Item) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(self.name(table))
            .set_key(Some(key))
            .condition_expression("attribute_exists(#key)")
            .expression_attribute_names("#key", table.partition)
            .build()
            .map_err(invalid)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// The write of a new item as a part of a transaction.
    pub fn create_in_transaction(&self, table: &Table, item: &impl Serialize) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(self.name(table))
            .set_item(Some(serde_dynamo::to_item(item)?))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", table.partition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(invalid)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A conditional update of an item of `table`.
    pub fn update(&self, table: &Table, key: Item) -> Update {
        Update::new(&self.name(table), key)
    }

    /// Makes several changes, all or nothing. `token` makes a repeated try harmless
    /// ([`ClientRequestToken`](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html), at most 36 characters).
    /// [`StoreError::Condition`] carries the first item whose condition failed. Transactions that meet others on an item are tried again a few times.
    pub async fn transact(&self, token: &str, items: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let mut pause = MEETING_PAUSE;
        for _ in 1..MEETINGS {
            match self.transact_once(token, items.clone()).await {
                Err(StoreError::Throttled(_)) => {
                    // Those that met would meet again if they all waited as long.
                    tokio::time::sleep(pause.mul_f64(rand::random())).await;
                    pause *= 2;
                }
                settled => return settled,
            }
        }
        self.transact_once(token, items).await
    }

    async fn transact_once(&self, token: &str, items: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let answer = self.client.transact_write_items().set_transact_items(Some(items)).client_request_token(token).send().await;
        match answer {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                TransactWriteItemsError::TransactionCanceledException(canceled) => {
                    let reasons = canceled.cancellation_reasons.unwrap_or_default();
                    let code = |code: &str| reasons.iter().find(|reason| reason.code.as_deref() == Some(code));
                    if let Some(failed) = code("ConditionalCheckFailed") {
                        return Err(StoreError::Condition(failed.item.clone().map(Box::new)));
                    }
                    if code("TransactionConflict").is_some() || code("ThrottlingError").is_some() {
                        return Err(StoreError::Throttled("a transaction met another one".to_owned()));
                    }
                    let refused = reasons.iter().find(|reason| reason.code.as_deref().is_some_and(StoreError::is_refusal));
                    let message = refused.and_then(|reason| reason.message.clone()).or(canceled.message).unwrap_or_default();
                    Err(match refused {
                        Some(_) => StoreError::Refused { operation: "TransactWriteItems", message },
                        None => StoreError::Unavailable { operation: "TransactWriteItems", message },
                    })
                }
                other => Err(StoreError::from_sdk("TransactWriteItems", SdkError::<_, ()>::service_error(other, ()))),
            },
            Err(other) => Err(StoreError::from_sdk("TransactWriteItems", other)),
        }
    }

    /// Reads a page of an index partition, newest first, keeping the items that `keep` accepts.
    ///
    /// Filtering reads at most 1,000 items a page, so a page may be short and still have a next one; the cursor resumes after
    /// the last item looked at.
    pub async fn list<T: DeserializeOwned>(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        request: PageRequest,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, ListError> {
        let index = index_of(table, index)?;
        let mut key_names: BTreeSet<&str> = [index.key.0, index.key.1, table.partition].into();
        key_names.extend(table.sort);
        let key_names: Vec<&str> = key_names.into_iter().collect();
        let mut start = match request.cursor {
            Some(cursor) => Some(cursor.into_key(&key_names, &[(index.key.0, partition)])?),
            None => None,
        };
        let (mut items, mut read) = (Vec::new(), 0);
        loop {
            let wanted = request.limit - items.len();
            let output = self
                .client
                .query()
                .table_name(self.name(table))
                .index_name(index.name)
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", index.key.0)
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
                .scan_index_forward(false)
                .limit(i32::try_from(wanted + 1).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("Query", error))?;
            let end_of_list = output.last_evaluated_key.is_none();
            let mut page = output.items.unwrap_or_default().into_iter().peekable();
            while let Some(item) = page.next() {
                read += 1;
                let key: Item = key_names.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone()))).collect();
                let parsed: T = serde_dynamo::from_item(item).map_err(StoreError::from)?;
                if keep(&parsed) {
                    items.push(parsed);
                }
                let more = page.peek().is_some() || !end_of_list;
                if more && (items.len() == request.limit || read >= FILTERED_READ_LIMIT) {
                    return Ok(Page { items, next: Some(Cursor::from_key(&key)) });
                }
                start = Some(key);
            }
            if end_of_list {
                return Ok(Page { items, next: None });
            }
        }
    }

    /// The records of a partition of the `due` index that are due at `now`, soonest first: a page of ids, and where the next one starts.
    pub(crate) async fn due<Id: FromStr>(
        &self,
        table: &Table,
        shard: &str,
        now: Timestamp,
        start: Option<Item>,
    ) -> Result<(Vec<Id>, Option<Item>), StoreError> {
        let query = self.forward(table, DUE.name, DUE.key.0, shard, start);
        let query = query
            .key_condition_expression("#pk = :pk AND #due <= :now")
            .expression_attribute_names("#due", DUE.key.1)
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()));
        ids(table, query).await
    }

    /// The ids in a partition of an index, oldest first: a page of them, and where the next one starts.
    pub(crate) async fn oldest<Id: FromStr>(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        start: Option<Item>,
    ) -> Result<(Vec<Id>, Option<Item>), StoreError> {
        let found = index_of(table, index)?;
        ids(table, self.forward(table, index, found.key.0, partition, start).key_condition_expression("#pk = :pk")).await
    }

    fn forward(&self, table: &Table, index: &str, attribute: &str, partition: &str, start: Option<Item>) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(self.name(table))
            .index_name(index)
            .expression_attribute_names("#pk", attribute)
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
            .limit(PAGE)
            .set_exclusive_start_key(start)
    }

    /// Reads a page of a partition's items whose sort keys start with `prefix`, consistently and in the order of their sort keys.
    pub async fn list_items<T: DeserializeOwned>(
        &self,
        table: &Table,
        partition: &str,
        prefix: &str,
        request: PageRequest,
    ) -> Result<Page<T>, ListError> {
        let sort = table.sort.ok_or_else(|| StoreError::Corrupt(format!("{} has no sort key", table.name)))?;
        let names = [table.partition, sort];
        let start = request.cursor.map(|cursor| cursor.into_key(&names, &[(table.partition, partition)])).transpose()?;
        let output = self
            .client
            .query()
            .table_name(self.name(table))
            .consistent_read(true)
            .key_condition_expression("#partition = :partition AND begins_with(#sort, :prefix)")
            .expression_attribute_names("#partition", table.partition)
            .expression_attribute_names("#sort", sort)
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .limit(i32::try_from(request.limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk("Query", error))?;
        let items = serde_dynamo::from_items(output.items.unwrap_or_default()).map_err(StoreError::from)?;
        Ok(Page { items, next: output.last_evaluated_key.map(|key| Cursor::from_key(&key)) })
    }

    /// Reads the items of an index partition whose sort keys lie between two, both included, from the last one downwards, at most
    /// `limit` of them. Fewer than that are all there are.
    pub async fn newest_between(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        (low, high): (String, String),
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.between(table, index, partition, (low, high), limit, false).await
    }

    /// The same from the first one upwards.
    pub(crate) async fn oldest_between(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        between: (String, String),
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.between(table, index, partition, between, limit, true).await
    }

    async fn between(
        &self,
        table: &Table,
        index: &str,
        partition: &str,
        (low, high): (String, String),
        limit: usize,
        upwards: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let index = index_of(table, index)?;
        let (mut items, mut start) = (Vec::new(), None);
        while items.len() < limit {
            let output = self
                .client
                .query()
                .table_name(self.name(table))
                .index_name(index.name)
                .key_condition_expression("#partition = :partition AND #sort BETWEEN :low AND :high")
                .expression_attribute_names("#partition", index.key.0)
                .expression_attribute_names("#sort", index.key.1)
                .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
                .expression_attribute_values(":low", AttributeValue::S(low.clone()))
                .expression_attribute_values(":high", AttributeValue::S(high.clone()))
                .scan_index_forward(upwards)
                .limit(i32::try_from(limit - items.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("Query", error))?;
            items.extend(output.items.unwrap_or_default());
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Creates the tables that do not exist yet and waits until they can be used.
    pub async fn create_missing(&self) -> Result<(), StoreError> {
        for table in TABLES {
            self.create_table(table).await?;
        }
        Ok(())
    }

    async fn create_table(&self, table: &Table) -> Result<(), StoreError> {
        let name = self.name(table);
        let mut attributes: BTreeSet<&str> = [table.partition].into();
        attributes.extend(table.sort);
        for index in table.indexes {
            attributes.extend([index.key.0, index.key.1]);
        }
        let definitions = attributes
            .iter()
            .map(|attribute| {
                AttributeDefinition::builder().attribute_name(*attribute).attribute_type(Table::attribute_kind(attribute)).build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid)?;
        let mut indexes = Vec::new();
        for index in table.indexes {
            let projected: Vec<_> = index.projected().into_iter().map(str::to_owned).collect();
            let projection = if projected.is_empty() {
                Projection::builder().projection_type(ProjectionType::KeysOnly).build()
            } else {
                Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(projected)).build()
            };
            let index = GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .set_key_schema(Some(key_schema(index.key.0, Some(index.key.1))?))
                .projection(projection)
                .build()
                .map_err(invalid)?;
            indexes.push(index);
        }
        let created = self
            .client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(definitions))
            .set_key_schema(Some(key_schema(table.partition, table.sort)?))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
            .send()
            .await;
        if let Err(error) = created {
            if error
                .as_service_error()
                .is_some_and(aws_sdk_dynamodb::operation::create_table::CreateTableError::is_resource_in_use_exception)
            {
                return Ok(());
            }
            return Err(StoreError::from_sdk("CreateTable", error));
        }
        self.wait_until_active(&name).await?;
        if let Some(attribute) = table.ttl {
            let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build().map_err(invalid)?;
            let enabled = self.client.update_time_to_live().table_name(&name).time_to_live_specification(ttl).send().await;
            enabled.map_err(|error| StoreError::from_sdk("UpdateTimeToLive", error))?;
        }
        Ok(())
    }

    async fn wait_until_active(&self, name: &str) -> Result<(), StoreError> {
        loop {
            let answer = self.client.describe_table().table_name(name).send().await;
            let table = answer.map_err(|error| StoreError::from_sdk("DescribeTable", error))?.table;
            if table.and_then(|t| t.table_status) == Some(TableStatus::Active) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Whether the tables answer; for health checks.
    pub async fn check(&self) -> Result<(), StoreError> {
        let key = string_key([(WORKSPACES.partition, "health"), ("item", "health")]);
        self.get::<HashMap<String, serde_json::Value>>(&WORKSPACES, key).await.map(drop)
    }
}

/// The ids that a query finds: the table's partition keys.
async fn ids<Id: FromStr>(table: &Table, query: QueryFluentBuilder) -> Result<(Vec<Id>, Option<Item>), StoreError> {
    let output = query.send().await.map_err(|error| StoreError::from_sdk("Query", error))?;
    let id = |item: Item| item.get(table.partition)?.as_s().ok()?.parse().ok();
    let ids = output.items.unwrap_or_default().into_iter().map(|item| id(item).ok_or_else(|| StoreError::Corrupt("an id".to_owned())));
    Ok((ids.collect::<Result<_, _>>()?, output.last_evaluated_key))
}

/// An item key made of string attributes.
pub fn string_key<const N: usize>(attributes: [(&str, &str); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).collect()
}

fn index_of<'a>(table: &'a Table, name: &str) -> Result<&'a Index, StoreError> {
    table.indexes.iter().find(|index| index.name == name).ok_or_else(|| StoreError::Corrupt(format!("no index {name}")))
}

fn key_schema(partition: &str, sort: Option<&str>) -> Result<Vec<KeySchemaElement>, StoreError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(invalid);
    let mut schema = vec![element(partition, KeyType::Hash)?];
    if let Some(sort) = sort {
        schema.push(element(sort, KeyType::Range)?);
    }
    Ok(schema)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn invalid(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
