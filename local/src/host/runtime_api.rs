//! The Lambda Runtime API, as one environment sees it.
//!
//! Paths, headers and status codes follow "Using the Lambda runtime API for custom runtimes" and "Response streaming
//! for custom runtimes" in the AWS Lambda developer guide.

use std::sync::Arc;

use base64::prelude::*;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::{
    arn,
    environment::{Environment, Event},
    invocation::{Answer, AnswerStream, Fault, FaultKind, Frame, RequestId},
};

/// The longest buffered answer, and the longest event of a synchronous invocation.
pub(super) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// The longest error document.
const ERROR_LIMIT: usize = 256 * 1024;
/// How many pieces of a streamed answer wait for a slow reader before the function has to.
const FRAMES_AHEAD: usize = 16;

const PREFIX: &str = "/2018-06-01/runtime/";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

type ApiResponse = Response<Full<Bytes>>;

/// Answers one request of the environment's process.
pub(super) async fn answer(environment: Arc<Environment>, request: Request<Incoming>) -> ApiResponse {
    if [header::ORIGIN, HeaderName::from_static("sec-fetch-site")].iter().any(|name| request.headers().contains_key(name)) {
        // A web page that has found the port must not take a function's work.
        return refuse(StatusCode::FORBIDDEN, "Forbidden", "the Runtime API is not for browsers");
    }
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    match (request.method(), path.split('/').collect::<Vec<_>>().as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&environment).await,
        (&Method::POST, ["invocation", id, "response"]) => response(&environment, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => error(&environment, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(&environment, request).await,
        _ => refuse(StatusCode::NOT_FOUND, "UnknownRoute", "no such route"),
    }
}

async fn next(environment: &Environment) -> ApiResponse {
    let Some(Event { invocation, deadline_ms }) = environment.next().await else {
        return refuse(StatusCode::GONE, "Retired", "the environment is being stopped");
    };
    let request_id = invocation.request_id;
    let mut response = Response::new(Full::new(invocation.payload));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline_ms));
    for (name, value) in [
        ("lambda-runtime-aws-request-id", request_id.to_string()),
        ("lambda-runtime-invoked-function-arn", arn(&environment.pool.spec.name)),
        ("lambda-runtime-trace-id", request_id.trace_header()),
    ] {
        match HeaderValue::try_from(value) {
            Ok(value) => drop(headers.insert(name, value)),
            // Names are checked when the host starts and the rest is made here.
            Err(error) => tracing::error!(%error, name, "cannot tell a function about its invocation"),
        }
    }
    if let Some(tenant) = invocation.tenant_id {
        headers.insert("lambda-runtime-aws-tenant-id", tenant);
    }
    response
}

async fn response(environment: &Arc<Environment>, id: &str, request: Request<Incoming>) -> ApiResponse {
    if request.headers().get(RESPONSE_MODE).is_some_and(|mode| mode == "streaming") {
        return streamed_response(environment, id, request.into_body()).await;
    }
    if !environment.owes(id) {
        return unknown_invocation(id);
    }
    // The answer is claimed once it is whole: until then a dying process still fails the invocation.
    let body = Limited::new(request.into_body(), PAYLOAD_LIMIT).collect().await;
    let Some((request_id, reply)) = environment.take_reply(id) else {
        return unknown_invocation(id);
    };
    let (answer, result) = match body {
        Ok(body) => (accepted(), Ok(Answer::Buffered(body.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
            let refusal = refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
            (refusal, Err(Fault::new(FaultKind::AnswerTooLarge, "Function.ResponseSizeTooLarge", &message)))
        }
        Err(_) => {
            let fault = environment.fault_of_broken_connection(request_id).await;
            (refuse(StatusCode::BAD_REQUEST, "BrokenAnswer", "the answer was cut"), Err(fault))
        }
    };
    environment.settle();
    reply.send(result.map_err(Into::into));
    answer
}

async fn streamed_response(environment: &Arc<Environment>, id: &str, body: Incoming) -> ApiResponse {
    let Some((request_id, reply)) = environment.take_reply(id) else {
        return unknown_invocation(id);
    };
    let (frames, reader) = mpsc::channel(FRAMES_AHEAD);
    // An Event invocation has no reader: the stream comes back and is dropped, and the answer is drained below.
    reply.send(Ok(Answer::Streaming(AnswerStream::new(reader))));
    // A task of its own, because this request is dropped when the process dies, and the reader must still be told.
    // It ends with the connection.
    let relay = tokio::spawn(relay(environment.clone(), request_id, body, frames));
    match relay.await {
        Ok(()) => accepted(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "RelayFailed", &error.to_string()),
    }
}

/// Passes a streamed answer on, piece by piece. When the reader has gone away the function may still finish: the rest
/// is read and forgotten.
async fn relay(environment: Arc<Environment>, request_id: RequestId, mut body: Incoming, frames: mpsc::Sender<Frame>) {
    let mut end = Ok(());
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            // The reader's absence shows in every send; there is nobody to tell.
            Ok(Ok(data)) => drop(frames.send(Frame::Data(data)).await),
            Ok(Err(frame)) => end = frame.into_trailers().map_or(Ok(()), |trailers| mid_stream_error(&trailers)),
            Err(_) => {
                end = Err(environment.fault_of_broken_connection(request_id).await);
                break;
            }
        }
    }
    environment.settle();
    let _ = frames.send(Frame::End(end)).await;
}

/// The error that a function reports after it has begun to answer: its type, and a document in base64.
fn mid_stream_error(trailers: &HeaderMap) -> Result<(), Fault> {
    let Some(error_type) = trailers.get(ERROR_TYPE) else { return Ok(()) };
    let document = trailers.get(ERROR_BODY).and_then(|body| BASE64_STANDARD.decode(body.as_bytes()).ok());
    Err(match document {
        Some(document) => Fault { kind: FaultKind::Handler, payload: document.into() },
        None => Fault::new(FaultKind::Handler, &String::from_utf8_lossy(error_type.as_bytes()), "the answer was cut"),
    })
}

async fn error(environment: &Environment, id: &str, request: Request<Incoming>) -> ApiResponse {
    if !environment.owes(id) {
        return unknown_invocation(id);
    }
    let document = error_document(request.into_body()).await;
    let Some((_, reply)) = environment.take_reply(id) else {
        return unknown_invocation(id);
    };
    environment.settle();
    reply.send(Err(Fault { kind: FaultKind::Handler, payload: document }.into()));
    accepted()
}

async fn init_error(environment: &Environment, request: Request<Incoming>) -> ApiResponse {
    environment.set_init_error(error_document(request.into_body()).await);
    accepted()
}

async fn error_document(body: Incoming) -> Bytes {
    match Limited::new(body, ERROR_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let message = format!("the error document could not be read: {error}");
            Fault::new(FaultKind::Handler, "Runtime.Unknown", &message).payload
        }
    }
}

fn accepted() -> ApiResponse {
    json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" }))
}

fn unknown_invocation(id: &str) -> ApiResponse {
    refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", &format!("{id:?} is not the invocation in progress"))
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> ApiResponse {
    json(status, &serde_json::json!({ "errorType": error_type, "errorMessage": message }))
}

fn json(status: StatusCode, document: &serde_json::Value) -> ApiResponse {
    let mut response = Response::new(Full::new(document.to_string().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
