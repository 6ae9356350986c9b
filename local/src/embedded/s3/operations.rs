//! S3's operations in terms of the store. What is not here answers 501.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::ETAG;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::auth::Credentials;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, BucketLocationConstraint, ChecksumAlgorithm, ChecksumMode, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CopyObjectInput, CopyObjectOutput, CopyObjectResult,
    CopySource, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketCorsInput,
    DeleteBucketCorsOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, ETag, EncodingType, GetBucketCorsInput, GetBucketCorsOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, Metadata, MetadataDirective, Object, ObjectStorageClass, Part, PutBucketCorsInput, PutBucketCorsOutput,
    PutObjectInput, PutObjectOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::checksum::{self, Algorithm, Declared, Kind, show_checksum};
use super::condition::{self, ReadConditions, Unmet, WriteConditions};
use super::guard::denied;
use super::store::{
    Attributes, Completion, Copy, Incoming, ListRequest, Listing, NamedPart, NewUpload, ObjectInfo, ObjectName, Store, StoreError, Upload,
};
use crate::roles::Roles;

/// What S3 computes when a client sends no checksum.
const DEFAULT_CHECKSUM: Algorithm = Algorithm::Crc64nvme;
/// S3's bound on one page of a listing.
const MAX_PAGE: i32 = 1_000;
/// S3's bounds on part numbers.
const PART_NUMBERS: RangeInclusive<i32> = 1..=10_000;
/// S3's bound on user metadata, names and values together, in bytes.
const MAX_METADATA_BYTES: usize = 2 * 1024;
/// What listings leave as it is when asked to encode keys for URLs.
const PLAIN_IN_LISTINGS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// What S3 says of an object that was put without a type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

type Answer<T> = S3Result<S3Response<T>>;

/// The attributes that the inputs of several operations carry.
macro_rules! attributes_of {
    ($input:expr) => {
        Attributes {
            cache_control: $input.cache_control,
            content_disposition: $input.content_disposition,
            content_encoding: content_encoding($input.content_encoding),
            content_language: $input.content_language,
            content_type: $input.content_type,
            expires: $input.expires,
            metadata: metadata($input.metadata)?,
        }
    };
}

