//! The loopback listener through which functions reach S3.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::S3Service;

/// How long requests under way may take to finish once a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running listener; dropping it stops accepting.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Serves `service` on an ephemeral port of 127.0.0.1.
    pub(crate) async fn start(service: S3Service) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, service, stopped));
        Ok(Self { address, stop, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting and waits for requests under way, up to the grace period.
    pub(crate) async fn stop(self) {
        // A receiver that is gone means that the task has ended, which is what is wanted.
        let _ = self.stop.send(());
        if self.task.await.is_err() {
            tracing::error!("the S3 listener panicked");
        }
    }
}

async fn accept(listener: TcpListener, service: S3Service, stopped: oneshot::Receiver<()>) {
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stopped);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve(stream, service.clone(), &connections),
                Err(error) => {
                    tracing::warn!(%error, "an S3 connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(STOP_GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("S3 requests were still under way when the service stopped");
    }
}

fn serve(stream: TcpStream, service: S3Service, connections: &GracefulShutdown) {
    // Small answers must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.call(request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an S3 connection ended early");
        }
    });
}
