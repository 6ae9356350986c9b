//! An object as a file that can be read from anywhere, without being fetched as a whole.
//!
//! A reader that seeks asks for a few bytes here and there; each of its questions would be a request. So pieces are fetched and a few are
//! kept: a first one is small, and one that continues the piece before it is twice as large, up to a limit. The end of a small object
//! comes in one piece, because archives have their directory there.
//!
//! Readers that seek are not asynchronous, so this one blocks and belongs on a thread that may.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{ObjectInfo, Objects, StoreError};

/// The size of a piece that continues nothing, and of the largest.
const FIRST: u64 = 64 << 10;
const LARGEST: u64 = 4 << 20;
/// How many pieces are kept.
const KEPT: usize = 4;

/// An object that is read piece by piece. It must not be changed meanwhile: reading fails then.
#[derive(Debug)]
pub struct Pieces {
    objects: Objects,
    object: ObjectInfo,
    runtime: Handle,
    at: u64,
    /// The pieces that are kept, oldest first, each with the position of its first byte.
    kept: Vec<(u64, Bytes)>,
    fault: Arc<OnceLock<StoreError>>,
}

/// What storage failed with while an object was read: its readers only tell that they could not read.
#[derive(Debug, Clone)]
pub struct Fault(Arc<OnceLock<StoreError>>);

impl Fault {
    /// The failure, once nobody reads any more.
    pub fn take(self) -> Option<StoreError> {
        Arc::into_inner(self.0).and_then(OnceLock::into_inner)
    }
}

impl Pieces {
    /// Reads an object; to be called inside a runtime, which fetches the pieces.
    pub fn new(objects: Objects, object: ObjectInfo) -> (Self, Fault) {
        let fault = Arc::new(OnceLock::new());
        let pieces = Self { objects, object, runtime: Handle::current(), at: 0, kept: Vec::new(), fault: Arc::clone(&fault) };
        (pieces, Fault(fault))
    }

    /// What is known of the object from the current position on.
    fn here(&self) -> Option<Bytes> {
        self.kept.iter().rev().find_map(|(start, bytes)| {
            let skip = usize::try_from(self.at.checked_sub(*start)?).ok()?;
            (skip < bytes.len()).then(|| bytes.slice(skip..))
        })
    }

    fn fetch(&mut self) -> io::Result<()> {
        let before = self.kept.iter().rev().find(|(start, bytes)| start + bytes.len() as u64 == self.at);
        let length = before.map_or(FIRST, |(_, bytes)| (bytes.len() as u64 * 2).clamp(FIRST, LARGEST));
        let size = self.object.byte_size;
        let start = if before.is_none() { self.at.min(size.saturating_sub(FIRST)) } else { self.at };
        let read = self.objects.read_range(&self.object.key, &self.object.etag, start..(start + length).min(size));
        match self.runtime.block_on(read) {
            Ok(bytes) if !bytes.is_empty() => {
                if self.kept.len() == KEPT {
                    self.kept.remove(0);
                }
                self.kept.push((start, bytes));
                Ok(())
            }
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => {
                let message = error.to_string();
                // The first failure is the one that counts.
                let _ = self.fault.set(error);
                Err(io::Error::other(message))
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.at >= self.object.byte_size {
            return Ok(0);
        }
        if self.here().is_none() {
            self.fetch()?;
        }
        let here = self.here().unwrap_or_default();
        let length = here.len().min(buffer.len());
        buffer[..length].copy_from_slice(&here[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let target = match position {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.object.byte_size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
