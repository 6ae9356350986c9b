//! Reading the body of a request to its end, also when it is refused.
//!
//! A connection on which something of a body was left unread cannot carry another request, so hyper closes it, and a
//! client that has just begun to send the next one there sees it fail.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use super::problem::Problem;

/// How much of a body that is too long is read and forgotten, so that its sender gets to read the refusal.
const DISCARD_LIMIT: usize = 64 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unread {
    /// It has more bytes than this.
    TooLong(usize),
    /// Its sender broke off.
    Cut,
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLong(limit) => Self::payload_too_large(limit),
            Unread::Cut => Self::bad_request("The request's body was cut."),
        }
    }
}

/// The body, of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    // A client that waits for "100 Continue" is spared the upload. The others would not read a refusal before they
    // have sent everything, so what they send is read, within reason.
    let spared = if headers.contains_key(header::EXPECT) { limit } else { DISCARD_LIMIT };
    if body.size_hint().lower() > spared as u64 {
        return Err(Unread::TooLong(limit));
    }
    let mut body = Limited::new(body, DISCARD_LIMIT);
    let mut bytes = BytesMut::new();
    let mut too_long = false;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                too_long |= bytes.len() + data.len() > limit;
                if too_long {
                    bytes.clear();
                } else {
                    bytes.extend_from_slice(&data);
                }
            }
            Err(error) if error.is::<LengthLimitError>() => too_long = true,
            Err(_) => return Err(Unread::Cut),
        }
    }
    if too_long { Err(Unread::TooLong(limit)) } else { Ok(bytes.freeze()) }
}
