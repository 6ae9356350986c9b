//! The one bucket: documents, configs, builds, and everything a run leaves behind.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::StoreError;

/// Most objects that one request deletes.
const DELETE_LIMIT: usize = 1000;

/// A bucket, and how URLs for clients outside are signed.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    presigner: Client,
    bucket: String,
}

/// An object's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub byte_size: u64,
    /// Its entity tag, quoted as S3 gives it.
    pub etag: String,
    /// The SHA-256 that S3 verified when it was uploaded, in hexadecimal, if it was uploaded with one.
    pub sha256: Option<String>,
    /// Its media type, when it was asked for by itself.
    pub content_type: Option<String>,
}

/// An object with its content.
#[derive(Debug)]
pub struct Object {
    /// Its description; without the checksum.
    pub info: ObjectInfo,
    /// Its content, as it arrives.
    pub body: ByteStream,
}

/// What must be under a key for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// The object with this entity tag.
    Tag(String),
}

/// A URL that whoever has it may use until it expires.
#[derive(Debug, Clone)]
pub struct PresignedUrl {
    /// The URL.
    pub url: String,
    /// Headers that must be sent exactly so.
    pub headers: Vec<(String, String)>,
}

impl Objects {
    /// Objects of `bucket`. URLs are signed with `presigner`, whose endpoint is the one clients reach.
    pub fn new(client: Client, presigner: Client, bucket: impl Into<String>) -> Self {
        Self { client, presigner, bucket: bucket.into() }
    }

