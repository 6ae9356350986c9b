use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::edge::{Answer, App, Request};

/// A page that reads `openapi.json` beside it and nothing from anywhere else.
const PAGE: &str = include_str!("docs.html");

/// Its script and style stand in the page; it may ask its own server only.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Browse the API
///
/// The OpenAPI document as a page for people. Needs no key.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "get-docs",
    tag = "System",
    security(()),
    responses((status = 200, description = "A page.", content_type = "text/html", body = String))
)]
#[expect(clippy::unused_async, reason = "handlers are async functions")]
pub async fn get_docs(_app: Arc<App>, _request: Request) -> Answer {
    let mut response = Response::new(Bytes::from_static(PAGE.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
