//! An HTTP client that believes nothing: every answer is checked against the API's description.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, Method};
use serde_json::Value;

use super::contract::{Contract, Operation};

/// Where the API's paths start.
pub(super) const BASE: &str = "/api/v1";

/// So many events of a stream are all checked against the schema; of a longer one's log lines every hundredth is.
const CHECKED_EVENTS: usize = 2000;

/// The API as one caller sees it.
#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    key: Option<String>,
    contract: Arc<Contract>,
}

/// An answer that is not a stream.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Api {
    pub(super) fn new(url: &str, key: Option<&str>, contract: Arc<Contract>) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { http, url: url.to_owned(), key: key.map(ToOwned::to_owned), contract }
    }

    /// The same API, asked with another key or none.
    pub(super) fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(ToOwned::to_owned), ..self.clone() }
    }

    pub(super) fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The connections, for requests that are not the API's: presigned ones.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A request with the caller's key. `path` is below the API's base and may have a query.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{BASE}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a request and checks what comes back.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (operation, response) = self.answered(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.bytes().await.unwrap() };
        self.check(operation.as_ref(), &answer);
        answer
    }

    /// Opens a stream of events.
    pub(super) async fn stream(&self, request: reqwest::RequestBuilder) -> Events {
        let (operation, response) = self.answered(request).await;
        let operation = operation.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if status != 200 {
            let answer = Answer { status, headers, body: response.bytes().await.unwrap() };
            self.check(Some(&operation), &answer);
            panic!("no stream but {answer:?}");
        }
        for (name, value) in [("content-type", "application/x-ndjson"), ("cache-control", "no-store"), ("x-accel-buffering", "no")] {
            assert_eq!(headers.get(name).map(http::HeaderValue::as_bytes), Some(value.as_bytes()), "{name} of {}", operation.id);
        }
        assert!(!headers.contains_key("content-encoding") && !headers.contains_key("content-length"), "{headers:?}");
        Events {
            headers,
            operation,
            contract: Arc::clone(&self.contract),
            pieces: Box::pin(response.bytes_stream()),
            unread: BytesMut::new(),
            read: 0,
        }
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> (Option<Operation>, reqwest::Response) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let path = request.url().path().split_once(BASE).map_or("", |(_stage, path)| path).to_owned();
        let operation = self.contract.operation(request.method(), &path);
        (operation, client.execute(request).await.unwrap())
    }

    fn check(&self, operation: Option<&Operation>, answer: &Answer) {
        let Answer { status, headers, body } = answer;
        let content_type = headers.get("content-type").map(|value| value.to_str().unwrap()).unwrap_or_default();
        let request_id = headers.get("x-request-id").unwrap_or_else(|| panic!("no request id: {answer:?}")).to_str().unwrap();
        assert!(*status != 500 && *status != 502, "{answer:?}");
        if let Some(operation) = operation {
            self.contract.check_answer(operation, *status, content_type, body);
        }
        if *status >= 400 {
            assert_eq!(content_type, "application/problem+json", "{answer:?}");
            let problem: Value = serde_json::from_slice(body).unwrap();
            self.contract.check_problem(&problem);
            assert_eq!(problem["status"], *status);
            assert_eq!(problem["request_id"], request_id);
        }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Panics unless the request was refused with this status and code.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem:#}");
        problem
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The events of an open stream.
pub(super) struct Events {
    pub(super) headers: HeaderMap,
    operation: Operation,
    contract: Arc<Contract>,
    pieces: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    unread: BytesMut,
    read: usize,
}

impl Events {
    /// The next event as it arrives; `None` when the stream has ended. Heartbeats are passed over.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.line().await?;
            let event: Value = serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            if event["type"] == "heartbeat" {
                continue;
            }
            self.read += 1;
            if self.read <= CHECKED_EVENTS || self.read.is_multiple_of(100) || event["type"] != "run.log" {
                self.contract.check_event(&self.operation, &event);
            }
            return Some(event);
        }
    }

    /// The next event that `wanted` accepts, with those before it.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
            if wanted(&events[events.len() - 1]) {
                return events;
            }
        }
        panic!("the stream ended without the event: {:#?}", events.last());
    }

    /// Everything up to the end of the stream.
    pub(super) async fn rest(mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    async fn line(&mut self) -> Option<Bytes> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.unread[searched..].iter().position(|byte| *byte == b'\n') {
                return Some(self.unread.split_to(searched + end + 1).freeze());
            }
            searched = self.unread.len();
            let Some(piece) = self.pieces.next().await else {
                assert!(self.unread.is_empty(), "the stream ended inside a line: {:?}", self.unread);
                return None;
            };
            self.unread.extend_from_slice(&piece.expect("the stream broke"));
        }
    }
}

/// The ids of events.
pub(super) fn ids(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

/// The messages of the lines that a process printed, in order.
pub(super) fn messages(events: &[Value], stream: &str) -> Vec<String> {
    let of_stream = events.iter().filter(|event| event["type"] == "run.log" && event["stream"] == stream);
    of_stream.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

/// Panics unless these are all the events of a run, or of a build.
#[track_caller]
pub(super) fn assert_whole_log(events: &[Value], subject: &str) {
    assert_eq!(ids(events), (1..=events.len() as u64).collect::<Vec<_>>());
    let of_type = |kind: &str| {
        let wanted = format!("{subject}.{kind}");
        let of_subject = events.iter().enumerate().filter(|(_, event)| event["type"] == wanted.as_str());
        of_subject.map(|(index, _)| index).collect::<Vec<_>>()
    };
    assert_eq!(of_type("created"), [0]);
    assert_eq!(of_type("completed"), [events.len() - 1]);
    assert!(events.iter().all(|event| event["object"] == format!("ade.{subject}.event").as_str()), "{events:#?}");
}
