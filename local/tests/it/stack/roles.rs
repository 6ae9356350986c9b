//! Who may do what: every role against every operation of the API.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::archives::archive;
use super::client::Answer;
use super::contract::Operation;
use super::fixtures::PEOPLE;
use super::server::{Stack, id, lacks, run_of};

const ROLES: [&str; 4] = ["viewer", "operator", "editor", "admin"];

/// The least role that may use an operation. A new operation has to be entered here.
pub(super) fn least_role(operation: &str) -> &'static str {
    match operation {
        "health" | "get-openapi" | "get-docs" => "anybody",
        "get-meta" | "get-safe-mode" => "anybody who signed in",
        "list-workspaces"
        | "get-workspace"
        | "list-configs"
        | "get-config"
        | "list-config-files"
        | "get-config-file"
        | "export-config"
        | "list-config-versions"
        | "get-config-version"
        | "diff-config-versions"
        | "list-builds"
        | "get-build"
        | "list-build-logs"
        | "follow-build-events"
        | "get-document"
        | "list-documents"
        | "list-document-sheets"
        | "preview-document"
        | "download-document"
        | "list-runs"
        | "get-run"
        | "list-run-logs"
        | "download-run-log"
        | "follow-run-events"
        | "get-run-summary"
        | "list-run-issues"
        | "get-run-artifact"
        | "list-run-outputs"
        | "preview-run-output"
        | "download-run-output" => "viewer",
        "create-document" | "complete-document" | "delete-document" | "create-run" | "create-runs" | "retry-run" | "cancel-run" => {
            "operator"
        }
        "create-config"
        | "update-config"
        | "delete-config"
        | "put-config-file"
        | "delete-config-file"
        | "move-config-file"
        | "create-config-upload"
        | "import-config"
        | "validate-config"
        | "create-build"
        | "cancel-build" => "editor",
        "create-api-key" | "list-api-keys" | "revoke-api-key" | "update-workspace" | "list-members" | "put-member" | "delete-member" => {
            "admin"
        }
        "create-workspace" | "delete-workspace" | "put-safe-mode" | "sweep" => "system_admin",
        other => panic!("who may use {other}?"),
    }
}

/// A file of a config that nothing depends on.
const CONFIG_FILE: &str = "notes.txt";

/// An archive that is there when it is asked for.
const UPLOAD: &str = "upl_01JZX3Q4T5V6W7X8Y9ZABCDEFG";

/// Things to ask for, all of one workspace.
pub(super) struct Things {
    workspace: String,
    config: String,
    version: String,
    build: String,
    document: String,
    run: String,
    output: String,
    key: String,
}

/// Whom a test makes a member.
const SUBJECT: &str = "auth0|5f7c8ec7";

impl Things {
    pub(super) async fn make(stack: &Stack) -> Self {
        let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
        let stream = stack.run(&config, &document).await;
        let run = run_of(&stream);
        let events = stream.rest().await;
        let output = events[events.len() - 1]["output_paths"][0].as_str().unwrap().to_owned();
        let build = stack.api.get(&format!("/runs/{run}")).await.expect(200)["build_id"].as_str().unwrap().to_owned();
        let version = stack.api.get(&format!("/builds/{build}")).await.expect(200)["config_version_id"].as_str().unwrap().to_owned();
        let key = stack.api.post(&stack.in_workspace("api-keys"), &json!({ "name": "Spare", "role": "viewer" })).await.expect(201);
        Self { workspace: stack.workspace.clone(), config, version, build, document, run, output, key: id(&key) }
    }

    fn path(&self, operation: &Operation) -> String {
        let values = [
            ("{workspace_id}", &self.workspace),
            ("{config_id}", &self.config),
            ("{version_id}", &self.version),
            ("{other_version_id}", &self.version),
            ("{build_id}", &self.build),
            ("{document_id}", &self.document),
            ("{run_id}", &self.run),
            ("{path}", &self.output),
            ("{key_id}", &self.key),
            ("{subject}", &SUBJECT.replace('|', "%7C")),
        ];
        let path = values.into_iter().fold(operation.path.clone(), |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "{path}: what is that?");
        path
    }

