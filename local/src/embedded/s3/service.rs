//! The S3 endpoint as a service that any HTTP server can mount.
//!
//! Before a request reaches s3s it is held to the rules of AWS that s3s leaves open:
//! - one way to sign: not a header and a presigned query at once, and no Signature Version 2;
//! - every `x-amz-*` header is signed. Otherwise whoever holds a presigned PUT could add
//!   `x-amz-copy-source` and have any object of the bucket copied to where they may read it;
//! - a presigned URL lives at most seven days;
//! - no browser form uploads: their body would be read before anybody is known to have signed it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, HttpError, S3Error, S3Result, s3_error};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Cors, CorsLayer, ExposeHeaders};

use super::guard::{Guard, Keys};
use super::operations::Operations;
use super::store::Store;
use crate::embedded::credentials::Credentials;
use crate::roles::Roles;

/// Enough for DeleteObjects with 1,000 keys and CompleteMultipartUpload with 10,000 parts.
const MAX_XML_BYTES: usize = 4 * 1024 * 1024;
/// AWS's bound on `X-Amz-Expires`.
const MAX_PRESIGNED_SECONDS: u32 = 7 * 24 * 60 * 60;

/// The S3 service; clones share one store.
///
/// Path style only: the first segment of the path is the bucket. Signatures cover the `Host` header
/// as the client sent it, so a server that mounts this passes requests on unchanged.
#[derive(Clone)]
pub struct S3Service {
    inner: Cors<Door>,
    door: Door,
}

impl std::fmt::Debug for S3Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Service").finish_non_exhaustive()
    }
}

impl S3Service {
    pub(crate) fn new(store: Store, credentials: &Credentials, roles: Roles) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = MAX_XML_BYTES;
        let mut builder = S3ServiceBuilder::new(Operations::new(store, roles.clone()));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(Keys::new(credentials));
        builder.set_access(Guard::new(roles));
        let door = Door { s3: builder.build() };
        Self { inner: cors(Vec::new()).layer(door.clone()), door }
    }

    /// The same service for pages of these origins too (`https://ade.example`). Without this no other
    /// origin than the one it is served from may use it.
    #[must_use]
    pub fn with_cors(&self, origins: Vec<HeaderValue>) -> Self {
        Self { inner: cors(origins).layer(self.door.clone()), door: self.door.clone() }
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let request = request.map(Body::http_body_unsync);
        match self.inner.clone().call(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(error = ?error, "an S3 request could not be answered");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(AllowMethods::list([Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE]))
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list([
            header::ETAG,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::CONTENT_DISPOSITION,
            header::HeaderName::from_static("x-amz-checksum-sha256"),
        ]))
        .max_age(Duration::from_mins(10))
}

/// s3s behind the rules above.
#[derive(Clone)]
struct Door {
    s3: s3s::service::S3Service,
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let s3 = self.s3.clone();
        Box::pin(async move {
            match admit(&request) {
                Ok(()) => s3.call(request).await,
                Err(refusal) => refusal.to_http_response().map_err(|error| HttpError::new(Box::new(error))),
            }
        })
    }
}

fn admit(request: &Request<Body>) -> S3Result<()> {
    let form = request.method() == Method::POST
        && header_text(request, &header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/"));
    if form {
        return Err(s3_error!(NotImplemented, "Browser form uploads are not offered; use a presigned PUT"));
    }
    let query = Presigned::read(request.uri().query().unwrap_or_default());
    let authorization = header_text(request, &header::AUTHORIZATION);
    let signed_headers = match (&authorization, &query) {
        (Some(_), Some(_)) => {
            return Err(s3_error!(
                InvalidRequest,
                "Only one authentication mechanism is allowed: the Authorization header or a presigned query"
            ));
        }
        // s3s answers requests that nobody signed.
        (None, None) => return Ok(()),
        (Some(authorization), None) => authorization
            .strip_prefix("AWS4-HMAC-SHA256")
            .ok_or_else(other_signature)?
            .split(',')
            .find_map(|part| part.trim().strip_prefix("SignedHeaders="))
            .unwrap_or_default()
            .to_owned(),
        (None, Some(query)) => query.signed_headers()?,
    };
    let unsigned = request
        .headers()
        .keys()
        .find(|name| name.as_str().starts_with("x-amz-") && !signed_headers.split(';').any(|signed| signed == *name));
    match unsigned {
        None => Ok(()),
        Some(name) => Err(S3Error::with_message(
            s3s::S3ErrorCode::AccessDenied,
            format!("There were headers present in the request which were not signed: {name}"),
        )),
    }
}

/// The signature in a query, of either version.
struct Presigned {
    version_4: bool,
    signed_headers: String,
    expires: u32,
}

impl Presigned {
    fn read(query: &str) -> Option<Self> {
        let mut presigned = Self { version_4: false, signed_headers: String::new(), expires: 0 };
        let mut found = false;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "X-Amz-Signature" | "X-Amz-Algorithm" | "X-Amz-Credential" => {
                    found = true;
                    presigned.version_4 = true;
                }
                "X-Amz-SignedHeaders" => presigned.signed_headers = value.into_owned(),
                // s3s refuses what is not a number.
                "X-Amz-Expires" => presigned.expires = value.parse().unwrap_or_default(),
                "Signature" | "AWSAccessKeyId" => found = true,
                _ => {}
            }
        }
        found.then_some(presigned)
    }

    fn signed_headers(&self) -> S3Result<String> {
        if !self.version_4 {
            return Err(other_signature());
        }
        if self.expires > MAX_PRESIGNED_SECONDS {
            return Err(s3_error!(AuthorizationQueryParametersError, "X-Amz-Expires must be less than a week (in seconds)"));
        }
        Ok(self.signed_headers.clone())
    }
}

fn other_signature() -> S3Error {
    s3_error!(InvalidRequest, "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
}

fn header_text(request: &Request<Body>, name: &header::HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
