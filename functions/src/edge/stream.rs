//! Answers that are written while something happens.
//!
//! A body can't take back what it has sent, so it never fails: a Lambda runtime would write the error's text into the body
//! and end the answer as if all were well. A fault is logged and the stream just ends, without a `*.completed` line, which
//! tells the client to resume after the last line that it has read. The same happens shortly before the function's deadline.
//!
//! Where nothing is streamed (`ADE_RESPONSE_STREAMING`), an answer of events is what there is by now or comes next, and its reader resumes
//! in the same way: it polls.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _, pin_mut};
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::Span;

use super::Problem;

/// What handlers of streaming operations end with.
pub type StreamAnswer = Result<Response<StreamBody>, Problem>;

/// How long a stream may be silent before it says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long before the function's deadline a stream ends itself.
const FAREWELL: Duration = Duration::from_secs(20);

/// How long nothing may come before an answer of events that is not streamed ends.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest body that is not streamed. Lambda takes answers of 6 MiB, in which a body is a JSON string: of its characters any may need two.
const WHOLE_LIMIT: usize = 3 << 20;

/// After so much no more events are taken: none of their pieces is longer than the rest.
const EVENTS_LIMIT: usize = 1 << 20;

/// A body that is there at once or comes in pieces.
pub enum StreamBody {
    /// There at once; `None` when it has been read.
    Whole(Option<Bytes>),
    /// Lines of events. Whoever reads them asks for the rest, wherever they end.
    Events(BoxStream<'static, Bytes>),
    /// Pieces that are worth nothing without each other.
    File(BoxStream<'static, Bytes>),
}

impl StreamBody {
    /// The body for a gateway that passes on whole answers only.
    pub(super) async fn whole(self) -> Result<Self, Problem> {
        let bytes = match self {
            Self::Whole(_) => return Ok(self),
            Self::Events(mut pieces) => {
                let mut bytes = BytesMut::from(&pieces.next().await.unwrap_or_default()[..]);
                while bytes.len() < EVENTS_LIMIT
                    && let Ok(Some(piece)) = timeout(PAUSE, pieces.next()).await
                {
                    bytes.extend_from_slice(&piece);
                }
                bytes.freeze()
            }
            Self::File(_) => {
                let read = http_body_util::Limited::new(self, WHOLE_LIMIT).collect().await;
                read.map_err(|_| Problem::needs_streaming(WHOLE_LIMIT))?.to_bytes()
            }
        };
        Ok(bytes.into())
    }
}

impl From<Bytes> for StreamBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(pieces) | Self::File(pieces) => pieces.poll_next_unpin(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON object a line.
    Ndjson,
    /// [Server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html), for `EventSource`.
    ServerSent,
}

impl Framing {
    /// Media type of such a body.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::ServerSent => "text/event-stream",
        }
    }

    fn heartbeat(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Ndjson => b"{\"type\":\"heartbeat\"}\n",
            Self::ServerSent => b": heartbeat\n\n",
        })
    }

    fn frame(self, lines: Bytes) -> Bytes {
        match self {
            Self::Ndjson => lines,
            Self::ServerSent => server_sent(&lines),
        }
    }
}

/// Whole NDJSON lines of events as server-sent events, with their ids, by which `EventSource` resumes.
fn server_sent(lines: &[u8]) -> Bytes {
    #[derive(Deserialize)]
    struct Head {
        id: u64,
    }
    let mut framed = BytesMut::with_capacity(lines.len() * 2);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(Head { id }) = serde_json::from_slice(line) {
            framed.put(format!("id: {id}\n").as_bytes());
        }
        framed.put(&b"data: "[..]);
        framed.put(line);
        framed.put(&b"\n\n"[..]);
    }
    framed.freeze()
}

