//! Listing keys in S3's order: by their UTF-8 bytes.

use rusqlite::{Connection, params};
use s3s::dto::Timestamp;

use super::buckets::require_bucket;
use super::{Store, StoreError, timestamp};

/// Greater than any byte of UTF-8, so `prefix ++ [AFTER]` bounds the keys that begin with `prefix`.
const AFTER: u8 = 0xFF;

/// A page of a listing to make.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    /// Not empty.
    pub(crate) delimiter: Option<String>,
    /// Keys from here on, this one included; not necessarily UTF-8.
    pub(crate) from: Vec<u8>,
    /// Objects and common prefixes together.
    pub(crate) limit: usize,
}

impl ListRequest {
    /// The bound of a listing that starts after a key.
    pub(crate) fn after(key: &str) -> Vec<u8> {
        [key.as_bytes(), &[0]].concat()
    }

    /// The bound of a listing that starts after all keys with a prefix.
    pub(crate) fn after_prefix(prefix: &str) -> Vec<u8> {
        [prefix.as_bytes(), &[AFTER]].concat()
    }
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<ListedObject>,
    pub(crate) common_prefixes: Vec<String>,
    /// Where the next page starts, when there is more.
    pub(crate) next: Option<Vec<u8>>,
}

impl Listing {
    /// The last key or common prefix.
    pub(crate) fn last(&self) -> Option<String> {
        let object = self.objects.last().map(|object| &object.key);
        object.max(self.common_prefixes.last()).cloned()
    }
}

/// An object as listings show it.
#[derive(Debug)]
pub(crate) struct ListedObject {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
}

impl Store {
    pub(crate) async fn list(&self, request: ListRequest) -> Result<Listing, StoreError> {
        self.index
            .read(move |connection| {
                require_bucket(connection, &request.bucket)?;
                list(connection, &request)
            })
            .await
    }
}

fn list(connection: &Connection, request: &ListRequest) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    if request.limit == 0 {
        return Ok(listing);
    }
    let prefix = request.prefix.as_bytes();
    let end = [prefix, &[AFTER]].concat();
    let mut from = request.from.clone().max(prefix.to_vec());
    let mut query = connection.prepare_cached(
        "SELECT key, size, etag, modified_ms FROM objects
          WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
    )?;
    // Rows come one by one; where a common prefix begins, the scan starts anew behind all it covers.
    'scan: loop {
        let mut rows = query.query(params![request.bucket, from, end])?;
        while let Some(row) = rows.next()? {
            let key: Vec<u8> = row.get(0)?;
            if listing.objects.len() + listing.common_prefixes.len() == request.limit {
                listing.next = Some(from);
                return Ok(listing);
            }
            if let Some(common) = common_prefix(&key, prefix, request.delimiter.as_deref()) {
                from = [common, &[AFTER]].concat();
                listing.common_prefixes.push(utf8(common));
                continue 'scan;
            }
            from = [key.as_slice(), &[0]].concat();
            listing.objects.push(ListedObject {
                key: utf8(&key),
                size: row.get::<_, i64>(1)? as u64,
                etag: row.get(2)?,
                modified: timestamp(row.get(3)?),
            });
        }
        return Ok(listing);
    }
}

fn common_prefix<'a>(key: &'a [u8], prefix: &[u8], delimiter: Option<&str>) -> Option<&'a [u8]> {
    let delimiter = delimiter?.as_bytes();
    let rest = key.get(prefix.len()..)?;
    let at = rest.windows(delimiter.len()).position(|window| window == delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// Keys were UTF-8 when they came in, and so are their parts up to a delimiter.
fn utf8(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
