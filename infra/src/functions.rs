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
/// The one role by which API Gateway invokes the functions that routes lead to is among them.
pub(crate) fn functions() -> Result<Map<String, Value>, InfraError> {
    let mut resources = Map::new();
    for allowed in grants::roles()? {
        resources.insert(role_name(&allowed.function), role(&allowed));
    }
    let operations = operations()?;
    let unnamed = [CONSOLE, NOT_FOUND].map(|id| (id, false));
    let routed = operations.iter().map(|operation| (operation.id.as_str(), operation.streaming)).chain(unnamed);
    let mut invoked = Vec::new();
    for (id, streaming) in routed {
        invoked.push(json!({ "Fn::GetAtt": [function_name(id), "Arn"] }));
        resources.insert(function_name(id), function(id, streaming));
    }
    resources.insert("ApiInvokeRole".to_owned(), invoke_role(&invoked));
    resources.insert(function_name(REAPER), reaper());
    Ok(resources)
}

/// What the executor may do with a service, for everybody who comes through a VPC endpoint: its policy.
pub(crate) fn endpoint_policy(service: &str) -> Result<Value, InfraError> {
    let executor = grants::roles()?.into_iter().find(|role| role.function == WORKERS[0]);
    let mut statements = statements(&executor.ok_or_else(|| InfraError::NoGrants(WORKERS[0].to_owned()))?);
    statements.retain(|statement| statement["Action"][0].as_str().is_some_and(|action| action.starts_with(service)));
    for statement in &mut statements {
        statement["Principal"] = "*".into();
    }
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// The role by which API Gateway invokes functions.
fn invoke_role(functions: &[Value]) -> Value {
    let invoke = json!({ "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": functions });
    role_of("apigateway.amazonaws.com", "invoke", &[invoke])
}

/// A role for a service of AWS, with one policy.
fn role_of(service: &str, name: &str, statements: &[Value]) -> Value {
    let properties = json!({
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
        },
        "Policies": [{ "PolicyName": name, "PolicyDocument": { "Version": "2012-10-17", "Statement": statements } }],
    });
    json!({ "Type": "AWS::IAM::Role", "Properties": properties })
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

/// What was granted to a function, a statement for each resource.
fn statements(allowed: &Role) -> Vec<Value> {
    let mut actions = BTreeMap::<String, (Value, Vec<String>)>::new();
    for grant in allowed.grants() {
        let (resource, action) = permission(grant);
        actions.entry(resource.to_string()).or_insert_with(|| (resource, Vec::new())).1.push(action);
    }
    let statement = |(resource, mut actions): (Value, Vec<String>)| {
        actions.sort_unstable();
        actions.dedup();
        json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
    };
    actions.into_values().map(statement).collect()
}

/// A role that may write the function's log, do what it was granted, and use the keys of what it reads and writes.
fn role(allowed: &Role) -> Value {
    let id = allowed.function.as_str();
    let logs = if WORKERS.contains(&id) { "WorkerLogs" } else { "ApiLogs" };
    let allow = |actions: &[&str], resource: Value| json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    let mut all = vec![allow(&["logs:CreateLogStream", "logs:PutLogEvents"], json!({ "Fn::GetAtt": [logs, "Arn"] }))];
    let granted = statements(allowed);
    if !granted.is_empty() {
        let key = allow(&["kms:Decrypt", "kms:GenerateDataKey"], json!({ "Fn::GetAtt": ["DataKey", "Arn"] }));
        let former = allow(&["kms:Decrypt"], json!({ "Ref": "FormerKeyArns" }));
        all.extend(granted);
        all.extend([("UseManagedKey", key), ("HasFormerKeys", former)].map(|(condition, statement)| when(condition, &statement)));
    }
    let mut role = role_of("lambda.amazonaws.com", id, &all);
    if id == WORKERS[0] {
        // What Lambda itself needs to attach a function to a VPC; its actions know no resources.
        let attach = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess";
        role["Properties"]["ManagedPolicyArns"] = when("IsolateExecutor", &json!([{ "Fn::Sub": attach }]));
    }
    role
}

/// Something that is only there under a condition.
fn when(condition: &str, value: &Value) -> Value {
    json!({ "Fn::If": [condition, value, { "Ref": "AWS::NoValue" }] })
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
