//! The zip and compound-file containers around workbooks: what they hold and how far they may expand.

use std::{
    borrow::Cow,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use quick_xml::{Reader, events::Event};
use zip::ZipArchive;

use crate::{Kind, Limits, OpenError};

/// Deflate can't do better than 1032:1 (<https://zlib.net/zlib_tech.html>): a member of `n` bytes expands to at most this much.
const MAX_DEFLATE_RATIO: u64 = 1032;
const WORKBOOK_XML_BYTES: u64 = 16 << 20;

/// The kind of workbook in a zip archive, by its parts.
pub(crate) fn zip_kind(source: &mut (impl Read + Seek)) -> Option<Kind> {
    let mut archive = ZipArchive::new(source).ok()?;
    if part_name(&archive, "workbook.bin").is_some() {
        return Some(Kind::Xlsb);
    }
    if part_name(&archive, "workbook.xml").is_some() {
        return Some(Kind::Xlsx);
    }
    let mut mime = String::new();
    archive.by_name("mimetype").ok()?.take(128).read_to_string(&mut mime).ok()?;
    mime.starts_with("application/vnd.oasis.opendocument.spreadsheet").then_some(Kind::Ods)
}

/// The full name of a part. Careless writers name parts in any case and with either slash.
fn part_name<R: Read + Seek>(archive: &ZipArchive<R>, part: &str) -> Option<String> {
    let is_part = |name: &str| name.rsplit(['/', '\\']).next().is_some_and(|last| last.eq_ignore_ascii_case(part));
    archive.file_names().flatten().find(|name| is_part(name)).map(Cow::into_owned)
}

/// Whether a compound file wraps an encrypted Office package ([MS-OFFCRYPTO] 2.3.4): its directory names the stream.
pub(crate) fn is_encrypted_package(source: &mut (impl Read + Seek)) -> bool {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut content = Vec::new();
    let read = source.seek(SeekFrom::Start(0)).and_then(|_| source.read_to_end(&mut content));
    read.is_ok() && memchr::memmem::find(&content, &name).is_some()
}

/// Refuses an archive that would expand past the limit. Sizes in the directory are claims, so members whose claim
/// is small but whose compressed bytes could hold more are decompressed once, counting.
pub(crate) fn check_expansion(source: &mut (impl Read + Seek), kind: Kind, limits: &Limits) -> Result<(), OpenError> {
    let corrupt = |error: &dyn std::fmt::Display| OpenError::Corrupt { kind, reason: error.to_string() };
    let too_large = || OpenError::TooLarge { what: "the decompressed size in bytes", limit: limits.expanded_bytes };
    let mut archive = ZipArchive::new(source).map_err(|error| corrupt(&error))?;
    let mut claimed = 0_u64;
    let mut possible = 0_u64;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|error| corrupt(&error))?;
        claimed = claimed.saturating_add(member.size());
        possible = possible.saturating_add(member.compressed_size().saturating_mul(MAX_DEFLATE_RATIO));
    }
    if claimed > limits.expanded_bytes {
        return Err(too_large());
    }
    if possible <= limits.expanded_bytes {
        return Ok(());
    }
    let mut left = limits.expanded_bytes;
    for index in 0..archive.len() {
        let (claim, stored) = {
            let member = archive.by_index_raw(index).map_err(|error| corrupt(&error))?;
            (member.size(), member.compressed_size())
        };
        // XML compresses 5 to 50 times; a claim in that range is what the member holds unless someone lies, and a lie
        // can then hide no more than the ratio left over, which the next branch measures.
        if claim.saturating_mul(4) >= stored.saturating_mul(MAX_DEFLATE_RATIO) {
            left = left.saturating_sub(claim);
            continue;
        }
        let Ok(member) = archive.by_index(index) else { continue };
        let expanded = io::copy(&mut member.take(claim + 1), &mut io::sink()).unwrap_or(claim);
        if expanded > claim {
            return Err(OpenError::Corrupt { kind, reason: "a part is larger than its directory says".to_owned() });
        }
        left = left.checked_sub(expanded).ok_or_else(too_large)?;
    }
    Ok(())
}

/// The position of the sheet that was in front when an xlsx was saved (`workbookView/@activeTab`).
pub(crate) fn active_tab(source: &mut (impl Read + Seek)) -> Option<usize> {
    source.seek(SeekFrom::Start(0)).ok()?;
    let mut archive = ZipArchive::new(source).ok()?;
    let name = part_name(&archive, "workbook.xml")?;
    let part = archive.by_name(&name).ok()?.take(WORKBOOK_XML_BYTES);
    let mut reader = Reader::from_reader(BufReader::new(part));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).ok()? {
            Event::Empty(element) | Event::Start(element) if element.local_name().as_ref() == "workbookView" => {
                let attribute = element.try_get_attribute("activeTab").ok()??;
                return attribute.value.parse().ok();
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}
