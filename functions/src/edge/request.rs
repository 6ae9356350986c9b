//! A request as handlers see it.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ade_core::id::InvalidId;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Problem, body};

/// Where the API's paths start, behind whatever stage or mapping is in front.
const BASE: &str = "/api/v1";

/// How long a request may take when the runtime does not say.
const PATIENCE: Duration = Duration::from_mins(15);

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Its id: in the answer, in the log, and in the gateway's log.
    pub id: String,
    /// The trace it belongs to.
    pub trace_id: String,
    /// Its method.
    pub method: Method,
    /// Its path as the client sent it.
    pub path: String,
    /// The route that it took, such as `/api/v1/runs/{run_id}`.
    pub resource: String,
    /// When the function is stopped.
    pub deadline: Instant,
    pub(super) headers: HeaderMap,
    base: String,
    parameters: QueryMap,
    query: String,
    body: Bytes,
}

impl Request {
    /// Reads the event that API Gateway, or the local gateway, sends.
    pub fn from_event(event: lambda_http::Request) -> Self {
        let (parts, body) = event.into_parts();
        let lambda = parts.extensions.lambda_context_ref();
        let (gateway_id, context_path, resource) = match parts.extensions.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                (context.request_id.clone(), context.path.clone(), context.resource_path.clone())
            }
            Some(RequestContext::ApiGatewayV2(context)) => (context.request_id.clone(), None, context.route_key.clone()),
            _ => (None, None, None),
        };
        let raw_path = parts.extensions.raw_http_path().to_owned();
        let path = context_path.unwrap_or(raw_path);
        let base = path.find(BASE).map_or(BASE, |at| &path[..at + BASE.len()]).to_owned();
        Self {
            id: gateway_id.or_else(|| lambda.map(|lambda| lambda.request_id.clone())).unwrap_or_default(),
            trace_id: trace_id(&parts.headers),
            deadline: deadline(lambda.map_or(0, |lambda| lambda.deadline)),
            parameters: parts.extensions.path_parameters(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body: match body {
                Body::Text(text) => text.into(),
                Body::Binary(bytes) => bytes.into(),
                _ => Bytes::new(),
            },
            resource: resource.unwrap_or_else(|| path.clone()),
            path,
            base,
        }
    }

    /// The body as it was sent.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The query string as it was sent.
    pub(super) fn query_text(&self) -> &str {
        &self.query
    }

    /// The id that stands in the path. What is not an id of the right kind names nothing.
    pub fn id_in_path<T: FromStr<Err = InvalidId>>(&self, name: &str) -> Result<T, Problem> {
        Ok(self.parameter(name).parse()?)
    }

    /// A parameter of the path, decoded.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.first(name).unwrap_or_default()
    }

    /// The JSON body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        body::json(&self.headers, &self.body)
    }

    /// The body as it is, of at most `limit` bytes.
    pub fn bytes(&self, limit: u64) -> Result<Bytes, Problem> {
        if self.body.len() as u64 > limit { Err(Problem::body_too_large(limit)) } else { Ok(self.body.clone()) }
    }

    /// The query string.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        body::query(&self.query)
    }

    /// A header, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client names this media type as one that it accepts.
    pub fn accepts(&self, media_type: &str) -> bool {
        self.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
            |range| {
                let essence = range.split(';').next().unwrap_or_default();
                essence.trim().eq_ignore_ascii_case(media_type)
            },
        )
    }

    /// The API key or access token: `Authorization: Bearer …` or `X-API-Key: …`.
    pub(super) fn credentials(&self) -> Option<&str> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key)
        });
        bearer.or_else(|| self.header("x-api-key")).map(str::trim)
    }

    /// The path of another resource, under the same host and prefix.
    pub(super) fn location(&self, link: &str) -> String {
        format!("{}{link}", self.base)
    }
}

