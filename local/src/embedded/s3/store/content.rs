//! Contents: the immutable bytes that objects and parts point at.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use async_stream::try_stream;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http_body::Frame;
use http_body_util::StreamBody;
use rusqlite::{Connection, params};
use s3s::Body;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::StoreError;
use super::blobs::{BlobName, Blobs};
use super::index::Effects;
use super::intake::NewChunk;

/// Bytes read from a blob at a time.
const READ_BYTES: usize = 128 * 1024;

/// One stretch of a content.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    size: u64,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Inline(Bytes),
    Blob(BlobName),
}

/// Makes a content of one chunk and returns its id.
pub(super) fn insert(connection: &Connection, effects: &mut Effects, chunk: NewChunk, size: u64) -> Result<i64, StoreError> {
    let id = next_id(connection)?;
    let mut insert = connection.prepare_cached("INSERT INTO chunks (content_id, ordinal, size, file, bytes) VALUES (?1, 0, ?2, ?3, ?4)")?;
    match chunk {
        NewChunk::Inline(bytes) => {
            insert.execute(params![id, size as i64, None::<String>, &bytes[..]])?;
        }
        NewChunk::Blob(blob) => {
            insert.execute(params![id, size as i64, blob.name().as_str(), None::<Vec<u8>>])?;
            effects.keep(blob);
        }
    }
    Ok(id)
}

/// Makes one content of several, in order; they cease to be contents of their own.
pub(super) fn join(connection: &Connection, contents: &[i64]) -> Result<i64, StoreError> {
    let id = next_id(connection)?;
    let mut take = connection.prepare_cached("UPDATE chunks SET content_id = ?1, ordinal = ?2 WHERE content_id = ?3")?;
    for (ordinal, content) in contents.iter().enumerate() {
        take.execute(params![id, ordinal as i64, content])?;
    }
    Ok(id)
}

/// Removes a content, unless an object points at it.
pub(super) fn release(connection: &Connection, effects: &mut Effects, id: i64) -> Result<(), StoreError> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM chunks WHERE content_id = ?1
            AND NOT EXISTS (SELECT 1 FROM objects WHERE content_id = ?1)
         RETURNING file",
    )?;
    let files = delete.query_map([id], |row| row.get::<_, Option<String>>(0))?;
    for file in files {
        if let Some(name) = file? {
            effects.remove(BlobName::from_index(name));
        }
    }
    Ok(())
}

/// The chunks of a content, in order.
pub(super) fn chunks(connection: &Connection, id: i64) -> Result<Vec<Chunk>, StoreError> {
    let mut query = connection.prepare_cached("SELECT size, file, bytes FROM chunks WHERE content_id = ?1 ORDER BY ordinal")?;
    let rows = query.query_map([id], |row| {
        let place = match row.get::<_, Option<String>>(1)? {
            Some(name) => Place::Blob(BlobName::from_index(name)),
            None => Place::Inline(row.get::<_, Vec<u8>>(2)?.into()),
        };
        Ok(Chunk { size: row.get::<_, i64>(0)? as u64, place })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn next_id(connection: &Connection) -> Result<i64, StoreError> {
    let id = connection.prepare_cached("SELECT coalesce(max(content_id), 0) + 1 FROM chunks")?.query_row([], |row| row.get(0))?;
    Ok(id)
}

/// A content whose first blob is open, so that it can no longer disappear.
pub(super) struct Opened {
    blobs: Arc<Blobs>,
    stretches: Vec<Stretch>,
    first: Option<File>,
    length: u64,
}

/// What to send of one chunk.
struct Stretch {
    place: Place,
    within: Range<u64>,
}

impl Opened {
    /// Opens the `range` of a content.
    ///
    /// # Errors
    /// `NotFound` when its first blob is gone because the content was released after the index was
    /// read.
    pub(super) async fn new(blobs: &Arc<Blobs>, chunks: Vec<Chunk>, range: Range<u64>) -> io::Result<Self> {
        let length = range.end - range.start;
        let stretches = select(chunks, &range);
        let first = match stretches.first() {
            Some(Stretch { place: Place::Blob(name), .. }) => Some(File::open(blobs.path(name)).await?),
            _ => None,
        };
        Ok(Self { blobs: Arc::clone(blobs), stretches, first, length })
    }

    /// The bytes, read as they are sent.
    pub(super) fn into_body(mut self) -> Body {
        if self.length == 0 {
            return Body::empty();
        }
        if let [Stretch { place: Place::Inline(bytes), within }] = self.stretches.as_slice() {
            return Body::from(bytes.slice(within.start as usize..within.end as usize));
        }
        let first = self.first.take();
        Body::http_body_unsync(StreamBody::new(read(self.blobs, self.stretches, first)))
    }
}

fn select(chunks: Vec<Chunk>, range: &Range<u64>) -> Vec<Stretch> {
    let mut start = 0;
    let mut stretches = Vec::new();
    for Chunk { size, place } in chunks {
        let end = start + size;
        let from = range.start.max(start);
        let to = range.end.min(end);
        if from < to {
            stretches.push(Stretch { place, within: from - start..to - start });
        }
        start = end;
    }
    stretches
}

fn read(blobs: Arc<Blobs>, stretches: Vec<Stretch>, mut first: Option<File>) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    try_stream! {
        for Stretch { place, within } in stretches {
            match place {
                Place::Inline(bytes) => {
                    yield Frame::data(bytes.slice(within.start as usize..within.end as usize));
                }
                Place::Blob(name) => {
                    let mut file = match first.take() {
                        Some(file) => file,
                        None => File::open(blobs.path(&name)).await?,
                    };
                    file.set_max_buf_size(READ_BYTES);
                    file.seek(SeekFrom::Start(within.start)).await?;
                    let mut left = within.end - within.start;
                    while left > 0 {
                        let mut bytes = BytesMut::with_capacity(READ_BYTES);
                        let wanted = left.min(READ_BYTES as u64);
                        if (&mut file).take(wanted).read_buf(&mut bytes).await? == 0 {
                            Err(io::Error::from(io::ErrorKind::UnexpectedEof))?;
                        }
                        left -= bytes.len() as u64;
                        yield Frame::data(bytes.freeze());
                    }
                }
            }
        }
    }
}
