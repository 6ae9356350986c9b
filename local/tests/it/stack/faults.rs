//! Storage that fails: a fifth of all calls to `DynamoDB` and S3 go wrong, in every way in which calls go wrong. No run is lost, and none is
//! said to have succeeded that did not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ade_local::embedded::Embedded;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::client::assert_whole_log;
use super::fixtures::PEOPLE;
use super::server::{Stack, id};

/// How long storage fails: a few seconds, or as many as `ADE_TEST_FAULT_SECONDS` says.
fn trouble() -> Duration {
    let seconds = std::env::var("ADE_TEST_FAULT_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

/// Of so many calls one fails.
const ONE_IN: u32 = 5;
/// How long a run may take to end when storage works again: leases expire, and lost dispatches are noticed after a minute.
const PATIENCE: Duration = Duration::from_mins(5);

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// It is refused for now.
    Throttled,
    /// It fails, without effect.
    Failed,
    /// The connection breaks, without effect.
    Reset,
    /// It has its effect, and then the connection breaks.
    ResetAfter,
    /// It has its effect, and says that it failed.
    FailedAfter,
    /// It has its effect twice, and the answer to the second time is what the caller hears: a condition that its own first try broke.
    Twice,
    /// It is answered late.
    Slow,
    /// It is not answered for longer than anybody waits.
    TimedOut,
}

const FAULTS: [Fault; 8] =
    [Fault::Throttled, Fault::Failed, Fault::Reset, Fault::ResetAfter, Fault::FailedAfter, Fault::Twice, Fault::Slow, Fault::TimedOut];

/// Stands before storage and lets calls fail while it is told to.
pub(super) struct Proxy {
    dynamodb: String,
    s3: String,
    backend: hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    failing: AtomicBool,
    /// The first transaction that says this has its effect, and from then on none of them gets an answer.
    unanswered: std::sync::Mutex<Option<&'static str>>,
    applied: AtomicBool,
    /// Outputs are taken and never answered.
    stalling: AtomicBool,
    /// How many more calls go wrong like this that say all of these words in their operation, path or body.
    planned: std::sync::Mutex<(usize, &'static [&'static str], Fault)>,
    calls: AtomicU64,
    faults: AtomicU64,
    /// How often objects were read, and how many bytes.
    reads: AtomicU64,
    read_bytes: AtomicU64,
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("reset")]
struct Reset;

impl Proxy {
    pub(super) async fn start(embedded: &Embedded) -> (Arc<Self>, String) {
        let backend = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let proxy = Arc::new(Self {
            dynamodb: embedded.dynamodb_url.clone(),
            s3: embedded.s3_url.clone(),
            backend,
            failing: AtomicBool::new(false),
            unanswered: std::sync::Mutex::default(),
            applied: AtomicBool::new(false),
            stalling: AtomicBool::new(false),
            planned: std::sync::Mutex::new((0, &[], Fault::Failed)),
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = Arc::clone(&proxy);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let proxy = Arc::clone(&accepting);
                let service = service_fn(move |request| {
                    let proxy = Arc::clone(&proxy);
                    async move { proxy.answer(request).await }
                });
                // A connection that is reset on purpose ends with an error.
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        (proxy, url)
    }

    /// How many reads of objects there were since the last time, and how many bytes they brought.
    pub(super) fn reads(&self) -> (u64, u64) {
        (self.reads.swap(0, Ordering::Relaxed), self.read_bytes.swap(0, Ordering::Relaxed))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Reset> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Err(Reset) };
        let (dynamodb, body) = (head.headers.contains_key("x-amz-target"), body.to_bytes());
        let call = async || self.forward(&head, body.clone(), dynamodb).await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.is_unanswered(&body) {
            if !self.applied.swap(true, Ordering::Relaxed) {
                call().await?;
            }
            return Err(Reset);
        }
        if self.stalling.load(Ordering::Relaxed) && head.method == http::Method::PUT && head.uri.path().contains("/output/") {
            std::future::pending::<()>().await;
        }
        let by_chance = || {
            let fails = self.failing.load(Ordering::Relaxed) && rand::random_range(0..ONE_IN) == 0;
            fails.then(|| FAULTS[rand::random_range(0..FAULTS.len())])
        };
        let Some(fault) = self.is_planned(&head, &body).or_else(by_chance) else { return call().await };
        self.faults.fetch_add(1, Ordering::Relaxed);
        match fault {
            Fault::Throttled if dynamodb => Ok(error(StatusCode::BAD_REQUEST, "ThrottlingException", true)),
            Fault::Throttled => Ok(error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", false)),
            Fault::Failed => Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", dynamodb)),
            Fault::Reset => Err(Reset),
            Fault::ResetAfter => {
                call().await?;
                Err(Reset)
            }
            Fault::FailedAfter => {
                call().await?;
                Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", dynamodb))
            }
            Fault::Twice => {
                call().await?;
                call().await
            }
            Fault::Slow => {
                tokio::time::sleep(Duration::from_millis(rand::random_range(200..1500))).await;
                call().await
            }
            Fault::TimedOut => {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Err(Reset)
            }
        }
    }

    /// Lets so many calls go wrong that say all of these words.
    pub(super) fn plan(&self, times: usize, words: &'static [&'static str], fault: Fault) {
        *self.planned.lock().unwrap() = (times, words, fault);
    }

    fn is_planned(&self, head: &http::request::Parts, body: &[u8]) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap();
        let (times, words, fault) = *planned;
        let target = head.headers.get("x-amz-target").map_or("", |target| target.to_str().unwrap());
        let said = format!("{target} {} {} {}", head.method, head.uri, String::from_utf8_lossy(body));
        let hit = times > 0 && words.iter().all(|word| said.contains(word));
        planned.0 -= usize::from(hit);
        hit.then_some(fault)
    }

