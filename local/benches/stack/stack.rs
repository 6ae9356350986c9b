//! A real `ade up`, and requests to it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

pub(crate) struct Stack {
    pub(crate) workspace: String,
    pub(crate) data_dir: PathBuf,
    client: Client,
    url: String,
    api_key: String,
    process: Child,
    _dir: tempfile::TempDir,
}

impl Stack {
    /// Starts `ade up` in an empty data directory, with another engine if one is given.
    pub(crate) async fn start(engine: Option<PathBuf>) -> Self {
        Self::start_with(engine, "on").await
    }

    /// The same, with or without the sandbox (`ADE_SANDBOX`), in which an engine reaches no program of this machine.
    pub(crate) async fn start_with(engine: Option<PathBuf>, sandbox: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("ade");
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ade"));
        command.args(["up", "--port", "0", "--data-dir"]).arg(&data_dir).current_dir(repository).stdout(Stdio::null()).kill_on_drop(true);
        command.env("ADE_SANDBOX", sandbox);
        if let Some(engine) = engine {
            command.env("ADE_ENGINE_SPEC", engine);
        }
        let process = command.spawn().expect("ade up starts");
        let ready = data_dir.join("local.json");
        let local: Value = loop {
            match std::fs::read(&ready) {
                Ok(bytes) => break serde_json::from_slice(&bytes).unwrap(),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let text = |name: &str| local[name].as_str().unwrap().to_owned();
        let client = Client::builder().tcp_nodelay(true).build().unwrap();
        Self { workspace: text("workspace_id"), url: text("url"), api_key: text("api_key"), data_dir, client, process, _dir: dir }
    }

    /// The process id of `ade up`.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id().expect("ade up runs")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.api_key)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        read(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// Uploads a document and completes it.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> String {
        let new = json!({ "name": name, "byte_size": bytes.len(), "content_type": "text/csv" });
        let document = self.post(&format!("/workspaces/{}/documents", self.workspace), &new).await;
        let mut upload = self.client.put(document["upload"]["url"].as_str().unwrap()).body(bytes);
        for (header, value) in document["upload"]["headers"].as_object().unwrap() {
            upload = upload.header(header, value.as_str().unwrap());
        }
        assert!(upload.send().await.unwrap().status().is_success(), "the upload is accepted");
        let id = document["id"].as_str().unwrap().to_owned();
        self.post(&format!("/documents/{id}/complete"), &json!({})).await;
        id
    }

    /// Starts a run and reads its events as they come, each with the moment it arrived.
    pub(crate) async fn stream_run(&self, config: &str, document: &str, metadata: Value) -> Vec<(Instant, Value)> {
        let body = json!({ "stream": true, "input_documents": [document], "options": { "metadata": metadata } });
        let response = self.request(Method::POST, &format!("/configs/{config}/runs")).json(&body).send().await.unwrap();
        events(response).await
    }

    /// Follows a run's events from the beginning.
    pub(crate) async fn follow(&self, run: &str) -> Vec<(Instant, Value)> {
        let response = self.request(Method::GET, &format!("/runs/{run}/events?follow=true")).send().await.unwrap();
        events(response).await
    }
}

async fn read(response: Response) -> Value {
    let status = response.status();
    let body = response.text().await.unwrap();
    assert!(status.is_success() || status.as_u16() == 404, "{status}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The events of a streamed answer, heartbeats left out.
pub(crate) async fn events(mut response: Response) -> Vec<(Instant, Value)> {
    assert!(response.status().is_success(), "{}", response.status());
    let (mut events, mut buffer) = (Vec::new(), Vec::new());
    while let Some(chunk) = response.chunk().await.unwrap() {
        let now = Instant::now();
        buffer.extend_from_slice(&chunk);
        let whole = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in buffer[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap();
            if event["type"] != "heartbeat" {
                events.push((now, event));
            }
        }
        buffer.drain(..whole);
    }
    events
}

/// A wheel of an `ade_engine` that prints what the run's metadata asks for instead of processing documents.
pub(crate) fn fake_engine() -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/stack/make_engine.py");
    let wheel_dir = std::env::temp_dir().join(format!("ade-bench-{}", std::process::id()));
    let output = std::process::Command::new("python3").arg(source).arg(&wheel_dir).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}
