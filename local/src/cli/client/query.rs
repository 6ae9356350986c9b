//! Addresses.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a path segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Query(String);

impl Query {
    /// One more parameter.
    pub(in crate::cli) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let sign = if self.0.is_empty() { '?' } else { '&' };
        self.0 = format!("{}{sign}{name}={}", self.0, segment(&value.to_string()));
        self
    }

    /// One more parameter, if it has a value.
    pub(in crate::cli) fn maybe(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as one segment of a path, or as a value in a query.
pub(in crate::cli) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
