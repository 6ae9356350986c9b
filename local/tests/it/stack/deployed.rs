//! The deployment template on an emulator of AWS: `ade deploy`, the whole path through its API Gateway and its Lambda, an update and
//! its revert, `ade destroy`, and a new stack that takes up the data.
//!
//! Emulators can neither stream nor run images, so this is the template with `ResponseStreaming=false` and `ExecutorPackage=zip`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ade_infra::grants::GRANTS;
use http::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::client::{Answer, Api};
use super::contract::Contract;
use super::fixtures::MESSY;
use super::server::{ADE, Bucket, ade, emulator, eventually, eventually_within, id, lacks};

/// A deployed stack.
struct Deployed {
    endpoint: String,
    stack: String,
    binaries: tempfile::TempDir,
}

impl Deployed {
    async fn new() -> Self {
        let endpoint = emulator().expect("TEST_AWS_ENDPOINT_URL names the emulator");
        let binaries = tempfile::tempdir().unwrap();
        for (function, _) in GRANTS {
            // Names of functions and lines are most of a debug build.
            let built = Path::new(ADE).with_file_name(function);
            let stripped = Command::new("strip").arg("-o").arg(binaries.path().join(function)).arg(built).status().await.unwrap();
            assert!(stripped.success(), "{function}");
        }
        let stack = format!("t{}", ulid_like());
        Self { endpoint, stack, binaries }
    }

