//! The part of the HTTP API that the commands use, typed. `docs/api.md` is the contract.
//!
//! Unknown fields and event types are ignored, so that an older command works with a newer ADE.

mod api_error;
mod event_stream;
mod query;
mod types;

use std::path::Path;
use std::time::Duration;

use ade_core::id::{BuildId, ConfigId, DocumentId, RunId, WorkspaceId};
use ade_core::run::RunOptions;
use bytes::Bytes;
use futures::TryStreamExt as _;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::connection::Connection;
use super::error::{CliError, chain};
use super::follow::Followed;

pub(super) use api_error::ApiError;
pub(super) use event_stream::{EventStream, ReceivedEvent};
pub(super) use query::{Query, segment};
pub(super) use types::{Config, Document, NewDocument, Output, Run, Upload};

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

/// Talks to one ADE.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    api_key: HeaderValue,
    workspace: Option<WorkspaceId>,
}

/// What came of asking for a build.
pub(super) enum CreatedBuild {
    /// It has begun; its events.
    Started(BuildId, EventStream),
    /// Nothing has changed since this one.
    Reused(Value),
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
    pub(super) async fn create_run(
        &self,
        config: ConfigId,
        documents: &[DocumentId],
        options: &RunOptions,
    ) -> Result<(RunId, EventStream), ApiError> {
        let body = json!({ "stream": true, "input_documents": documents, "options": options });
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
        self.json(request).await
    }

    /// Deletes something whose deletion may take longer than a request (202), and waits until it is done.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ApiError> {
        while self.send(self.request(Method::DELETE, path).timeout(ANSWER_TIMEOUT)).await?.status() == StatusCode::ACCEPTED {
            tokio::time::sleep(DELETION_PAUSE).await;
        }
        Ok(())
    }

    /// The first items of a list.
    pub(super) async fn first<T: DeserializeOwned>(&self, path: &str, query: &Query, limit: usize) -> Result<Vec<T>, ApiError> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let page = query.clone().with("limit", (limit - items.len()).min(PAGE)).maybe("cursor", cursor);
            let page: List<T> = self.json(self.request(Method::GET, &format!("{path}{page}"))).await?;
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
        let answer = self.execute(self.http.get(link.url)).await.map_err(|error| self.unreachable(&error))?;
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
        self.first(path, &Query::default(), usize::MAX).await
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
        let body = self.read(answer).await?;
        // Nothing to say (204) is said as nothing.
        let json = if body.is_empty() { &b"null"[..] } else { body.as_ref() };
        serde_json::from_slice(json).map_err(|error| ApiError::Answer(error.to_string()))
    }

    /// The whole body of an answer.
    pub(super) async fn read(&self, answer: Response) -> Result<Bytes, ApiError> {
        answer.bytes().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a request; refusals are errors.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let answer = self.execute(request).await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.read(answer).await?;
        Err(serde_json::from_slice(&body).map_or_else(|_| not_a_problem(status), |problem| ApiError::Refused(Box::new(problem))))
    }

    /// Servers close connections that seem unused, at times just when the next request is on its way. What only asks is then sent again;
    /// what changes something is not, because it may have been done.
    async fn execute(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        let request = request.build()?;
        let again = request.try_clone().filter(|request| request.method() == Method::GET);
        match (self.http.execute(request).await, again) {
            (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => self.http.execute(again).await,
            (answer, _) => answer,
        }
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