/// A streamed answer of whole event lines. `about` is the header that names the record, such as `x-run-id`.
pub fn events<E: Display + Send + 'static>(
    lines: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    framing: Framing,
    deadline: Instant,
    about: (&'static str, String),
) -> StreamAnswer {
    let pieces = lively(lines, framing, HEARTBEAT, farewell(deadline));
    let mut response = Response::new(StreamBody::Events(within(Span::current(), pieces).boxed()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(framing.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Reverse proxies that buffer by default are asked not to (nginx).
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(about.0, HeaderValue::try_from(about.1).map_err(Problem::internal)?);
    Ok(response)
}

/// A streamed answer that clients save as a file called `name` (plain ASCII).
pub fn file<E: Display + Send + 'static>(
    pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    media_type: &'static str,
    name: &str,
    deadline: Instant,
) -> StreamAnswer {
    let pieces = until(farewell(deadline), pieces);
    let mut response = Response::new(StreamBody::File(within(Span::current(), pieces).boxed()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).map_err(Problem::internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// Waits for something, but not longer than a request with this deadline can be answered; `None` then.
pub async fn until_farewell<T>(deadline: Instant, something: impl Future<Output = T>) -> Option<T> {
    timeout_at(farewell(deadline), something).await.ok()
}

fn farewell(deadline: Instant) -> Instant {
    deadline.checked_sub(FAREWELL).unwrap_or(deadline)
}

/// Adds a heartbeat to a stream of lines whenever it is silent for that long; ends it at its end, at its first error, or at `end`.
fn lively<E: Display + Send>(
    lines: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    framing: Framing,
    heartbeat: Duration,
    end: Instant,
) -> impl Stream<Item = Bytes> + Send {
    async_stream::stream! {
        pin_mut!(lines);
        let end = sleep_until(end);
        pin_mut!(end);
        loop {
            let next = tokio::select! {
                biased;
                () = &mut end => break,
                next = timeout(heartbeat, lines.next()) => next,
            };
            match next {
                Ok(Some(Ok(lines))) => yield framing.frame(lines),
                Ok(Some(Err(error))) => {
                    tracing::error!(%error, "stream ended early");
                    break;
                }
                Ok(None) => break,
                Err(_silence) => yield framing.heartbeat(),
            }
        }
    }
}

/// Ends a stream of pieces at its end, at its first error, or at `end`.
fn until<E: Display + Send>(
    end: Instant,
    pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send {
    let whole = pieces.map_err(|error| tracing::error!(%error, "stream ended early"));
    whole.scan((), |(), piece| ready(piece.ok())).take_until(sleep_until(end))
}

/// Polls a stream inside a span, so that what it logs carries the request's id although its handler has returned.
fn within<S: Stream + Send>(span: Span, stream: S) -> impl Stream<Item = S::Item> + Send {
    let mut stream = Box::pin(stream);
    futures::stream::poll_fn(move |cx| span.in_scope(|| stream.poll_next_unpin(cx)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::channel::mpsc;
    use futures::stream;

    const LONG: Duration = Duration::from_mins(15);

    async fn text(lines: impl Stream<Item = Result<Bytes, &'static str>> + Send + 'static, framing: Framing, end: Duration) -> String {
        let pieces: Vec<Bytes> = lively(lines, framing, LONG, Instant::now() + end).collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the streams under test hold")]
    fn line(id: u32) -> Result<Bytes, &'static str> {
        Ok(Bytes::from(format!("{{\"id\":{id}}}\n")))
    }

    #[tokio::test]
    async fn silence_is_broken_by_heartbeats() {
        let (sender, lines) = mpsc::unbounded();
        let heartbeat = Framing::Ndjson.heartbeat();
        let stream = lively(lines, Framing::Ndjson, Duration::from_millis(1), Instant::now() + LONG);
        pin_mut!(stream);
        sender.unbounded_send(line(1)).unwrap();
        assert_eq!(stream.next().await, line(1).ok());
        assert_eq!(stream.next().await.as_ref(), Some(&heartbeat));
        assert_eq!(stream.next().await, Some(heartbeat));
        sender.unbounded_send(line(2)).unwrap();
        assert_eq!(stream.next().await, line(2).ok());
        drop(sender);
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn a_fault_or_the_deadline_ends_the_stream_quietly() {
        let faulty = stream::iter([line(1), Err("storage is gone"), line(2)]);
        assert_eq!(text(faulty, Framing::Ndjson, LONG).await, "{\"id\":1}\n");
        let endless = stream::iter([line(1)]).chain(stream::pending());
        assert_eq!(text(endless, Framing::Ndjson, Duration::from_millis(20)).await, "{\"id\":1}\n");
    }

    #[tokio::test]
    async fn a_file_ends_early_rather_than_with_an_error() {
        let faulty = stream::iter([line(1), Err("storage is gone"), line(2)]);
        let pieces: Vec<Bytes> = until(Instant::now() + LONG, faulty).collect().await;
        assert_eq!(pieces, [line(1).unwrap()]);
        let endless = stream::iter([line(1)]).chain(stream::pending());
        let pieces: Vec<Bytes> = until(Instant::now() + Duration::from_millis(20), endless).collect().await;
        assert_eq!(pieces, [line(1).unwrap()]);
    }

    #[tokio::test]
    async fn server_sent_events_carry_ids() {
        let lines = stream::iter([Ok::<_, &'static str>(Bytes::from_static(b"{\"id\":7}\n{\"id\":8}\n"))]);
        let seen = text(lines, Framing::ServerSent, LONG).await;
        assert_eq!(seen, "id: 7\ndata: {\"id\":7}\n\nid: 8\ndata: {\"id\":8}\n\n");
    }
}
