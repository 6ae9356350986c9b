//! The Lambda Invoke API, for functions that call functions.
//!
//! `Invoke` (`RequestResponse`, `Event`, `DryRun`) and `InvokeWithResponseStream`, as the AWS SDKs speak them; shapes and
//! errors follow the AWS Lambda API reference. Differences to AWS: calls beyond a function's concurrency wait in its
//! queue for a while before they are refused with `TooManyRequestsException`, and signatures are not checked. The port
//! is ephemeral and on loopback, and a call without an `Authorization` header is refused: a web page can neither know
//! the port nor send that header across origins without a preflight, which nothing here answers.

use std::{sync::Arc, time::Duration};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as EventHeader, Message};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;

use super::{
    Body, Functions,
    invocation::{Answer, AnswerStream, Fault, FaultKind, Invocation, InvokeError, RequestId},
    net::BoxError,
    runtime_api::PAYLOAD_LIMIT,
};
use crate::roles::{self, Roles};

/// The longest event of an asynchronous invocation.
const EVENT_PAYLOAD_LIMIT: usize = 1024 * 1024;
/// How long an asynchronous invocation stays in the queue. Retries are 0: losing one is the caller's concern.
const EVENT_MAX_AGE: Duration = Duration::from_hours(1);
/// How long a synchronous invocation waits for a free environment: as long as the longest function runs.
const PATIENCE: Duration = Duration::from_mins(15);

/// Answers one call.
pub(super) async fn answer(functions: Arc<Functions>, roles: Roles, request: Request<Incoming>) -> Response<Body> {
    let request_id = RequestId::random();
    let mut response = match call(&functions, &roles, request_id, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert("x-amzn-requestid", value);
    }
    headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    response
}

enum Operation {
    RequestResponse,
    Event,
    DryRun,
    ResponseStream,
}

async fn call(functions: &Functions, roles: &Roles, request_id: RequestId, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let path: Vec<_> = request.uri().path().split('/').collect();
    let (reference, operation) = match (request.method(), path.as_slice()) {
        (&Method::POST, ["", "2015-03-31", "functions", reference, "invocations"]) => (*reference, invocation_type(&request)?),
        (&Method::POST, ["", "2021-11-15", "functions", reference, "response-streaming-invocations"]) => {
            (*reference, Operation::ResponseStream)
        }
        _ => return Err(Refusal::new(StatusCode::NOT_FOUND, "UnknownOperationException", "no such operation")),
    };
    let name = function_name(reference, request.uri().query())?;
    if let Some(key_id) = roles::signer(request.headers()) {
        let refused = |refusal: roles::Refusal| Refusal::new(StatusCode::FORBIDDEN, "AccessDeniedException", &refusal.to_string());
        roles.check_function(key_id, &name).map_err(refused)?;
    }
    let pool = functions.get(&name)?.clone();
    let tenant_id = request.headers().get("x-amz-tenant-id").cloned();
    // [Troubleshooting tenant isolation](https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html)
    match (pool.spec.tenant_isolation, tenant_id.is_some()) {
        (true, false) => return Err(invalid("the function has tenant isolation, and the call names no tenant")),
        (false, true) => return Err(invalid("the call names a tenant, and the function has no tenant isolation")),
        (true, true) | (false, false) => {}
    }
    let limit = if matches!(operation, Operation::Event) { EVENT_PAYLOAD_LIMIT } else { PAYLOAD_LIMIT };
    let payload = payload(request.into_body(), limit).await?;
    let invocation = Invocation { request_id, payload, tenant_id };
    match operation {
        Operation::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
        Operation::Event => {
            pool.submit(invocation, EVENT_MAX_AGE)?;
            Ok(empty(StatusCode::ACCEPTED))
        }
        Operation::RequestResponse => {
            let result = match pool.invoke(invocation, PATIENCE).await {
                Ok(Answer::Buffered(answer)) => Ok(answer),
                Ok(Answer::Streaming(stream)) => whole(stream).await,
                Err(InvokeError::Fault(fault)) => Err(fault),
                Err(error) => return Err(error.into()),
            };
            Ok(buffered(result))
        }
        Operation::ResponseStream => match pool.invoke(invocation, PATIENCE).await {
            Ok(Answer::Buffered(answer)) => Ok(event_stream(futures::stream::iter([Ok(answer)]))),
            Ok(Answer::Streaming(stream)) => Ok(event_stream(stream)),
            // As on AWS: the call itself went well, the failure is in its `InvokeComplete`.
            Err(InvokeError::Fault(fault)) => Ok(event_stream(futures::stream::iter([Err(fault)]))),
            Err(error) => Err(error.into()),
        },
    }
}

