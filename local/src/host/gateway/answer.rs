//! A function's answer → HTTP response.
//!
//! A buffered answer is the JSON document of a Lambda proxy integration. A streamed one begins with a prelude
//! (`{statusCode, headers, multiValueHeaders, cookies}`), eight NUL bytes, and then the body, which is passed on piece
//! by piece. A stream that fails after the prelude cuts the connection: the status is already with the client, and
//! only a missing end tells it that the body is not whole.

use std::collections::BTreeMap;

use base64::prelude::*;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;

use super::problem::Problem;
use crate::host::{Answer, AnswerStream, Body, RequestId, invocation::InvokeError, net::BoxError};

/// The end of a prelude.
const DELIMITER: [u8; 8] = [0; 8];
/// The longest prelude; API Gateway allows 10 KiB of headers.
const PRELUDE_LIMIT: usize = 64 * 1024;

/// Headers that belong to a connection or are set by the server.
const NOT_PASSED_ON: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// What a buffered answer and a prelude have in common, and the buffered body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyAnswer {
    status_code: u16,
    headers: Option<BTreeMap<String, Values>>,
    multi_value_headers: Option<BTreeMap<String, Values>>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// Why an answer is not one.
#[derive(Debug, thiserror::Error)]
enum BadAnswer {
    #[error("it is not the JSON of a proxy integration: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its status code or one of its headers is not valid: {0}")]
    Http(#[from] http::Error),
    #[error("its body is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("its prelude does not end")]
    Prelude,
}

/// The response for an answer. Waits for a streamed answer's prelude.
pub(super) async fn into_response(answer: Answer, function: &str, request_id: RequestId) -> Result<Response<Body>, Problem> {
    let response = match answer {
        Answer::Buffered(answer) => buffered(&answer),
        Answer::Streaming(mut stream) => match prelude(&mut stream).await {
            Ok(Ok((prelude, rest))) => streamed(&prelude, rest, stream, function, request_id),
            Ok(Err(bad)) => Err(bad),
            Err(fault) => {
                tracing::warn!(function, %request_id, %fault, "a function failed before its answer began");
                return Err(InvokeError::Fault(fault).into());
            }
        },
    };
    response.map_err(|error| {
        tracing::error!(function, %request_id, %error, "a function's answer is not an answer");
        Problem::bad_answer()
    })
}

fn buffered(answer: &[u8]) -> Result<Response<Body>, BadAnswer> {
    let mut answer: ProxyAnswer = serde_json::from_slice(answer)?;
    let body = answer.body.take().unwrap_or_default();
    let body = if answer.is_base64_encoded { BASE64_STANDARD.decode(body)? } else { body.into_bytes() };
    answer.into_response(Full::new(Bytes::from(body)).map_err(BoxError::from).boxed_unsync())
}

/// Reads up to the delimiter: the prelude, and what came after it in the same piece.
async fn prelude(stream: &mut AnswerStream) -> Result<Result<(Bytes, Bytes), BadAnswer>, crate::host::Fault> {
    let mut read = BytesMut::new();
    while let Some(piece) = stream.try_next().await? {
        let searched = read.len().saturating_sub(DELIMITER.len() - 1);
        read.extend_from_slice(&piece);
        if let Some(found) = read[searched..].windows(DELIMITER.len()).position(|window| window == DELIMITER) {
            let mut rest = read.freeze();
            let prelude = rest.split_to(searched + found);
            return Ok(Ok((prelude, rest.slice(DELIMITER.len()..))));
        }
        if read.len() > PRELUDE_LIMIT {
            break;
        }
    }
    Ok(Err(BadAnswer::Prelude))
}

fn streamed(prelude: &[u8], rest: Bytes, stream: AnswerStream, function: &str, request_id: RequestId) -> Result<Response<Body>, BadAnswer> {
    let prelude: ProxyAnswer = serde_json::from_slice(prelude)?;
    let function = function.to_owned();
    let first = futures::stream::iter((!rest.is_empty()).then_some(Ok(rest)));
    let pieces = first.chain(stream).map(move |piece| match piece {
        Ok(bytes) => Ok(Frame::data(bytes)),
        Err(fault) => {
            tracing::warn!(%function, %request_id, %fault, "a function failed while it answered");
            Err(BoxError::from(fault))
        }
    });
    prelude.into_response(StreamBody::new(pieces).boxed_unsync())
}

impl ProxyAnswer {
    fn into_response(self, body: Body) -> Result<Response<Body>, BadAnswer> {
        let mut headers = HeaderMap::new();
        // `multiValueHeaders` wins where both name a header, as on API Gateway.
        for map in [self.headers, self.multi_value_headers].into_iter().flatten() {
            for (name, values) in map {
                let name = HeaderName::try_from(name).map_err(http::Error::from)?;
                headers.remove(&name);
                let values = match values {
                    Values::One(value) => vec![value],
                    Values::Many(values) => values,
                };
                for value in values {
                    headers.append(&name, HeaderValue::try_from(value).map_err(http::Error::from)?);
                }
            }
        }
        for cookie in self.cookies {
            headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).map_err(http::Error::from)?);
        }
        for name in &NOT_PASSED_ON {
            headers.remove(name);
        }
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status_code).map_err(http::Error::from)?;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