    /// Runs a command about the stack; what it prints. Waits as a task, so that a connection which the emulator closes meanwhile is known to
    /// be closed by the next request.
    async fn ade(&self, command: &[&str], more: &[&str]) -> String {
        let target = ["--stack", &self.stack, "--aws-endpoint-url", &self.endpoint];
        let mut command = Command::from(ade(&[command, &target, more].concat()));
        let output = command.current_dir(repository()).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command:?}: {}\n{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    async fn deploy(&self, more: &[&str]) -> String {
        let binaries = self.binaries.path().to_str().unwrap();
        let without_alarms: &[&str] = if lacks("metric-math") { &["--parameter", "MetricMath=false"] } else { &[] };
        self.ade(&["deploy"], &[&["--binaries", binaries], without_alarms, more].concat()).await
    }

    fn bucket(&self, of: &str) -> Bucket {
        let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
        Bucket::of(&self.endpoint, &format!("{}-{of}-000000000000-us-east-1", self.stack), credentials)
    }

    /// Deploys, and the API of what was deployed.
    async fn deployed_api(&self) -> String {
        let said = self.deploy(&[]).await;
        said.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_else(|| panic!("no URL in {said}")).to_owned()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn ulid_like() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}

#[tokio::test]
#[ignore = "needs an emulator of AWS: make localstack-test"]
async fn the_template_deploys_runs_updates_and_goes_away() {
    let deployed = Deployed::new().await;
    let planned = deployed.deploy(&["--plan"]).await;
    assert!(planned.contains("× Add") && planned.contains("Nothing was changed"), "{planned}");
    assert!(!deployed.bucket("code").exists().await, "a plan makes no bucket");
    let url = deployed.deployed_api().await;
    let key: Value = serde_json::from_str(&deployed.ade(&["admin", "bootstrap"], &["--json"]).await).unwrap();
    let api = Api::new(&url, key["secret"].as_str(), Arc::new(Contract::read()));

    let health = api.get("/health").await.expect(200);
    assert_eq!(health["status"], "available", "{health:#}");
    if !lacks("any-method") {
        api.get("/nowhere").await.refused(404, "not_found");
    }
    api.with_key(None).get("/workspaces").await.refused(401, "unauthorized");

    let workspace = id(&api.post("/workspaces", &json!({ "name": "Test", "slug": "test" })).await.expect(201));
    let config = json!({ "name": "Default", "source": { "type": "template" } });
    let config = id(&api.post(&format!("/workspaces/{workspace}/configs"), &config).await.expect(201));
    let document = upload(&api, &workspace).await;

    let build = id(&api.post(&format!("/workspaces/{workspace}/configs/{config}/builds"), &json!({})).await.expect(201));
    let built = eventually("the build ends", async || over(&api.get(&format!("/builds/{build}")).await)).await;
    assert_eq!(built["status"], "active", "{built:#}");

    let first = run(&api, &config, &document).await;
    assert_eq!(first["build_id"], json!(build));
    check_results(&api, &first).await;

    // People's way through all of it; where there is no browser it says so. Nothing is streamed here, so the console polls.
    let walk = ["walk", &url, key["secret"].as_str().unwrap()];
    let walk = Command::new("local/dev/console").args(walk).current_dir(repository()).status().await;
    assert!(walk.unwrap().success(), "the console's walk");

    // An update and its revert: what was there stays readable, and work goes on.
    let unchanged = deployed.deploy(&[]).await;
    assert!(unchanged.contains("Nothing changes"), "{unchanged}");
    let get_run = deployed.binaries.path().join("get-run");
    let before = std::fs::read(&get_run).unwrap();
    // The loader ignores what follows a program's sections.
    let after = [&before[..], b"another version"].concat();
    for (code, limit) in [(after, "RunMemoryLimit=3GiB"), (before, "RunMemoryLimit=4GiB")] {
        std::fs::write(&get_run, code).unwrap();
        let uploaded = deployed.bucket("code").list("").await;
        let planned = deployed.deploy(&["--plan", "--parameter", limit]).await;
        assert_eq!(deployed.bucket("code").list("").await, uploaded, "a plan leaves nothing in the bucket");
        let changed = deployed.deploy(&["--parameter", limit]).await;
        for said in [&planned, &changed] {
            for function in ["GetRunFunction", "ExecutorFunction"] {
                let change = said.lines().find(|line| line.contains(function)).unwrap_or_default();
                assert!(change.contains("Modify"), "{function} is updated in place: {said}");
            }
            assert!(!said.contains("GetBuildFunction"), "only what is different changes: {said}");
        }
        assert_eq!(api.get(&format!("/runs/{}", id(&first))).await.expect(200), first);
        check_results(&api, &first).await;
        check_results(&api, &run(&api, &config, &document).await).await;
    }

    let kept = deployed.bucket("data").list("runs/").await.len();
    assert!(kept > 0);
    deployed.ade(&["destroy"], &["--yes"]).await;
    assert_eq!(deployed.bucket("data").list("runs/").await.len(), kept, "data survives the stack");

    // A new stack of the name takes up what is kept: the key, the run of before, and work goes on.
    if !lacks("imports") {
        let url = deployed.deployed_api().await;
        let api = Api::new(&url, key["secret"].as_str(), Arc::new(Contract::read()));
        assert_eq!(api.get(&format!("/runs/{}", id(&first))).await.expect(200), first);
        check_results(&api, &first).await;
        check_results(&api, &run(&api, &config, &document).await).await;
        deployed.ade(&["destroy"], &["--yes"]).await;
    }
}

async fn upload(api: &Api, workspace: &str) -> String {
    let body = json!({ "name": "return.xlsx", "byte_size": MESSY.len(), "content_type": "application/octet-stream" });
    let document = api.post(&format!("/workspaces/{workspace}/documents"), &body).await.expect(201);
    let upload = &document["upload"];
    let mut request = api.http().put(upload["url"].as_str().unwrap()).body(MESSY);
    for (name, value) in upload["headers"].as_object().unwrap() {
        if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
            request = request.header(name, value.as_str().unwrap());
        }
    }
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    id(&api.post(&format!("/documents/{}/complete", id(&document)), &json!({})).await.expect(200))
}

/// Starts a run and waits for its end; its record.
async fn run(api: &Api, config: &str, document: &str) -> Value {
    let created = api.post(&format!("/configs/{config}/runs"), &json!({ "input_documents": [document] })).await;
    let run = id(&created.expect(201));
    // LocalStack may lose an asynchronous call while it replaces the function; then the reaper calls again, within two minutes.
    let patience = std::time::Duration::from_mins(3);
    let ended = eventually_within(patience, "the run ends", async || over(&api.get(&format!("/runs/{run}")).await)).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    ended
}

fn over(answer: &Answer) -> Option<Value> {
    Some(answer.expect(200)).filter(|record| !record["finished"].is_null())
}

/// Panics unless the run's events, log, outputs and audit record are there.
async fn check_results(api: &Api, run: &Value) {
    let run_id = id(run);
    let logs = api.get(&format!("/runs/{run_id}/logs")).await.expect(200);
    assert!(!logs["entries"].as_array().unwrap().is_empty());
    let events = api.get(&format!("/runs/{run_id}/events?follow=false")).await;
    assert_eq!(events.status, 200);
    assert_eq!(
        events.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64,
        run["last_event_id"].as_u64().unwrap()
    );
    let outputs = api.get(&format!("/runs/{run_id}/outputs")).await.expect(200);
    let name = outputs["data"][0]["name"].as_str().unwrap();
    for (path, start) in [(format!("outputs/{name}"), &b"PK"[..]), ("artifact".to_owned(), b"{")] {
        let request = api.request(Method::GET, &format!("/runs/{run_id}/{path}")).header("accept", "application/json");
        let link = api.send(request).await.expect(200);
        let content = api.http().get(link["url"].as_str().unwrap()).send().await.unwrap();
        assert!(content.bytes().await.unwrap().starts_with(start), "{path}");
    }
}
