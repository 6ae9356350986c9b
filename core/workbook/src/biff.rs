//! A look at the records of an xls file before its reader gets it.
//!
//! calamine makes a dense range of each sheet, as large as its outermost cells, when the file is opened. Two cells in
//! opposite corners would so cost gigabytes; the area is counted here first. Records: [MS-XLS] 2.1.4 and 2.3.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

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

/// Refuses a workbook whose sheets span more cells than the limit, all together.
pub(crate) fn check_areas(source: &mut (impl Read + Seek), limits: &Limits) -> Result<(), OpenError> {
    let corrupt = |error: io::Error| OpenError::Corrupt { kind: Kind::Xls, reason: error.to_string() };
    source.seek(SeekFrom::Start(0))?;
    let mut file = cfb::CompoundFile::open(source).map_err(corrupt)?;
    let name = if file.is_stream("/Workbook") { "/Workbook" } else { "/Book" };
    let mut stream = BufReader::new(file.open_stream(name).map_err(corrupt)?);
    let mut total = 0_u64;
    let mut area = Area::default();
    let mut data = Vec::new();
    while let Some((kind, length)) = next_header(&mut stream).map_err(corrupt)? {
        data.clear();
        stream.by_ref().take(length).read_to_end(&mut data).map_err(corrupt)?;
        if BOF.contains(&kind) {
            total = total.saturating_add(area.cells());
            area = Area::default();
        } else if let ([a, b, c, d, rest @ ..], true) = (data.as_slice(), VALUES.contains(&kind)) {
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

/// Type and length of the next record; `None` at the end of the stream.
fn next_header(stream: &mut impl Read) -> io::Result<Option<(u16, u64)>> {
    let mut header = Vec::with_capacity(4);
    stream.take(4).read_to_end(&mut header)?;
    Ok(match header.as_slice() {
        [a, b, c, d] => Some((u16::from_le_bytes([*a, *b]), u64::from(u16::from_le_bytes([*c, *d])))),
        _ => None,
    })
}
