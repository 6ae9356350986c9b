//! A running `ade up` with a data directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ade_local::embedded::credentials::Credentials;
use ade_local::up::LocalFile;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::types::ChecksumMode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::client::{Answer, Api, Events};
use super::contract::Contract;

/// The `ade` command; the functions are beside it.
pub(super) const ADE: &str = env!("CARGO_BIN_EXE_ade");
/// The bucket of a local ADE.
const BUCKET: &str = "ade-data";
/// How long something that has to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A local ADE and its system admin.
pub(super) struct Stack {
    /// The API as the system admin sees it.
    pub(super) api: Api,
    /// The default workspace.
    pub(super) workspace: String,
    local: LocalFile,
    process: Option<Child>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    directory: tempfile::TempDir,
}

/// The setting that makes `fixtures/engine` the engine of configs.
pub(super) const TEST_ENGINE: (&str, &str) = ("ADE_ENGINE_SPEC", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine"));

impl Stack {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with more settings.
    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_up(&[], settings).await
    }

    /// Starts with storage at an endpoint.
    pub(super) async fn start_at(endpoint: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_up(&["--aws-endpoint-url", endpoint], settings).await
    }

    async fn start_up(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (process, local) = spawn(&data_dir(&directory), &arguments, &environment).await;
        let api = Api::new(&local.url, Some(&local.api_key), Arc::new(Contract::read()));
        Self { api, workspace: local.workspace_id.to_string(), local, process: Some(process), arguments, environment, directory }
    }

    /// Starts with the engine of `fixtures/engine`, whose output is chosen by [`Stack::engine_run`].
    pub(super) async fn start_with_test_engine() -> Self {
        Self::start_with(&[TEST_ENGINE]).await
    }

    /// Kills the server as a power failure would: at once, with everything it started.
    pub(super) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts again on the same data after [`Stack::kill`].
    pub(super) async fn restart(&mut self) {
        let (process, local) = spawn(&data_dir(&self.directory), &self.arguments, &self.environment).await;
        assert_eq!((&local.api_key, local.workspace_id), (&self.local.api_key, self.local.workspace_id), "state survives");
        self.api = Api::new(&local.url, Some(&local.api_key), Arc::new(Contract::read()));
        (self.process, self.local) = (Some(process), local);
    }

    pub(super) fn url(&self) -> &str {
        &self.local.url
    }

    /// The link to the console that `ade up` prints once it is ready.
    pub(super) async fn sign_in_url(&self) -> String {
        let printed = self.data_dir().with_extension("out");
        eventually("ade up prints a link", async || {
            let said = std::fs::read_to_string(&printed).unwrap();
            said.split_whitespace().find(|word| word.contains("/#sign-in=")).map(str::to_owned)
        })
        .await
    }

    pub(super) fn key(&self) -> &str {
        &self.local.api_key
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        data_dir(&self.directory)
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.local.pid).unwrap()
    }

    /// A path below the default workspace.
    pub(super) fn in_workspace(&self, path: &str) -> String {
        format!("/workspaces/{}/{path}", self.workspace)
    }

    /// A new config made from the template; its id.
    pub(super) async fn config(&self) -> String {
        let body = json!({ "name": "Default", "source": { "type": "template" } });
        id(&self.api.post(&self.in_workspace("configs"), &body).await.expect(201))
    }

    /// Announces a document.
    pub(super) async fn announce(&self, name: &str, byte_size: usize, sha256: Option<&str>) -> Answer {
        let mut body = json!({ "name": name, "byte_size": byte_size, "content_type": "application/octet-stream" });
        if let Some(sha256) = sha256 {
            body["sha256"] = sha256.into();
        }
        self.api.post(&self.in_workspace("documents"), &body).await
    }

    /// Sends the bytes of an announced document; the status of the upload.
    pub(super) async fn upload(&self, document: &Value, content: &[u8]) -> u16 {
        let upload = &document["upload"];
        let method = upload["method"].as_str().unwrap().parse().unwrap();
        let mut request = self.api.http().request(method, upload["url"].as_str().unwrap()).body(content.to_vec());
        for (name, value) in upload["headers"].as_object().unwrap() {
            // The client counts the bytes that it sends itself.
            if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        request.send().await.unwrap().status().as_u16()
    }

    /// Announces, uploads and completes a document; the answer to the last step.
    pub(super) async fn complete(&self, name: &str, content: &[u8]) -> Answer {
        let document = self.announce(name, content.len(), None).await.expect(201);
        assert_eq!(self.upload(&document, content).await, 200);
        self.api.post(&format!("/documents/{}/complete", id(&document)), &json!({})).await
    }

    /// A document that is ready; its id.
    pub(super) async fn document(&self, name: &str, content: &[u8]) -> String {
        let document = self.complete(name, content).await.expect(200);
        assert_eq!(document["status"], "ready");
        id(&document)
    }

    /// Starts a run and opens the stream of its events.
    pub(super) async fn run(&self, config: &str, document: &str) -> Events {
        self.start_run(config, &json!({ "stream": true, "input_documents": [document] })).await
    }

    /// Starts a run of the test engine, told to do `what`.
    pub(super) async fn engine_run(&self, config: &str, document: &str, what: &Value) -> Events {
        let body = json!({ "stream": true, "input_documents": [document], "options": { "metadata": { "engine": what } } });
        self.start_run(config, &body).await
    }

    async fn start_run(&self, config: &str, body: &Value) -> Events {
        let path = format!("/configs/{config}/runs");
        self.api.stream(self.api.request(http::Method::POST, &path).json(body)).await
    }

    /// The events of a run after an id: as they come when `follow`, else those there are.
    pub(super) async fn events(&self, run: &str, after_id: u64, follow: bool) -> Events {
        let path = format!("/runs/{run}/events?after_id={after_id}&follow={follow}");
        self.api.stream(self.api.request(http::Method::GET, &path)).await
    }

    /// The record of a run once it is over.
    pub(super) async fn finished(&self, run: &str) -> Value {
        eventually("the run ends", async || {
            let record = self.api.get(&format!("/runs/{run}")).await.expect(200);
            (!record["finished"].is_null()).then_some(record)
        })
        .await
    }

    /// A key of this role in the default workspace.
    pub(super) async fn key_of(&self, role: &str) -> String {
        self.key_in(&self.workspace, role).await
    }

    pub(super) async fn key_in(&self, workspace: &str, role: &str) -> String {
        let body = json!({ "name": role, "role": role });
        let answer = self.api.post(&format!("/workspaces/{workspace}/api-keys"), &body).await.expect(201);
        answer["secret"].as_str().unwrap_or_else(|| panic!("no secret in {answer:#}")).to_owned()
    }

    /// The bucket, through the S3 API under the server's own address, or at the endpoint that is tested with.
    pub(super) fn bucket(&self) -> Bucket {
        if let [_, endpoint] = &self.arguments[..] {
            let named = |wanted: &str| self.environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
            let (id, secret) = (named("AWS_ACCESS_KEY_ID").unwrap_or("test"), named("AWS_SECRET_ACCESS_KEY").unwrap_or("test"));
            return Bucket::of(endpoint, BUCKET, aws_sdk_s3::config::Credentials::new(id, secret, None, None, "test"));
        }
        if let Some(endpoint) = emulator() {
            return Bucket::of(&endpoint, BUCKET, aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test"));
        }
        let file = std::fs::read(self.data_dir().join("credentials.json")).unwrap();
        let Credentials { access_key_id, secret_access_key } = serde_json::from_slice(&file).unwrap();
        Bucket::of(self.url(), BUCKET, aws_sdk_s3::config::Credentials::new(access_key_id, secret_access_key, None, None, "test"))
    }

    /// The ids of the processes of a function that this server has started.
    pub(super) fn processes(&self, function: &str) -> Vec<i32> {
        let binary = Path::new(ADE).with_file_name(function);
        let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(|pid| {
            let parent = status_of(*pid, "PPid");
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == binary) && parent == Some(self.pid().to_string())
        })
        .collect()
    }

    /// What functions reach AWS with: the `AWS_…` of their environment, without the role of the function.
    pub(super) async fn aws_environment(&self) -> Vec<(String, String)> {
        self.api.get("/meta").await.expect(200);
        // The database's address is known to the functions only.
        let function = self.processes("get-meta")[0];
        let environment = std::fs::read(Path::new("/proc").join(function.to_string()).join("environ")).unwrap();
        let variables = environment.split(|byte| *byte == 0).map(|variable| String::from_utf8_lossy(variable).into_owned());
        let aws = variables.filter(|variable| variable.starts_with("AWS_") && !variable.starts_with("AWS_LAMBDA"));
        let mut aws: Vec<_> =
            aws.filter_map(|variable| variable.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))).collect();
        for (_, value) in aws.iter_mut().filter(|(name, _)| name == "AWS_ACCESS_KEY_ID") {
            *value = value.trim_end_matches(".get-meta").to_owned();
        }
        aws
    }

    /// What the functions have written to their logs.
    pub(super) fn function_logs(&self) -> Vec<(PathBuf, String)> {
        // The directory is made with the first line.
        let logs = std::fs::read_dir(self.data_dir().join("logs/functions")).into_iter().flatten();
        logs.map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()))
            .collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let pid = Pid::from_raw(self.pid());
            let asked = kill(pid, Signal::SIGTERM).is_ok();
            let ended = asked && wait(&mut process, Duration::from_secs(20));
            if !ended {
                drop(process.kill());
                drop(process.wait());
            }
            if std::thread::panicking() {
                self.show();
            } else {
                assert!(ended, "ade up did not stop when it was asked to");
            }
        }
        if !std::thread::panicking() {
            for (path, log) in self.function_logs() {
                assert!(!log.contains("panicked"), "{}: {log}", path.display());
            }
        }
    }
}

