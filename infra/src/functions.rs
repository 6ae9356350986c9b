//! Functions and their roles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::grants::{self, Grant, Role};
use crate::operations::{CONSOLE, NOT_FOUND, REAPER, WORKERS, operations};
use crate::{InfraError, logical_name, tables};

/// How long a function lives: the longest that Lambda allows when its answers may be streams, API Gateway's patience otherwise.
const STREAM_SECONDS: u32 = 900;
const BUFFERED_SECONDS: u32 = 29;

/// How long a round of the reaper may take: until the next one begins.
const REAPER_SECONDS: u32 = 60;

/// Functions that parse workbooks, or hold all files of a config: more memory comes with more CPU (1769 MB are one core), and a
/// document needs room in `/tmp`. Keyed by what stands in their names.
const READS_MUCH: [&str; 6] = ["complete-document", "preview", "sheets", "create-config", "import-config", "export-config"];

/// The functions of all operations, and a role for every function, workers too. The workers themselves are in `stack.yaml`.
pub(crate) fn functions() -> Result<Map<String, Value>, InfraError> {
    let mut resources = Map::new();
    for allowed in grants::roles()? {
        resources.insert(role_name(&allowed.function), role(&allowed));
    }
    for operation in operations()? {
        resources.insert(function_name(&operation.id), function(&operation.id, operation.streaming));
    }
    for unnamed in [CONSOLE, NOT_FOUND] {
        resources.insert(function_name(unnamed), function(unnamed, false));
    }
    resources.insert(function_name(REAPER), reaper());
    Ok(resources)
}

fn function_name(id: &str) -> String {
    format!("{}Function", logical_name(id))
}

fn role_name(id: &str) -> String {
    format!("{}Role", logical_name(id))
}

fn function(id: &str, streaming: bool) -> Value {
    let mut properties = json!({
        "FunctionName": { "Fn::Sub": format!("${{AWS::StackName}}-{id}") },
        "CodeUri": format!("../target/lambda/{id}"),
        "Role": { "Fn::GetAtt": [role_name(id), "Arn"] },
        "Timeout": if streaming { json!({ "Fn::If": ["StreamResponses", STREAM_SECONDS, BUFFERED_SECONDS] }) } else { BUFFERED_SECONDS.into() },
    });
    if READS_MUCH.iter().any(|part| id.contains(part)) {
        properties["MemorySize"] = 1769.into();
        properties["EphemeralStorage"] = json!({ "Size": 2048 });
    }
    json!({ "Type": "AWS::Serverless::Function", "Properties": properties })
}

/// The reaper, called every minute. A round that is missed or fails is made good by the next one.
fn reaper() -> Value {
    let mut function = function(REAPER, false);
    function["Properties"]["Timeout"] = REAPER_SECONDS.into();
    let retries = json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60 });
    let schedule = json!({ "Schedule": "rate(1 minute)", "RetryPolicy": retries });
    function["Properties"]["Events"] = json!({ "EveryMinute": { "Type": "Schedule", "Properties": schedule } });
    function
}

/// A role that may write the function's log, do what it was granted, and use the key of what it reads and writes.
fn role(allowed: &Role) -> Value {
    let id = allowed.function.as_str();
    let logs = if WORKERS.contains(&id) { "WorkerLogs" } else { "ApiLogs" };
    let mut statements = vec![json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": { "Fn::GetAtt": [logs, "Arn"] },
    })];
    // One statement for each resource.
    let mut actions = BTreeMap::<String, (Value, Vec<String>)>::new();
    for grant in allowed.grants() {
        let (resource, action) = permission(grant);
        actions.entry(resource.to_string()).or_insert_with(|| (resource, Vec::new())).1.push(action);
    }
    for (resource, mut actions) in actions.into_values() {
        actions.sort_unstable();
        actions.dedup();
        statements.push(json!({ "Effect": "Allow", "Action": actions, "Resource": resource }));
    }
    if allowed.grants().next().is_some() {
        let key = json!({
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": { "Fn::GetAtt": ["DataKey", "Arn"] },
        });
        statements.push(json!({ "Fn::If": ["UseManagedKey", key, { "Ref": "AWS::NoValue" }] }));
    }
    let mut properties = json!({
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }],
        },
        "Policies": [{ "PolicyName": id, "PolicyDocument": { "Version": "2012-10-17", "Statement": statements } }],
    });
    if id == "executor" {
        // What Lambda itself needs to attach a function to a VPC; its actions know no resources.
        let attach = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess";
        properties["ManagedPolicyArns"] = json!({ "Fn::If": ["IsolateExecutor", [{ "Fn::Sub": attach }], { "Ref": "AWS::NoValue" }] });
    }
    json!({ "Type": "AWS::IAM::Role", "Properties": properties })
}

/// A grant as IAM says it: the resource and the action.
fn permission(grant: Grant) -> (Value, String) {
    let table_arn = |table| json!({ "Fn::GetAtt": [tables::resource_name(table), "Arn"] });
    match grant {
        Grant::Table(table, action) => (table_arn(table), format!("dynamodb:{action}")),
        Grant::Index(table, index) => {
            let arn = format!("${{{}.Arn}}/index/{index}", tables::resource_name(table));
            (json!({ "Fn::Sub": arn }), "dynamodb:Query".to_owned())
        }
        Grant::Objects(prefix, action) => (json!({ "Fn::Sub": format!("${{DataBucket.Arn}}/{prefix}/*") }), format!("s3:{action}")),
        Grant::ListBucket => (json!({ "Fn::GetAtt": ["DataBucket", "Arn"] }), "s3:ListBucket".to_owned()),
        Grant::Invoke(worker) => {
            // By name: the worker's own role may name it too.
            let arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:";
            (json!({ "Fn::Sub": [format!("{arn}${{Name}}"), { "Name": worker_name(worker) }] }), "lambda:InvokeFunction".to_owned())
        }
    }
}

/// The name of a worker's function. Tenant isolation can only be chosen when a function is made, so the other choice has another name.
fn worker_name(worker: &str) -> Value {
    let name = |suffix: &str| json!({ "Fn::Sub": format!("${{AWS::StackName}}-{worker}{suffix}") });
    json!({ "Fn::If": ["IsolateTenants", name("-isolated"), name("")] })
}
