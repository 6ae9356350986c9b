//! Multipart uploads: parts are contents of their own until their upload joins them into an object.

use rusqlite::{Connection, OptionalExtension, params};
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::Timestamp;
use s3s::{S3Result, s3_error};

use super::buckets::require_bucket;
use super::content;
use super::index::Effects;
use super::intake::{self, Incoming};
use super::objects::{Attributes, ObjectInfo, replace};
use super::{ObjectName, Store, StoreError, now_ms, timestamp};
use crate::embedded::s3::checksum::{Algorithm, Checksum, Kind};
use crate::embedded::s3::condition::WriteConditions;

/// S3's bound on every part but the last.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;

/// An upload to begin.
pub(crate) struct NewUpload {
    pub(crate) name: ObjectName,
    pub(crate) attributes: Attributes,
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
}

/// The name of an upload that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) name: ObjectName,
    pub(crate) id: String,
}

/// A part as a client names it to complete its upload.
pub(crate) struct NamedPart {
    pub(crate) number: i32,
    pub(crate) etag: String,
    pub(crate) checksums: Vec<(Algorithm, String)>,
}

/// What makes an upload an object.
pub(crate) struct Completion {
    pub(crate) parts: Vec<NamedPart>,
    /// The whole object's checksum, where the client says it.
    pub(crate) checksum: Option<(Algorithm, String)>,
    /// The whole object's size, where the client says it.
    pub(crate) size: Option<u64>,
    pub(crate) conditions: WriteConditions,
}

/// A part that was taken in.
#[derive(Debug)]
pub(crate) struct StoredPart {
    pub(crate) number: i32,
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    pub(crate) checksum: Checksum,
    md5: Vec<u8>,
    content_id: i64,
}

/// What an upload was begun with.
struct Begun {
    attributes: Attributes,
    algorithm: Algorithm,
    kind: Kind,
}

impl Store {
    /// Begins an upload and returns its id.
    pub(crate) async fn begin_upload(&self, upload: NewUpload) -> Result<String, StoreError> {
        let id = hex::encode(rand::random::<[u8; 16]>());
        self.index
            .write(move |connection, _| {
                require_bucket(connection, &upload.name.bucket)?;
                connection
                    .prepare_cached(
                        "INSERT INTO uploads
                             (id, bucket, key, created_ms, attributes, algorithm, kind)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        id,
                        upload.name.bucket,
                        upload.name.key.as_bytes(),
                        now_ms(),
                        serde_json::to_string(&upload.attributes)?,
                        serde_json::to_string(&upload.algorithm)?,
                        serde_json::to_string(&upload.kind)?,
                    ])?;
                Ok(id)
            })
            .await
    }

    /// The checksum algorithm that an upload's parts have.
    pub(crate) async fn upload_algorithm(&self, upload: Upload) -> Result<Algorithm, StoreError> {
        self.index.read(move |connection| Ok(begun(connection, &upload)?.algorithm)).await
    }

    /// Takes in a part, in the place of an earlier one of its number.
    pub(crate) async fn put_part(&self, upload: Upload, number: i32, incoming: Incoming) -> Result<(String, Checksum), StoreError> {
        let received = intake::receive(&self.blobs, incoming).await?;
        self.index
            .write(move |connection, effects| {
                begun(connection, &upload)?;
                let earlier: Option<i64> = connection
                    .prepare_cached("DELETE FROM parts WHERE upload_id = ?1 AND number = ?2 RETURNING content_id")?
                    .query_row(params![upload.id, number], |row| row.get(0))
                    .optional()?;
                if let Some(earlier) = earlier {
                    content::release(connection, effects, earlier)?;
                }
                let content = content::insert(connection, effects, received.chunk, received.size)?;
                connection
                    .prepare_cached(
                        "INSERT INTO parts
                             (upload_id, number, content_id, size, md5, modified_ms, checksum)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        upload.id,
                        number,
                        content,
                        received.size as i64,
                        received.md5,
                        now_ms(),
                        serde_json::to_string(&received.checksum)?,
                    ])?;
                Ok((hex::encode(received.md5), received.checksum))
            })
            .await
    }

    /// The parts of an upload, by number.
    pub(crate) async fn parts(&self, upload: Upload) -> Result<Vec<StoredPart>, StoreError> {
        self.index
            .read(move |connection| {
                begun(connection, &upload)?;
                parts(connection, &upload)
            })
            .await
    }

    /// Makes an object of the parts that are named; the others go away.
    pub(crate) async fn complete_upload(&self, upload: Upload, completion: Completion) -> Result<ObjectInfo, StoreError> {
        self.index
            .write(move |connection, effects| {
                let begun = begun(connection, &upload)?;
                let (chosen, others) = choose(parts(connection, &upload)?, &completion.parts)?;
                let object = join(connection, begun, &chosen)?;
                check_whole(&object, &completion)?;
                replace(connection, effects, &upload.name, &object, &completion.conditions)?;
                for part in others {
                    content::release(connection, effects, part.content_id)?;
                }
                forget(connection, &upload)?;
                Ok(object)
            })
            .await
    }

    /// Gives an upload up, with its parts.
    pub(crate) async fn abort_upload(&self, upload: Upload) -> Result<(), StoreError> {
        self.index
            .write(move |connection, effects: &mut Effects| {
                begun(connection, &upload)?;
                for part in parts(connection, &upload)? {
                    content::release(connection, effects, part.content_id)?;
                }
                forget(connection, &upload)
            })
            .await
    }
}

