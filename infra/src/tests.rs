#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

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
    for (name, resource) in template().unwrap()["Resources"].as_object().unwrap() {
        if resource["Type"] != "AWS::IAM::Role" {
            continue;
        }
        for policy in resource["Properties"]["Policies"].as_array().into_iter().flatten() {
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                let statement = if statement["Fn::If"].is_array() { &statement["Fn::If"][1] } else { statement };
                assert_ne!(statement["Resource"], "*", "{name}");
                let actions = statement["Action"].as_array().unwrap_or_else(|| panic!("{name}: actions are a list"));
                assert!(actions.iter().all(|action| !action.as_str().unwrap().contains('*')), "{name}: {actions:?}");
            }
        }
    }
}