    /// The `s3://` URI of a key or prefix.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The key of an `s3://` URI of this bucket.
    pub fn key_of<'a>(&self, uri: &'a str) -> Option<&'a str> {
        uri.strip_prefix("s3://")?.strip_prefix(self.bucket.as_str())?.strip_prefix('/')
    }

    /// Writes a new object; [`StoreError::Condition`] when the key exists.
    pub async fn create(&self, key: &str, body: impl Into<ByteStream>) -> Result<(), StoreError> {
        let answer = self.client.put_object().bucket(&self.bucket).key(key).body(body.into()).if_none_match("*").send().await;
        answer.map(drop).map_err(|error| StoreError::from_sdk("PutObject", error))
    }

    /// Writes an object, over an older one if there is one.
    pub async fn put(&self, key: &str, body: impl Into<ByteStream>) -> Result<(), StoreError> {
        let answer = self.client.put_object().bucket(&self.bucket).key(key).body(body.into()).send().await;
        answer.map(drop).map_err(|error| StoreError::from_sdk("PutObject", error))
    }

    /// Writes an object if what is there is what the writer expects, and returns its new entity tag; else [`StoreError::Condition`].
    pub async fn put_expecting(&self, key: &str, body: impl Into<ByteStream>, expected: &Expected) -> Result<String, StoreError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(body.into());
        let request = match expected {
            Expected::Absent => request.if_none_match("*"),
            Expected::Tag(tag) => request.if_match(tag),
        };
        match request.send().await {
            Ok(output) => Ok(output.e_tag.unwrap_or_default()),
            Err(error) => Err(unexpected("PutObject", error)),
        }
    }

    /// Deletes the object with this entity tag; [`StoreError::Condition`] when it is another one, or gone.
    pub async fn delete_expecting(&self, key: &str, tag: &str) -> Result<(), StoreError> {
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).if_match(tag).send().await;
        answer.map(drop).map_err(|error| unexpected("DeleteObject", error))
    }

    /// Deletes an object, if there is one.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| StoreError::from_sdk("DeleteObject", error))
    }

    /// The bytes of all objects under a prefix.
    pub async fn size_of(&self, prefix: &str) -> Result<u64, StoreError> {
        let (mut bytes, mut after) = (0, None);
        loop {
            let listed = self.list(prefix, after.as_deref(), DELETE_LIMIT).await?;
            bytes += listed.iter().map(|object| object.byte_size).sum::<u64>();
            match listed.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => return Ok(bytes),
            }
        }
    }

    /// Deletes every object under a prefix; their bytes.
    pub async fn delete_all(&self, prefix: &str) -> Result<u64, StoreError> {
        let mut bytes = 0;
        loop {
            let listed = self.list(prefix, None, DELETE_LIMIT).await?;
            let keys: Result<Vec<_>, _> = listed.iter().map(|object| ObjectIdentifier::builder().key(&object.key).build()).collect();
            let corrupt = |error: BuildError| StoreError::Corrupt(error.to_string());
            let keys = keys.map_err(corrupt)?;
            if keys.is_empty() {
                return Ok(bytes);
            }
            let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build().map_err(corrupt)?;
            let answer = self.client.delete_objects().bucket(&self.bucket).delete(delete).send().await;
            let failed = answer.map_err(|error| StoreError::from_sdk("DeleteObjects", error))?.errors.unwrap_or_default();
            if let Some(error) = failed.into_iter().next() {
                let message = format!("{}: {}", error.code.unwrap_or_default(), error.message.unwrap_or_default());
                return Err(StoreError::Unavailable { operation: "DeleteObjects", message });
            }
            bytes += listed.iter().map(|object| object.byte_size).sum::<u64>();
        }
    }

    /// Uploads a file as an object, over an older one if there is one. S3 computes and keeps its SHA-256.
    pub async fn put_file(&self, key: &str, path: &Path, content_type: Option<&str>) -> Result<(), StoreError> {
        let body = ByteStream::from_path(path)
            .await
            // The file itself can't be read.
            .map_err(|error| StoreError::Refused { operation: "PutObject", message: error.to_string() })?;
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(body).set_content_type(content_type.map(str::to_owned));
        request
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .map(drop)
            .map_err(|error| StoreError::from_sdk("PutObject", error))
    }

    /// Opens an object; with `etag`, only that version of it ([`StoreError::Condition`] when it changed). `None` when there is none.
    pub async fn open(&self, key: &str, etag: Option<&str>) -> Result<Option<Object>, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).set_if_match(etag.map(str::to_owned));
        match request.send().await {
            Ok(output) => {
                let info = ObjectInfo {
                    key: key.to_owned(),
                    byte_size: u64::try_from(output.content_length.unwrap_or_default()).unwrap_or_default(),
                    etag: output.e_tag.unwrap_or_default(),
                    sha256: None,
                    content_type: output.content_type,
                };
                Ok(Some(Object { info, body: output.body }))
            }
            Err(SdkError::ServiceError(service)) if matches!(service.err(), GetObjectError::NoSuchKey(_)) => Ok(None),
            Err(error) => Err(StoreError::from_sdk("GetObject", error)),
        }
    }

    /// Reads a part of an object with this entity tag; [`StoreError::Condition`] when it is another one by now.
    pub async fn read_range(&self, key: &str, etag: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let request = self.client.get_object().bucket(&self.bucket).key(key).if_match(etag).range(bytes);
        let output = request.send().await.map_err(|error| unexpected("GetObject", error))?;
        collect(output.body).await
    }

    /// Reads a whole object into memory. `None` when there is none.
    pub async fn read(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.open(key, None).await? {
            Some(object) => Ok(Some(collect(object.body).await?)),
            None => Ok(None),
        }
    }

    /// Downloads an object into a new file and returns its size. `None` when there is no such object.
    pub async fn download(&self, key: &str, path: &Path) -> Result<Option<u64>, StoreError> {
        let Some(object) = self.open(key, None).await? else {
            return Ok(None);
        };
        let local = |error: std::io::Error| StoreError::Unavailable { operation: "write scratch file", message: error.to_string() };
        let mut reader = object.body.into_async_read();
        let mut file = tokio::fs::File::create_new(path).await.map_err(local)?;
        let copied = tokio::io::copy(&mut reader, &mut file).await.map_err(local)?;
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(local)?;
        Ok(Some(copied))
    }

    /// Describes an object. `None` when there is none.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        let request = self.client.head_object().bucket(&self.bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(output) => Ok(Some(ObjectInfo {
                key: key.to_owned(),
                byte_size: u64::try_from(output.content_length.unwrap_or_default()).unwrap_or_default(),
                etag: output.e_tag.unwrap_or_default(),
                sha256: output.checksum_sha256.and_then(|sum| STANDARD.decode(sum).ok()).map(hex::encode),
                content_type: output.content_type,
            })),
            Err(SdkError::ServiceError(service)) if matches!(service.err(), HeadObjectError::NotFound(_)) => Ok(None),
            Err(error) => Err(StoreError::from_sdk("HeadObject", error)),
        }
    }

    /// Lists the objects under a prefix in key order, from the first after `after` (a whole key), at most `limit` of them.
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>, StoreError> {
        let (mut found, mut token) = (Vec::new(), None);
        while found.len() < limit {
            let output = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_start_after(if token.is_none() { after.map(str::to_owned) } else { None })
                .set_continuation_token(token.take())
                .max_keys(i32::try_from((limit - found.len()).min(1000)).unwrap_or(1000))
                .send()
                .await
                .map_err(|error| StoreError::from_sdk("ListObjectsV2", error))?;
            found.extend(output.contents.unwrap_or_default().into_iter().filter_map(|object| {
                Some(ObjectInfo {
                    key: object.key?,
                    byte_size: u64::try_from(object.size.unwrap_or_default()).unwrap_or_default(),
                    etag: object.e_tag.unwrap_or_default(),
                    sha256: None,
                    content_type: None,
                })
            }));
            token = output.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Copies an object inside the bucket, without its bytes passing through here. `false` when there is no source.
    pub async fn copy(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        let source = format!("{}/{}", self.bucket, utf8_percent_encode(from, COPY_SOURCE));
        match self.client.copy_object().bucket(&self.bucket).copy_source(source).key(to).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                if error.code() == Some("NoSuchKey") {
                    Ok(false)
                } else {
                    Err(StoreError::from_sdk("CopyObject", error))
                }
            }
        }
    }

    /// A URL that uploads exactly `byte_size` bytes as `key`, once; with `sha256` (hexadecimal) exactly those bytes.
    pub async fn presign_upload(
        &self,
        key: &str,
        byte_size: u64,
        content_type: &str,
        sha256: Option<&str>,
        valid: Duration,
    ) -> Result<PresignedUrl, StoreError> {
        let checksum = sha256.and_then(|hash| hex::decode(hash).ok()).map(|hash| STANDARD.encode(hash));
        let request = self
            .presigner
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_length(i64::try_from(byte_size).unwrap_or(i64::MAX))
            .content_type(content_type)
            .if_none_match("*")
            .set_checksum_sha256(checksum)
            .presigned(presigning(valid)?)
            .await
            .map_err(|error| StoreError::from_sdk("presign PutObject", error))?;
        // A browser sets Content-Length itself and refuses to have it set; it is part of the signature all the same. The trace
        // header, which the SDK adds inside a function, is not.
        let headers = request
            .headers()
            .filter(|(name, _)| !["content-length", "x-amzn-trace-id"].contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(PresignedUrl { url: request.uri().to_owned(), headers })
    }

    /// A URL that downloads `key` as an attachment called `name`.
    pub async fn presign_download(&self, key: &str, name: &str, valid: Duration) -> Result<PresignedUrl, StoreError> {
        let request = self
            .presigner
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_disposition(attachment(name))
            .response_content_type("application/octet-stream")
            .presigned(presigning(valid)?)
            .await
            .map_err(|error| StoreError::from_sdk("presign GetObject", error))?;
        Ok(PresignedUrl { url: request.uri().to_owned(), headers: Vec::new() })
    }

    /// Creates the bucket if it does not exist.
    pub async fn create_bucket(&self) -> Result<(), StoreError> {
        match self.client.create_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists")) => Ok(()),
            Err(error) => Err(StoreError::from_sdk("CreateBucket", error)),
        }
    }

    /// Whether the bucket answers; for health checks.
    pub async fn check(&self) -> Result<(), StoreError> {
        let answer = self.client.head_bucket().bucket(&self.bucket).send().await;
        answer.map(drop).map_err(|error| StoreError::from_sdk("HeadBucket", error))
    }
}

/// An object that is expected and is not there is a failed condition too.
fn unexpected<E, R>(operation: &'static str, error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if error.code() == Some("NoSuchKey") { StoreError::Condition(None) } else { StoreError::from_sdk(operation, error) }
}

/// Reads a streamed body to its end.
pub async fn collect(body: ByteStream) -> Result<Bytes, StoreError> {
    let whole = body.collect().await.map_err(|error| StoreError::Unavailable { operation: "GetObject", message: error.to_string() })?;
    Ok(whole.into_bytes())
}

/// What must be escaped in `x-amz-copy-source`: everything but unreserved characters and the slash.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What must be escaped in `filename*` ([RFC 5987](https://www.rfc-editor.org/rfc/rfc5987) attr-char).
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `Content-Disposition` for a download, with a plain and an extended file name ([RFC 6266](https://www.rfc-editor.org/rfc/rfc6266)).
fn attachment(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

fn presigning(valid: Duration) -> Result<PresigningConfig, StoreError> {
    PresigningConfig::expires_in(valid).map_err(|error| StoreError::Corrupt(error.to_string()))
}
