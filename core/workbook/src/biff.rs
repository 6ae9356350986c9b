//! The workbook stream of an xls file, checked and packed anew before its reader gets it.
//!
//! calamine follows sector chains that form a circle until memory ends, and makes a dense range of each sheet, as large as
//! its outermost cells, when the file is opened. So the stream is taken out by a reader that refuses circles, its area is
//! counted, and it goes on in a sound container of its own. Records: [MS-XLS] 2.1.4 and 2.3; containers: [MS-CFB].

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use cfb::{CompoundFile, Version};

use crate::{Kind, Limits, OpenError};

const BOF: [u16; 4] = [0x0009, 0x0209, 0x0409, 0x0809];
/// FORMULA, MULRK, RSTRING, LABELSST, NUMBER, LABEL, BOOLERR, RK: records that put a value into cells. Row and column come first.
const VALUES: [u16; 8] = [0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E];
const MULRK: u16 = 0x00BD;

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
    check_areas(&records, limits)?;
    let mut sound = CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new())).map_err(corrupt)?;
    sound.create_stream(name).and_then(|mut stream| stream.write_all(&records).and_then(|()| stream.flush())).map_err(corrupt)?;
    Ok(sound.into_inner().into_inner())
}

/// Refuses a workbook whose sheets span more cells than the limit, all together.
fn check_areas(mut records: &[u8], limits: &Limits) -> Result<(), OpenError> {
    let mut total = 0_u64;
    let mut area = Area::default();
    while let Some((kind, data)) = next_record(&mut records) {
        if BOF.contains(&kind) {
            total = total.saturating_add(area.cells());
            area = Area::default();
        } else if let ([a, b, c, d, rest @ ..], true) = (data, VALUES.contains(&kind)) {
            let (row, column) = (u64::from(u16::from_le_bytes([*a, *b])), u64::from(u16::from_le_bytes([*c, *d])));
            area.add(row, column);
            // A run of numbers, six bytes each and its last column in the end.
            if kind == MULRK {
                area.add(row, column + (rest.len() as u64 / 6).saturating_sub(1));
            }
        }
        if total.saturating_add(area.cells()) > limits.cells {
            return Err(OpenError::TooLarge { what: "the number of cells", limit: limits.cells });
        }
    }
    Ok(())
}

/// Type and data of the next record, the data cut where the stream ends; `None` at its end.
fn next_record<'a>(records: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let [a, b, c, d, rest @ ..] = *records else { return None };
    let length = usize::from(u16::from_le_bytes([*c, *d])).min(rest.len());
    let (data, rest) = rest.split_at(length);
    *records = rest;
    Some((u16::from_le_bytes([*a, *b]), data))
}
