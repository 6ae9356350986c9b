//! The records of an xlsb file, before their reader gets them. Records: [MS-XLSB] 2.1.4 and 2.3.
//!
//! calamine takes as many shared strings as there are, so they are counted; and it passes over the errors that formulas came
//! to, so those records are renamed to those of error cells, which begin alike.

use std::{
    collections::HashMap,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write},
};

use zip::{ZipArchive, ZipWriter, result::ZipResult, write::SimpleFileOptions};

use crate::{
    Kind, Limits, OpenError,
    container::{parts_ending, within},
};

/// A record without data: its type and its length.
const SHORTEST_RECORD: u64 = 2;
/// `BrtSSTItem`.
const SST_ITEM: u64 = 0x13;
/// `BrtCellError` and `BrtFmlaError`: column, style, error; the second goes on with its formula.
const CELL_ERROR: u8 = 0x03;
const FORMULA_ERROR: u8 = 0x0B;

/// Refuses an xlsb with more shared strings than the limit.
pub(crate) fn check_shared_strings(source: &mut (impl Read + Seek), limits: &Limits) -> Result<(), OpenError> {
    source.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(source).map_err(|error| corrupt(&error))?;
    for name in parts_ending(&archive, "sharedstrings.bin") {
        let part = archive.by_name(&name).map_err(|error| corrupt(&error))?;
        if part.size() / SHORTEST_RECORD <= limits.shared_strings {
            continue;
        }
        let mut records = BufReader::new(part);
        let mut strings = 0;
        // Damage is the parser's to tell.
        while let Some((kind, length)) = head(&mut records) {
            strings += u64::from(kind == SST_ITEM);
            within(strings, limits)?;
            if io::copy(&mut records.by_ref().take(length), &mut io::sink()).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// The same workbook with every error of a formula as an error cell; `None` when it has no such errors.
pub(crate) fn with_plain_errors(source: &mut (impl Read + Seek)) -> Result<Option<Vec<u8>>, OpenError> {
    source.seek(SeekFrom::Start(0))?;
    rewritten(source).map_err(|error| corrupt(&error))
}

fn rewritten(source: &mut (impl Read + Seek)) -> ZipResult<Option<Vec<u8>>> {
    let mut archive = ZipArchive::new(source)?;
    let mut sheets = HashMap::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index)?;
        if !part.name()?.to_ascii_lowercase().contains("worksheets/") {
            continue;
        }
        let mut records = Vec::new();
        // Damage is the parser's to tell.
        if part.read_to_end(&mut records).is_ok() && rename_errors(&mut records) {
            sheets.insert(index, records);
        }
    }
    if sheets.is_empty() {
        return Ok(None);
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index)?;
        if let Some(records) = sheets.remove(&index) {
            writer.start_file(part.name()?, SimpleFileOptions::default().compression_level(Some(1)))?;
            writer.write_all(&records)?;
        } else {
            writer.raw_copy_file(part)?;
        }
    }
    Ok(Some(writer.finish()?.into_inner()))
}

/// Renames the records of formulas that came to errors; whether there were any.
fn rename_errors(records: &mut [u8]) -> bool {
    let mut found = false;
    let mut at = 0;
    while let Some(mut rest) = records.get(at..) {
        let Some((kind, length)) = head(&mut rest) else { break };
        let data = records.len() - rest.len();
        if kind == u64::from(FORMULA_ERROR) && records[at] == FORMULA_ERROR {
            records[at] = CELL_ERROR;
            found = true;
        }
        at = data.saturating_add(length as usize);
    }
    found
}

/// Type and length of the record that starts here: 7 bits a byte, low bits first, 2 bytes and 4 bytes at most.
fn head(records: &mut impl Read) -> Option<(u64, u64)> {
    let mut number = |most: u32| {
        let mut value = 0_u64;
        for position in 0..most {
            let mut byte = [0];
            records.read_exact(&mut byte).ok()?;
            value |= u64::from(byte[0] & 0x7F) << (7 * position);
            if byte[0] < 0x80 {
                break;
            }
        }
        Some(value)
    };
    Some((number(2)?, number(4)?))
}

fn corrupt(error: &impl ToString) -> OpenError {
    OpenError::Corrupt { kind: Kind::Xlsb, reason: error.to_string() }
}
