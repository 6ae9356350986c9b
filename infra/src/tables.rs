//! The tables, as the core defines them.

use std::collections::BTreeSet;

use ade_core::store::{TABLES, Table};
use serde_json::{Map, Value, json};

use crate::logical_name;

/// A resource for each table. They outlive the stack: the data is worth more than the stack's tidiness.
pub(crate) fn tables() -> Map<String, Value> {
    TABLES.iter().map(|table| (resource_name(table), resource(table))).collect()
}

/// The logical name of a table.
pub(crate) fn resource_name(table: &Table) -> String {
    format!("{}Table", logical_name(table.name))
}

fn resource(table: &Table) -> Value {
    let mut attributes: BTreeSet<&str> = [table.partition].into();
    attributes.extend(table.sort);
    attributes.extend(table.indexes.iter().flat_map(|index| [index.key.0, index.key.1]));
    let attributes: Vec<_> = attributes
        .into_iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": Table::attribute_kind(name).as_str() }))
        .collect();
    let indexes: Vec<_> = table
        .indexes
        .iter()
        .map(|index| {
            let projected = index.projected();
            let projection = if projected.is_empty() {
                json!({ "ProjectionType": "KEYS_ONLY" })
            } else {
                json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": projected })
            };
            json!({ "IndexName": index.name, "KeySchema": key(index.key.0, Some(index.key.1)), "Projection": projection })
        })
        .collect();
    let mut properties = json!({
        "TableName": { "Fn::Sub": format!("${{AWS::StackName}}-{}", table.name) },
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key(table.partition, table.sort),
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
        "DeletionProtectionEnabled": { "Fn::If": ["ProtectData", true, false] },
        "SSESpecification": { "Fn::If": [
            "UseManagedKey",
            { "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": { "Fn::GetAtt": ["DataKey", "Arn"] } },
            { "Ref": "AWS::NoValue" },
        ] },
    });
    if !indexes.is_empty() {
        properties["GlobalSecondaryIndexes"] = indexes.into();
    }
    if let Some(attribute) = table.ttl {
        properties["TimeToLiveSpecification"] = json!({ "AttributeName": attribute, "Enabled": true });
    }
    json!({ "Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties })
}

fn key(partition: &str, sort: Option<&str>) -> Value {
    let element = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    std::iter::once(element(partition, "HASH")).chain(sort.map(|name| element(name, "RANGE"))).collect()
}
