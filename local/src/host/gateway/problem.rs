//! What the gateway itself refuses, as `application/problem+json` (RFC 9457).

use std::{borrow::Cow, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde::Serialize;

use crate::host::{
    Body, RequestId,
    invocation::{FaultKind, InvokeError},
    net::BoxError,
};

/// A refusal: its status, its stable code, and a sentence that is safe to show.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path for this method.")
    }

    pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(super) fn payload_too_large(limit: usize) -> Self {
        let detail = format!("A request's body may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
    }

    pub(super) fn misdirected(address: SocketAddr) -> Self {
        let detail = format!("This server answers as http://{address}. Send the request there.");
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", detail)
    }

    /// A function answered with something that is not an answer.
    pub(super) fn bad_answer() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "function_failed", "The service failed to answer this request.")
    }

    pub(super) fn into_response(self, instance: &str, request_id: RequestId) -> Response<Body> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: &'static str,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
            instance: &'a str,
            request_id: String,
        }
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            instance,
            request_id: request_id.to_string(),
        };
        // Strings and a number always serialise.
        let body = Full::new(Bytes::from(serde_json::to_vec(&document).unwrap_or_default()));
        let mut response = Response::new(body.map_err(BoxError::from).boxed_unsync());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<InvokeError> for Problem {
    fn from(error: InvokeError) -> Self {
        let unavailable = |code, detail: &'static str, seconds| Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        };
        match error {
            InvokeError::Overloaded => unavailable("overloaded", "Too many requests are waiting. Try again.", 1),
            InvokeError::Stopping => unavailable("stopping", "The service is being stopped. Try again.", 5),
            InvokeError::UnknownFunction(_) => Self::bad_answer(),
            InvokeError::Fault(fault) => match fault.kind {
                FaultKind::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, "function_timeout", "The service did not answer in time."),
                FaultKind::Stopped => unavailable("stopping", "The service is being stopped. Try again.", 5),
                FaultKind::Handler | FaultKind::Exit | FaultKind::AnswerTooLarge => Self::bad_answer(),
            },
        }
    }
}
