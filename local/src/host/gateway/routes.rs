//! The route table, read from the API's `openapi.json`.
//!
//! The document is the one source of routes: API Gateway's definition is generated from it, and so is this table.
//! `servers[0].url` is the base path; an operation's `operationId` names its function; with the extension
//! `x-ade-greedy` the last path parameter takes the rest of the path (API Gateway's `{path+}`).
//! Paths are matched as they were sent; parameters are percent-decoded afterwards, so an encoded slash stays inside
//! its parameter.

use std::collections::BTreeMap;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::problem::Problem;

/// The routes of the API.
pub struct RouteTable {
    router: matchit::Router<Resource>,
    operations: Vec<String>,
}

/// A path and what can be done there.
struct Resource {
    /// The path in API Gateway's syntax: `/api/v1/configs/{config_id}/files/{path+}`.
    template: String,
    methods: BTreeMap<String, String>,
}

/// Why a document is not a route table.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// Not JSON, or without paths.
    #[error("the OpenAPI document cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// An operation that names no function.
    #[error("{method} {path} has no operationId")]
    NoOperationId {
        /// The operation's method.
        method: String,
        /// The operation's path.
        path: String,
    },
    /// Operations of one path disagree about its last parameter.
    #[error("{0}: either all or none of the operations of a path may be x-ade-greedy")]
    MixedGreedy(String),
    /// A path that cannot be told apart from another one.
    #[error("{path}: {source}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        source: matchit::InsertError,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    servers: Vec<Server>,
    paths: BTreeMap<String, PathItem>,
}

#[derive(Deserialize)]
struct Server {
    url: String,
}

#[derive(Deserialize)]
struct PathItem {
    get: Option<Operation>,
    put: Option<Operation>,
    post: Option<Operation>,
    delete: Option<Operation>,
    patch: Option<Operation>,
    head: Option<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "operationId")]
    operation_id: Option<String>,
    #[serde(rename = "x-ade-greedy", default)]
    greedy: bool,
}

impl RouteTable {
    /// Reads the document.
    pub fn from_openapi(document: &str) -> Result<Self, RouteError> {
        let Document { servers, paths } = serde_json::from_str(document)?;
        let base = servers.first().map_or("", |server| base_path(&server.url));
        let mut router = matchit::Router::new();
        let mut operations = Vec::new();
        for (path, item) in paths {
            let path = format!("{base}{path}");
            let PathItem { get, put, post, delete, patch, head } = item;
            let declared = [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch), ("HEAD", head)];
            let mut methods = BTreeMap::new();
            let mut greedy = Vec::new();
            for (method, operation) in declared {
                let Some(operation) = operation else { continue };
                let Some(id) = operation.operation_id else {
                    return Err(RouteError::NoOperationId { method: method.to_owned(), path });
                };
                greedy.push(operation.greedy);
                operations.push(id.clone());
                methods.insert(method.to_owned(), id);
            }
            greedy.dedup();
            let (pattern, template) = match greedy.as_slice() {
                [] => continue,
                [false] => (path.clone(), path.clone()),
                [true] => greedy_path(&path),
                _ => return Err(RouteError::MixedGreedy(path)),
            };
            let resource = Resource { template, methods };
            router.insert(pattern, resource).map_err(|source| RouteError::Path { path, source })?;
        }
        operations.sort_unstable();
        operations.dedup();
        Ok(Self { router, operations })
    }

    /// The ids of all operations, each once, in alphabetical order.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(String::as_str)
    }

    /// What can be done at a path.
    pub(super) fn find(&self, path: &str) -> Result<Methods<'_>, Problem> {
        let matched = self.router.at(path).map_err(|_| Problem::not_found())?;
        let parameters = matched
            .params
            .iter()
            .map(|(name, value)| match percent_decode_str(value).decode_utf8() {
                Ok(value) => Ok((name.to_owned(), value.into_owned())),
                Err(_) => Err(Problem::bad_request(format!("The path parameter {name} is not UTF-8."))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Methods { resource: matched.value, parameters })
    }
}

/// A path of the API that was found, with its parameters.
pub(super) struct Methods<'a> {
    resource: &'a Resource,
    parameters: BTreeMap<String, String>,
}

impl<'a> Methods<'a> {
    /// The methods, as a header lists them.
    pub(super) fn allowed(&self) -> String {
        self.resource.methods.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The operation of this method. An unknown method is no different from an unknown path.
    pub(super) fn route(self, method: &Method) -> Result<Matched<'a>, Problem> {
        let operation = self.resource.methods.get(method.as_str()).ok_or_else(Problem::not_found)?;
        Ok(Matched { operation, template: &self.resource.template, parameters: self.parameters })
    }
}

/// An operation of the API that a request is for.
pub(super) struct Matched<'a> {
    pub(super) operation: &'a str,
    /// The path in API Gateway's syntax.
    pub(super) template: &'a str,
    /// Decoded.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Matched<'_> {
    /// What API Gateway's `/{proxy+}` makes of a path.
    pub(super) fn proxied(path: &str) -> Self {
        let rest = path.strip_prefix('/').unwrap_or(path);
        match rest {
            "" => Self { operation: "console", template: "/", parameters: BTreeMap::new() },
            _ => Self { operation: "console", template: "/{proxy+}", parameters: BTreeMap::from([("proxy".to_owned(), rest.to_owned())]) },
        }
    }
}

/// Whether a request is for a page or a file of the web console: what is not below `/api` is, if it only reads.
pub(super) fn is_for_console(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && path != "/api" && !path.starts_with("/api/")
}

