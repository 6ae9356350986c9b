//! Taking in a body: streamed to where it will stay, hashed on the way, verified before it counts.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::blobs::{Blobs, StagedBlob};
use super::{MAX_PUT_BYTES, StoreError};
use crate::embedded::s3::checksum::{Algorithm, Checksum, Declared, Hasher};

/// Bodies up to this size live in the index: one fsync instead of three.
const INLINE_BYTES: usize = 64 * 1024;
/// Pieces of a body between the network and the disk; with hyper's buffers at most a few MiB.
const PIECES_IN_FLIGHT: usize = 8;

/// A body and what its request says about it.
pub(crate) struct Incoming {
    pub(crate) body: Option<StreamingBlob>,
    /// Bytes, without any transfer encoding.
    pub(crate) length: Option<i64>,
    /// `Content-MD5`: base64.
    pub(crate) md5: Option<String>,
    pub(crate) declared: Declared,
    /// The checksum to keep, where it is another than the declared one: a part keeps its upload's.
    pub(crate) keep: Option<Algorithm>,
}

/// A body that has been taken in and is what its request says.
pub(super) struct Received {
    pub(super) chunk: NewChunk,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
}

/// Bytes on their way into a content.
pub(super) enum NewChunk {
    Inline(Bytes),
    Blob(StagedBlob),
}

/// Takes in a body. Large ones are on disk when this returns.
pub(super) async fn receive(blobs: &Arc<Blobs>, incoming: Incoming) -> Result<Received, StoreError> {
    let length = length(incoming.length)?;
    let expected_md5 = incoming.md5.as_deref().map(parse_md5).transpose()?;
    let hashes = Hashes::new(incoming.declared.algorithm, incoming.keep);
    let mut body = incoming.body.unwrap_or_else(|| s3s::Body::empty().into());

    let taken = if length <= INLINE_BYTES as u64 {
        take_inline(&mut body, length, hashes).await?
    } else {
        take_to_blob(blobs, &mut body, length, hashes).await?
    };
    let Digests { md5, declared, kept } = taken.hashes.finish();
    if expected_md5.is_some_and(|expected| expected != md5) {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(s3_error!(BadDigest, "{message}").into());
    }
    incoming.declared.verify(&declared)?;
    let chunk = match taken.bytes {
        Place::Inline(bytes) => NewChunk::Inline(bytes),
        Place::Blob(blob, file) => NewChunk::Blob(on_disk(blob, file).await?),
    };
    Ok(Received { chunk, size: length, md5, checksum: kept.unwrap_or(declared) })
}

fn length(declared: Option<i64>) -> S3Result<u64> {
    let declared = declared.ok_or_else(|| s3_error!(MissingContentLength))?;
    let length = u64::try_from(declared).map_err(|_| s3_error!(InvalidArgument))?;
    if length > MAX_PUT_BYTES {
        return Err(s3_error!(EntityTooLarge));
    }
    Ok(length)
}

fn parse_md5(header: &str) -> S3Result<[u8; 16]> {
    let bytes = STANDARD.decode(header).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))
}

struct Taken {
    bytes: Place,
    hashes: Hashes,
}

enum Place {
    Inline(Bytes),
    Blob(StagedBlob, File),
}

async fn take_inline(body: &mut StreamingBlob, length: u64, mut hashes: Hashes) -> Result<Taken, StoreError> {
    let mut bytes = BytesMut::with_capacity(length as usize);
    while let Some(piece) = next(body).await? {
        if bytes.len() + piece.len() > length as usize {
            return Err(wrong_length().into());
        }
        hashes.update(&piece);
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() as u64 != length {
        return Err(wrong_length().into());
    }
    Ok(Taken { bytes: Place::Inline(bytes.freeze()), hashes })
}

/// Reading stays on the runtime; hashing and writing go to a blocking thread, a bounded queue between.
async fn take_to_blob(blobs: &Arc<Blobs>, body: &mut StreamingBlob, length: u64, hashes: Hashes) -> Result<Taken, StoreError> {
    let (pieces, queue) = mpsc::channel(PIECES_IN_FLIGHT);
    let blobs = Arc::clone(blobs);
    let writing = spawn_blocking(move || write_blob(&blobs, queue, hashes));
    let sent = send_pieces(body, length, pieces).await;
    // The writer ends with the queue; its failure explains a queue that closed early.
    let taken = writing.await.map_err(io::Error::from)??;
    sent?;
    Ok(taken)
}

async fn send_pieces(body: &mut StreamingBlob, length: u64, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError> {
    let mut received = 0_u64;
    while let Some(piece) = next(body).await? {
        received += piece.len() as u64;
        if received > length {
            return Err(wrong_length().into());
        }
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    if received == length { Ok(()) } else { Err(wrong_length().into()) }
}

fn write_blob(blobs: &Blobs, mut pieces: mpsc::Receiver<Bytes>, mut hashes: Hashes) -> io::Result<Taken> {
    let (blob, mut file) = blobs.create()?;
    while let Some(piece) = pieces.blocking_recv() {
        hashes.update(&piece);
        file.write_all(&piece)?;
    }
    Ok(Taken { bytes: Place::Blob(blob, file), hashes })
}

async fn on_disk(blob: StagedBlob, file: File) -> io::Result<StagedBlob> {
    let synced = spawn_blocking(move || blob.sync(&file).map(|()| blob));
    synced.await.map_err(io::Error::from)?
}

async fn next(body: &mut StreamingBlob) -> S3Result<Option<Bytes>> {
    match body.next().await {
        None => Ok(None),
        Some(Ok(piece)) => Ok(Some(piece)),
        // The client went away, or a signature within the body is wrong.
        Some(Err(error)) => Err(s3s::S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error)),
    }
}

fn wrong_length() -> s3s::S3Error {
    s3_error!(IncompleteBody, "You did not provide the number of bytes specified by the Content-Length HTTP header.")
}

/// The MD5 that an ETag is made of, the checksum that the request declares, the one to keep.
struct Hashes {
    md5: Md5,
    declared: Hasher,
    kept: Option<Hasher>,
}

struct Digests {
    md5: [u8; 16],
    declared: Checksum,
    /// Where it is another than the declared one.
    kept: Option<Checksum>,
}

impl Hashes {
    fn new(declared: Algorithm, keep: Option<Algorithm>) -> Self {
        Self { md5: Md5::new(), declared: Hasher::new(declared), kept: keep.filter(|keep| *keep != declared).map(Hasher::new) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.declared.update(bytes);
        if let Some(kept) = &mut self.kept {
            kept.update(bytes);
        }
    }

    fn finish(self) -> Digests {
        Digests { md5: self.md5.finalize(), declared: self.declared.finish(), kept: self.kept.map(Hasher::finish) }
    }
}
