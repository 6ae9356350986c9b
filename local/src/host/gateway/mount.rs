//! Services of the caller's that share the gateway's port, such as the embedded S3.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::host::{Body, net::BoxError};

/// Answers the requests of a mount. The path is left as it was sent.
pub type Service = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// An AWS stand-in under a first path segment of its own.
#[derive(Clone)]
pub struct Mount {
    /// The segment, without slashes.
    pub segment: String,
    /// What answers there.
    pub service: Service,
}

impl Mount {
    /// True when the path's first segment is this mount's.
    pub(super) fn serves(&self, path: &str) -> bool {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(self.segment.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if signed_twice(&request) { only_one_auth_mechanism() } else { (self.service)(request).await }
    }
}

/// True for a presigned URL that was sent with an `Authorization` header as well, as clients do that keep the header
/// of a request when they follow its redirect. S3 refuses that, so we do too: it must not work here first.
fn signed_twice(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.headers().contains_key(header::AUTHORIZATION)
        && url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "X-Amz-Signature")
}

fn only_one_auth_mechanism() -> Response<Body> {
    const DOCUMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code>\
        <Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
        parameter or the Authorization header should be specified</Message></Error>";
    let body = Full::new(Bytes::from_static(DOCUMENT.as_bytes()));
    let mut response = Response::new(body.map_err(BoxError::from).boxed_unsync());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