/// The preconditions that the inputs of both reads carry.
macro_rules! read_conditions {
    ($input:expr) => {
        ReadConditions {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}

/// Fills the fields that the answers of both reads have in common.
macro_rules! show_object {
    ($answer:expr, $object:expr) => {{
        $answer.accept_ranges = Some("bytes".to_owned());
        $answer.last_modified = Some($object.modified());
        $answer.e_tag = Some(ETag::Strong($object.etag));
        let attributes = $object.attributes;
        $answer.cache_control = attributes.cache_control;
        $answer.content_disposition = attributes.content_disposition;
        $answer.content_encoding = attributes.content_encoding;
        $answer.content_language = attributes.content_language;
        $answer.content_type = Some(attributes.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned()));
        $answer.expires = attributes.expires;
        $answer.metadata = Some(attributes.metadata.into_iter().collect());
    }};
}

/// The operations on one store.
#[derive(Debug)]
pub(super) struct Operations {
    store: Store,
    roles: Roles,
}

impl Operations {
    pub(super) fn new(store: Store, roles: Roles) -> Self {
        Self { store, roles }
    }

    /// Whoever may not list a bucket is not told either that an object is missing.
    fn found<T>(&self, signer: Option<&Credentials>, found: Result<T, StoreError>) -> S3Result<T> {
        found.map_err(S3Error::from).map_err(|error| match signer {
            Some(signer) if *error.code() == S3ErrorCode::NoSuchKey => {
                self.roles.check_bucket(&signer.access_key, "ListBucket").map_err(|refusal| denied(&refusal)).err().unwrap_or(error)
            }
            _ => error,
        })
    }
}

#[async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        let bucket = request.input.bucket;
        let location = Some(format!("/{bucket}"));
        self.store.create_bucket(bucket).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        self.store.delete_bucket(request.input.bucket).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.store.head_bucket(request.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let buckets = self.store.buckets().await?.into_iter();
        let buckets = buckets.map(|(name, created)| Bucket { name: Some(name), creation_date: Some(created), ..Bucket::default() });
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets.collect()), ..ListBucketsOutput::default() }))
    }

    /// Every bucket is in us-east-1, which S3 shows as no location.
    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.store.head_bucket(request.input.bucket).await?;
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: None::<BucketLocationConstraint> }))
    }

    async fn put_bucket_cors(&self, request: S3Request<PutBucketCorsInput>) -> Answer<PutBucketCorsOutput> {
        let PutBucketCorsInput { bucket, cors_configuration, .. } = request.input;
        self.store.set_cors(bucket, Some(cors_configuration)).await?;
        Ok(S3Response::new(PutBucketCorsOutput::default()))
    }

    async fn get_bucket_cors(&self, request: S3Request<GetBucketCorsInput>) -> Answer<GetBucketCorsOutput> {
        let rules = self.store.cors(request.input.bucket).await?;
        let rules = rules.ok_or_else(|| s3_error!(NoSuchCORSConfiguration))?;
        Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(rules.cors_rules) }))
    }

    async fn delete_bucket_cors(&self, request: S3Request<DeleteBucketCorsInput>) -> Answer<DeleteBucketCorsOutput> {
        self.store.set_cors(request.input.bucket, None).await?;
        Ok(S3Response::new(DeleteBucketCorsOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let declared = Declared::from_request(&request.headers, request.trailing_headers, DEFAULT_CHECKSUM)?;
        let input = request.input;
        if input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "Appending is not offered"));
        }
        let attributes = attributes_of!(input);
        let incoming = Incoming { body: input.body, length: input.content_length, md5: input.content_md5, declared, keep: None };
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let name = name(input.bucket, input.key)?;
        let object = self.store.put(name, incoming, attributes, conditions).await?;
        let mut answer = PutObjectOutput {
            e_tag: Some(ETag::Strong(object.etag)),
            checksum_type: Some(object.checksum.checksum_type()),
            ..PutObjectOutput::default()
        };
        show_checksum!(answer, object.checksum);
        Ok(S3Response::new(answer))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        no_part_number(input.part_number)?;
        let conditions = read_conditions!(input);
        let select = |object: &ObjectInfo| {
            object.check(&conditions).map_err(|unmet| refuse(unmet, object))?;
            match &input.range {
                None => Ok(0..object.size),
                Some(range) => Ok(range.check(object.size)?),
            }
        };
        let found = self.store.get(name(input.bucket, input.key)?, select).await;
        let (object, range, body) = self.found(request.credentials.as_ref(), found)?;
        let mut answer = GetObjectOutput {
            body: Some(body.into()),
            content_length: Some((range.end - range.start) as i64),
            ..GetObjectOutput::default()
        };
        // A checksum is one of the whole object.
        if input.range.is_some() {
            answer.content_range = Some(format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        } else if checksum_wanted(input.checksum_mode) {
            answer.checksum_type = Some(object.checksum.checksum_type());
            show_checksum!(answer, object.checksum);
        }
        show_object!(answer, object);
        Ok(S3Response::new(answer))
    }

    /// Ignores a range, as HTTP lets servers do: it says what a GET without one would.
    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        no_part_number(input.part_number)?;
        let conditions = read_conditions!(input);
        let object = self.found(request.credentials.as_ref(), self.store.head(name(input.bucket, input.key)?).await)?;
        object.check(&conditions).map_err(|unmet| refuse(unmet, &object))?;
        let mut answer = HeadObjectOutput { content_length: Some(object.size as i64), ..HeadObjectOutput::default() };
        if checksum_wanted(input.checksum_mode) {
            answer.checksum_type = Some(object.checksum.checksum_type());
            show_checksum!(answer, object.checksum);
        }
        show_object!(answer, object);
        Ok(S3Response::new(answer))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let conditions = WriteConditions {
            if_match: precondition(&request.headers, "if-match")?,
            if_none_match: precondition(&request.headers, "if-none-match")?,
        };
        let input = request.input;
        let replace = input.metadata_directive.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let attributes = attributes_of!(input);
        let copy = Copy {
            from: source(input.copy_source)?,
            to: name(input.bucket, input.key)?,
            source: ReadConditions {
                if_match: input.copy_source_if_match,
                if_none_match: input.copy_source_if_none_match,
                if_modified_since: input.copy_source_if_modified_since,
                if_unmodified_since: input.copy_source_if_unmodified_since,
            },
            attributes: replace.then_some(attributes),
        };
        let object = self.found(request.credentials.as_ref(), self.store.copy(copy, conditions).await)?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified()),
            checksum_type: Some(object.checksum.checksum_type()),
            ..CopyObjectResult::default()
        };
        show_checksum!(result, object.checksum);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        let name = name(input.bucket, input.key)?;
        self.store.delete(name.bucket, vec![name.key], input.if_match).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let input = request.input;
        if input.delete.objects.len() > MAX_PAGE as usize {
            return Err(s3_error!(MalformedXML, "At most 1,000 objects can be deleted at once"));
        }
        let keys: Vec<String> = input.delete.objects.into_iter().map(|o| o.key).collect();
        self.store.delete(input.bucket, keys.clone(), None).await?;
        let quiet = input.delete.quiet.unwrap_or_default();
        let deleted = keys.into_iter().map(|key| DeletedObject { key: Some(key), ..DeletedObject::default() });
        Ok(S3Response::new(DeleteObjectsOutput { deleted: (!quiet).then(|| deleted.collect()), ..DeleteObjectsOutput::default() }))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        let from = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => {
                URL_SAFE_NO_PAD.decode(token).map_err(|_| s3_error!(InvalidArgument, "The continuation token is not valid"))?
            }
            (None, Some(key)) => ListRequest::after(key),
            (None, None) => Vec::new(),
        };
        let max_keys = page_size(input.max_keys)?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let listing = self
            .store
            .list(ListRequest {
                bucket: input.bucket.clone(),
                prefix: input.prefix.clone().unwrap_or_default(),
                delimiter: delimiter.clone(),
                from,
                limit: max_keys as usize,
            })
            .await?;
        let text = Shown::new(input.encoding_type.as_ref());
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(text.show(input.prefix.unwrap_or_default())),
            delimiter: delimiter.map(|delimiter| text.show(delimiter)),
            start_after: input.start_after.map(|key| text.show(key)),
            max_keys: Some(max_keys),
            key_count: Some((listing.objects.len() + listing.common_prefixes.len()) as i32),
            is_truncated: Some(listing.next.is_some()),
            next_continuation_token: listing.next.as_ref().map(|next| URL_SAFE_NO_PAD.encode(next)),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            common_prefixes: Some(text.prefixes(&listing)),
            contents: Some(text.objects(listing)),
            ..ListObjectsV2Output::default()
        }))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = request.input;
        let max_keys = page_size(input.max_keys)?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let prefix = input.prefix.unwrap_or_default();
        let from = match (&input.marker, &delimiter) {
            // A marker that is a common prefix stands for all it covers.
            (Some(marker), Some(delimiter)) if marker.starts_with(&prefix) && marker.ends_with(delimiter.as_str()) => {
                ListRequest::after_prefix(marker)
            }
            (Some(marker), _) => ListRequest::after(marker),
            (None, _) => Vec::new(),
        };
        let listing = self
            .store
            .list(ListRequest {
                bucket: input.bucket.clone(),
                prefix: prefix.clone(),
                delimiter: delimiter.clone(),
                from,
                limit: max_keys as usize,
            })
            .await?;
        let text = Shown::new(input.encoding_type.as_ref());
        let last = listing.last().map(|last| text.show(last));
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(text.show(prefix)),
            delimiter: delimiter.map(|delimiter| text.show(delimiter)),
            marker: Some(text.show(input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(listing.next.is_some()),
            next_marker: last.filter(|_| listing.next.is_some()),
            encoding_type: input.encoding_type,
            common_prefixes: Some(text.prefixes(&listing)),
            contents: Some(text.objects(listing)),
            ..ListObjectsOutput::default()
        }))
    }

    async fn create_multipart_upload(&self, request: S3Request<CreateMultipartUploadInput>) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        let algorithm = match &input.checksum_algorithm {
            Some(named) => Algorithm::parse(named.as_str())?,
            None => DEFAULT_CHECKSUM,
        };
        let kind = match &input.checksum_type {
            Some(named) => Kind::parse(named.as_str(), algorithm)?,
            None => algorithm.default_kind(),
        };
        let name = name(input.bucket, input.key)?;
        let attributes = attributes_of!(input);
        let upload_id = self.store.begin_upload(NewUpload { name: name.clone(), attributes, algorithm, kind }).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(name.bucket),
            key: Some(name.key),
            upload_id: Some(upload_id),
            checksum_algorithm: Some(ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: Some(kind.shown()),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let input = request.input;
        if !PART_NUMBERS.contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"));
        }
        let upload = upload(input.bucket, input.key, input.upload_id)?;
        let algorithm = self.store.upload_algorithm(upload.clone()).await?;
        let incoming = Incoming {
            body: input.body,
            length: input.content_length,
            md5: input.content_md5,
            declared: Declared::from_request(&request.headers, request.trailing_headers, algorithm)?,
            keep: Some(algorithm),
        };
        let (etag, checksum) = self.store.put_part(upload, input.part_number, incoming).await?;
        let mut answer = UploadPartOutput { e_tag: Some(ETag::Strong(etag)), ..UploadPartOutput::default() };
        show_checksum!(answer, checksum);
        Ok(S3Response::new(answer))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let upload = upload(input.bucket, input.key, input.upload_id)?;
        let after = input.part_number_marker.unwrap_or_default();
        let limit = page_size(input.max_parts)?;
        let mut parts = self.store.parts(upload.clone()).await?;
        parts.retain(|part| part.number > after);
        let more = parts.len() > limit as usize;
        parts.truncate(limit as usize);
        let last = parts.last().map(|part| part.number);
        let parts = parts.into_iter().map(|part| {
            let mut shown = Part {
                part_number: Some(part.number),
                e_tag: Some(ETag::Strong(part.etag)),
                size: Some(part.size as i64),
                last_modified: Some(part.modified),
                ..Part::default()
            };
            show_checksum!(shown, part.checksum);
            shown
        });
        Ok(S3Response::new(ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(upload.name.bucket),
            key: Some(upload.name.key),
            upload_id: Some(upload.id),
            max_parts: Some(limit),
            part_number_marker: input.part_number_marker,
            is_truncated: Some(more),
            next_part_number_marker: last.filter(|_| more),
            ..ListPartsOutput::default()
        }))
    }

    async fn complete_multipart_upload(&self, request: S3Request<CompleteMultipartUploadInput>) -> Answer<CompleteMultipartUploadOutput> {
        let given = checksum::given(&request.headers)?;
        let input = request.input;
        let upload = upload(input.bucket, input.key, input.upload_id)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts);
        let completion = Completion {
            parts: parts.unwrap_or_default().into_iter().map(named_part).collect::<S3Result<_>>()?,
            checksum: given,
            size: input.mpu_object_size.map(|size| u64::try_from(size).map_err(|_| s3_error!(InvalidArgument))).transpose()?,
            conditions: WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match },
        };
        let object = self.store.complete_upload(upload.clone(), completion).await?;
        let mut answer = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", upload.name.bucket, upload.name.key)),
            bucket: Some(upload.name.bucket),
            key: Some(upload.name.key),
            e_tag: Some(ETag::Strong(object.etag)),
            checksum_type: Some(object.checksum.checksum_type()),
            ..CompleteMultipartUploadOutput::default()
        };
        show_checksum!(answer, object.checksum);
        Ok(S3Response::new(answer))
    }

    async fn abort_multipart_upload(&self, request: S3Request<AbortMultipartUploadInput>) -> Answer<AbortMultipartUploadOutput> {
        let input = request.input;
        let upload = upload(input.bucket, input.key, input.upload_id)?;
        self.store.abort_upload(upload).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn name(bucket: String, key: String) -> S3Result<ObjectName> {
    if key.is_empty() {
        return Err(s3_error!(InvalidURI, "A key cannot be empty"));
    }
    Ok(ObjectName { bucket, key })
}

fn upload(bucket: String, key: String, id: String) -> S3Result<Upload> {
    Ok(Upload { name: name(bucket, key)?, id })
}

fn source(source: CopySource) -> S3Result<ObjectName> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => name(bucket.into(), key.into()),
        _ => Err(s3_error!(NotImplemented, "Only objects of buckets, without versions, can be copied")),
    }
}

