//! DynamoDB: dynoxide's engine on one SQLite file, behind its own HTTP server and our [`door`].
//!
//! The engine answers requests synchronously, on the thread that read them, one at a time behind a
//! mutex; a write waits for its fsync there. It therefore gets a thread with a runtime of its own, so
//! that no table write ever holds up the threads that stream runs to people.
//!
//! Its server checks that a request carries AWS authentication but not that a signature is right, and
//! it answers CORS preflights for any origin. What keeps web pages out is that they cannot find it:
//! besides an ephemeral port it gets, where the system allows, a random address of 127.0.0.0/8.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dynoxide::Database;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::{EmbeddedError, door};
use crate::roles::Roles;

/// How often expired items are looked for. AWS promises days; readers treat expired items as gone.
const TTL_SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How long requests under way may take to finish once a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The running service.
#[derive(Debug)]
pub(super) struct Dynamo {
    address: SocketAddr,
    stop_server: oneshot::Sender<()>,
    server: JoinHandle<()>,
    stop_sweeper: mpsc::Sender<()>,
    sweeper: JoinHandle<()>,
}

impl Dynamo {
    /// Opens the tables in `dir` and serves them.
    pub(super) fn start(dir: &Path, roles: Roles) -> Result<Self, EmbeddedError> {
        let start = |source| EmbeddedError::Start { service: "DynamoDB", source };
        let database = open(&dir.join("tables.sqlite3"))?;
        let (listener, engine) = (bind().map_err(start)?, bind().map_err(start)?);
        let address = listener.local_addr().map_err(start)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start)?;

        let (stop_server, stopped) = oneshot::channel();
        let tables = database.clone();
        let server = thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || serve(&runtime, listener, engine, roles, tables, stopped))
            .map_err(start)?;
        let (stop_sweeper, stopped) = mpsc::channel();
        let sweeper = thread::Builder::new().name("dynamodb-ttl".to_owned()).spawn(move || sweep(&database, &stopped)).map_err(start)?;
        Ok(Self { address, stop_server, server, stop_sweeper, sweeper })
    }

    /// The endpoint to give to SDKs.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Finishes the requests under way and closes the tables. Blocks up to the grace period.
    pub(super) fn stop(self) {
        // A receiver that is gone means that its thread has ended, which is what is wanted.
        let _ = self.stop_server.send(());
        drop(self.stop_sweeper);
        for thread in [self.server, self.sweeper] {
            if thread.join().is_err() {
                tracing::error!("a thread of the embedded DynamoDB panicked");
            }
        }
    }
}

fn open(path: &Path) -> Result<Database, EmbeddedError> {
    let failed = |reason: String| EmbeddedError::Dynamo { path: path.to_owned(), reason };
    let utf8 = path.to_str().ok_or_else(|| failed("its path is not UTF-8".to_owned()))?;
    Database::new(utf8).map_err(|error| failed(error.to_string()))
}

/// Only Linux routes all of 127.0.0.0/8 to the loopback interface as it comes.
fn bind() -> io::Result<TcpListener> {
    let [b, c, d] = rand::random::<[u8; 3]>();
    let hidden = Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254));
    TcpListener::bind((hidden, 0)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

/// Serves the engine and its door until a stop is asked for: first the door's requests come to an end, then the engine.
fn serve(runtime: &Runtime, door: TcpListener, engine: TcpListener, roles: Roles, database: Database, stopped: oneshot::Receiver<()>) {
    let outcome = runtime.block_on(async {
        let address = engine.local_addr().map_err(|error| error.to_string())?;
        let (door, engine) = (listen(door).map_err(|error| error.to_string())?, listen(engine).map_err(|error| error.to_string())?);
        let (stopping, stop_asked) = oneshot::channel();
        let (door_closed, engine_may_stop) = oneshot::channel();
        let guarded = async move {
            // Both a message and a dropped sender ask for the stop.
            let stop = async move {
                let _ = stopped.await;
                let _ = stopping.send(());
            };
            door::serve(door, address, roles, stop).await;
            let _ = door_closed.send(());
            std::future::pending::<()>().await;
        };
        let shutdown = async move {
            let _ = engine_may_stop.await;
        };
        // A client that has sent half a request would hold a graceful stop for ever.
        let overdue = async move {
            let _ = stop_asked.await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            served = dynoxide::server::serve_with_shutdown(engine, database, shutdown) => served,
            () = guarded => Ok(()),
            () = overdue => Ok(()),
        }
    });
    if let Err(error) = outcome {
        tracing::error!(error, "the embedded DynamoDB stopped");
    }
}

fn listen(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

fn sweep(database: &Database, stopped: &mpsc::Receiver<()>) {
    while stopped.recv_timeout(TTL_SWEEP_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
        match database.sweep_ttl() {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired items removed"),
            Err(error) => tracing::error!(%error, "expired items could not be removed"),
        }
    }
}
