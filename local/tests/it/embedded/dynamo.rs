//! DynamoDB: what ADE's tables rely on.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType, Put,
    ReturnValue, ScalarAttributeType, TableStatus, TransactWriteItem, Update,
};

use super::TestAws;

const TABLE: &str = "ade-runs";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

pub(super) async fn create_table(client: &Client) {
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap();
    let by_workspace = GlobalSecondaryIndex::builder()
        .index_name("by_workspace")
        .key_schema(key("workspace_id", KeyType::Hash))
        .key_schema(key("run_id", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("run_id"))
        .attribute_definitions(attribute("workspace_id"))
        .key_schema(key("run_id", KeyType::Hash))
        .global_secondary_indexes(by_workspace)
        .send()
        .await
        .unwrap();
    loop {
        let table = client.describe_table().table_name(TABLE).send().await.unwrap();
        if table.table().unwrap().table_status() == Some(&TableStatus::Active) {
            break;
        }
    }
}

pub(super) async fn put(client: &Client, run: &str, workspace: &str) {
    let put = client.put_item().table_name(TABLE).item("run_id", text(run));
    let put = put.item("workspace_id", text(workspace)).item("status", text("queued"));
    put.condition_expression("attribute_not_exists(run_id)").send().await.unwrap();
}

async fn status(client: &Client, run: &str) -> Option<String> {
    let get = client.get_item().table_name(TABLE).key("run_id", text(run)).consistent_read(true);
    let item = get.send().await.unwrap().item?;
    Some(item["status"].as_s().unwrap().clone())
}

#[tokio::test]
async fn items_survive_a_restart() {
    let aws = TestAws::start().await;
    create_table(&aws.dynamodb()).await;
    put(&aws.dynamodb(), "run_1", "ws_1").await;
    let aws = aws.restart().await;
    assert_eq!(status(&aws.dynamodb(), "run_1").await.as_deref(), Some("queued"));
}

#[tokio::test]
async fn one_of_many_concurrent_claims_wins() {
    let aws = TestAws::start().await;
    let client = aws.dynamodb();
    create_table(&client).await;
    put(&client, "run_1", "ws_1").await;
    let claims = (0..200).map(|owner: i32| {
        client
            .update_item()
            .table_name(TABLE)
            .key("run_id", text("run_1"))
            .update_expression("SET #s = :running, #o = :owner")
            .condition_expression("#s = :queued")
            .expression_attribute_names("#s", "status")
            .expression_attribute_names("#o", "owner")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":queued", text("queued"))
            .expression_attribute_values(":owner", AttributeValue::N(owner.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
    });
    let results = futures::future::join_all(claims).await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for claim in lost {
        assert_eq!(claim.unwrap_err().code(), Some("ConditionalCheckFailedException"));
    }
}

#[tokio::test]
async fn transactions_are_all_or_nothing() {
    let aws = TestAws::start().await;
    let client = aws.dynamodb();
    create_table(&client).await;
    put(&client, "run_1", "ws_1").await;
    let transaction = |expected: &str| {
        let update = Update::builder()
            .table_name(TABLE)
            .key("run_id", text("run_1"))
            .update_expression("SET #s = :new")
            .condition_expression("#s = :expected")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":new", text("running"))
            .expression_attribute_values(":expected", text(expected));
        let put = Put::builder().table_name(TABLE).item("run_id", text("run_2"));
        let put = put.item("workspace_id", text("ws_1")).item("status", text("queued"));
        client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put.build().unwrap()).build())
            .transact_items(TransactWriteItem::builder().update(update.build().unwrap()).build())
            .send()
    };
    let refused = transaction("succeeded").await.unwrap_err();
    assert_eq!(refused.code(), Some("TransactionCanceledException"));
    assert_eq!(status(&client, "run_2").await, None);
    transaction("queued").await.unwrap();
    assert_eq!(status(&client, "run_1").await.as_deref(), Some("running"));
    assert_eq!(status(&client, "run_2").await.as_deref(), Some("queued"));
}

#[tokio::test]
async fn indexes_are_queried_page_by_page() {
    let aws = TestAws::start().await;
    let client = aws.dynamodb();
    create_table(&client).await;
    for n in 0..25 {
        put(&client, &format!("run_{n:02}"), if n % 5 == 0 { "ws_2" } else { "ws_1" }).await;
    }
    let mut pages = client
        .query()
        .table_name(TABLE)
        .index_name("by_workspace")
        .key_condition_expression("workspace_id = :w")
        .expression_attribute_values(":w", text("ws_1"))
        .scan_index_forward(false)
        .limit(7)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page.unwrap().items().iter().map(|item| item["run_id"].as_s().unwrap().clone()));
    }
    let expected: Vec<String> = (0..25).rev().filter(|n| n % 5 != 0).map(|n| format!("run_{n:02}")).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn requests_without_aws_authentication_are_refused() {
    let aws = TestAws::start().await;
    let refused = reqwest::Client::new()
        .post(&aws.embedded.dynamodb_url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("MissingAuthenticationToken"));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "that they are refused is what is tested")]
async fn reading_whole_tables_is_refused_as_iam_would() {
    let aws = TestAws::start().await;
    let client = aws.dynamodb();
    create_table(&client).await;
    let scan = client.scan().table_name(TABLE).send().await.unwrap_err();
    assert_eq!(scan.code(), Some("AccessDeniedException"), "{scan:?}");
    assert!(scan.message().unwrap().contains("dynamodb:Scan"), "{scan:?}");
    let index = client.scan().table_name(TABLE).index_name("by_workspace").send().await.unwrap_err();
    assert_eq!(index.code(), Some("AccessDeniedException"), "{index:?}");
    let statement = client.execute_statement().statement(format!("SELECT * FROM \"{TABLE}\"")).send().await.unwrap_err();
    assert_eq!(statement.code(), Some("AccessDeniedException"), "{statement:?}");
    client.describe_table().table_name(TABLE).send().await.unwrap();
}
