//! The committed document is what the handlers say, and names exactly the binaries there are.

use std::collections::BTreeSet;
use std::path::Path;

use crate::openapi::{document, text};

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

/// Binaries that are no operations: one answers what no operation does, one is called on a schedule.
const NO_OPERATIONS: [&str; 2] = ["not-found", "reaper"];

#[test]
fn openapi_document_is_up_to_date() {
    let path = Path::new(MANIFEST).join("../docs/openapi.json");
    let derived = text().unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &derived).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == derived, "docs/openapi.json is stale: run `make openapi` and look at the difference");
}

#[test]
fn every_operation_has_its_binary_and_the_other_way_round() {
    let document = serde_json::to_value(document()).unwrap();
    let operations: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| Some(operation.get("operationId")?.as_str()?.to_owned()))
        .collect();
    let unique: BTreeSet<String> = operations.iter().cloned().collect();
    assert_eq!(unique.len(), operations.len(), "an operationId is used twice");
    let binaries: BTreeSet<String> = std::fs::read_dir(Path::new(MANIFEST).join("src/bin"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !NO_OPERATIONS.contains(&name.as_str()))
        .collect();
    assert_eq!(binaries, unique);
}

#[test]
fn every_operation_is_complete() {
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name} has not one tag");
            let declared: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
                .filter_map(|p| p["name"].as_str())
                .collect();
            let in_path: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(declared, in_path, "{name}");
            assert!(operation["responses"]["500"]["content"]["application/problem+json"].is_object(), "{name} declares no problems");
        }
    }
}