    fn is_unanswered(&self, body: &[u8]) -> bool {
        let word = *self.unanswered.lock().unwrap();
        word.is_some_and(|word| std::str::from_utf8(body).is_ok_and(|body| body.contains("TransactItems") && body.contains(word)))
    }

    async fn forward(&self, head: &http::request::Parts, body: Bytes, dynamodb: bool) -> Result<Response<Full<Bytes>>, Reset> {
        let is_read = head.method == http::Method::GET;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::builder().method(&head.method).uri(format!("{}{path}", if dynamodb { &self.dynamodb } else { &self.s3 }));
        // With the `Host` that the caller signed.
        *request.headers_mut().unwrap() = head.headers.clone();
        let answer = self.backend.request(request.body(Full::new(body)).unwrap()).await.map_err(|_| Reset)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
        if !dynamodb && is_read {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.read_bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

fn error(status: StatusCode, code: &str, dynamodb: bool) -> Response<Full<Bytes>> {
    let body = if dynamodb {
        json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "on purpose" }).to_string()
    } else {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>")
    };
    let kind = if dynamodb { "application/x-amz-json-1.0" } else { "application/xml" };
    Response::builder().status(status).header("content-type", kind).body(Full::new(body.into())).unwrap()
}

/// An ADE with the test engine, whose storage can fail.
async fn start(directory: &std::path::Path, more: &[(&str, &str)]) -> (Embedded, Arc<Proxy>, Stack) {
    let embedded = Embedded::start(directory).await.unwrap();
    let (proxy, url) = Proxy::start(&embedded).await;
    let mut settings = vec![
        ("AWS_ACCESS_KEY_ID", embedded.credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", embedded.credentials.secret_access_key.as_str()),
        ("ADE_ENGINE_SPEC", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engine")),
    ];
    settings.extend(more);
    let stack = Stack::start_at(&url, &settings).await;
    (embedded, proxy, stack)
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_fails_loses_no_run_and_makes_none_up() {
    let directory = tempfile::tempdir().unwrap();
    let (embedded, proxy, stack) = start(directory.path(), &[("ADE_LOCAL_REAPER_SECONDS", "3"), ("ADE_MAX_ATTEMPTS", "6")]).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let what = json!({ "mode": "lines", "count": 300 });
    stack.engine_run(&config, &document, &what).await.rest().await;

    proxy.failing.store(true, Ordering::Relaxed);
    let (began, mut runs) = (Instant::now(), Vec::new());
    while began.elapsed() < trouble() {
        let body = json!({ "input_documents": [document], "options": { "metadata": { "engine": what } } });
        // What was not acknowledged may be there or not.
        let answer = stack.api.request(http::Method::POST, &format!("/configs/{config}/runs")).json(&body).send().await.unwrap();
        match answer.status().as_u16() {
            201 => runs.push(answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()),
            503 => {}
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    proxy.failing.store(false, Ordering::Relaxed);
    let (calls, faults) = (proxy.calls.load(Ordering::Relaxed), proxy.faults.load(Ordering::Relaxed));
    println!("{} runs, {calls} calls, {faults} of them failed", runs.len());
    assert!(runs.len() > 3 && faults > 20, "{} runs, {faults} faults", runs.len());

    let deadline = Instant::now() + PATIENCE;
    for run in runs {
        let record = loop {
            let record = stack.api.get(&format!("/runs/{run}")).await.expect(200);
            if !record["finished"].is_null() {
                break record;
            }
            assert!(Instant::now() < deadline, "it never ends: {record:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let events = stack.events(&run, 0, true).await.rest().await;
        assert_whole_log(&events, "run");
        assert_eq!(events.len() as u64, record["last_event_id"].as_u64().unwrap());
        // The engine always succeeds, so a run fails only when it was tried often enough in vain.
        match record["status"].as_str().unwrap() {
            "succeeded" => {
                let started = events.iter().rposition(|event| event["type"] == "run.started").unwrap();
                let printed = events[started..].iter().filter(|event| event["type"] == "run.log" && event["stream"] == "stdout");
                assert_eq!(printed.count(), 300, "everything that its last attempt printed is in the log");
                assert_eq!(stack.api.get(&format!("/runs/{run}/artifact")).await.status, 307);
            }
            "failed" => {
                let code = record["failure"]["code"].as_str().unwrap();
                assert!(["internal", "executor_lost", "build_failed"].contains(&code), "{record:#}");
            }
            other => panic!("{other}: {record:#}"),
        }
    }
    drop(stack);
    embedded.shutdown().await;
}

/// The end of a run is written down, but nobody hears of it: whoever has tried often enough finds out before giving up.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_end_was_not_answered_stays_as_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let (embedded, proxy, stack) = start(directory.path(), &[("ADE_MAX_ATTEMPTS", "1")]).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let what = json!({ "mode": "lines", "count": 3 });
    stack.engine_run(&config, &document, &what).await.rest().await;

    *proxy.unanswered.lock().unwrap() = Some(r#""succeeded""#);
    // The stream ends with the work of the executor, which is over when it has given up.
    let events = stack.engine_run(&config, &document, &what).await.rest().await;
    assert!(proxy.applied.load(Ordering::Relaxed));
    let run = events[0]["run_id"].as_str().unwrap();
    assert_eq!(stack.finished(run).await["status"], "succeeded");
    let events = stack.events(run, 0, true).await.rest().await;
    assert_whole_log(&events, "run");
    assert_eq!(events.last().unwrap()["status"], "succeeded");
    drop(stack);
    embedded.shutdown().await;
}

/// Keeping what a run left must not take the time in which its end is written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_time_is_up_ends_though_its_outputs_can_not_be_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (embedded, proxy, stack) = start(directory.path(), &[("ADE_MAX_ATTEMPTS", "1")]).await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    stack.engine_run(&config, &document, &json!({ "mode": "lines", "count": 3 })).await.rest().await;

    proxy.stalling.store(true, Ordering::Relaxed);
    let options = json!({ "timeout_seconds": 2, "metadata": { "engine": { "mode": "stubborn" } } });
    let body = json!({ "input_documents": [document], "options": options });
    let created = stack.api.request(http::Method::POST, &format!("/configs/{config}/runs")).json(&body).send().await.unwrap();
    let run = created.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let record = stack.finished(&run).await;
    assert_eq!((&record["status"], &record["failure"]["code"]), (&json!("failed"), &json!("timeout")), "{record:#}");
    assert_eq!(record["attempt"], 1);
    drop(stack);
    embedded.shutdown().await;
}

/// The SDK asks again when an answer was lost, and what it then hears is that somebody else was first.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_before_its_answer_was_lost_is_no_conflict() {
    let directory = tempfile::tempdir().unwrap();
    let (embedded, proxy, stack) = start(directory.path(), &[]).await;
    let faults = || proxy.faults.load(Ordering::Relaxed);
    let key = json!({ "name": "One", "role": "viewer" });
    proxy.plan(1, &["PutItem", "api-keys"], Fault::Twice);
    stack.api.post(&stack.in_workspace("api-keys"), &key).await.expect(201);
    assert_eq!(faults(), 1);

    proxy.plan(1, &["PutItem", "idempotency"], Fault::Twice);
    let request = stack.api.request(http::Method::POST, &stack.in_workspace("configs"));
    let new = json!({ "name": "Members", "source": { "type": "template" } });
    let config = id(&stack.api.send(request.header("idempotency-key", "once").json(&new)).await.expect(201));
    assert_eq!(faults(), 2);

    proxy.plan(1, &["PUT", "/draft/new.py"], Fault::Twice);
    let request = stack.api.request(http::Method::PUT, &stack.in_workspace(&format!("configs/{config}/files/new.py")));
    stack.api.send(request.header("if-none-match", "*").body("new = True\n")).await.expect(201);
    assert_eq!(faults(), 3);
    drop(stack);
    embedded.shutdown().await;
}

/// A deletion that breaks off leaves what was there, or can be asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_breaks_off_is_no_half_deletion() {
    let directory = tempfile::tempdir().unwrap();
    let (embedded, proxy, stack) = start(directory.path(), &[]).await;
    let delete = async |path: &str| stack.api.send(stack.api.request(http::Method::DELETE, path)).await;
    let config = stack.in_workspace(&format!("configs/{}", stack.config().await));
    proxy.plan(100, &["Query", "by_workspace_status"], Fault::Failed);
    assert_eq!(delete(&config).await.status, 503);
    proxy.plan(0, &[], Fault::Failed);
    stack.api.get(&config).await.expect(200);

    let other = id(&stack.api.post("/workspaces", &json!({ "name": "Other" })).await.expect(201));
    let (path, key) = (format!("/workspaces/{other}"), stack.key_in(&other, "viewer").await);
    proxy.plan(100, &["UpdateItem", "api-keys", "revoked"], Fault::Failed);
    assert_eq!(delete(&path).await.status, 503);
    proxy.plan(0, &[], Fault::Failed);
    assert_eq!(delete(&path).await.status, 204);
    let request = reqwest::Client::new().get(format!("{}/api/v1/workspaces", stack.url())).bearer_auth(key);
    assert_eq!(request.send().await.unwrap().status(), 401, "nobody's key is left");
    drop(stack);
    embedded.shutdown().await;
}