impl Stack {
    /// Shows what a person would look at after a failure.
    fn show(&self) {
        for (path, log) in self.function_logs() {
            let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
            if !errors.is_empty() {
                eprintln!("{}:\n{}", path.display(), errors.join("\n"));
            }
        }
    }
}

fn data_dir(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("data")
}

fn wait(process: &mut Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// The `ade` command in an environment of its own.
pub(super) fn ade(arguments: &[&str]) -> Command {
    let mut command = Command::new(ADE);
    // Some tests run it in an empty directory, from where it would not find the repository's base environment.
    command.args(arguments).env_clear().env("ADE_BASE_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../.ade/base"));
    let kept = ["PATH", "HOME", "ADE_BASE_DIR", "ADE_UV"];
    command.envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

async fn spawn(data_dir: &Path, arguments: &[String], environment: &[(String, String)]) -> (Child, LocalFile) {
    let mut command = ade(&["up", "--port", "0", "--data-dir"]);
    command.arg(data_dir).args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    std::fs::create_dir_all(data_dir).unwrap();
    // `make test` compares what functions do in all tests with what they may.
    if let Some(uses) = std::env::var_os("TEST_RECORD_USES") {
        command.arg("--record-uses").arg(uses);
    }
    if let Some(endpoint) = emulator().filter(|_| arguments.is_empty()) {
        // Stacks share the emulator, so each has tables of its own.
        let own: String = data_dir.display().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        command.args(["--aws-endpoint-url", &endpoint]).env("ADE_TABLE_PREFIX", format!("{own}-"));
    }
    let output = std::fs::File::create(data_dir.with_extension("out")).unwrap();
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut process = command.spawn().unwrap();
    let local = eventually("ade up is ready", async || {
        if let Some(ended) = process.try_wait().unwrap() {
            let said = std::fs::read_to_string(data_dir.with_extension("out")).unwrap();
            panic!("ade up ended with {ended}:\n{said}");
        }
        LocalFile::read(data_dir).unwrap().filter(|local| local.pid == process.id())
    })
    .await;
    (process, local)
}

/// The endpoint of an emulator of AWS to test with; `make localstack-test` sets it.
pub(super) fn emulator() -> Option<String> {
    std::env::var("TEST_AWS_ENDPOINT_URL").ok()
}

/// Whether the emulator is known not to have something; `make localstack-test` knows.
pub(super) fn lacks(what: &str) -> bool {
    std::env::var("TEST_AWS_LACKS").is_ok_and(|lacking| lacking.split_whitespace().any(|lacks| lacks == what))
}

/// The bucket of a stack.
pub(super) struct Bucket {
    s3: aws_sdk_s3::Client,
    name: String,
}

/// An object as the bucket lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) byte_size: usize,
}