/// `aws-chunked` describes the transfer, which is over, and is not part of the object.
fn content_encoding(header: Option<String>) -> Option<String> {
    let header = header?;
    let kept: Vec<&str> = header.split(',').map(str::trim).filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

fn metadata(given: Option<Metadata>) -> S3Result<BTreeMap<String, String>> {
    let metadata: BTreeMap<_, _> = given.unwrap_or_default().into_iter().collect();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_METADATA_BYTES {
        return Err(s3_error!(MetadataTooLarge));
    }
    Ok(metadata)
}

/// A 304 is an error to s3s; it carries the entity tag that the caller has (RFC 9110, 15.4.5).
fn refuse(unmet: Unmet, object: &ObjectInfo) -> S3Error {
    match unmet {
        Unmet::Failed => condition::failed(),
        Unmet::NotModified => {
            let mut error = s3_error!(NotModified);
            if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
                error.set_headers(HeaderMap::from_iter([(ETAG, etag)]));
            }
            error
        }
    }
}

fn checksum_wanted(mode: Option<ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn no_part_number(part: Option<i32>) -> S3Result<()> {
    match part {
        None => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "Reading single parts is not offered; use a range")),
    }
}

fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        None => Ok(MAX_PAGE),
        Some(asked) if asked >= 0 => Ok(asked.min(MAX_PAGE)),
        Some(_) => Err(s3_error!(InvalidArgument, "The size of a page must be an integer between 0 and 2147483647")),
    }
}

