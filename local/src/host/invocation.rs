//! One invocation: what goes into a function, and what comes out of it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;
use http::HeaderValue;
use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The id of an invocation (a UUID, as on AWS). It names the invocation in the Runtime API, in logs and towards clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The X-Ray header value that belongs to this invocation. Nothing is sampled locally, but functions and the
    /// records they write carry a trace id as they do on AWS.
    pub(super) fn trace_header(self) -> String {
        let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        format!("Root=1-{seconds:08x}-{};Sampled=0", &self.0.simple().to_string()[..24])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a function is called with.
#[derive(Debug)]
pub struct Invocation {
    /// The id under which the function, the logs and the caller know this invocation.
    pub request_id: RequestId,
    /// The event: one JSON document.
    pub payload: Bytes,
    /// The tenant on whose behalf the function runs, handed on as it came.
    pub tenant_id: Option<HeaderValue>,
}

impl Invocation {
    /// An invocation with a new request id and no tenant.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { request_id: RequestId::random(), payload: payload.into(), tenant_id: None }
    }
}

/// What a function answered.
#[derive(Debug)]
pub enum Answer {
    /// The whole answer, at most 6 MB.
    Buffered(Bytes),
    /// The answer as the function writes it. Dropping the stream does not stop the function: it finishes, unheard.
    Streaming(AnswerStream),
}

/// The bytes of a streamed answer, as they come. Ends without an error only when the function has ended its answer.
#[derive(Debug)]
pub struct AnswerStream {
    frames: mpsc::Receiver<Frame>,
    /// Set once the function has said how the answer ended; nothing follows.
    ended: bool,
}

/// What the Runtime API hands to the reader of a streamed answer.
#[derive(Debug)]
pub(super) enum Frame {
    Data(Bytes),
    End(Result<(), Fault>),
}

impl AnswerStream {
    pub(super) fn new(frames: mpsc::Receiver<Frame>) -> Self {
        Self { frames, ended: false }
    }
}

impl Stream for AnswerStream {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(self.frames.poll_recv(cx));
        Poll::Ready(match frame {
            Some(Frame::Data(bytes)) => Some(Ok(bytes)),
            Some(Frame::End(end)) => {
                self.ended = true;
                end.err().map(Err)
            }
            None => {
                self.ended = true;
                Some(Err(Fault::new(FaultKind::Exit, "Runtime.ExitError", "the answer was cut")))
            }
        })
    }
}

/// A function that did not answer as it should.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}: {}", String::from_utf8_lossy(payload))]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// `{"errorType", "errorMessage", …}`, as the Invoke API shows it to callers.
    pub payload: Bytes,
}

/// The ways in which a function fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The handler returned an error or panicked; the process goes on.
    Handler,
    /// The process could not be started, or ended on its own.
    Exit,
    /// The deadline passed; the process was killed.
    Timeout,
    /// The buffered answer was longer than 6 MB.
    AnswerTooLarge,
    /// The host is being stopped.
    Stopped,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "the handler failed",
            Self::Exit => "the process ended",
            Self::Timeout => "the deadline passed",
            Self::AnswerTooLarge => "the answer is too large",
            Self::Stopped => "the host is stopping",
        })
    }
}

impl Fault {
    /// A fault in the shape of the Runtime API's error documents.
    pub(super) fn new(kind: FaultKind, error_type: &str, message: &str) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ErrorDocument<'a> {
            error_type: &'a str,
            error_message: &'a str,
        }
        let document = ErrorDocument { error_type, error_message: message };
        // Two strings always serialise; an empty payload would still be a valid fault.
        Self { kind, payload: serde_json::to_vec(&document).unwrap_or_default().into() }
    }
}

/// Why an invocation has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvokeError {
    /// No function has this name.
    #[error("there is no function named {0:?}")]
    UnknownFunction(String),
    /// All environments of the function are busy, and so is the queue, or it did not move in time.
    #[error("the function is busy")]
    Overloaded,
    /// The host is being stopped.
    #[error("the host is stopping")]
    Stopping,
    /// The function ran and failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
