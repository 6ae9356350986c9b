//! The part of the HTTP API that the commands use, typed. `docs/api.md` is the contract.
//!
//! Unknown fields and event types are ignored, so that an older command works with a newer ADE.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ade_core::eventlog::Event;
use ade_core::id::{BuildId, ConfigId, DocumentId, RunId, WorkspaceId};
use ade_core::run::{RunResult, RunStatus};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::connection::Connection;
use super::error::{CliError, chain};
use super::follow::Followed;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer that is not a stream may take; API Gateway gives up after 29 s.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Live streams carry a heartbeat every 10 s: one that is silent for so long is cut.
const STREAM_SILENCE: Duration = Duration::from_secs(45);
/// How long to wait before asking whether something that takes long to delete is deleted.
const DELETION_PAUSE: Duration = Duration::from_secs(1);
/// Items of a page of a list, at most.
const PAGE: usize = 200;
/// The longest event line accepted; the server cuts messages at 64 KiB.
const LINE_LIMIT: usize = 4 << 20;
/// What stays as it is in a path segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Talks to one ADE.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    api_key: HeaderValue,
    workspace: Option<WorkspaceId>,
}

/// Why a request got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The server could not be reached, or the connection broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The server.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The server refused, with an explanation.
    #[error("{}", .0.sentence())]
    Refused(Box<Problem>),
    /// The answer makes no sense.
    #[error("the server's answer cannot be understood: {0}")]
    Answer(String),
    /// A file on this machine.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A refusal (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Problem {
    /// HTTP status.
    pub(super) status: u16,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: Option<String>,
    /// Stable name of the problem.
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Debug, Clone, Deserialize)]
struct FieldProblem {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

impl Problem {
    fn sentence(&self) -> String {
        let mut text = self.detail.clone().unwrap_or_else(|| self.title.clone());
        text.truncate(text.trim_end_matches('.').len());
        for error in &self.errors {
            text = format!("{text}; {}: {}", error.path, error.message);
        }
        let code = if self.code.is_empty() { String::new() } else { format!(" {}", self.code) };
        let request = self.request_id.as_deref().map(|id| format!(", request {id}")).unwrap_or_default();
        format!("{text} ({}{code}{request})", self.status)
    }
}

impl ApiError {
    /// The status of a refusal.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Unreachable { .. } | Self::Answer(_) | Self::File { .. } => None,
        }
    }
}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> Self {
        let is_about_input =
            matches!(&error, ApiError::File { .. }) || error.status().is_some_and(|status| matches!(status, 409 | 413 | 415 | 422));
        let failed = Self::failed(&error);
        let mut hinted = match &error {
            ApiError::Unreachable { .. } => failed.hint("is it running? `ade up` starts a local one; --url or ADE_URL names another"),
            ApiError::Refused(problem) => match problem.status {
                400 | 422 if problem.code == "idempotency_key_reused" => failed.hint("use another key for another request"),
                401 => failed.hint("give a valid key with --api-key or ADE_API_KEY; a local one is in .ade/local.json"),
                403 => failed.hint("this needs a key with another role: ask an admin of the workspace"),
                429 | 503 => failed.hint("the server is busy: try again in a moment"),
                422 if problem.code.starts_with("document_") => {
                    failed.hint("open the file in a spreadsheet program and save it without a password as .xlsx or .csv")
                }
                404 => failed.hint("check the id; what belongs to another workspace than the key's does not exist for it"),
                422 if problem.code == "config_too_large" => failed.hint("remove what the rules do not need; a config has at most 64 MiB"),
                409 => failed.hint(conflict_hint(&problem.code)),
                412 | 428 => failed.hint("somebody else changed it: read it again, then repeat your change"),
                413 => failed.hint("send less at a time, or ask the operator for a higher limit"),
                500..=599 => failed.hint("the server's log says more under this request id; locally: .ade/logs/functions"),
                _ => failed.hint("correct what the message names; docs/api.md describes every field"),
            },
            ApiError::Answer(_) => failed.hint("does --url name an ADE of this version?"),
            ApiError::File { .. } => failed.hint("check that the place exists, has room and may be used by you"),
        };
        hinted.is_about_input = is_about_input;
        hinted
    }
}

