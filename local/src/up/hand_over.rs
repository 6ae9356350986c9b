//! Signing in to the console with a link.
//!
//! `ade up` prints a link with a code in its fragment, the part of an address that browsers keep to themselves. The console
//! sends the code here and gets the key for it, once: the link in the terminal, or in the browser's history, is worth nothing
//! afterwards. The key itself is in no link.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::host::Body;
use crate::host::gateway::{Mount, read_body};

/// First path segment of the service, and only one.
const SEGMENT: &str = "ade-sign-in";
/// What the console looks for in its address.
const PARAMETER: &str = "sign-in";
/// Longest body that is read; a code has 48 characters.
const LIMIT: usize = 256;

/// A key that is given away once, for a code.
pub(super) struct HandOver {
    code: String,
    left: Arc<Mutex<Option<Bytes>>>,
}

impl HandOver {
    /// For this key, with a new code.
    pub(super) fn of(api_key: &str) -> Self {
        let code = hex::encode(rand::random::<[u8; 24]>());
        let answer = serde_json::json!({ "api_key": api_key }).to_string().into();
        Self { code, left: Arc::new(Mutex::new(Some(answer))) }
    }

    /// The fragment of the link.
    pub(super) fn fragment(&self) -> String {
        format!("{PARAMETER}={}", self.code)
    }

    /// Where the console brings the code.
    pub(super) fn mount(&self) -> Mount {
        let (code, left) = (Arc::<str>::from(self.code.as_str()), Arc::clone(&self.left));
        Mount {
            segment: SEGMENT.to_owned(),
            service: Arc::new(move |request| {
                let (code, left) = (Arc::clone(&code), Arc::clone(&left));
                Box::pin(async move { answer(request, &code, &left).await })
            }),
        }
    }
}

async fn answer(request: Request<Incoming>, code: &str, left: &Mutex<Option<Bytes>>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let sent = read_body(&head.headers, body, LIMIT).await;
    let right = head.method == Method::POST && sent.is_ok_and(|sent| sent == code.as_bytes());
    let given = if right { left.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
    let (status, media_type, body) = match given {
        Some(key) => (StatusCode::OK, "application/json", key),
        None => (StatusCode::NOT_FOUND, "application/problem+json", Bytes::from_static(SPENT)),
    };
    let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

const SPENT: &[u8] = br#"{"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"This link is not one, or it was used before."}"#;