fn invocation_type(request: &Request<Incoming>) -> Result<Operation, Refusal> {
    match request.headers().get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => Ok(Operation::RequestResponse),
        Some(b"Event") => Ok(Operation::Event),
        Some(b"DryRun") => Ok(Operation::DryRun),
        Some(_) => Err(invalid("InvocationType must be RequestResponse, Event or DryRun")),
    }
}

/// The name in a function reference: `name`, `name:$LATEST`, `123456789012:function:name`, or a whole ARN.
fn function_name(reference: &str, query: Option<&str>) -> Result<String, Refusal> {
    let reference = percent_decode_str(reference).decode_utf8().map_err(|_| invalid("the function name is not UTF-8"))?;
    let parts: Vec<_> = reference.split(':').collect();
    let (name, qualifier) = match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", rest @ ..] | [_, "function", rest @ ..] | rest => match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(invalid("FunctionName is not a name, a partial ARN or an ARN")),
        },
    };
    let in_query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "Qualifier")
        .map(|(_, value)| value.into_owned());
    match qualifier.or(in_query.as_deref()) {
        None | Some("$LATEST") => Ok(name.to_owned()),
        // There are no versions or aliases here.
        Some(_) => Err(InvokeError::UnknownFunction(reference.into_owned()).into()),
    }
}

async fn payload(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let payload = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("Request must be smaller than {limit} bytes for the Invoke operation");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message));
        }
        Err(_) => return Err(invalid_content("the request body was cut")),
    };
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(IgnoredAny) => Ok(payload),
        Err(error) => Err(invalid_content(&format!("Could not parse request body into json: {error}"))),
    }
}

/// Reads a streamed answer to its end, for a caller that wants it whole.
async fn whole(mut stream: AnswerStream) -> Result<Bytes, Fault> {
    let mut answer = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        if answer.len() + piece.len() > PAYLOAD_LIMIT {
            let message = format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
            return Err(Fault::new(FaultKind::AnswerTooLarge, "Function.ResponseSizeTooLarge", &message));
        }
        answer.extend_from_slice(&piece);
    }
    Ok(answer.freeze())
}

fn buffered(result: Result<Bytes, Fault>) -> Response<Body> {
    let failed = result.is_err();
    let payload = result.unwrap_or_else(|fault| fault.payload);
    let mut response = Response::new(Full::new(payload).map_err(BoxError::from).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if failed {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    response
}

/// An answer as `application/vnd.amazon.eventstream`: a `PayloadChunk` for each piece, as it comes, and one
/// `InvokeComplete`, which carries the failure if there was one.
fn event_stream(pieces: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static) -> Response<Body> {
    let complete = futures::stream::once(async { Ok(None) });
    let messages = pieces
        .map_ok(Some)
        .chain(complete)
        .scan(false, |over, piece| {
            let message = if *over {
                None
            } else {
                *over = !matches!(piece, Ok(Some(_)));
                Some(match piece {
                    Ok(Some(bytes)) => event("PayloadChunk", "application/octet-stream", bytes),
                    Ok(None) => event("InvokeComplete", "application/json", Bytes::from_static(b"{}")),
                    Err(fault) => event("InvokeComplete", "application/json", failure(&fault)),
                })
            };
            std::future::ready(message)
        })
        .map_ok(Frame::data);
    let mut response = Response::new(StreamBody::new(messages).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    response
}

fn failure(fault: &Fault) -> Bytes {
    let details = String::from_utf8_lossy(&fault.payload);
    serde_json::json!({ "ErrorCode": "Unhandled", "ErrorDetails": details }).to_string().into()
}

fn event(event_type: &'static str, content_type: &'static str, payload: Bytes) -> Result<Bytes, BoxError> {
    let header = |name: &'static str, value: &'static str| Header::new(name, EventHeader::String(value.into()));
    let mut frame = Vec::with_capacity(payload.len() + 128);
    let message = Message::new(payload)
        .add_header(header(":message-type", "event"))
        .add_header(header(":event-type", event_type))
        .add_header(header(":content-type", content_type));
    write_message_to(&message, &mut frame)?;
    Ok(frame.into())
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().map_err(BoxError::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A call that was not carried out: an error of the Lambda API.
struct Refusal {
    status: StatusCode,
    exception: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, exception: &'static str, message: &str) -> Self {
        Self { status, exception, message: message.to_owned() }
    }

    fn into_response(self) -> Response<Body> {
        let document = serde_json::json!({ "Type": "User", "message": self.message });
        let body = Full::new(Bytes::from(document.to_string()));
        let mut response = Response::new(body.map_err(BoxError::from).boxed_unsync());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.exception));
        response
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
}

fn invalid_content(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message)
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        let (status, exception) = match error {
            InvokeError::UnknownFunction(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            InvokeError::Overloaded => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            InvokeError::Stopping | InvokeError::Fault(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceException"),
        };
        Self::new(status, exception, &error.to_string())
    }
}
