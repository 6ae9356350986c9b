//! The zip and compound-file containers around workbooks: what they hold and how far they may expand.

use std::{
    borrow::Cow,
    io::{BufReader, Read, Seek, SeekFrom},
};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

use crate::metered::Metered;
use crate::{Kind, Limits, OpenError};

/// Most bytes that are read to find an archive's directory, which has an entry for each part. Workbooks have hundreds; each takes several
/// times its size in memory.
pub(crate) const DIRECTORY_BYTES: u64 = 8 << 20;
/// Bytes of a compound file that are searched at a time.
const SEARCHED_BYTES: u64 = 1 << 20;
const WORKBOOK_XML_BYTES: u64 = 16 << 20;
/// How far a large part may expand. Sheets of one value over and over, with a reference in each cell, stay below 30; deflate
/// itself ends at 1032.
const MOST_EXPANSION: u64 = 200;
/// Parts that are smaller than this may expand as they like.
const LARGE_PART_BYTES: u64 = 64 << 20;
/// `<si/>`.
const SHORTEST_SI: u64 = 5;

/// The kind of workbook in a zip archive, by its parts.
pub(crate) fn zip_kind(source: &mut (impl Read + Seek)) -> Option<Kind> {
    // Whoever opens a workbook comes here first. Its directory is read once within the limit; what is read again is the same.
    ZipArchive::new(Metered::new(&mut *source, DIRECTORY_BYTES)).ok()?;
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
    let mut searched = Vec::new();
    let mut more = source.seek(SeekFrom::Start(0)).is_ok();
    while more {
        // A name may lie across the end of what was read last.
        searched.drain(..searched.len().saturating_sub(name.len() - 1));
        more = source.by_ref().take(SEARCHED_BYTES).read_to_end(&mut searched).is_ok_and(|read| read > 0);
        if memchr::memmem::find(&searched, &name).is_some() {
            return true;
        }
    }
    false
}

/// Refuses an archive that would expand past the limit, or far beyond what sheets do. The directory's sizes are claims, but the zip crate fails a read
/// that goes past one (`Crc32Reader::with_size_limit`), so they bound what a parser can ever see.
pub(crate) fn check_expansion(source: &mut (impl Read + Seek), kind: Kind, limits: &Limits) -> Result<(), OpenError> {
    let corrupt = |error: zip::result::ZipError| OpenError::Corrupt { kind, reason: error.to_string() };
    let mut archive = ZipArchive::new(source).map_err(corrupt)?;
    let mut expanded = 0_u64;
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(corrupt)?;
        if part.size() > LARGE_PART_BYTES && part.size() / MOST_EXPANSION > part.compressed_size() {
            return Err(OpenError::Bomb { ratio: MOST_EXPANSION });
        }
        expanded = expanded.saturating_add(part.size());
    }
    if expanded > limits.expanded_bytes {
        return Err(OpenError::TooLarge { what: "the decompressed size in bytes", limit: limits.expanded_bytes });
    }
    Ok(())
}

/// Refuses an xlsx with more shared strings than the limit, and one that claims more than it can hold: calamine reserves room
/// for the claim before it reads the first, and memory that can't be had ends the process.
pub(crate) fn check_shared_strings(source: &mut (impl Read + Seek), limits: &Limits) -> Result<(), OpenError> {
    let corrupt = |reason: String| OpenError::Corrupt { kind: Kind::Xlsx, reason };
    source.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(source).map_err(|error| corrupt(error.to_string()))?;
    for name in parts_ending(&archive, "sharedstrings.xml") {
        let part = archive.by_name(&name).map_err(|error| corrupt(error.to_string()))?;
        let size = part.size();
        let mut reader = Reader::from_reader(BufReader::new(part));
        let mut buffer = Vec::new();
        let mut strings = 0;
        // Damage is the parser's to tell.
        while let Ok(event) = reader.read_event_into(&mut buffer) {
            match event {
                Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "sst" => {
                    let claimed = claim(&element, "uniqueCount");
                    if claimed > size {
                        return Err(corrupt("it claims more shared strings than it can hold".to_owned()));
                    }
                    within(claimed, limits)?;
                    // Most tables are too small to need counting.
                    if size / SHORTEST_SI <= limits.shared_strings {
                        break;
                    }
                }
                Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "si" => {
                    strings += 1;
                    within(strings, limits)?;
                }
                Event::Eof => break,
                _ => {}
            }
            buffer.clear();
        }
    }
    Ok(())
}

/// Refuses more shared strings than the limit.
pub(crate) fn within(strings: u64, limits: &Limits) -> Result<(), OpenError> {
    if strings > limits.shared_strings {
        return Err(OpenError::TooLarge { what: "the number of shared strings", limit: limits.shared_strings });
    }
    Ok(())
}

/// Names of the parts that end so, whatever their case.
pub(crate) fn parts_ending<R: Read + Seek>(archive: &ZipArchive<R>, end: &str) -> Vec<String> {
    archive.file_names().flatten().filter(|name| name.to_ascii_lowercase().ends_with(end)).map(Cow::into_owned).collect()
}

/// A count that an element claims; one that is not a number claims nothing.
fn claim(element: &BytesStart<'_>, name: &str) -> u64 {
    let attribute = element.try_get_attribute(name).ok().flatten();
    attribute.map_or(0, |attribute| attribute.value.trim().parse().unwrap_or(0))
}

/// Refuses an ods whose values, repeats counted, are more than the limit, and one whose elements do not all end: calamine
/// would expand the first all at once and read the second for ever.
pub(crate) fn check_content(source: &mut (impl Read + Seek), limits: &Limits) -> Result<(), OpenError> {
    let corrupt = |reason: String| OpenError::Corrupt { kind: Kind::Ods, reason };
    source.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(source).map_err(|error| corrupt(error.to_string()))?;
    let part = archive.by_name("content.xml").map_err(|error| corrupt(error.to_string()))?;
    let mut reader = Reader::from_reader(BufReader::new(part));
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    let (mut cells, mut rows, mut open) = (0_u64, 1, 0_u64);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| corrupt(error.to_string()))? {
            Event::Start(element) => {
                open += 1;
                match element.local_name().as_ref() {
                    "table-row" => rows = repeats(&element, "table:number-rows-repeated"),
                    "table-cell" if matches!(element.try_get_attribute("office:value-type"), Ok(Some(_))) => {
                        let wide = repeats(&element, "table:number-columns-repeated");
                        cells = cells.saturating_add(rows.saturating_mul(wide));
                    }
                    _ => {}
                }
            }
            // The reader refuses an end without its start.
            Event::End(_) => open = open.saturating_sub(1),
            Event::Eof if open > 0 => return Err(corrupt("its content ends too early".to_owned())),
            Event::Eof => return Ok(()),
            _ => {}
        }
        if cells > limits.cells {
            return Err(OpenError::TooLarge { what: "the number of cells", limit: limits.cells });
        }
    }
}

fn repeats(element: &BytesStart<'_>, name: &str) -> u64 {
    let attribute = element.try_get_attribute(name).ok().flatten();
    attribute.and_then(|attribute| attribute.value.parse().ok()).unwrap_or(1)
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
