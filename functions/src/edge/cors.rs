//! Which web pages may call the API ([Fetch: CORS](https://fetch.spec.whatwg.org/#http-cors-protocol)).
//!
//! Preflight requests never reach a function: the gateway answers them. Keys travel in headers that a page sets itself and
//! never in cookies, so credentials mode is not needed.

use http::{HeaderMap, HeaderValue, header};

/// Headers of answers that a page may read.
const EXPOSED: &str = "Location, Retry-After, X-Request-Id, X-Run-Id, X-Build-Id, ETag, Idempotent-Replayed";

/// Adds the headers by which a browser lets a page of an allowed origin read an answer.
pub(super) fn allow(headers: &mut HeaderMap, origins: &[String], origin: Option<&HeaderValue>) {
    if origins.is_empty() {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let allowed = |origin: &&HeaderValue| origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes());
    if let Some(origin) = origin.filter(allowed) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: &'static str) -> bool {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let mut headers = HeaderMap::new();
        allow(&mut headers, &origins, Some(&HeaderValue::from_static(origin)));
        headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|allowed| allowed == origin)
    }

    #[test]
    fn only_listed_origins_may_read() {
        assert!(allowed(&["https://a.example"], "https://a.example"));
        assert!(allowed(&["*"], "https://b.example"));
        assert!(!allowed(&["https://a.example"], "https://b.example"));
        assert!(!allowed(&["https://a.example"], "https://a.example.evil.example"));
        assert!(!allowed(&[], "https://a.example"));
    }
}
