//! What functions may do, on the embedded services as on AWS.

use std::time::Duration;

use ade_local::embedded::Embedded;
use ade_local::embedded::credentials::Credentials;
use ade_local::roles::Roles;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{Delete as DeleteObjects, ObjectIdentifier};

use super::dynamo::{create_table, put};
use super::{BUCKET, TestAws, s3};

const TABLE: &str = "ade-runs";

/// Services that know the roles, with a table of runs and a bucket, and the file with what was done.
async fn start() -> (TestAws, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("uses.tsv");
    let roles = Roles::read("ade-", "ade-", Some(&record)).unwrap();
    let embedded = Embedded::start_with(&dir.path().join("data"), roles).await.unwrap();
    let aws = TestAws { embedded, dir };
    create_table(&aws.dynamodb()).await;
    put(&aws.dynamodb(), "run_1", "ws_1").await;
    aws.s3().create_bucket().bucket(BUCKET).send().await.unwrap();
    for key in ["runs/1", "runs/2", "documents/1"] {
        aws.s3().put_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    (aws, record)
}

impl TestAws {
    /// What a function signs with.
    fn key_of(&self, function: &str) -> Credentials {
        let Credentials { access_key_id, secret_access_key } = self.embedded.credentials.clone();
        Credentials { access_key_id: format!("{access_key_id}.{function}"), secret_access_key }
    }

    fn s3_as(&self, function: &str) -> aws_sdk_s3::Client {
        s3(&self.embedded.s3_url, &self.key_of(function))
    }
}

#[tokio::test]
async fn a_function_reads_and_writes_the_tables_that_its_role_names() {
    let (aws, record) = start().await;
    let id = || AttributeValue::S("run_1".to_owned());
    let as_function = |function: &str| aws.dynamodb_as(&aws.key_of(function));

    let found = as_function("get-run").get_item().table_name(TABLE).key("run_id", id()).send().await.unwrap();
    assert!(found.item.is_some());
    for function in ["no-such-function", "get-build", ""] {
        let refused = as_function(function).get_item().table_name(TABLE).key("run_id", id()).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDeniedException"), "{function}: {refused:?}");
        assert!(refused.message().unwrap().contains("dynamodb:GetItem on resource: runs"), "{function}: {refused:?}");
    }
    let by_workspace = |function: &str| {
        let query = as_function(function).query().table_name(TABLE).index_name("by_workspace");
        let query = query.key_condition_expression("workspace_id = :w").expression_attribute_values(":w", AttributeValue::S("ws_1".into()));
        async move { query.send().await }
    };
    assert_eq!(by_workspace("list-runs").await.unwrap().count(), 1);
    assert_eq!(by_workspace("get-run").await.unwrap_err().code(), Some("AccessDeniedException"));

    let delete = Delete::builder().table_name(TABLE).key("run_id", id()).build().unwrap();
    let transaction = |function: &str| {
        let part = TransactWriteItem::builder().delete(delete.clone()).build();
        let transaction = as_function(function).transact_write_items().transact_items(part);
        async move { transaction.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) }
    };
    let refused: TransactWriteItemsError = transaction("cancel-run").await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"), "{refused:?}");
    transaction("delete-config").await.unwrap();

    let recorded = std::fs::read_to_string(record).unwrap();
    let expected = [
        "get-run\tdynamodb:GetItem runs",
        "no-such-function\tdynamodb:GetItem runs",
        "get-build\tdynamodb:GetItem runs",
        "\tdynamodb:GetItem runs",
        "list-runs\tdynamodb:Query runs/by_workspace",
        "get-run\tdynamodb:Query runs/by_workspace",
        "cancel-run\tdynamodb:DeleteItem runs",
        "delete-config\tdynamodb:DeleteItem runs",
    ];
    assert_eq!(recorded.lines().collect::<Vec<_>>(), expected, "once each, refused or not; nothing of the owner's");
}

#[tokio::test]
async fn a_function_reaches_the_objects_that_its_role_names() {
    let (aws, record) = start().await;
    let get = async |function: &str, key: &str| aws.s3_as(function).get_object().bucket(BUCKET).key(key).send().await;
    get("download-run-log", "runs/1").await.unwrap();
    assert_eq!(get("download-run-log", "documents/1").await.unwrap_err().code(), Some("AccessDenied"));
    assert_eq!(get("download-run-log", "runs/none").await.unwrap_err().code(), Some("NoSuchKey"));
    // It may not list the bucket.
    assert_eq!(get("download-document", "documents/none").await.unwrap_err().code(), Some("AccessDenied"));

    let listed = async |function: &str| aws.s3_as(function).list_objects_v2().bucket(BUCKET).prefix("runs/").send().await;
    assert_eq!(listed("executor").await.unwrap().key_count, Some(2));
    assert_eq!(listed("create-document").await.unwrap_err().code(), Some("AccessDenied"));

    let copied = async |from: &str, to: &str| {
        let copy = aws.s3_as("executor").copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/{from}")).key(to);
        copy.send().await
    };
    copied("documents/1", "runs/1/input").await.unwrap();
    assert_eq!(copied("imports/1", "runs/1/input").await.unwrap_err().code(), Some("AccessDenied"));
    assert_eq!(copied("documents/1", "documents/2").await.unwrap_err().code(), Some("AccessDenied"));

    let erased = async |function: &str| {
        let object = ObjectIdentifier::builder().key("runs/2").build().unwrap();
        let delete = DeleteObjects::builder().objects(object).build().unwrap();
        aws.s3_as(function).delete_objects().bucket(BUCKET).delete(delete).send().await
    };
    assert_eq!(erased("executor").await.unwrap_err().code(), Some("AccessDenied"));
    erased("sweep").await.unwrap();

    // Who replaces what it has seen has to be allowed to see it.
    let replaced = async |function: &str, key: &str| {
        aws.s3_as(function).put_object().bucket(BUCKET).key(key).if_match("\"d41d8cd98f00b204e9800998ecf8427e\"").send().await
    };
    replaced("executor", "runs/1").await.unwrap();
    assert_eq!(replaced("create-document", "documents/1").await.unwrap_err().code(), Some("AccessDenied"));

    // A link is its maker's doing.
    let presigned = async |function: &str| {
        let lifetime = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
        let link = aws.s3_as(function).get_object().bucket(BUCKET).key("documents/1").presigned(lifetime).await.unwrap();
        reqwest::get(link.uri()).await.unwrap().status().as_u16()
    };
    assert_eq!((presigned("download-document").await, presigned("download-run-output").await), (200, 403));

    let recorded = std::fs::read_to_string(record).unwrap();
    for line in ["download-run-log\ts3:ListBucket", "executor\ts3:GetObject documents", "sweep\ts3:DeleteObject runs"] {
        assert!(recorded.lines().any(|recorded| recorded == line), "{line} is missing:\n{recorded}");
    }
}
