//! Objects: put, get, copy, delete.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{Body, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::buckets::require_bucket;
use super::content::{self, Opened};
use super::index::Effects;
use super::intake::{self, Incoming};
use super::{ObjectName, Store, StoreError, now_ms, timestamp};
use crate::embedded::s3::checksum::Checksum;
use crate::embedded::s3::condition::{self, ReadConditions, Unmet, WriteConditions};

/// Times to look an object up again when it was replaced between the look at the index and the
/// opening of its bytes.
const OPEN_TRIES: usize = 5;

/// What a client says about an object and gets back with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    /// `x-amz-meta-*`, without the prefix.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// An object without its bytes.
#[derive(Debug, Clone)]
pub(crate) struct ObjectInfo {
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified_ms: i64,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Checksum,
    pub(super) content_id: i64,
}

impl ObjectInfo {
    pub(crate) fn modified(&self) -> Timestamp {
        timestamp(self.modified_ms)
    }

    /// Checks the preconditions of a read. Dates in headers have whole seconds.
    pub(crate) fn check(&self, conditions: &ReadConditions) -> Result<(), Unmet> {
        let seconds = timestamp(self.modified_ms - self.modified_ms.rem_euclid(1_000));
        conditions.check(&self.etag, &seconds)
    }

    /// A new object, modified now.
    pub(super) fn new(size: u64, etag: String, attributes: Attributes, checksum: Checksum, content_id: i64) -> Self {
        Self { size, etag, modified_ms: now_ms(), attributes, checksum, content_id }
    }

    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let attributes: String = row.get(4)?;
        let checksum: String = row.get(5)?;
        Ok(Self {
            content_id: row.get(0)?,
            size: row.get::<_, i64>(1)? as u64,
            etag: row.get(2)?,
            modified_ms: row.get(3)?,
            attributes: serde_json::from_str(&attributes)?,
            checksum: serde_json::from_str(&checksum)?,
        })
    }
}

/// A server-side copy.
pub(crate) struct Copy {
    pub(crate) from: ObjectName,
    pub(crate) to: ObjectName,
    /// What the source must be.
    pub(crate) source: ReadConditions,
    /// Attributes that replace the source's.
    pub(crate) attributes: Option<Attributes>,
}

impl Store {
    /// Stores an object, streaming its body, and answers once it is durable.
    pub(crate) async fn put(
        &self,
        name: ObjectName,
        incoming: Incoming,
        attributes: Attributes,
        conditions: WriteConditions,
    ) -> Result<ObjectInfo, StoreError> {
        let received = intake::receive(&self.blobs, incoming).await?;
        self.index
            .write(move |connection, effects| {
                let content = content::insert(connection, effects, received.chunk, received.size)?;
                let etag = hex::encode(received.md5);
                let object = ObjectInfo::new(received.size, etag, attributes, received.checksum, content);
                replace(connection, effects, &name, &object, &conditions)?;
                Ok(object)
            })
            .await
    }

    pub(crate) async fn head(&self, name: ObjectName) -> Result<ObjectInfo, StoreError> {
        self.index.read(move |connection| require(connection, &name)).await
    }

    /// An object and the bytes of it that `select` chooses.
    pub(crate) async fn get<S>(&self, name: ObjectName, select: S) -> Result<(ObjectInfo, Range<u64>, Body), StoreError>
    where
        S: Fn(&ObjectInfo) -> S3Result<Range<u64>>,
    {
        let mut tries = OPEN_TRIES;
        loop {
            let wanted = name.clone();
            let read = self.index.read(move |connection| {
                let object = require(connection, &wanted)?;
                let chunks = content::chunks(connection, object.content_id)?;
                Ok((object, chunks))
            });
            let (object, chunks) = read.await?;
            let range = select(&object)?;
            tries -= 1;
            match Opened::new(&self.blobs, chunks, range.clone()).await {
                Ok(opened) => return Ok((object, range, opened.into_body())),
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Copies an object without copying its bytes.
    pub(crate) async fn copy(&self, copy: Copy, conditions: WriteConditions) -> Result<ObjectInfo, StoreError> {
        self.index
            .write(move |connection, effects| {
                if copy.from == copy.to && copy.attributes.is_none() {
                    return Err(s3_error!(
                        InvalidRequest,
                        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata"
                    )
                    .into());
                }
                let mut object = require(connection, &copy.from)?;
                object.check(&copy.source).map_err(|_| condition::failed())?;
                object.modified_ms = now_ms();
                if let Some(attributes) = copy.attributes {
                    object.attributes = attributes;
                }
                replace(connection, effects, &copy.to, &object, &conditions)?;
                Ok(object)
            })
            .await
    }

    /// Deletes objects; those that do not exist are deleted already. One transaction.
    pub(crate) async fn delete(&self, bucket: String, keys: Vec<String>, if_match: Option<ETagCondition>) -> Result<(), StoreError> {
        self.index
            .write(move |connection, effects| {
                require_bucket(connection, &bucket)?;
                let conditions = WriteConditions { if_match, if_none_match: None };
                for key in keys {
                    let name = ObjectName { bucket: bucket.clone(), key };
                    let current = find(connection, &name)?;
                    conditions.check(current.as_ref().map(|object| &*object.etag))?;
                    if let Some(object) = current {
                        connection
                            .prepare_cached("DELETE FROM objects WHERE bucket = ?1 AND key = ?2")?
                            .execute(params![name.bucket, name.key.as_bytes()])?;
                        content::release(connection, effects, object.content_id)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// Puts an object in the place of the one of that name, if the conditions allow.
pub(super) fn replace(
    connection: &Connection,
    effects: &mut Effects,
    name: &ObjectName,
    object: &ObjectInfo,
    conditions: &WriteConditions,
) -> Result<(), StoreError> {
    require_bucket(connection, &name.bucket)?;
    let current: Option<(i64, String)> = connection
        .prepare_cached("SELECT content_id, etag FROM objects WHERE bucket = ?1 AND key = ?2")?
        .query_row(params![name.bucket, name.key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    conditions.check(current.as_ref().map(|(_, etag)| etag.as_str()))?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO objects
                 (bucket, key, content_id, size, etag, modified_ms, attributes, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            name.bucket,
            name.key.as_bytes(),
            object.content_id,
            object.size as i64,
            object.etag,
            object.modified_ms,
            serde_json::to_string(&object.attributes)?,
            serde_json::to_string(&object.checksum)?,
        ])?;
    match current {
        Some((replaced, _)) => content::release(connection, effects, replaced),
        None => Ok(()),
    }
}

fn require(connection: &Connection, name: &ObjectName) -> Result<ObjectInfo, StoreError> {
    if let Some(object) = find(connection, name)? {
        return Ok(object);
    }
    require_bucket(connection, &name.bucket)?;
    Err(s3_error!(NoSuchKey, "The specified key does not exist.").into())
}

fn find(connection: &Connection, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT content_id, size, etag, modified_ms, attributes, checksum
           FROM objects WHERE bucket = ?1 AND key = ?2",
    )?;
    let mut rows = query.query(params![name.bucket, name.key.as_bytes()])?;
    rows.next()?.map(ObjectInfo::from_row).transpose()
}
