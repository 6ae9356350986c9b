#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ade_core::settings::{DECLARATIONS, Settings};
use serde_json::Value;

use crate::grants::GRANTS;
use crate::operations::{CONSOLE, NOT_FOUND, REAPER, WORKERS, operations};
use crate::{api, logical_name, template};

const GENERATED: &str =
    "# Generated: `make openapi` writes this file from docs/openapi.json, infra/stack.yaml and infra/src. Do not edit it.\n";

/// Compares a committed file with what it is derived from, or writes it.
fn is_up_to_date(name: &str, derived: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let derived = format!("{GENERATED}{}", serde_saphyr::to_string(derived).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &derived).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == derived, "infra/{name} is stale: run `make openapi` and look at the difference");
    let read: Value = serde_saphyr::from_str(&committed).unwrap();
    assert_eq!(read, serde_saphyr::from_str::<Value>(&derived).unwrap());
}

#[test]
fn infra_files_are_up_to_date() {
    is_up_to_date("api.yaml", &api().unwrap());
    is_up_to_date("template.yaml", &template().unwrap());
}

#[test]
fn yaml_says_what_was_meant() {
    for value in [api().unwrap(), template().unwrap()] {
        let text = serde_saphyr::to_string(&value).unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value);
    }
}

#[test]
fn every_operation_has_a_function_a_role_and_an_integration() {
    let (api, template) = (api().unwrap(), template().unwrap());
    for operation in operations().unwrap() {
        let method = &api["paths"][&operation.path][&operation.method];
        assert_eq!(method["operationId"], operation.id);
        let integration = &method["x-amazon-apigateway-integration"];
        let function = format!("{}Function", logical_name(&operation.id));
        let transfer = &integration["responseTransferMode"]["Fn::If"];
        if operation.streaming {
            assert_eq!((&transfer[0], &transfer[1]), (&"StreamResponses".into(), &"STREAM".into()), "{}", operation.id);
            let uri = integration["uri"]["Fn::If"][1]["Fn::Sub"].as_str().unwrap();
            let end = format!("lambda:path/2021-11-15/functions/${{{function}.Arn}}/response-streaming-invocations");
            assert!(uri.ends_with(&end), "{uri}");
        } else {
            assert!(transfer.is_null(), "{}", operation.id);
            let uri = integration["uri"]["Fn::Sub"].as_str().unwrap();
            assert!(uri.ends_with(&format!("lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations")), "{uri}");
        }
        assert!(api["paths"][&operation.path]["options"].is_object(), "{}", operation.path);
        let resource = &template["Resources"][&function];
        assert_eq!(resource["Type"], "AWS::Serverless::Function", "{function}");
        assert_eq!(resource["Properties"]["FunctionName"]["Fn::Sub"], format!("${{AWS::StackName}}-{}", operation.id));
        let role = resource["Properties"]["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        assert_eq!(template["Resources"][role]["Type"], "AWS::IAM::Role", "{role}");
    }
    for worker in WORKERS {
        assert_eq!(template["Resources"][format!("{}Function", logical_name(worker))]["Type"], "AWS::Lambda::Function");
    }
}

/// API Gateway: "only one unique variable path part is allowed" below a path.
#[test]
fn a_part_of_a_path_has_one_name_for_its_variable() {
    let api = api().unwrap();
    let mut variables = BTreeMap::<&str, &str>::new();
    for path in api["paths"].as_object().unwrap().keys() {
        for (at, part) in path.split('/').map(|part| (part.as_ptr() as usize - path.as_ptr() as usize, part)) {
            if part.starts_with('{') {
                let other = variables.entry(&path[..at]).or_insert(part);
                assert_eq!(*other, part, "below {}", &path[..at]);
            }
        }
    }
}

/// [Projection](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Projection.html).
#[test]
fn indexes_hold_no_more_than_dynamodb_allows() {
    for (name, resource) in template().unwrap()["Resources"].as_object().unwrap() {
        let mut all = 0;
        for index in resource["Properties"]["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
            let attributes = index["Projection"]["NonKeyAttributes"].as_array().map_or(0, Vec::len);
            assert!(attributes <= 20, "{name}, {}: {attributes}", index["IndexName"]);
            all += attributes;
        }
        assert!(all <= 100, "{name}: {all}");
    }
}

#[test]
fn an_enhanced_security_policy_has_an_access_mode() {
    let template = template().unwrap();
    let api = &template["Resources"]["Api"]["Properties"];
    assert!(api["SecurityPolicy"].as_str().unwrap().starts_with("SecurityPolicy_"));
    assert!(["BASIC", "STRICT"].contains(&api["EndpointAccessMode"].as_str().unwrap()));
}

/// A second stage would be as public as the first, without its limits and logs.
#[test]
fn deployments_make_no_stage() {
    let transformed: Value = serde_saphyr::from_str(include_str!("../transformed.yaml")).unwrap();
    let resources = transformed["Resources"].as_object().unwrap().values();
    let deployments: Vec<_> = resources.filter(|resource| resource["Type"] == "AWS::ApiGateway::Deployment").collect();
    assert!(!deployments.is_empty() && deployments.iter().all(|deployment| deployment["Properties"]["StageName"].is_null()));
}

/// A stage that logs is refused while the account has no role for it.
#[test]
fn the_account_may_log_before_the_stage_does() {
    let template = template().unwrap();
    let log = &template["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Fn::If"][1]["DestinationArn"]["Fn::GetAtt"][0];
    assert_eq!(template["Resources"][log.as_str().unwrap()]["DependsOn"], "ApiGatewayAccount");
}

/// Where a setting's value comes from in the template; it may be another one than in the core.
#[test]
fn every_setting_that_means_something_there_can_be_set_on_aws() {
    // Paths inside the image and its scratch space, and what belongs to a local ADE or to the command.
    let elsewhere =
        ["ADE_RUNS_DIR", "ADE_VENVS_DIR", "ADE_UV", "ADE_LOCAL_REAPER_SECONDS", "ADE_LOCAL_EXECUTORS", "ADE_URL", "ADE_API_KEY"];
    let template = template().unwrap();
    let variables = |place: &Value| place["Environment"]["Variables"].as_object().unwrap().clone();
    let worker = variables(&template["Resources"]["ExecutorFunction"]["Properties"]);
    assert_eq!(worker, variables(&template["Resources"]["BuilderFunction"]["Properties"]));
    let everywhere = variables(&template["Globals"]["Function"]);
    assert!(everywhere.iter().all(|(name, value)| worker.get(name) == Some(value)));
    let declared: BTreeSet<_> = DECLARATIONS.iter().map(|setting| setting.name).filter(|name| !elsewhere.contains(name)).collect();
    assert_eq!(worker.keys().map(String::as_str).collect::<BTreeSet<_>>(), declared);
    let defaults = worker.iter().filter_map(|(name, value)| {
        let default = template["Parameters"][value["Ref"].as_str()?]["Default"].as_str()?;
        Some((name.clone(), default.to_owned()))
    });
    Settings::read(defaults).unwrap();
}

#[test]
fn permissions_name_functions_that_exist_and_nothing_at_large() {
    let known: BTreeSet<String> = operations()
        .unwrap()
        .into_iter()
        .map(|operation| operation.id)
        .chain([CONSOLE, NOT_FOUND, REAPER].map(str::to_owned))
        .chain(WORKERS.map(str::to_owned))
        .collect();
    let granted: Vec<_> = GRANTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(granted.is_sorted(), "keep GRANTS in order");
    assert_eq!(granted.into_iter().collect::<BTreeSet<_>>(), known);
    // Policies of AWS are for what has no resources that could be named, and come with services that ask for them.
    let managed =
        BTreeMap::from([("ApiGatewayLogRole", "AmazonAPIGatewayPushToCloudWatchLogs"), ("ExecutorRole", "AWSLambdaENIManagementAccess")]);
    let template = template().unwrap();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let of_aws = (!properties["ManagedPolicyArns"].is_null()).then(|| properties["ManagedPolicyArns"].to_string());
        match (managed.get(name.as_str()), of_aws) {
            (Some(expected), Some(found)) => assert!(found.contains(expected) && found.matches(":policy/").count() == 1, "{name}: {found}"),
            (expected, found) => assert_eq!((expected, found), (None, None), "{name}"),
        }
        let roles = properties["Policies"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|policy| &policy["PolicyDocument"])
            .filter(|_| resource["Type"] == "AWS::IAM::Role");
        let endpoints = Some(&properties["PolicyDocument"]).filter(|_| resource["Type"] == "AWS::EC2::VPCEndpoint");
        for policy in roles.chain(endpoints) {
            for statement in policy["Statement"].as_array().unwrap() {
                let statement = if statement["Fn::If"].is_array() { &statement["Fn::If"][1] } else { statement };
                // All objects below a prefix are the only resources that are not named one by one.
                let resources = statement["Resource"].to_string().replace("/*\"", "\"");
                assert!(!statement["Resource"].is_null() && !resources.contains('*'), "{name}: {resources}");
                let actions = statement["Action"].as_array().unwrap_or_else(|| panic!("{name}: actions are a list"));
                assert!(actions.iter().all(|action| !action.as_str().unwrap().contains('*')), "{name}: {actions:?}");
            }
        }
    }
}