    /// A body that the operation accepts.
    fn body(&self, operation: &Operation) -> Value {
        match operation.id.as_str() {
            "create-workspace" => json!({ "name": "Another" }),
            "put-member" => json!({ "role": "viewer" }),
            "put-safe-mode" => json!({ "enabled": false }),
            "create-api-key" => json!({ "name": "Another", "role": "viewer" }),
            "create-config" => json!({ "name": "Another", "source": { "type": "template" } }),
            "create-config-upload" => json!({ "byte_size": 1, "sha256": "00".repeat(32) }),
            "import-config" => json!({ "upload_id": UPLOAD }),
            "create-document" => json!({ "name": "another.csv", "byte_size": 1, "content_type": "text/csv" }),
            "move-config-file" => json!({ "from": CONFIG_FILE, "to": "moved.txt" }),
            "create-run" => json!({ "input_documents": [self.document] }),
            "create-runs" => json!({ "config_id": self.config, "input_documents": [self.document] }),
            _ => json!({}),
        }
    }

    pub(super) async fn ask(&self, stack: &Stack, operation: &Operation, key: Option<&str>) -> Answer {
        let api = stack.api.with_key(key);
        let path = match operation.id.as_str() {
            // Whoever may delete it needs one that is not needed any more.
            "delete-config" | "import-config" => {
                operation.path.replace("{workspace_id}", &self.workspace).replace("{config_id}", &stack.config().await)
            }
            "get-config-file" | "put-config-file" | "delete-config-file" => operation
                .path
                .replace("{path}", CONFIG_FILE)
                .replace("{workspace_id}", &self.workspace)
                .replace("{config_id}", &self.config),
            "delete-document" => operation.path.replace("{document_id}", &stack.document("old.csv", PEOPLE).await),
            _ => self.path(operation),
        };
        let mut request = api.request(operation.method.clone(), &path);
        if operation.id == "import-config" {
            stack.bucket().put(&format!("imports/{}/{UPLOAD}.zip", self.workspace), &archive(&[("notes.txt", "x")])).await;
            let files = stack.api.get(&path.replace("/import", "/files")).await.expect(200);
            request = request.header("if-match", format!("\"{}\"", files["fileset_hash"].as_str().unwrap()));
        }
        let request = match operation.id.as_str() {
            "put-config-file" => {
                stack.bucket().delete(&self.draft_key(CONFIG_FILE)).await;
                request.header("if-none-match", "*").body("new")
            }
            "delete-config-file" => {
                stack.bucket().put(&self.draft_key(CONFIG_FILE), b"old").await;
                let listed = stack.api.get(&stack.in_workspace(&format!("configs/{}/files", self.config))).await.expect(200);
                let file = listed["files"].as_array().unwrap().iter().find(|file| file["path"] == CONFIG_FILE).unwrap();
                request.header("if-match", file["etag"].as_str().unwrap())
            }
            "get-config-file" | "move-config-file" => {
                stack.bucket().put(&self.draft_key(CONFIG_FILE), b"old").await;
                stack.bucket().delete(&self.draft_key("moved.txt")).await;
                if operation.method == Method::POST { request.json(&self.body(operation)) } else { request }
            }
            _ if [Method::POST, Method::PUT, Method::PATCH].contains(&operation.method) => request.json(&self.body(operation)),
            _ => request,
        };
        if operation.id == "delete-member" {
            let member = stack.api.request(Method::PUT, &path).json(&json!({ "role": "viewer" }));
            stack.api.send(member).await.expect(200);
        }
        api.send(request).await
    }

    fn draft_key(&self, path: &str) -> String {
        format!("configs/{}/draft/{path}", self.config)
    }
}

/// Whether the caller may do this, though it may have been done already.
fn is_allowed(operation: &Operation, answer: &Answer) -> bool {
    let code = if answer.status == 409 { answer.json()["code"].clone() } else { Value::Null };
    match operation.id.as_str() {
        "cancel-run" | "cancel-build" => answer.status < 400 || answer.status == 409,
        "delete-workspace" => answer.status < 400 || code == "workspace_not_empty",
        _ => answer.status < 400,
    }
}