/// What to do when another state is needed first.
fn conflict_hint(code: &str) -> &'static str {
    match code {
        "build_in_progress" => "wait for it with `ade builds logs --follow BUILD`, or end it with `ade builds cancel BUILD`",
        "run_not_over" | "output_not_ready" => "wait for its end with `ade runs logs --follow RUN`",
        "run_not_cancelable" | "build_not_cancelable" => "it is over; see how with `ade runs show RUN` or `ade builds show BUILD`",
        "document_not_ready" | "document_not_uploaded" => "upload the document and complete it first",
        "slug_taken" => "choose another slug",
        "in_use" => "wait for its runs, or end them: `ade runs list --active`",
        "workspace_not_empty" => "delete its configs first",
        "safe_mode_locked" => "unset ADE_SAFE_MODE in the environment of the functions",
        "config_deleted" => "start a new run with another config",
        "safe_mode" => "nothing is executed while safe mode is on; a system admin ends it with `ade safe-mode off`",
        "path_conflict" | "file_exists" => "a path is a file or a directory, not both: rename one of them",
        _ => "look at what it is now, then try again",
    }
}

/// A document, as far as commands need it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Document {
    /// Its id.
    pub(super) id: DocumentId,
    /// Where to put its bytes, while it is pending.
    pub(super) upload: Option<Upload>,
}

/// A presigned upload.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Upload {
    url: String,
    /// Headers that must be sent exactly so.
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub(super) struct NewDocument {
    /// File name.
    pub(super) name: String,
    /// Media type.
    pub(super) content_type: &'static str,
    /// Size in bytes.
    pub(super) byte_size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A config.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    /// Its id.
    pub(super) id: ConfigId,
    /// Its workspace.
    pub(super) workspace_id: WorkspaceId,
    /// Its name.
    pub(super) name: String,
}

/// What came of asking for a build.
pub(super) enum CreatedBuild {
    /// It has begun; its events.
    Started(BuildId, EventStream),
    /// Nothing has changed since this one.
    Reused(Value),
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    /// Its id.
    pub(super) id: RunId,
    /// Where it is in its life.
    pub(super) status: RunStatus,
    /// The result in one sentence.
    pub(super) summary: Option<String>,
    /// What went wrong.
    pub(super) error_message: Option<String>,
    /// What it did, in numbers.
    pub(super) result: Option<RunResult>,
    /// The audit record's place, once there is one.
    pub(super) artifact_uri: Option<String>,
}

/// A file that a run produced.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Output {
    /// Its path among the outputs.
    #[serde(alias = "path")]
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) byte_size: u64,
}

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(String);

