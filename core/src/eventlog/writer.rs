//! Writing a log: events are numbered and buffered at once, and committed in segments by one task.
//!
//! A lone line after silence is flushed immediately; while output keeps coming, segments are made every [`Pace`] interval or when
//! enough has gathered, and at most one flush is under way, so that a flood makes larger segments instead of more of them. The
//! buffer is bounded: when storage is slower than the engine prints, [`LogWriter::append`] waits and the engine's pipe fills up.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::{Event, EventBody, SegmentName, Subject};
use crate::id::BuildId;
use crate::lease::{Executable, LEASE, Lease, LeaseError, SAFETY};
use crate::retry::outlast;
use crate::store::{Objects, StoreError};
use crate::time::Timestamp;

/// How long one try to commit a segment may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes that may wait for a flush before `append` waits too.
const BUFFER_LIMIT: usize = 1 << 20;

/// When buffered events are flushed.
struct Pace {
    flushes: u32,
}

impl Pace {
    /// The longest that an event waits.
    fn interval(&self) -> Duration {
        Duration::from_millis(match self.flushes {
            0..400 => 250,
            400..1200 => 500,
            _ => 1000,
        })
    }

    /// So many bytes are flushed without waiting.
    fn size(&self) -> usize {
        if self.flushes < 400 { 64 << 10 } else { 512 << 10 }
    }
}

/// The log can't be written any more; why is told by [`LogWriter::flush`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log is closed")]
pub struct WriterClosed;

struct Buffer {
    bytes: Vec<u8>,
    next_id: u64,
    closing: bool,
}

struct Shared {
    buffer: Mutex<Buffer>,
    filled: Notify,
    drained: Notify,
}

/// Appends events to the log of a leased record.
pub struct LogWriter {
    shared: Arc<Shared>,
    subject: Subject,
    origin: Timestamp,
    committed: watch::Receiver<u64>,
    task: tokio::task::JoinHandle<Result<Option<mpsc::Sender<Bytes>>, LeaseError>>,
}

/// A log that has been written to its end, but for the derived last event.
#[derive(Debug)]
pub struct Closed {
    /// The last committed id.
    pub last_id: u64,
    /// The relay, if its reader has kept up: it has been sent every line so far.
    pub relay: Option<mpsc::Sender<Bytes>>,
}

impl LogWriter {
    /// Starts writing the log of the record that `lease` is for. Committed lines are also sent to `relay`; when its reader is
    /// too slow the relay is dropped, which ends that stream, and the log goes on.
    pub fn start<R: Executable>(
        lease: Lease<R>,
        objects: Objects,
        prefix: String,
        subject: Subject,
        origin: Timestamp,
        relay: Option<mpsc::Sender<Bytes>>,
    ) -> Self {
        let shared = Arc::new(Shared {
            buffer: Mutex::new(Buffer { bytes: Vec::new(), next_id: lease.first_id(), closing: false }),
            filled: Notify::new(),
            drained: Notify::new(),
        });
        let (committed_sender, committed) = watch::channel(lease.first_id() - 1);
        let flusher = Flusher { shared: Arc::clone(&shared), lease, objects, prefix, relay, committed: committed_sender };
        Self { shared, subject, origin, committed, task: tokio::spawn(flusher.work()) }
    }

    /// Adds events that happen now, in order. Waits while too much is unflushed.
    pub async fn append(&self, bodies: impl IntoIterator<Item = EventBody>) -> Result<(), WriterClosed> {
        let now = Timestamp::now();
        self.add(bodies.into_iter().map(|body| (None, now, body))).await
    }

    /// Adds events about a build, each with the moment it happened: those of the build's own log come here some time later.
    pub async fn append_about(&self, build: BuildId, events: impl IntoIterator<Item = (Timestamp, EventBody)>) -> Result<(), WriterClosed> {
        self.add(events.into_iter().map(|(at, body)| (Some(build), at, body))).await
    }