/// The path of a server's URL, without a slash at its end.
fn base_path(url: &str) -> &str {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => url,
    };
    path.trim_end_matches('/')
}

/// The router's pattern and API Gateway's template of a path whose last parameter takes the rest.
fn greedy_path(path: &str) -> (String, String) {
    let (start, name) = path.rsplit_once('{').unwrap_or((path, ""));
    let name = name.trim_end_matches('}');
    (format!("{start}{{*{name}}}"), format!("{start}{{{name}+}}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DOCUMENT: &str = r#"{
        "openapi": "3.1.0",
        "servers": [{"url": "/api/v1"}],
        "paths": {
            "/health": {"get": {"operationId": "health"}},
            "/runs/{run_id}": {"get": {"operationId": "get-run"}},
            "/runs/{run_id}/outputs/{path}": {"get": {"operationId": "download-run-output", "x-ade-greedy": true}},
            "/runs/batch": {"post": {"operationId": "create-runs"}},
            "/configs/{config_id}": {
                "parameters": [],
                "get": {"operationId": "get-config"},
                "delete": {"operationId": "delete-config"}
            },
            "/configs/{config_id}/versions/{version_id}": {"get": {"operationId": "get-config-version"}},
            "/configs/{config_id}/versions/{version_id}/diff/{other_version_id}": {"get": {"operationId": "diff-config-versions"}}
        }
    }"#;

    /// Method, path, and what they lead to: operation, template, parameters.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [(&'a str, &'a str)]);

    #[test]
    fn requests_find_their_operation() {
        let table = RouteTable::from_openapi(DOCUMENT).unwrap();
        let cases: &[Case<'_>] = &[
            ("GET", "/api/v1/health", "health", "/api/v1/health", &[]),
            ("GET", "/api/v1/runs/run_1", "get-run", "/api/v1/runs/{run_id}", &[("run_id", "run_1")]),
            ("GET", "/api/v1/runs/a%2Fb%20c", "get-run", "/api/v1/runs/{run_id}", &[("run_id", "a/b c")]),
            ("POST", "/api/v1/runs/batch", "create-runs", "/api/v1/runs/batch", &[]),
            (
                "GET",
                "/api/v1/runs/r/outputs/a/b%2Bc/d.xlsx",
                "download-run-output",
                "/api/v1/runs/{run_id}/outputs/{path+}",
                &[("path", "a/b+c/d.xlsx"), ("run_id", "r")],
            ),
            (
                "GET",
                "/api/v1/configs/c/versions/x/diff/y",
                "diff-config-versions",
                "/api/v1/configs/{config_id}/versions/{version_id}/diff/{other_version_id}",
                &[("config_id", "c"), ("other_version_id", "y"), ("version_id", "x")],
            ),
        ];
        for (method, path, operation, template, parameters) in cases {
            let matched = table.find(path).unwrap().route(&Method::from_bytes(method.as_bytes()).unwrap()).unwrap();
            assert_eq!((matched.operation, matched.template), (*operation, *template), "{path}");
            let found: Vec<_> = matched.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, *parameters, "{path}");
        }
    }

    #[test]
    fn other_paths_and_methods_are_not_found() {
        let table = RouteTable::from_openapi(DOCUMENT).unwrap();
        for path in ["/", "/health", "/api/v1", "/api/v1/", "/api/v1/runs/", "/api/v1/runs/r/", "/api/v1/runs/r/outputs/"] {
            assert!(table.find(path).is_err(), "{path}");
        }
        assert!(table.find("/api/v1/health").unwrap().route(&Method::POST).is_err());
        assert!(table.find("/api/v1/runs/%ff").is_err());
        assert_eq!(table.find("/api/v1/configs/c").unwrap().allowed(), "DELETE, GET");
    }

    #[test]
    fn the_console_gets_what_is_read_outside_the_api() {
        for path in ["/", "/w/ws_1/runs", "/assets/index.js", "/apidocs", "/health"] {
            assert!(is_for_console(&Method::GET, path) && is_for_console(&Method::HEAD, path), "{path}");
            assert!(!is_for_console(&Method::POST, path), "{path}");
        }
        for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/runs"] {
            assert!(!is_for_console(&Method::GET, path), "{path}");
        }
        assert_eq!(Matched::proxied("/").template, "/");
        assert_eq!(Matched::proxied("/w/ws_1").parameters["proxy"], "w/ws_1");
    }

    #[test]
    fn a_document_that_leaves_something_open_is_refused() {
        let with = |paths: &str| RouteTable::from_openapi(&format!(r#"{{"paths": {{{paths}}}}}"#)).err().unwrap().to_string();
        assert_eq!(with(r#""/a": {"get": {}}"#), "GET /a has no operationId");
        let mixed = r#""/a/{p}": {"get": {"operationId": "x", "x-ade-greedy": true}, "put": {"operationId": "y"}}"#;
        assert!(with(mixed).contains("x-ade-greedy"));
        let ambiguous = r#""/a/{p}": {"get": {"operationId": "x"}}, "/a/{q}": {"get": {"operationId": "y"}}"#;
        assert!(with(ambiguous).starts_with("/a/{q}"));
        assert!(RouteTable::from_openapi("[]").is_err());
    }

    #[test]
    fn the_base_path_comes_from_the_first_server() {
        for (url, base) in
            [("/api/v1", "/api/v1"), ("/api/v1/", "/api/v1"), ("/", ""), ("https://x.example/p", "/p"), ("https://x.example", "")]
        {
            assert_eq!(base_path(url), base);
        }
    }
}
