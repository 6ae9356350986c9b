use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::edge::{Answer, App, Request};
use crate::openapi::COMMITTED;

/// Describe the API
///
/// The OpenAPI document of this API, byte for byte as it is in the repository. Needs no key.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get-openapi",
    tag = "System",
    security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json", body = Object))
)]
#[expect(clippy::unused_async, reason = "handlers are async functions")]
pub async fn get_openapi(_app: Arc<App>, _request: Request) -> Answer {
    let mut response = Response::new(Bytes::from_static(COMMITTED.as_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