impl Query {
    /// One more parameter.
    pub(super) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let sign = if self.0.is_empty() { '?' } else { '&' };
        self.0 = format!("{}{sign}{name}={}", self.0, segment(&value.to_string()));
        self
    }

    /// One more parameter, if it has a value.
    pub(super) fn maybe(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as one segment of a path, or as a value in a query.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A page of a list.
#[derive(Debug, Deserialize)]
struct List<T> {
    data: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Download {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Identified<T> {
    id: T,
}

impl Client {
    /// A client for a connection. Makes no request yet.
    pub(super) fn new(connection: &Connection) -> Result<Self, CliError> {
        let mut api_key = HeaderValue::try_from(format!("Bearer {}", connection.api_key)).map_err(|_| {
            CliError::usage("the API key has characters that no key has").hint("copy it again, without quotes or line ends")
        })?;
        api_key.set_sensitive(true);
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("ade/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(STREAM_SILENCE)
            // Downloads are asked for as JSON: a redirect would carry the key elsewhere.
            .redirect(redirect::Policy::none());
        if matches!(connection.url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| CliError::failed(chain(&error)).hint("check the certificates and the proxy settings of this machine"))?;
        let base = format!("{}/api/v1", connection.url.as_str().trim_end_matches('/'));
        Ok(Self { http, base, api_key, workspace: connection.workspace })
    }

    /// The workspace to work in: the one named, or the key's own.
    pub(super) async fn workspace(&self) -> Result<WorkspaceId, CliError> {
        if let Some(workspace) = self.workspace {
            return Ok(workspace);
        }
        let workspaces: Vec<Identified<WorkspaceId>> = self.list("/workspaces").await?;
        match workspaces.as_slice() {
            [only] => Ok(only.id),
            [] => Err(CliError::usage("this key sees no workspace").hint("name one with --workspace")),
            [_, _, ..] => Err(CliError::usage("this key sees several workspaces").hint("name one with --workspace")),
        }
    }

    /// Announces a document and gets the place to upload it to.
    pub(super) async fn create_document(&self, workspace: WorkspaceId, new: &NewDocument) -> Result<Document, ApiError> {
        let body = json!({ "name": new.name, "byte_size": new.byte_size, "content_type": new.content_type, "sha256": new.sha256 });
        self.json(self.request(Method::POST, &format!("/workspaces/{workspace}/documents")).json(&body)).await
    }

    /// Uploads a document's bytes, telling `progress` how many each time some are sent.
    pub(super) async fn upload(
        &self,
        upload: &Upload,
        path: &Path,
        byte_size: u64,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<(), ApiError> {
        let file = tokio::fs::File::open(path).await.map_err(file_error("read", path))?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, 64 << 10).inspect_ok(move |chunk| progress(chunk.len() as u64));
        let mut headers = HeaderMap::new();
        for (name, value) in &upload.headers {
            let pair = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            let (name, value) = pair.ok_or_else(|| ApiError::Answer(format!("{name} is no header")))?;
            headers.insert(name, value);
        }
        headers.insert(CONTENT_LENGTH, byte_size.into());
        let request = self.http.put(&upload.url).headers(headers).body(reqwest::Body::wrap_stream(stream));
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() { Ok(()) } else { Err(storage_refusal(answer).await) }
    }

    /// Has an uploaded document checked; the document as it is then.
    pub(super) async fn complete_document(&self, id: DocumentId) -> Result<Value, ApiError> {
        self.json(self.request(Method::POST, &format!("/documents/{id}/complete"))).await
    }

    /// All configs of a workspace.
    pub(super) async fn configs(&self, workspace: WorkspaceId) -> Result<Vec<Config>, ApiError> {
        self.list(&format!("/workspaces/{workspace}/configs")).await
    }

    /// One config.
    pub(super) async fn config(&self, workspace: WorkspaceId, id: ConfigId) -> Result<Config, ApiError> {
        self.json(self.request(Method::GET, &format!("/workspaces/{workspace}/configs/{id}"))).await
    }

    /// Creates a config from the template.
    pub(super) async fn create_config(&self, workspace: WorkspaceId, name: &str) -> Result<Config, ApiError> {
        let body = json!({ "name": name, "source": { "type": "template" } });
        self.json(self.request(Method::POST, &format!("/workspaces/{workspace}/configs")).json(&body)).await
    }

    /// Creates a run and gets its events as they happen.
    pub(super) async fn create_run(&self, config: ConfigId, documents: &[DocumentId]) -> Result<(RunId, EventStream), ApiError> {
        let body = json!({ "stream": true, "input_documents": documents });
        let request = self.request(Method::POST, &format!("/configs/{config}/runs")).json(&body);
        let answer = self.send(request).await?;
        let run = answer.headers().get("x-run-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let run = run.ok_or_else(|| ApiError::Answer("it names no run (X-Run-Id)".to_owned()))?;
        Ok((run, EventStream::of(answer)))
    }

    /// Builds the draft of a config and gets its events as they happen; or the build, when there is one already.
    pub(super) async fn create_build(&self, workspace: WorkspaceId, config: ConfigId, force: bool) -> Result<CreatedBuild, ApiError> {
        let body = json!({ "stream": true, "options": { "force": force } });
        let request = self.request(Method::POST, &format!("/workspaces/{workspace}/configs/{config}/builds")).json(&body);
        let answer = self.send(request).await?;
        let build = answer.headers().get("x-build-id").and_then(|id| id.to_str().ok()?.parse().ok());
        match build {
            Some(id) => Ok(CreatedBuild::Started(id, EventStream::of(answer))),
            None => Ok(CreatedBuild::Reused(self.read_json(answer).await?)),
        }
    }

    /// The events of a run or build after `after_id`: the old ones, then new ones as they happen when `follow` is set.
    pub(super) async fn events(&self, of: Followed, after_id: u64, follow: bool) -> Result<EventStream, ApiError> {
        let query = Query::default().with("after_id", after_id).with("follow", follow);
        let request = self.request(Method::GET, &format!("{}/events{query}", of.path()));
        Ok(EventStream::of(self.send(request).await?))
    }

    /// Asks for something; the answer as the server wrote it, null when it has nothing to say.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = self.send(request.timeout(ANSWER_TIMEOUT).header(ACCEPT, "application/json")).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        self.read_json(answer).await
    }

    /// Deletes something whose deletion may take longer than a request (202), and waits until it is done.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ApiError> {
        while self.send(self.request(Method::DELETE, path).timeout(ANSWER_TIMEOUT)).await?.status() == StatusCode::ACCEPTED {
            tokio::time::sleep(DELETION_PAUSE).await;
        }
        Ok(())
    }

    /// The first items of a list.
    pub(super) async fn first(&self, path: &str, query: &Query, limit: usize) -> Result<Vec<Value>, ApiError> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let page = query.clone().with("limit", (limit - items.len()).min(PAGE)).maybe("cursor", cursor);
            let page: List<Value> = self.json(self.request(Method::GET, &format!("{path}{page}"))).await?;
            items.extend(page.data);
            cursor = page.next_cursor;
            if items.len() >= limit || cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// All items of a list.
    pub(super) async fn all(&self, path: &str, query: &Query) -> Result<Vec<Value>, ApiError> {
        self.first(path, query, usize::MAX).await
    }

    /// Saves an answer of this media type in a file, or writes it to stdout.
    pub(super) async fn save(&self, path: &str, media_type: &str, to: Option<&Path>) -> Result<(), ApiError> {
        let answer = self.send(self.request(Method::GET, path).header(ACCEPT, media_type)).await?;
        if let Some(to) = to {
            return self.write(answer, to).await;
        }
        let stdout = Path::new("the terminal");
        let (mut out, mut body) = (tokio::io::stdout(), answer.bytes_stream());
        while let Some(chunk) = body.try_next().await.map_err(|error| self.unreachable(&error))? {
            out.write_all(&chunk).await.map_err(file_error("write to", stdout))?;
        }
        out.flush().await.map_err(file_error("write to", stdout))
    }

    /// One run.
    pub(super) async fn run(&self, id: RunId) -> Result<Run, ApiError> {
        self.json(self.request(Method::GET, &format!("/runs/{id}"))).await
    }

    /// The files a run produced.
    pub(super) async fn outputs(&self, run: RunId) -> Result<Vec<Output>, ApiError> {
        self.list(&format!("/runs/{run}/outputs")).await
    }

    /// Downloads an output of a run.
    pub(super) async fn download_output(&self, run: RunId, name: &str, to: &Path) -> Result<(), ApiError> {
        let name: Vec<String> = name.split('/').map(segment).collect();
        self.download(&format!("/runs/{run}/outputs/{}", name.join("/")), to).await
    }

    /// Downloads a run's audit record.
    pub(super) async fn download_artifact(&self, run: RunId, to: &Path) -> Result<(), ApiError> {
        self.download(&format!("/runs/{run}/artifact"), to).await
    }

    /// Downloads what a link in the API leads to.
    pub(super) async fn download(&self, path: &str, to: &Path) -> Result<(), ApiError> {
        let link: Download = self.json(self.request(Method::GET, path)).await?;
        let answer = self.http.get(link.url).send().await.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(storage_refusal(answer).await);
        }
        self.write(answer, to).await
    }

    async fn write(&self, answer: Response, to: &Path) -> Result<(), ApiError> {
        // Under another name until it is whole: a broken download must not look like an output.
        let partial = to.with_added_extension("part");
        let written = async {
            let mut file = tokio::fs::File::create(&partial).await.map_err(file_error("write", &partial))?;
            let mut body = answer.bytes_stream();
            while let Some(chunk) = body.try_next().await.map_err(|error| self.unreachable(&error))? {
                file.write_all(&chunk).await.map_err(file_error("write", &partial))?;
            }
            file.flush().await.map_err(file_error("write", &partial))?;
            tokio::fs::rename(&partial, to).await.map_err(file_error("write", to))
        }
        .await;
        if written.is_err() {
            // The failure itself is what the person needs to hear about, not a leftover.
            drop(tokio::fs::remove_file(&partial).await);
        }
        written
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = Query::default().with("limit", PAGE).maybe("cursor", cursor);
            let page: List<T> = self.json(self.request(Method::GET, &format!("{path}{query}"))).await?;
            all.extend(page.data);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// A request with the caller's key. `path` is below the API's base.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header(reqwest::header::AUTHORIZATION, self.api_key.clone())
    }

    /// Sends a request and reads the answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let answer = self.send(request.timeout(ANSWER_TIMEOUT).header(ACCEPT, "application/json")).await?;
        self.read_json(answer).await
    }

    async fn read_json<T: DeserializeOwned>(&self, answer: Response) -> Result<T, ApiError> {
        serde_json::from_slice(&self.read(answer).await?).map_err(|error| ApiError::Answer(error.to_string()))
    }

    /// The whole body of an answer.
    pub(super) async fn read(&self, answer: Response) -> Result<Bytes, ApiError> {
        answer.bytes().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a request; refusals are errors.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.read(answer).await?;
        Err(serde_json::from_slice(&body).map_or_else(|_| not_a_problem(status), |problem| ApiError::Refused(Box::new(problem))))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ApiError {
        // Presigned URLs are secrets: the error is told without the URL it was about.
        let reason = if error.is_timeout() { "it does not answer".to_owned() } else { cause(error) };
        ApiError::Unreachable { url: self.base.trim_end_matches("/api/v1").to_owned(), reason }
    }
}

fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::eq(innermost, error) { "the request failed".to_owned() } else { innermost.to_string() }
}

fn not_a_problem(status: StatusCode) -> ApiError {
    ApiError::Answer(format!("status {status} without an explanation"))
}

async fn storage_refusal(answer: Response) -> ApiError {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    let part = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once('<').map(|(value, _)| value.to_owned())
    };
    match (part("Code"), part("Message")) {
        (Some(code), message) => ApiError::Answer(format!("the object store said {status} {code}: {}", message.unwrap_or_default())),
        (None, _) => ApiError::Answer(format!("the object store said {status}")),
    }
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ApiError + use<> {
    let path = path.display().to_string();
    move |source| ApiError::File { action, path, source }
}

/// An event, and the line it came in.
#[derive(Debug, Clone)]
pub(super) struct ReceivedEvent {
    /// Its place in the log.
    pub(super) id: u64,
    /// What it says, when this version knows its type.
    pub(super) event: Option<Event>,
    /// The line, without its end.
    pub(super) line: Bytes,
}

/// Events as they arrive.
pub(super) struct EventStream {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

impl EventStream {
    fn of(answer: Response) -> Self {
        Self::new(answer.bytes_stream())
    }

    fn new(body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static) -> Self {
        Self { body: body.boxed(), buffer: BytesMut::new(), searched: 0 }
    }

    /// The next event; `None` when the stream has ended or was cut. A half line at the end is not an event.
    pub(super) async fn next(&mut self) -> Result<Option<ReceivedEvent>, ApiError> {
        loop {
            while let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                if let Some(event) = parse(line)? {
                    return Ok(Some(event));
                }
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_LIMIT {
                return Err(ApiError::Answer(format!("an event of more than {LINE_LIMIT} bytes")));
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

/// Reads a line; heartbeats and blank lines are no events.
fn parse(line: Bytes) -> Result<Option<ReceivedEvent>, ApiError> {
    #[derive(Deserialize)]
    struct Head {
        id: Option<u64>,
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let head: Head = serde_json::from_slice(&line).map_err(|error| ApiError::Answer(format!("an event is not JSON: {error}")))?;
    Ok(head.id.map(|id| ReceivedEvent { id, event: serde_json::from_slice(&line).ok(), line }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const LINES: &str = concat!(
        r#"{"object":"ade.run.event","type":"run.started","run_id":"run_01JZX3Q4T5V6W7X8Y9ZABCDEFG","id":2,"created":1,"elapsed_ms":1,"attempt":1}"#,
        "\n",
        "{\"type\":\"heartbeat\"}\n\n",
        r#"{"object":"ade.run.event","type":"run.sang","id":3,"created":1,"elapsed_ms":1}"#,
        "\n",
        r#"{"object":"ade.run.event","type":"run.log","id":4,"#,
    );

    fn read_all(chunks: Vec<Vec<u8>>) -> Vec<ReceivedEvent> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stream = EventStream::new(futures::stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)))));
            let mut events = Vec::new();
            while let Some(event) = stream.next().await.unwrap() {
                events.push(event);
            }
            events
        })
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_how_bytes_arrive(cuts in prop::collection::vec(0..LINES.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(LINES.len());
            let mut start = 0;
            let chunks = cuts.into_iter().map(|end| { let chunk = LINES.as_bytes()[start..end].to_vec(); start = end; chunk }).collect();
            let events = read_all(chunks);
            // The heartbeat is no event, the half line at the end is not one yet.
            prop_assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), vec![2, 3]);
            prop_assert!(events[0].event.is_some());
            prop_assert!(events[1].event.is_none(), "an unknown type is passed on as a line only");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let refused = |status: u16, code: &str| {
            let problem = json!({ "status": status, "title": "Refused", "detail": "It can't be.", "code": code, "request_id": "r-1" });
            ApiError::Refused(Box::new(serde_json::from_value(problem).unwrap()))
        };
        let statuses = [
            (400, "invalid_json"),
            (401, "unauthorized"),
            (403, "permission_denied"),
            (404, "run_not_found"),
            (409, "build_in_progress"),
            (409, "run_not_over"),
            (409, "run_not_cancelable"),
            (409, "document_not_ready"),
            (409, "slug_taken"),
            (409, "in_use"),
            (409, "workspace_not_empty"),
            (409, "safe_mode_locked"),
            (409, "config_deleted"),
            (409, "safe_mode"),
            (409, "path_conflict"),
            (409, "conflict"),
            (412, "precondition_failed"),
            (413, "payload_too_large"),
            (415, "unsupported_media_type"),
            (422, "validation_failed"),
            (422, "document_encrypted"),
            (422, "config_too_large"),
            (422, "idempotency_key_reused"),
            (429, "throttled"),
            (500, "internal"),
            (503, "storage_unavailable"),
            (504, "function_timeout"),
        ];
        let file = |action| ApiError::File { action, path: "a.csv".to_owned(), source: std::io::Error::other("it is full") };
        let unreachable = ApiError::Unreachable { url: "http://127.0.0.1:8000".to_owned(), reason: "connection refused".to_owned() };
        let others = [unreachable, ApiError::Answer("status 302 without an explanation".to_owned()), file("read"), file("write")];
        let errors = statuses.into_iter().map(|(status, code)| refused(status, code)).chain(others);
        let texts: Vec<String> = errors.map(|error| CliError::from(error).to_string()).collect();
        assert!(texts.iter().all(|text| text.contains("\n  hint: ")), "{texts:#?}");
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn a_problem_reads_as_a_sentence() {
        let problem: Problem = serde_json::from_value(json!({
            "type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "The request is not valid.", "code": "invalid_request",
            "request_id": "r-1", "errors": [{ "path": "/name", "message": "is too long", "code": "too_long" }],
        }))
        .unwrap();
        assert_eq!(problem.sentence(), "The request is not valid; /name: is too long (422 invalid_request, request r-1)");
    }
}
