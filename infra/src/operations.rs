//! The operations of the API, as `docs/openapi.json` lists them.

use serde_json::Value;

use crate::InfraError;

/// The API's description.
const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// Functions that no route names, because other functions or the clock invoke them.
pub const WORKERS: [&str; 2] = ["executor", "builder"];

/// The function that looks after runs and builds, on a schedule.
pub const REAPER: &str = "reaper";

/// The function that answers what no operation does.
pub const NOT_FOUND: &str = "not-found";

/// The function that serves the web console: everything that is read outside the API.
pub const CONSOLE: &str = "console";

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id, which names its function.
    pub id: String,
    /// Its method, in lower case.
    pub method: String,
    /// Its whole path in API Gateway's syntax: `/api/v1/runs/{run_id}/outputs/{path+}`.
    pub path: String,
    /// Whether its answers may be streams.
    pub streaming: bool,
    /// Whether anybody may call it.
    pub open: bool,
}

/// Every operation, in the order of their paths.
pub fn operations() -> Result<Vec<Operation>, InfraError> {
    let missing = |what: &str| InfraError::OpenApi(format!("it has no {what}"));
    let document: Value = serde_json::from_str(OPENAPI).map_err(|error| InfraError::OpenApi(error.to_string()))?;
    let base = document["servers"][0]["url"].as_str().ok_or_else(|| missing("server"))?;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().ok_or_else(|| missing("paths"))? {
        for method in ["get", "put", "post", "delete", "patch", "head"] {
            let Some(operation) = item.get(method) else { continue };
            let id = operation["operationId"].as_str().ok_or_else(|| missing(&format!("operationId for {method} {path}")))?;
            let greedy = operation["x-ade-greedy"] == true;
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_owned(),
                path: format!("{base}{}", if greedy { greedy_path(path) } else { path.clone() }),
                streaming: operation["x-ade-streaming"] == true,
                open: operation.get("security").is_some(),
            });
        }
    }
    Ok(operations)
}

/// The path with a last parameter that takes the rest.
fn greedy_path(path: &str) -> String {
    path.strip_suffix('}').map_or_else(|| path.to_owned(), |start| format!("{start}+}}"))
}
