//! S3's additional checksums: which one a request carries, computing it, combining those of parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders, dto, s3_error};
use serde::{Deserialize, Serialize};

/// The algorithms S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => dto::ChecksumAlgorithm::CRC32,
            Self::Crc32c => dto::ChecksumAlgorithm::CRC32C,
            Self::Crc64nvme => dto::ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => dto::ChecksumAlgorithm::SHA1,
            Self::Sha256 => dto::ChecksumAlgorithm::SHA256,
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// # Errors
    /// 400 for a name that is none of S3's.
    pub(crate) fn parse(name: &str) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| s3_error!(InvalidRequest, "Unknown checksum algorithm"))
    }

    /// What S3 computes for a multipart upload that names no type.
    pub(crate) fn default_kind(self) -> Kind {
        match self {
            Self::Crc64nvme => Kind::FullObject,
            _ => Kind::Composite,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// What a checksum of a multipart object covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    /// The object's bytes.
    FullObject,
    /// The parts' checksums, one after another.
    Composite,
}

impl Kind {
    /// # Errors
    /// 400 for a type that is none of S3's, or that the algorithm cannot have.
    pub(crate) fn parse(name: &str, algorithm: Algorithm) -> S3Result<Self> {
        match name {
            dto::ChecksumType::COMPOSITE if algorithm != Algorithm::Crc64nvme => Ok(Self::Composite),
            dto::ChecksumType::FULL_OBJECT if algorithm.crc().is_some() => Ok(Self::FullObject),
            _ => Err(s3_error!(InvalidRequest, "This checksum type cannot be used with this checksum algorithm")),
        }
    }

    pub(crate) fn shown(self) -> dto::ChecksumType {
        dto::ChecksumType::from_static(match self {
            Self::FullObject => dto::ChecksumType::FULL_OBJECT,
            Self::Composite => dto::ChecksumType::COMPOSITE,
        })
    }
}

/// A checksum as S3 shows it: base64, with `-N` after a composite of N parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    pub(crate) value: String,
}

impl Checksum {
    pub(crate) fn checksum_type(&self) -> dto::ChecksumType {
        self.kind.shown()
    }

    /// The value when the algorithm is the one asked for; outputs have a field for each.
    pub(crate) fn value_of(&self, algorithm: Algorithm) -> Option<String> {
        (self.algorithm == algorithm).then(|| self.value.clone())
    }

    /// The checksum of an object from those of its parts and their sizes, in order.
    ///
    /// # Errors
    /// 400 when the parts' checksums are not all of one algorithm.
    pub(crate) fn of_parts(algorithm: Algorithm, kind: Kind, parts: &[(Self, u64)]) -> S3Result<Self> {
        let mut raw = Vec::with_capacity(parts.len());
        for (part, size) in parts {
            if part.algorithm != algorithm {
                return Err(s3_error!(InvalidRequest, "A part has a checksum of another algorithm than its upload"));
            }
            let bytes = STANDARD.decode(&part.value).map_err(S3Error::internal_error)?;
            raw.push((bytes, *size));
        }
        let value = match (kind, algorithm.crc()) {
            (Kind::FullObject, Some(crc)) => combine(crc, &raw),
            (Kind::FullObject, None) | (Kind::Composite, _) => {
                let mut hasher = Hasher::new(algorithm);
                for (bytes, _) in &raw {
                    hasher.update(bytes);
                }
                format!("{}-{}", hasher.finish().value, raw.len())
            }
        };
        Ok(Self { algorithm, kind, value })
    }
}

/// CRCs of neighbours combine into the CRC of the whole without reading it again.
fn combine(crc: CrcAlgorithm, parts: &[(Vec<u8>, u64)]) -> String {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    let whole = parts
        .iter()
        .map(|(bytes, size)| (number(bytes), *size))
        .reduce(|(left, before), (right, size)| (crc_fast::checksum_combine(crc, left, right, size), before + size))
        .map_or(0, |(value, _)| value);
    let width = parts.first().map_or(8, |(bytes, _)| bytes.len());
    STANDARD.encode(&whole.to_be_bytes()[8 - width..])
}