#[test]
fn the_gateway_may_invoke_what_routes_lead_to() {
    let template = template().unwrap();
    let statement = &template["Resources"]["ApiInvokeRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0];
    let allowed: BTreeSet<_> =
        statement["Resource"].as_array().unwrap().iter().map(|arn| arn["Fn::GetAtt"][0].as_str().unwrap().to_owned()).collect();
    let ids = operations().unwrap().into_iter().map(|operation| operation.id).chain([CONSOLE, NOT_FOUND].map(str::to_owned));
    assert_eq!(allowed, ids.clone().map(|id| format!("{}Function", logical_name(&id))).collect());
    // IAM takes 10,240 characters in a role's own policies. Names of stacks have up to 24, and those of regions hardly more than 14.
    let longest: usize = ids.map(|id| "\"arn:aws-us-gov:lambda:ap-southeast-1:123456789012:function:-\",".len() + 24 + id.len()).sum();
    assert!(longest < 10_000, "{longest}");
}

/// Without policies, the endpoints of an isolated executor would lead to everybody's buckets, tables and functions.
#[test]
fn an_isolated_executor_reaches_its_own_data_only() {
    let template = template().unwrap();
    let endpoints = template["Resources"].as_object().unwrap().iter().filter(|(_, resource)| resource["Type"] == "AWS::EC2::VPCEndpoint");
    let mut services = BTreeSet::new();
    for (name, endpoint) in endpoints {
        let statements = endpoint["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
        assert!(!statements.is_empty(), "{name}");
        for statement in statements {
            assert_eq!((&statement["Effect"], &statement["Principal"]), (&"Allow".into(), &"*".into()), "{name}");
            let actions = statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().split_once(':').unwrap().0);
            services.extend(actions.map(|service| (name.as_str(), service.to_owned())));
        }
    }
    let expected = [("DynamoDbEndpoint", "dynamodb"), ("LambdaEndpoint", "lambda"), ("S3Endpoint", "s3")];
    assert_eq!(services, expected.map(|(endpoint, service)| (endpoint, service.to_owned())).into());
}