/// An upload is found only under the name it was begun with.
fn begun(connection: &Connection, upload: &Upload) -> Result<Begun, StoreError> {
    let found: Option<(String, String, String)> = connection
        .prepare_cached(
            "SELECT attributes, algorithm, kind FROM uploads
              WHERE id = ?1 AND bucket = ?2 AND key = ?3",
        )?
        .query_row(params![upload.id, upload.name.bucket, upload.name.key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (attributes, algorithm, kind) = found.ok_or_else(|| s3_error!(NoSuchUpload))?;
    Ok(Begun {
        attributes: serde_json::from_str(&attributes)?,
        algorithm: serde_json::from_str(&algorithm)?,
        kind: serde_json::from_str(&kind)?,
    })
}

fn parts(connection: &Connection, upload: &Upload) -> Result<Vec<StoredPart>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT number, content_id, size, md5, modified_ms, checksum
           FROM parts WHERE upload_id = ?1 ORDER BY number",
    )?;
    let mut rows = query.query([&upload.id])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let md5: Vec<u8> = row.get(3)?;
        let checksum: String = row.get(5)?;
        parts.push(StoredPart {
            number: row.get(0)?,
            content_id: row.get(1)?,
            size: row.get::<_, i64>(2)? as u64,
            etag: hex::encode(&md5),
            modified: timestamp(row.get(4)?),
            checksum: serde_json::from_str(&checksum)?,
            md5,
        });
    }
    Ok(parts)
}

/// Splits the parts into those that are named, in order, and the others.
fn choose(stored: Vec<StoredPart>, named: &[NamedPart]) -> S3Result<(Vec<StoredPart>, Vec<StoredPart>)> {
    if named.is_empty() {
        return Err(s3_error!(MalformedXML, "Name at least one part"));
    }
    if !named.is_sorted_by(|left, right| left.number < right.number) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let mut wanted = named.iter().peekable();
    let mut chosen = Vec::with_capacity(named.len());
    let mut others = Vec::new();
    for part in stored {
        match wanted.next_if(|name| name.number == part.number) {
            Some(name) if name.is(&part) => chosen.push(part),
            Some(_) => return Err(s3_error!(InvalidPart)),
            None => others.push(part),
        }
    }
    if chosen.len() < named.len() {
        return Err(s3_error!(InvalidPart));
    }
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, others)| others);
    if all_but_last.iter().any(|part| part.size < MIN_PART_BYTES) {
        return Err(s3_error!(EntityTooSmall));
    }
    Ok((chosen, others))
}

impl NamedPart {
    fn is(&self, part: &StoredPart) -> bool {
        let same_checksum = self.checksums.iter().all(|(algorithm, value)| {
            let stored = part.checksum.value_of(*algorithm);
            stored.is_none_or(|stored| stored == *value)
        });
        self.etag == part.etag && same_checksum
    }
}

fn join(connection: &Connection, begun: Begun, parts: &[StoredPart]) -> Result<ObjectInfo, StoreError> {
    let contents: Vec<i64> = parts.iter().map(|part| part.content_id).collect();
    let checksums: Vec<(Checksum, u64)> = parts.iter().map(|part| (part.checksum.clone(), part.size)).collect();
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(&part.md5);
    }
    Ok(ObjectInfo::new(
        parts.iter().map(|part| part.size).sum(),
        format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
        begun.attributes,
        Checksum::of_parts(begun.algorithm, begun.kind, &checksums)?,
        content::join(connection, &contents)?,
    ))
}

fn check_whole(object: &ObjectInfo, completion: &Completion) -> S3Result<()> {
    if completion.size.is_some_and(|size| size != object.size) {
        return Err(s3_error!(InvalidRequest, "The provided x-amz-mp-object-size does not match the size of the parts"));
    }
    match &completion.checksum {
        Some((algorithm, value)) if object.checksum.value_of(*algorithm).as_ref() != Some(value) => {
            Err(s3_error!(BadDigest, "The checksum you specified did not match the calculated checksum."))
        }
        _ => Ok(()),
    }
}

fn forget(connection: &Connection, upload: &Upload) -> Result<(), StoreError> {
    connection.execute("DELETE FROM parts WHERE upload_id = ?1", [&upload.id])?;
    connection.execute("DELETE FROM uploads WHERE id = ?1", [&upload.id])?;
    Ok(())
}
