//! What objects are and how they survive.
//!
//! Invariants, at every moment, also the one in which the process or the machine dies:
//! 1. An object in the index has all its bytes: they were on disk before the commit that names them.
//! 2. A write that was answered is on disk.
//! 3. Contents are immutable. A replaced object gets a new content; readers of the old one keep it.
//! 4. A blob that nothing in the index points at goes away, at the latest at the next start.
//!
//! One limit: a reader of a multipart object opens its blobs one after another, so if the object is
//! deleted under it the answer breaks off. It never continues with other bytes.

mod blobs;
mod buckets;
mod content;
mod error;
mod index;
mod intake;
mod listing;
mod multipart;
mod objects;
mod schema;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use s3s::dto::Timestamp;

use self::blobs::Blobs;
use self::index::Index;

pub use self::error::StoreError;
pub(super) use self::intake::Incoming;
pub(super) use self::listing::{ListRequest, Listing};
pub(super) use self::multipart::{Completion, NamedPart, NewUpload, Upload};
pub(super) use self::objects::{Attributes, Copy, ObjectInfo};

/// S3's bound on one PUT or one part.
const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The buckets and objects of one data directory; clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    index: Arc<Index>,
    blobs: Arc<Blobs>,
}

impl Store {
    /// Opens the store in `dir`, making it when it is not there, and sweeps what a crash left.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let blobs = Arc::new(Blobs::open(dir.join("blobs"))?);
        let index = Index::open(dir.join("index.sqlite3"), Arc::clone(&blobs))?;
        Ok(Self { index: Arc::new(index), blobs })
    }

    /// Finishes the writes under way and refuses later ones. Blocks.
    pub(crate) fn close(&self) {
        self.index.close();
    }
}

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// Milliseconds since 1970, S3's resolution.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn timestamp(ms: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}