/// A precondition that s3s does not read for this operation.
fn precondition(headers: &HeaderMap, name: &str) -> S3Result<Option<s3s::dto::ETagCondition>> {
    headers
        .get(name)
        .map(|value| s3s::dto::ETagCondition::parse_http_header(value.as_bytes()))
        .transpose()
        .map_err(|_| s3_error!(InvalidArgument, "A precondition is not an entity tag"))
}

fn named_part(part: CompletedPart) -> S3Result<NamedPart> {
    let (Some(number), Some(etag)) = (part.part_number, part.e_tag) else {
        return Err(s3_error!(MalformedXML, "Every part needs a part number and an ETag"));
    };
    let checksums = [
        (Algorithm::Crc32, part.checksum_crc32),
        (Algorithm::Crc32c, part.checksum_crc32c),
        (Algorithm::Crc64nvme, part.checksum_crc64nvme),
        (Algorithm::Sha1, part.checksum_sha1),
        (Algorithm::Sha256, part.checksum_sha256),
    ];
    let checksums = checksums.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    Ok(NamedPart { number, etag: etag.into_value(), checksums: checksums.collect() })
}

/// How a listing shows text: as it is, or encoded for URLs where the client asked for that.
struct Shown {
    encoded: bool,
}

impl Shown {
    fn new(encoding: Option<&EncodingType>) -> Self {
        Self { encoded: encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL) }
    }

    fn show(&self, text: String) -> String {
        if self.encoded { utf8_percent_encode(&text, PLAIN_IN_LISTINGS).to_string() } else { text }
    }

    fn prefixes(&self, listing: &Listing) -> Vec<CommonPrefix> {
        let prefixes = listing.common_prefixes.iter();
        prefixes.map(|prefix| CommonPrefix { prefix: Some(self.show(prefix.clone())) }).collect()
    }

    fn objects(&self, listing: Listing) -> Vec<Object> {
        let objects = listing.objects.into_iter();
        objects
            .map(|object| Object {
                key: Some(self.show(object.key)),
                size: Some(object.size as i64),
                e_tag: Some(ETag::Strong(object.etag)),
                last_modified: Some(object.modified),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Object::default()
            })
            .collect()
    }
}
