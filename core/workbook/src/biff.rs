//! The workbook stream of an xls file, checked and packed anew before its reader gets it.
//!
//! calamine follows sector chains that form a circle until memory ends, and makes a dense range of each sheet, as large as
//! its outermost cells, when the file is opened. So the stream is taken out by a reader that refuses circles, its area is
//! counted, its hints of how much room to reserve are blanked, and it goes on in a sound container of its own. Records: [MS-XLS] 2.1.4 and 2.3; containers: [MS-CFB].

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use cfb::{CompoundFile, Version};

use crate::{Kind, Limits, OpenError};

/// FORMULA, MULRK, RSTRING, LABELSST, NUMBER, LABEL, BOOLERR, RK: records that put a value into cells. Row and column come first.
const VALUES: [u16; 8] = [0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E];
const MULRK: u16 = 0x00BD;
const BOUND_SHEET: u16 = 0x0085;
/// The table of shared strings; how many it holds comes second.
const SST: u16 = 0x00FC;
const END: u16 = 0x000A;
const DIMENSIONS: u16 = 0x0200;
/// A blank cell, which the reader skips.
const BLANK: u16 = 0x0201;
/// Sheets may share a stretch of the stream when the file is damaged; their walks together are bounded by this many times it.
const MOST_WALKS: usize = 16;

/// The rectangle around a sheet's values.
#[derive(Default)]
struct Area {
    rows: Option<(u64, u64)>,
    columns: Option<(u64, u64)>,
}

impl Area {
    fn add(&mut self, row: u64, column: u64) {
        let widen = |range: &mut Option<(u64, u64)>, at: u64| {
            *range = Some(range.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        };
        widen(&mut self.rows, row);
        widen(&mut self.columns, column);
    }

    fn cells(&self) -> u64 {
        let length = |range: Option<(u64, u64)>| range.map_or(0, |(first, last)| last - first + 1);
        length(self.rows) * length(self.columns)
    }
}

/// A sound compound file with the workbook stream and nothing else.
pub(crate) fn repacked(source: &mut (impl Read + Seek), limits: &Limits) -> Result<Vec<u8>, OpenError> {
    let corrupt = |error: io::Error| OpenError::Corrupt { kind: Kind::Xls, reason: error.to_string() };
    source.seek(SeekFrom::Start(0))?;
    let mut file = CompoundFile::open(source).map_err(corrupt)?;
    let name = if file.is_stream("/Workbook") { "/Workbook" } else { "/Book" };
    let mut records = Vec::new();
    file.open_stream(name).map_err(corrupt)?.take(limits.file_bytes).read_to_end(&mut records).map_err(corrupt)?;
    check(&mut records, limits)?;
    let mut sound = CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new())).map_err(corrupt)?;
    sound.create_stream(name).and_then(|mut stream| stream.write_all(&records).and_then(|()| stream.flush())).map_err(corrupt)?;
    Ok(sound.into_inner().into_inner())
}

/// Refuses a workbook whose sheets span more cells than the limit, all together, and blanks what their DIMENSIONS claim.
fn check(stream: &mut [u8], limits: &Limits) -> Result<(), OpenError> {
    let mut starts = vec![0];
    let mut at = 0;
    while let Some((kind, data, next)) = record(stream, at) {
        match (kind, &stream[data]) {
            (BOUND_SHEET, [a, b, c, d, ..]) => starts.push(u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            (SST, [_, _, _, _, a, b, c, d, ..]) if u64::from(u32::from_le_bytes([*a, *b, *c, *d])) > limits.shared_strings => {
                return Err(OpenError::TooLarge { what: "the number of shared strings", limit: limits.shared_strings });
            }
            _ => {}
        }
        at = next;
    }
    let mut budget = stream.len().saturating_mul(MOST_WALKS);
    let mut cells = 0_u64;
    for start in starts {
        let mut area = Area::default();
        let mut at = start;
        while let Some((kind, data, next)) = record(stream, at) {
            if kind == DIMENSIONS {
                stream[at..at + 2].copy_from_slice(&BLANK.to_le_bytes());
            }
            if let ([a, b, c, d, rest @ ..], true) = (&stream[data], VALUES.contains(&kind)) {
                let (row, column) = (u64::from(u16::from_le_bytes([*a, *b])), u64::from(u16::from_le_bytes([*c, *d])));
                area.add(row, column);
                // A run of numbers, six bytes each and its last column in the end.
                if kind == MULRK {
                    area.add(row, column + (rest.len() as u64 / 6).saturating_sub(1));
                }
            }
            if cells.saturating_add(area.cells()) > limits.cells {
                return Err(OpenError::TooLarge { what: "the number of cells", limit: limits.cells });
            }
            budget = budget
                .checked_sub(next - at)
                .ok_or_else(|| OpenError::Corrupt { kind: Kind::Xls, reason: "its sheets overlap".to_owned() })?;
            if kind == END {
                break;
            }
            at = next;
        }
        cells = cells.saturating_add(area.cells());
    }
    Ok(())
}

/// Type and place of the data of the record at `at`, the data cut where the stream ends, and where the next one starts.
fn record(stream: &[u8], at: usize) -> Option<(u16, Range<usize>, usize)> {
    let [a, b, c, d, ..] = stream.get(at..)? else { return None };
    let start = at + 4;
    let end = (start + usize::from(u16::from_le_bytes([*c, *d]))).min(stream.len());
    Some((u16::from_le_bytes([*a, *b]), start..end, end))
}
