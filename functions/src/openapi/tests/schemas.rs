//! Everything that is read or written matches its schema and survives a round trip.

use std::fmt::Debug;
use std::sync::LazyLock;

use ade_core::eventlog::Event;
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::strategies as any;
use crate::openapi::document;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap());

/// Checks values against a schema of the document.
fn schema(name: &str) -> Validator {
    assert!(DOCUMENT["components"]["schemas"][name].is_object(), "no schema {name}");
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": DOCUMENT["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

fn conforms<T: Serialize + DeserializeOwned + PartialEq + Debug>(validator: &Validator, value: &T) -> Result<(), TestCaseError> {
    let written = serde_json::to_value(value).unwrap();
    let problems: Vec<String> = validator.iter_errors(&written).map(|error| format!("{}: {error}", error.instance_path())).collect();
    prop_assert!(problems.is_empty(), "{written:#}\n{problems:#?}");
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    prop_assert_eq!(&read, value);
    Ok(())
}

/// Both the schema and the reader refuse a field that they do not know.
fn refuses_more<T: Serialize + DeserializeOwned>(validator: &Validator, value: &T) -> Result<(), TestCaseError> {
    let mut more = serde_json::to_value(value).unwrap();
    more["colour"] = json!("red");
    prop_assert!(!validator.is_valid(&more));
    prop_assert!(serde_json::from_value::<T>(more).is_err());
    Ok(())
}

macro_rules! requests {
    ($($test:ident: $schema:literal;)+) => {$(
        #[test]
        fn $test() {
            let validator = schema($schema);
            proptest!(|(value in any::$test())| {
                conforms(&validator, &value)?;
                refuses_more(&validator, &value)?;
            });
        }
    )+};
}

macro_rules! answers {
    ($($test:ident: $schema:literal;)+) => {$(
        #[test]
        fn $test() {
            let validator = schema($schema);
            proptest!(|(value in any::$test())| conforms(&validator, &value)?);
        }
    )+};
}

requests! {
    create_workspace: "CreateWorkspace";
    update_workspace: "UpdateWorkspace";
    create_api_key: "CreateApiKey";
    put_member: "PutMember";
    put_safe_mode: "PutSafeMode";
    create_config: "CreateConfig";
    create_config_upload: "CreateConfigUpload";
    import_config: "ImportConfig";
    move_config_file: "MoveConfigFile";
    update_config: "UpdateConfig";
    create_document: "CreateDocument";
    create_build: "CreateBuild";
    create_run: "CreateRun";
    create_runs: "CreateRuns";
    retry_run: "RetryRun";
}

answers! {
    workspace: "Workspace";
    created_api_key: "CreatedApiKey";
    config: "Config";
    config_files: "ConfigFiles";
    config_upload: "ConfigUpload";
    config_version: "ConfigVersionDetails";
    config_diff: "ConfigDiff";
    config_validation: "ConfigValidation";
    created_document: "CreatedDocument";
    build: "Build";
    run: "Run";
    run_list: "List_Run";
    run_logs: "RunLogs";
    run_output: "RunOutput";
    run_issue: "RunIssue";
    sheet_list: "List_Sheet";
    sheet_preview: "SheetPreview";
    run_summary: "RunSummary";
    download: "Download";
    member: "Member";
    safe_mode: "SafeMode";
    meta: "Meta";
    health: "Health";
    event: "Event";
    problem: "Problem";
}

#[test]
fn every_type_of_event_is_tried() {
    let body = serde_json::to_string(&DOCUMENT["components"]["schemas"]["EventBody"]).unwrap();
    for kind in any::EVENT_TYPES {
        assert!(body.contains(&format!("\"{kind}\"")), "{kind} is not in the document");
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let event: Event = any::event().new_tree(&mut runner).unwrap().current();
        seen.insert(serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, any::EVENT_TYPES.iter().map(|kind| (*kind).to_owned()).collect());
}