impl Bucket {
    pub(super) fn of(endpoint: &str, name: &str, credentials: aws_sdk_s3::config::Credentials) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build();
        Self { s3: aws_sdk_s3::Client::from_conf(config), name: name.to_owned() }
    }

    pub(super) async fn exists(&self) -> bool {
        match self.s3.head_bucket().bucket(&self.name).send().await {
            Ok(_) => true,
            Err(error) => {
                assert!(error.as_service_error().is_some_and(HeadBucketError::is_not_found), "{error:?}");
                false
            }
        }
    }

    pub(super) async fn list(&self, prefix: &str) -> Vec<Listed> {
        let mut pages = self.s3.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            objects.extend(
                page.unwrap()
                    .contents
                    .unwrap_or_default()
                    .into_iter()
                    .map(|object| Listed { key: object.key.unwrap(), byte_size: usize::try_from(object.size.unwrap()).unwrap() }),
            );
        }
        objects
    }

    pub(super) async fn put(&self, key: &str, content: &[u8]) {
        self.s3.put_object().bucket(&self.name).key(key).body(content.to_vec().into()).send().await.unwrap();
    }

    pub(super) async fn delete(&self, key: &str) {
        self.s3.delete_object().bucket(&self.name).key(key).send().await.unwrap();
    }

    /// An object's bytes. The SDK compares them with the checksum that the store keeps, which there must be.
    pub(super) async fn read(&self, key: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket(&self.name).key(key).checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        let has_checksum = object.checksum_sha256.is_some()
            || object.checksum_crc32.is_some()
            || object.checksum_crc64_nvme.is_some()
            || object.checksum_crc32_c.is_some();
        // A run's input is a copy.
        let excused = lacks("copied-checksums") && key.contains("/input/");
        assert!(has_checksum || excused, "{key} has no checksum");
        object.body.collect().await.unwrap_or_else(|error| panic!("{key}: {error}")).to_vec()
    }
}

/// The id of a resource.
pub(super) fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id in {resource:#}")).to_owned()
}

/// The run that a stream is about.
pub(super) fn run_of(events: &Events) -> String {
    events.headers["x-run-id"].to_str().unwrap().to_owned()
}

/// A field of `/proc/<pid>/status`.
pub(super) fn status_of(pid: i32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Waits for something that happens elsewhere, and fails when it does not.
pub(super) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// The same, with more or less patience.
pub(super) async fn eventually_within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
