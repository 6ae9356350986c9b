//! A page of a sheet, without reading what is not on it.
//!
//! A person who looks at the first rows of a large workbook must not wait for, and the machine must not hold, the rest of it. So the
//! formats that can be read from their beginning are: of an xlsx the directory of its archive, a few small parts, and the sheet
//! up to the page's last row ([`xlsx`]); of text its beginning ([`text`]). The others have to be read as a whole, so they are
//! shown up to a size only.
//!
//! The source may be anything that seeks, also an object that is fetched piece by piece: nothing is read twice, and what is read is
//! read in order. Whatever the file claims, memory is bounded by [`PreviewLimits`] and what is read by its scan limits.

mod text;
mod xlsx;

use std::io::{Read, Seek, SeekFrom};

use crate::container::DIRECTORY_BYTES;
use crate::metered::Metered;
use crate::workbook::Source;
use crate::{DelimitedOptions, Encoding, Grid, Kind, Limits, OpenError, ScanCaps, Sheet, Visibility, Workbook, guard::guard, kind};
use text::Text;
use xlsx::Package;

/// What a preview may read and hold.
#[derive(Debug, Clone, Copy)]
pub struct PreviewLimits {
    /// Bytes of a file that has to be read as a whole: xls, xlsb and ods.
    pub whole_bytes: u64,
    /// What such a file may expand to, in bytes.
    pub whole_expanded_bytes: u64,
    /// Bytes that are looked through for a page, decompressed: how deep in a file a page may be.
    pub scan_bytes: u64,
}

impl Default for PreviewLimits {
    /// 16 MiB of a file that is read as a whole, 128 MiB expanded; 2 GiB looked through.
    fn default() -> Self {
        Self { whole_bytes: 16 << 20, whole_expanded_bytes: 128 << 20, scan_bytes: 2 << 30 }
    }
}

/// Which part of a sheet is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Rows before it.
    pub offset: usize,
    /// Most rows of it.
    pub rows: usize,
    /// Most columns of it, from the first.
    pub columns: usize,
}

impl Window {
    fn end(&self) -> usize {
        self.offset.saturating_add(self.rows)
    }
}

/// A part of a sheet.
#[derive(Debug)]
pub struct SheetPage {
    /// Its rows; the first is the window's first. Rows without a value after its last value are not there.
    pub grid: Grid,
    /// Whether there is a value in a row below.
    pub more: bool,
    /// How many rows the sheet has, when that is known: counted, or told by the file.
    pub height: Option<u64>,
    /// How many columns the sheet has, when that is known.
    pub width: Option<u64>,
}

/// A file that is open for looking at it.
pub struct Preview {
    kind: Kind,
    sheets: Vec<Sheet>,
    active: Option<usize>,
    source: Opened,
}

enum Opened {
    Xlsx(Box<Package>),
    Text(Box<Text>),
    Whole(Box<Workbook>),
}

impl Preview {
    /// Opens whatever can be read and sought. `file_name` decides the kind and names the sheet of delimited text.
    pub fn open(source: impl Read + Seek + Send + 'static, file_name: &str, limits: &PreviewLimits) -> Result<Self, OpenError> {
        let mut source: Box<dyn Source> = Box::new(source);
        let size = source.seek(SeekFrom::End(0))?;
        let claimed = kind::extension(file_name).and_then(|extension| Kind::from_extension(&extension));
        let whole = matches!(claimed, Some(Kind::Xls | Kind::Xlsb | Kind::Ods));
        if whole && size > limits.whole_bytes {
            return Err(OpenError::TooLarge {
                what: "the size in bytes of a file that has to be read as a whole",
                limit: limits.whole_bytes,
            });
        }
        // To tell the kind, a directory is read twice, or a file that is read as a whole anyway.
        let mut source = Metered::new(source, limits.whole_bytes.max(2 * DIRECTORY_BYTES));
        let kind = kind::detect(&mut source, file_name)?;
        let opened = guard(|| match kind {
            Kind::Xlsx => Ok(Opened::Xlsx(Box::new(Package::open(source.into_inner(), limits.scan_bytes)?))),
            Kind::Delimited => Ok(Opened::Text(Box::new(Text::new(source.into_inner(), size, limits.scan_bytes)))),
            Kind::Xls | Kind::Xlsb | Kind::Ods => {
                let book = Workbook::open(source.into_inner(), file_name, &limits.of_whole(), DelimitedOptions::default())?;
                Ok(Opened::Whole(Box::new(book)))
            }
        });
        let source = opened.unwrap_or_else(|reason| Err(OpenError::Corrupt { kind, reason }))?;
        let (sheets, active) = match &source {
            Opened::Xlsx(package) => (package.sheets().to_vec(), package.active()),
            Opened::Whole(book) => (book.sheets().to_vec(), book.active()),
            Opened::Text(_) => {
                let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
                (vec![Sheet { name: stem.to_owned(), visibility: Visibility::Visible }], Some(0))
            }
        };
        Ok(Self { kind, sheets, active, source })
    }

    /// The kind of the file.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The worksheets in order.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// The position of the sheet that is in front.
    pub fn active(&self) -> Option<usize> {
        self.active
    }

    /// Reads a part of a sheet. The rows of an xlsx are expected in their order: what comes after a row below the window is not looked at.
    pub fn page(&mut self, sheet: usize, window: &Window) -> Result<SheetPage, OpenError> {
        let kind = self.kind;
        if sheet >= self.sheets.len() {
            return Err(OpenError::NoSuchSheet { index: sheet });
        }
        let read = guard(|| match &mut self.source {
            Opened::Xlsx(package) => package.page(sheet, window),
            Opened::Text(text) => text.page(window),
            Opened::Whole(book) => whole_page(book, sheet, window),
        });
        read.unwrap_or_else(|reason| Err(OpenError::Corrupt { kind, reason }))
    }

    /// The encoding and the delimiter of delimited text, once a page of it was read.
    pub fn delimited(&self) -> Option<(Encoding, char)> {
        match &self.source {
            Opened::Text(text) => text.found(),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preview").field("kind", &self.kind).field("sheets", &self.sheets).finish_non_exhaustive()
    }
}

impl PreviewLimits {
    /// For the reader of whole workbooks: what a grid of a million cells takes beside what it is made from.
    fn of_whole(&self) -> Limits {
        Limits { file_bytes: self.whole_bytes, expanded_bytes: self.whole_expanded_bytes, cells: 2_000_000, shared_strings: 1_000_000 }
    }
}

/// A part of a sheet of a workbook that is read as a whole.
fn whole_page(book: &mut Workbook, sheet: usize, window: &Window) -> Result<SheetPage, OpenError> {
    let grid = book.read_sheet(sheet, ScanCaps { empty_rows: None, empty_cols: None })?;
    let (height, width) = (Some(grid.height() as u64), Some(grid.width() as u64));
    let more = grid.rows().skip(window.end()).any(|row| row.iter().any(|cell| !cell.is_empty()));
    Ok(SheetPage { grid: grid.part(window.offset..window.end(), window.columns), more, height, width })
}