/// One running checksum.
pub(crate) enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Crc32::new()),
            Algorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            Algorithm::Crc64nvme => Self::Crc64nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(crc) => crc.update(bytes),
            Self::Crc32c(crc) => crc.update(bytes),
            Self::Crc64nvme(crc) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Self::Crc32(crc) => (Algorithm::Crc32, STANDARD.encode(crc.finalize())),
            Self::Crc32c(crc) => (Algorithm::Crc32c, STANDARD.encode(crc.finalize())),
            Self::Crc64nvme(crc) => (Algorithm::Crc64nvme, STANDARD.encode(crc.finalize())),
            Self::Sha1(sha) => (Algorithm::Sha1, STANDARD.encode(sha.finalize())),
            Self::Sha256(sha) => (Algorithm::Sha256, STANDARD.encode(sha.finalize())),
        };
        Checksum { algorithm, kind: Kind::FullObject, value }
    }
}

/// What a request says about the checksum of the body it carries.
pub(crate) struct Declared {
    /// The algorithm to compute.
    pub(crate) algorithm: Algorithm,
    expected: Expected,
}

enum Expected {
    Value(String),
    /// After the body, once it has been read.
    Trailer(Option<TrailingHeaders>),
    Nothing,
}

impl Declared {
    /// Reads the checksum headers; `default` is computed where they name no algorithm.
    ///
    /// # Errors
    /// 400 for more than one checksum, or an unknown algorithm.
    pub(crate) fn from_request(headers: &HeaderMap, trailers: Option<TrailingHeaders>, default: Algorithm) -> S3Result<Self> {
        if let Some(given) = given(headers)? {
            return Ok(Self { algorithm: given.0, expected: Expected::Value(given.1) });
        }
        let announced = Algorithm::ALL.into_iter().find(|algorithm| {
            headers.get_all("x-amz-trailer").iter().any(|names| {
                let mut names = names.as_bytes().split(|byte| *byte == b',');
                names.any(|name| name.trim_ascii().eq_ignore_ascii_case(algorithm.header().as_bytes()))
            })
        });
        if let Some(algorithm) = announced {
            return Ok(Self { algorithm, expected: Expected::Trailer(trailers) });
        }
        let named = headers
            .get("x-amz-sdk-checksum-algorithm")
            .map(|name| Algorithm::parse(&String::from_utf8_lossy(name.as_bytes())))
            .transpose()?;
        Ok(Self { algorithm: named.unwrap_or(default), expected: Expected::Nothing })
    }

    /// Compares what was computed over the whole body with what the request said.
    ///
    /// # Errors
    /// 400 `BadDigest` when they differ, `InvalidRequest` when an announced trailer did not come.
    pub(crate) fn verify(&self, computed: &Checksum) -> S3Result<()> {
        let expected = match &self.expected {
            Expected::Nothing => return Ok(()),
            Expected::Value(value) => value.clone(),
            Expected::Trailer(trailers) => trailers
                .as_ref()
                .and_then(|trailers| trailers.read(|headers| text(headers, self.algorithm.header())))
                .flatten()
                .ok_or_else(|| s3_error!(InvalidRequest, "The announced checksum trailer is missing"))?,
        };
        if expected == computed.value {
            Ok(())
        } else {
            Err(S3Error::with_message(
                S3ErrorCode::BadDigest,
                format!("The {} you specified did not match the calculated checksum.", self.algorithm.name()),
            ))
        }
    }
}

/// The one checksum in the headers.
///
/// # Errors
/// 400 when there are several.
pub(crate) fn given(headers: &HeaderMap) -> S3Result<Option<(Algorithm, String)>> {
    let mut found = Algorithm::ALL.into_iter().filter_map(|algorithm| Some((algorithm, text(headers, algorithm.header())?)));
    let first = found.next();
    if found.next().is_some() {
        return Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header"));
    }
    Ok(first)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Fills the checksum fields that several of S3's answers have in common.
macro_rules! show_checksum {
    ($answer:expr, $checksum:expr) => {{
        use $crate::embedded::s3::checksum::Algorithm;
        $answer.checksum_crc32 = $checksum.value_of(Algorithm::Crc32);
        $answer.checksum_crc32c = $checksum.value_of(Algorithm::Crc32c);
        $answer.checksum_crc64nvme = $checksum.value_of(Algorithm::Crc64nvme);
        $answer.checksum_sha1 = $checksum.value_of(Algorithm::Sha1);
        $answer.checksum_sha256 = $checksum.value_of(Algorithm::Sha256);
    }};
}
pub(super) use show_checksum;
