//! Conditional requests ([RFC 9110, section 13](https://www.rfc-editor.org/rfc/rfc9110#section-13)): who changes something says
//! which state of it the change was made for.

use ade_core::store::Expected;
use http::{HeaderValue, Response, StatusCode, header};

use super::{Answer, Problem, Request};

impl Request {
    /// What the caller expects to change: `If-None-Match: *` to create, `If-Match` with one entity tag to change. One is required.
    pub fn expected(&self) -> Result<Expected, Problem> {
        match (self.header("if-none-match"), self.header("if-match")) {
            (None, None) => Err(Problem::precondition_required()),
            (Some("*"), None) => Ok(Expected::Absent),
            (None, Some(tag)) if is_entity_tag(tag) => Ok(Expected::Tag(tag.to_owned())),
            _ => Err(Problem::invalid_precondition()),
        }
    }

    /// The entity tag of what the caller expects to change or delete.
    pub fn expected_tag(&self) -> Result<String, Problem> {
        match self.expected()? {
            Expected::Tag(tag) => Ok(tag),
            Expected::Absent => Err(Problem::invalid_precondition()),
        }
    }

    /// Whether the caller has the state with this entity tag already (`If-None-Match`).
    pub fn knows(&self, etag: &str) -> bool {
        let known = |candidate: &str| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag;
        self.header("if-none-match").is_some_and(|tags| tags.split(',').map(str::trim).any(known))
    }
}

/// An answer that may be kept as long as its entity tag is asked for each time.
pub fn with_etag(mut response: Response<bytes::Bytes>, etag: &str) -> Answer {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::try_from(etag).map_err(Problem::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// 304: the caller has this state already.
pub fn not_modified(etag: &str) -> Answer {
    let mut response = Response::new(bytes::Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    with_etag(response, etag)
}

/// One strong entity tag as S3 makes them: quoted, visible ASCII.
fn is_entity_tag(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|tag| tag.len() <= 200 && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'))
}
