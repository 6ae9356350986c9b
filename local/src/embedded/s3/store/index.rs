//! Access to the index: one writer that commits in groups, and readers that never wait for it.
//!
//! Writes are closures sent to one thread. It takes all that have queued up, runs them in one
//! transaction (each in a savepoint, so that a refusal undoes only itself), commits once and then
//! answers. Hence:
//! - writes are serialised: of many conditional puts of one key exactly one finds it free;
//! - an answer comes after the fsync of its commit, and a busy index shares one fsync among many;
//! - what a write does to files is settled by the same thread after the commit: new blobs are kept,
//!   blobs that nothing points at any more are removed. A crash in between leaves only orphans, which
//!   the next start sweeps.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::StoreError;
use super::blobs::{BlobName, Blobs, StagedBlob};
use super::schema;

/// Writes waiting for their turn; more wait for a place in the queue.
const QUEUE: usize = 1_024;
/// Writes in one transaction: bounds how long the first waits for the last.
const GROUP: usize = 128;
/// Reader connections kept for later.
const IDLE_READERS: usize = 8;

/// What a write does to blobs once it is committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    keep: Vec<StagedBlob>,
    remove: Vec<BlobName>,
}

impl Effects {
    /// Keeps a new blob: the write has made something point at it.
    pub(super) fn keep(&mut self, blob: StagedBlob) {
        self.keep.push(blob);
    }

    /// Removes a blob: the write has taken away the last thing that pointed at it.
    pub(super) fn remove(&mut self, blob: BlobName) {
        self.remove.push(blob);
    }

    fn append(&mut self, other: Self) {
        self.keep.extend(other.keep);
        self.remove.extend(other.remove);
    }
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Write = Box<dyn FnOnce(&Connection, &mut Effects) -> Answer + Send>;

enum Message {
    Write(Write),
    Close,
}

#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    queue: mpsc::Sender<Message>,
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Index {
    pub(super) fn open(path: PathBuf, blobs: Arc<Blobs>) -> Result<Self, StoreError> {
        let connection = schema::open(&path)?;
        blobs.sweep(&known_blobs(&connection)?)?;
        let (queue, messages) = mpsc::channel(QUEUE);
        let writer = thread::Builder::new().name("s3-index".to_owned()).spawn(move || run(connection, messages, &blobs))?;
        Ok(Self { path, queue, readers: Mutex::default(), writer: Mutex::new(Some(writer)) })
    }

    /// Runs a query on a consistent view of everything committed so far.
    pub(super) async fn read<T, Q>(self: &Arc<Self>, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        if self.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        let index = Arc::clone(self);
        let answer = spawn_blocking(move || {
            let mut connection = index.reader()?;
            let view = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let answer = query(&view)?;
            drop(view);
            index.give_back(connection);
            Ok(answer)
        });
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a write and answers once it is durable.
    pub(super) async fn write<T, W>(&self, write: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection, &mut Effects) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let write = move |connection: &Connection, effects: &mut Effects| -> Answer {
            let result = in_savepoint(connection, effects, write);
            Box::new(move |committed| {
                // The caller may have gone away; the write stands all the same.
                let _ = answer.send(result.and_then(|value| committed.map(|()| value)));
            })
        };
        self.queue.send(Message::Write(Box::new(write))).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Finishes the writes that are queued, refuses later ones. Blocks.
    pub(super) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return };
        // A queue without a reader means that the writer has ended.
        let _ = self.queue.blocking_send(Message::Close);
        if writer.join().is_err() {
            tracing::error!("the writer of the S3 index panicked");
        }
        self.lock_readers().clear();
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let idle = self.lock_readers().pop();
        idle.map_or_else(|| schema::open_reader(&self.path), Ok)
    }

    fn give_back(&self, connection: Connection) {
        let mut readers = self.lock_readers();
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
    }

    fn lock_readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known_blobs(connection: &Connection) -> Result<std::collections::HashSet<String>, StoreError> {
    let mut query = connection.prepare("SELECT file FROM chunks WHERE file IS NOT NULL")?;
    let names = query.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn run(mut connection: Connection, mut messages: mpsc::Receiver<Message>, blobs: &Blobs) {
    let mut open = true;
    while open && let Some(message) = messages.blocking_recv() {
        let mut group = Vec::new();
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Write(write) => group.push(write),
                Message::Close => {
                    open = false;
                    // Later sends fail; what is queued already is still delivered.
                    messages.close();
                }
            }
            next = (group.len() < GROUP).then(|| messages.try_recv().ok()).flatten();
        }
        commit(&mut connection, group, blobs);
    }
}

fn commit(connection: &mut Connection, group: Vec<Write>, blobs: &Blobs) {
    let mut effects = Effects::default();
    let mut answers = Vec::with_capacity(group.len());
    let committed = transaction(connection, |transaction| {
        for write in group {
            answers.push(write(transaction, &mut effects));
        }
    });
    match committed {
        Ok(()) => {
            for blob in effects.keep {
                blob.keep();
            }
            for answer in answers {
                answer(Ok(()));
            }
            for blob in &effects.remove {
                blobs.remove(blob);
            }
        }
        // Dropping the effects removes the new blobs again.
        Err(error) => {
            let reason = error.to_string();
            for answer in answers {
                answer(Err(StoreError::Commit(reason.clone())));
            }
        }
    }
}

fn transaction(connection: &mut Connection, writes: impl FnOnce(&Transaction<'_>)) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    writes(&transaction);
    transaction.commit()
}

fn in_savepoint<T>(
    connection: &Connection,
    effects: &mut Effects,
    write: impl FnOnce(&Connection, &mut Effects) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT one_write")?;
    let mut own = Effects::default();
    match write(connection, &mut own) {
        Ok(value) => {
            run("RELEASE one_write")?;
            effects.append(own);
            Ok(value)
        }
        Err(error) => {
            run("ROLLBACK TO one_write")?;
            run("RELEASE one_write")?;
            Err(error)
        }
    }
}
