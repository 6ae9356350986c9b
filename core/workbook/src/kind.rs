use std::{
    fmt,
    io::{Read, Seek, SeekFrom},
};

use crate::{OpenError, container};

const CFB_MAGIC: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP_MAGIC: &[u8] = b"PK\x05\x06";
const SNIFF_BYTES: usize = 4096;

/// The kinds of file there is a reader for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Office Open XML, with or without macros (`.xlsx`, `.xlsm`).
    Xlsx,
    /// Excel's binary container (`.xlsb`).
    Xlsb,
    /// Excel 97–2003 (`.xls`).
    Xls,
    /// `OpenDocument` (`.ods`).
    Ods,
    /// Delimited text (`.csv`, `.tsv`).
    Delimited,
}

impl Kind {
    /// The kind that an extension (lower case, no dot) claims.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension {
            "xlsx" | "xlsm" => Some(Self::Xlsx),
            "xlsb" => Some(Self::Xlsb),
            "xls" => Some(Self::Xls),
            "ods" => Some(Self::Ods),
            "csv" | "tsv" => Some(Self::Delimited),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
            Self::Delimited => "text",
        })
    }
}

/// What the first bytes say.
enum Content {
    Workbook(Kind),
    Cfb,
    OtherZip,
    Text,
    Binary,
}

/// Decides the kind of a file by its name and confirms it by its content. The source is left at its start.
pub(crate) fn detect(source: &mut (impl Read + Seek), file_name: &str) -> Result<Kind, OpenError> {
    let extension = extension(file_name);
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    source.seek(SeekFrom::Start(0))?;
    source.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    source.seek(SeekFrom::Start(0))?;
    if head.is_empty() {
        return Err(OpenError::Empty);
    }
    let extension = extension.ok_or(OpenError::NoExtension)?;
    let claimed = Kind::from_extension(&extension).ok_or_else(|| OpenError::Unsupported { extension: extension.clone() })?;
    let mismatch = |content: &str| OpenError::Mismatch { extension: extension.clone(), content: content.to_owned() };
    match (claimed, sniff(source, &head)?) {
        (claimed, Content::Workbook(found)) if claimed == found => Ok(found),
        (_, Content::Cfb) if container::is_encrypted_package(source) => Err(OpenError::Encrypted),
        (Kind::Xls, Content::Cfb) | (Kind::Delimited, Content::Text) => Ok(claimed),
        (_, Content::Cfb) => Err(mismatch("an Excel 97–2003 workbook or another old Office document")),
        (_, Content::Workbook(found)) => Err(mismatch(&format!("a workbook of kind {found}"))),
        (Kind::Delimited | Kind::Xls, Content::OtherZip) => Err(mismatch("a zip archive")),
        (_, Content::OtherZip) => {
            Err(OpenError::Corrupt { kind: claimed, reason: "no workbook was found in its zip container".to_owned() })
        }
        (_, Content::Text) => Err(mismatch("plain text")),
        (_, Content::Binary) => Err(mismatch("binary data of an unknown kind")),
    }
}

/// The extension of a file name: lower case, without its dot.
pub(crate) fn extension(file_name: &str) -> Option<String> {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let (_, extension) = name.rsplit_once('.')?;
    (!extension.is_empty()).then(|| extension.to_lowercase())
}

fn sniff(source: &mut (impl Read + Seek), head: &[u8]) -> Result<Content, OpenError> {
    if head.starts_with(CFB_MAGIC) {
        return Ok(Content::Cfb);
    }
    if head.starts_with(ZIP_MAGIC) || head.starts_with(EMPTY_ZIP_MAGIC) {
        let kind = container::zip_kind(source);
        source.seek(SeekFrom::Start(0))?;
        return Ok(kind.map_or(Content::OtherZip, Content::Workbook));
    }
    let utf16 = head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) || crate::delimited::looks_like_utf16(head).is_some();
    let nul = memchr::memchr(0, head).is_some();
    Ok(if nul && !utf16 { Content::Binary } else { Content::Text })
}
