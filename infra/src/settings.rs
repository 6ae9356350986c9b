//! Settings of functions that are parameters of the stack as they are.
//!
//! A parameter has its setting's name, default and meaning: `ADE_RUN_RETENTION` is `RunRetention`. Settings that the stack itself decides,
//! or that mean something else on Lambda, are in `stack.yaml`.

use ade_core::settings::{DECLARATIONS, Declaration, Settings};
use serde_json::{Map, Value, json};

use crate::{InfraError, logical_name};

/// What every function reads.
const EVERYWHERE: [&str; 13] = [
    "ADE_ARCHIVE_RETENTION",
    "ADE_BUILD_TIMEOUT_SECONDS",
    "ADE_DELETED_RETENTION",
    "ADE_DOCUMENT_EXPANDED_LIMIT",
    "ADE_DOCUMENT_RETENTION",
    "ADE_DOCUMENT_SIZE_LIMIT",
    "ADE_ENGINE_SPEC",
    "ADE_MAX_ATTEMPTS",
    "ADE_PRESIGN_SECONDS",
    "ADE_RUN_RETENTION",
    "ADE_RUN_TIMEOUT_SECONDS",
    "ADE_UPLOAD_RETENTION",
    "ADE_WORKSPACE_RUNS",
];

/// What only the executor and the builder read.
const OF_WORKERS: [&str; 7] = [
    "ADE_LOG_BYTES_LIMIT",
    "ADE_LOG_LINES_LIMIT",
    "ADE_RUN_CPU_SECONDS",
    "ADE_RUN_FILE_SIZE_LIMIT",
    "ADE_RUN_OPEN_FILES",
    "ADE_RUN_PROCESSES",
    "ADE_SANDBOX",
];

/// The parameters, by name.
pub(crate) fn parameters() -> Result<Map<String, Value>, InfraError> {
    EVERYWHERE.iter().chain(&OF_WORKERS).map(|name| Ok((parameter_name(name), parameter(declaration(name)?)))).collect()
}

/// The environment variables of every function, or of a worker, that have their values from parameters.
pub(crate) fn variables(worker: bool) -> Map<String, Value> {
    let of_workers = OF_WORKERS.iter().filter(|_| worker);
    EVERYWHERE.iter().chain(of_workers).map(|name| ((*name).to_owned(), json!({ "Ref": parameter_name(name) }))).collect()
}

fn declaration(name: &str) -> Result<&'static Declaration, InfraError> {
    DECLARATIONS.iter().find(|declaration| declaration.name == name).ok_or_else(|| InfraError::NoSetting(name.to_owned()))
}

fn parameter_name(setting: &str) -> String {
    logical_name(&setting.trim_start_matches("ADE_").to_lowercase())
}

/// A value that no function would start with is refused before the stack changes.
fn parameter(setting: &Declaration) -> Value {
    let doc = setting.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parameter = json!({ "Type": "String", "Default": setting.default, "Description": format!("{doc} ({})", setting.name) });
    let pattern = match setting.kind {
        "number" | "seconds" => Some("[1-9][0-9]*"),
        "bytes" => Some("[1-9][0-9]* ?([KMG]iB)?"),
        "period" => Some("[1-9][0-9]* ?[dhms]"),
        "required, on or off" => Some("required|on|off"),
        _ => None,
    };
    if let Some(pattern) = pattern {
        let may_be_empty = Settings::read([(setting.name.to_owned(), String::new())]).is_ok();
        parameter["AllowedPattern"] = format!("^({pattern}){}$", if may_be_empty { "?" } else { "" }).into();
    }
    parameter
}