    async fn add(&self, events: impl Iterator<Item = (Option<BuildId>, Timestamp, EventBody)>) -> Result<(), WriterClosed> {
        self.room().await?;
        {
            let mut buffer = self.shared.lock();
            for (build, at, body) in events {
                let mut event = Event::new(self.subject, buffer.next_id, self.origin, at, body);
                event.build_id = event.build_id.or(build);
                event.write_line(&mut buffer.bytes);
                buffer.next_id += 1;
            }
        }
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Id of the last event that was appended, committed or not.
    pub fn last_id(&self) -> u64 {
        self.shared.lock().next_id - 1
    }

    /// Commits everything that was appended and stops writing.
    pub async fn close(mut self) -> Result<Closed, LeaseError> {
        let last_id = {
            let mut buffer = self.shared.lock();
            buffer.closing = true;
            buffer.next_id - 1
        };
        self.shared.filled.notify_one();
        match (&mut self.task).await {
            Ok(Ok(relay)) => Ok(Closed { last_id, relay }),
            Ok(Err(error)) => Err(error),
            Err(stopped) => Err(LeaseError::Store(StoreError::Unavailable { operation: "write the log", message: stopped.to_string() })),
        }
    }

    /// Waits until everything that was appended so far is committed.
    pub async fn flush(&self) -> Result<(), WriterClosed> {
        let wanted = self.last_id();
        let mut committed = self.committed.clone();
        committed.wait_for(|id| *id >= wanted).await.map(drop).map_err(|_| WriterClosed)
    }

    /// Resolves when the log can't be written any more.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut committed = self.committed.clone();
        async move { while committed.changed().await.is_ok() {} }
    }

    async fn room(&self) -> Result<(), WriterClosed> {
        loop {
            let drained = self.shared.drained.notified();
            {
                let buffer = self.shared.lock();
                if buffer.closing {
                    return Err(WriterClosed);
                }
                if buffer.bytes.len() < BUFFER_LIMIT {
                    return Ok(());
                }
            }
            drained.await;
        }
    }
}

impl Drop for LogWriter {
    /// A writer that is not closed is given up: what was not committed is lost, and the relay ends.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Flusher<R> {
    shared: Arc<Shared>,
    lease: Lease<R>,
    objects: Objects,
    prefix: String,
    relay: Option<mpsc::Sender<Bytes>>,
    committed: watch::Sender<u64>,
}

impl<R: Executable> Flusher<R> {
    async fn work(mut self) -> Result<Option<mpsc::Sender<Bytes>>, LeaseError> {
        let result = self.flush_until_closed().await;
        // Whoever waits for room must learn that there will be none.
        self.shared.lock().closing = true;
        self.shared.drained.notify_waiters();
        result.map(|()| self.relay)
    }

    async fn flush_until_closed(&mut self) -> Result<(), LeaseError> {
        let mut pace = Pace { flushes: 0 };
        let mut last_flush: Option<Instant> = None;
        loop {
            self.wait_until_due(&pace, last_flush).await;
            let (segment, last_id, closing) = {
                let mut buffer = self.shared.lock();
                let capacity = buffer.bytes.len().min(BUFFER_LIMIT);
                (std::mem::replace(&mut buffer.bytes, Vec::with_capacity(capacity)), buffer.next_id - 1, buffer.closing)
            };
            self.shared.drained.notify_waiters();
            if !segment.is_empty() {
                self.commit(Bytes::from(segment), last_id).await?;
                pace.flushes = pace.flushes.saturating_add(1);
                last_flush = Some(Instant::now());
            } else if closing {
                return Ok(());
            }
        }
    }

    async fn wait_until_due(&self, pace: &Pace, last_flush: Option<Instant>) {
        loop {
            let filled = self.shared.filled.notified();
            let (size, closing) = {
                let buffer = self.shared.lock();
                (buffer.bytes.len(), buffer.closing)
            };
            if closing || size >= pace.size() {
                return;
            }
            if size == 0 {
                filled.await;
                continue;
            }
            match last_flush.map(|at| at + pace.interval()).filter(|due| *due > Instant::now()) {
                None => return,
                Some(due) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => return,
                        () = filled => {}
                    }
                }
            }
        }
    }

    /// Stores a segment and moves the commit point, trying again through faults for as long as the lease can last.
    async fn commit(&mut self, segment: Bytes, last_id: u64) -> Result<(), LeaseError> {
        let late = |_| Err(StoreError::Unavailable { operation: "commit a log segment", message: "no answer in time".to_owned() }.into());
        let attempt = async || timeout(PATIENCE, self.try_commit(segment.clone(), last_id)).await.unwrap_or_else(late);
        outlast(Instant::now() + LEASE - SAFETY, attempt).await?;
        self.committed.send_replace(last_id);
        if let Some(relay) = &self.relay
            && relay.try_send(segment).is_err()
        {
            self.relay = None;
        }
        Ok(())
    }

    async fn try_commit(&self, segment: Bytes, last_id: u64) -> Result<(), LeaseError> {
        let name = SegmentName { last_id, fence: self.lease.fence() };
        match self.objects.create(&name.key(&self.prefix), segment).await {
            // Our fence is in the key: what exists under it is our own earlier try.
            Ok(()) | Err(StoreError::Condition(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.lease.commit(last_id).await
    }
}
