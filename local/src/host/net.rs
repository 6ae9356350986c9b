//! HTTP/1.1 over loopback sockets, tuned for small messages that must not wait.
//!
//! Two things cost 40 ms on loopback when left alone: Nagle's algorithm on our side, and delayed
//! acknowledgements that hold back the peer's next small write. The first is a socket option set once; the second
//! (`TCP_QUICKACK`) is a mode the kernel leaves by itself, so it is entered again after every read.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Any error, as bodies carry them.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a server treats its connections.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How long a connection may take to send a request's head, counting the idle time before it.
    /// `None` for callers that are our own children and may be silent for as long as they like.
    pub(super) head_timeout: Option<Duration>,
    /// How long requests in flight may go on once the server is told to stop.
    pub(super) drain: Duration,
}

/// Accepts connections and answers their requests with `handler` until `stop` is cancelled; then stops accepting,
/// lets requests in flight finish for `limits.drain`, and cuts what is left. Dropping the future cuts everything.
pub(super) async fn serve<H, A, B>(listener: TcpListener, stop: CancellationToken, limits: Limits, handler: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, stop.clone(), limits, handler.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room again.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::debug!(connections = connections.len(), "cut connections that did not finish in time");
    }
}

async fn connection<H, A, B>(stream: TcpStream, peer: SocketAddr, stop: CancellationToken, limits: Limits, handler: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> A,
    A: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the peer left before its connection was set up");
        return;
    }
    let service = service_fn(move |request| {
        let answer = handler(request, peer);
        async { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .serve_connection(TokioIo::new(QuickAck(stream)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A peer that goes away, or an answer cut on purpose: the request's own handler has said why.
        tracing::trace!(%peer, %error, "connection ended early");
    }
}

/// A TCP stream that acknowledges what it reads at once.
struct QuickAck(TcpStream);

impl AsyncRead for QuickAck {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        #[cfg(target_os = "linux")]
        if matches!(read, Poll::Ready(Ok(()))) {
            // Only a matter of speed; a socket that is being closed refuses it.
            let _ = self.0.set_quickack(true);
        }
        read
    }
}

impl AsyncWrite for QuickAck {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