/// When the function is stopped, which its context tells in milliseconds since 1970.
fn deadline(millis: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = if millis == 0 { PATIENCE } else { Duration::from_millis(millis).saturating_sub(now) };
    Instant::now() + left.min(PATIENCE)
}

/// The trace that a caller is in ([Trace Context](https://www.w3.org/TR/trace-context/)), or that the gateway began
/// ([X-Ray](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader)), or a new one.
/// Always 32 hexadecimal digits: X-Ray's `1-<8>-<24>` without its decoration is one too.
fn trace_id(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let w3c = text("traceparent").and_then(|value| value.split('-').nth(1)).map(str::to_owned);
    let xray = || {
        let root = text("x-amzn-trace-id")?.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
        Some(root.strip_prefix("1-")?.replace('-', ""))
    };
    let usable = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id.bytes().any(|byte| byte != b'0');
    w3c.filter(usable).or_else(|| xray().filter(usable)).unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ade_core::id::RunId;
    use serde_json::{Value, json};

    /// A request as API Gateway hands it over.
    fn request(context_path: &str, headers: &Value) -> Request {
        let event = json!({
            "resource": "/api/v1/runs/{run_id}",
            "path": "/api/v1/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG",
            "httpMethod": "GET",
            "headers": headers,
            "multiValueHeaders": {},
            "queryStringParameters": { "q": "b" },
            "multiValueQueryStringParameters": { "q": ["a&c", "b"] },
            "pathParameters": { "run_id": "run_01JZX3Q4T5V6W7X8Y9ZABCDEFG", "other": "run_x" },
            "requestContext": { "httpMethod": "GET", "requestId": "gateway-1", "stage": "prod", "path": context_path, "resourcePath": "/api/v1/runs/{run_id}", "identity": {} },
            "body": null,
            "isBase64Encoded": false,
        });
        Request::from_event(lambda_http::request::from_str(&event.to_string()).unwrap())
    }

    #[test]
    fn a_request_is_read_from_the_gateways_event() {
        let request =
            request("/prod/api/v1/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG", &json!({ "Accept": "text/html, application/json;q=0.9" }));
        assert_eq!(request.id, "gateway-1");
        assert!(request.id_in_path::<RunId>("run_id").is_ok());
        assert_eq!(request.id_in_path::<RunId>("other").unwrap_err().code(), "run_not_found");
        assert_eq!(request.location("/runs/x"), "/prod/api/v1/runs/x", "links stay behind the stage");
        assert!(request.accepts("application/json") && !request.accepts("text/event-stream"));
        assert_eq!(request.query::<Vec<(String, String)>>().unwrap().len(), 2);
        assert_eq!(request.json::<Value>().unwrap_err().code(), "body_required");
    }

    #[test]
    fn the_key_stands_in_either_header() {
        let key = |headers: &Value| request("/api/v1/x", headers).credentials().map(str::to_owned);
        assert_eq!(key(&json!({ "authorization": "bearer ade_x" })).as_deref(), Some("ade_x"));
        assert_eq!(key(&json!({ "x-api-key": "ade_y" })).as_deref(), Some("ade_y"));
        assert_eq!(key(&json!({ "authorization": "Basic abc" })), None);
        assert_eq!(key(&json!({})), None);
    }

    #[test]
    fn a_trace_is_continued_or_begun() {
        let trace = |headers: &Value| request("/api/v1/x", headers).trace_id;
        let w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(&json!({ "traceparent": w3c })), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            trace(&json!({ "x-amzn-trace-id": "Self=1-2-3;Root=1-67891233-abcdef012345678912345678" })),
            "67891233abcdef012345678912345678"
        );
        for none in
            [json!({}), json!({ "traceparent": "00-00000000000000000000000000000000-1-1" }), json!({ "x-amzn-trace-id": "Root=<script>" })]
        {
            let begun = trace(&none);
            assert!(begun.len() == 32 && begun.bytes().all(|byte| byte.is_ascii_hexdigit()), "{begun}");
        }
    }
}