/// Whether an emulator can't do what the operation needs: these delete a file only as it was read.
fn is_excused(operation: &Operation, answer: &Answer) -> bool {
    let deletes = ["delete-config-file", "import-config", "move-config-file"].contains(&operation.id.as_str());
    deletes && lacks("conditional-deletes") && answer.status == 503
}

#[tokio::test]
async fn every_role_on_every_operation() {
    let stack = Stack::start().await;
    let things = Things::make(&stack).await;
    let mut keys = Vec::new();
    for role in ROLES {
        keys.push((role, stack.key_of(role).await));
    }
    let mut answered = BTreeSet::new();
    for operation in stack.api.contract().operations() {
        let least = least_role(&operation.id);
        let anonymous = things.ask(&stack, &operation, None).await.status;
        assert_eq!(anonymous == 401, least != "anybody", "{} without a key answers {anonymous}", operation.id);
        let rank = ROLES.iter().position(|role| *role == least).unwrap_or(if least.starts_with("anybody") { 0 } else { ROLES.len() });
        for (index, (role, key)) in keys.iter().enumerate() {
            let answer = things.ask(&stack, &operation, Some(key)).await;
            if index < rank {
                let problem = answer.refused(403, "permission_denied");
                assert!(problem["detail"].as_str().unwrap().contains('`'), "it names the permission: {problem:#}");
            } else {
                assert!(
                    is_allowed(&operation, &answer) || is_excused(&operation, &answer),
                    "{role} may use {}, but: {answer:?}",
                    operation.id
                );
                match operation.id.as_str() {
                    "get-workspace" => assert_eq!(answer.expect(200)["role"], *role, "each is told what it is"),
                    "list-workspaces" => assert_eq!(answer.expect(200)["data"][0]["role"], *role),
                    _ => {}
                }
                answered.insert(operation.id.clone());
            }
        }
        let system = things.ask(&stack, &operation, Some(stack.key())).await;
        assert!(is_allowed(&operation, &system) || is_excused(&operation, &system), "{}: {system:?}", operation.id);
    }
    assert!(answered.len() > 20, "{answered:?}");
}

#[tokio::test]
async fn other_workspaces_do_not_exist() {
    let stack = Stack::start().await;
    let things = Things::make(&stack).await;
    let other = id(&stack.api.post("/workspaces", &json!({ "name": "Other", "slug": "other" })).await.expect(201));
    let stranger = stack.key_in(&other, "admin").await;
    for operation in stack.api.contract().operations() {
        let answer = things.ask(&stack, &operation, Some(&stranger)).await;
        match least_role(&operation.id) {
            "anybody" | "anybody who signed in" => assert_eq!(answer.status, 200),
            "viewer" if operation.id == "list-workspaces" => {
                let seen: Vec<_> = answer.expect(200)["data"].as_array().unwrap().iter().map(id).collect();
                assert_eq!(seen, [other.as_str()]);
            }
            "system_admin" if operation.id != "delete-workspace" => drop(answer.refused(403, "permission_denied")),
            _ => assert_eq!(answer.status, 404, "{}: {answer:?}", operation.id),
        }
    }
    // Nor can the two be mixed.
    let api = stack.api.with_key(Some(&stranger));
    let config = json!({ "name": "Theirs", "source": { "type": "template" } });
    let config = id(&api.post(&format!("/workspaces/{other}/configs"), &config).await.expect(201));
    let body = json!({ "input_documents": [things.document] });
    api.post(&format!("/configs/{config}/runs"), &body).await.refused(404, "document_not_found");
    api.get(&format!("/workspaces/{other}/configs/{}", things.config)).await.refused(404, "config_not_found");
    stack.api.get(&format!("/workspaces/{other}/configs/{}", things.config)).await.refused(404, "config_not_found");
    let listed = api.get(&format!("/workspaces/{other}/runs")).await.expect(200);
    assert_eq!(listed["data"], json!([]));
    let listed = api.get(&format!("/workspaces/{other}/runs?config_id={}", things.config)).await;
    assert!(listed.status == 404 || listed.json()["data"] == json!([]), "{listed:?}");
    api.post("/workspaces", &json!({ "name": "Mine" })).await.refused(403, "permission_denied");
}
