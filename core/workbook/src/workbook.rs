use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use calamine::{DataRef, Ods, OdsError, Reader, SheetType, SheetVisible, Xls, XlsError, Xlsb, XlsbError, Xlsx, XlsxError};

use crate::{
    Delimited, DelimitedOptions, Grid, GridBuilder, Kind, Limits, OpenError, ScanCaps, Uncomputed, biff, biff12, cell, container,
    delimited, guard::guard, kind,
};

/// Bytes to read from: a file, a buffer.
pub(crate) trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}
type Input = BufReader<Box<dyn Source>>;

/// Whether a sheet can be seen in Excel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Shown.
    Visible,
    /// Hidden; can be shown from the menu.
    Hidden,
    /// Hidden; can be shown by code only.
    VeryHidden,
}

/// A worksheet's entry in its workbook.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Its title.
    pub name: String,
    /// Whether it can be seen.
    pub visibility: Visibility,
}

/// An open workbook.
pub struct Workbook {
    kind: Kind,
    sheets: Vec<Sheet>,
    active: Option<usize>,
    limits: Limits,
    book: Book,
}

enum Book {
    Xlsx(Box<Xlsx<Input>>),
    Xlsb(Box<Xlsb<Input>>),
    Xls(Box<Xls<Input>>),
    Ods(Box<Ods<Input>>),
    Delimited { input: Input, options: DelimitedOptions, found: Option<Delimited> },
}

impl fmt::Debug for Workbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workbook").field("kind", &self.kind).field("sheets", &self.sheets).finish_non_exhaustive()
    }
}

/// What [`probe`] tells about a file that opens.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its kind.
    pub kind: Kind,
    /// Its worksheets in order.
    pub sheets: Vec<Sheet>,
}

/// Checks that a file opens as what its name says and lists its sheets; no sheet is read.
pub fn probe(source: impl Read + Seek + Send + 'static, file_name: &str, limits: &Limits) -> Result<Probe, OpenError> {
    let book = Workbook::open(source, file_name, limits, DelimitedOptions::default())?;
    Ok(Probe { kind: book.kind, sheets: book.sheets })
}

impl Workbook {
    /// Opens the file at `path`; its name decides the kind.
    pub fn open_path(path: &Path, limits: &Limits, options: DelimitedOptions) -> Result<Self, OpenError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::open(File::open(path)?, &name, limits, options)
    }

    /// Opens whatever can be read and sought. `file_name` decides the kind and names the sheet of delimited text.
    pub fn open(
        source: impl Read + Seek + Send + 'static,
        file_name: &str,
        limits: &Limits,
        options: DelimitedOptions,
    ) -> Result<Self, OpenError> {
        let source: Box<dyn Source> = Box::new(source);
        let mut input = BufReader::with_capacity(64 * 1024, source);
        let size = input.seek(SeekFrom::End(0))?;
        if size > limits.file_bytes {
            return Err(OpenError::TooLarge { what: "the file size in bytes", limit: limits.file_bytes });
        }
        let kind = kind::detect(&mut input, file_name)?;
        if matches!(kind, Kind::Xlsx | Kind::Xlsb | Kind::Ods) {
            container::check_expansion(&mut input, kind, limits)?;
        }
        match kind {
            Kind::Ods => container::check_content(&mut input, limits)?,
            Kind::Xls => {
                let sound: Box<dyn Source> = Box::new(Cursor::new(guarded(kind, || biff::repacked(&mut input, limits))?));
                input = BufReader::new(sound);
            }
            Kind::Xlsx => container::check_shared_strings(&mut input, limits)?,
            Kind::Xlsb => {
                biff12::check_shared_strings(&mut input, limits)?;
                if let Some(renamed) = guarded(kind, || biff12::with_plain_errors(&mut input))? {
                    let renamed: Box<dyn Source> = Box::new(Cursor::new(renamed));
                    input = BufReader::new(renamed);
                }
            }
            Kind::Delimited => {}
        }
        let active = if kind == Kind::Xlsx { container::active_tab(&mut input) } else { None };
        input.seek(SeekFrom::Start(0))?;
        let book = guarded(kind, || Book::open(kind, input, options))?;
        let (sheets, active) = book.sheets(file_name, active);
        Ok(Self { kind, sheets, active, limits: *limits, book })
    }

    /// The kind of the file.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The worksheets in order; chart, dialog and macro sheets are not among them.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// The position of the sheet that was in front when the workbook was saved, if it is a worksheet.
    pub fn active(&self) -> Option<usize> {
        self.active
    }

    /// What was found out about delimited text, once its sheet was read.
    pub fn delimited(&self) -> Option<Delimited> {
        match &self.book {
            Book::Delimited { found, .. } => *found,
            _ => None,
        }
    }

    /// Reads one worksheet.
    pub fn read_sheet(&mut self, index: usize, caps: ScanCaps) -> Result<Grid, OpenError> {
        let name = &self.sheets.get(index).ok_or(OpenError::NoSuchSheet { index })?.name;
        let (kind, limits, book) = (self.kind, &self.limits, &mut self.book);
        guarded(kind, || book.read(kind, name, limits, caps))
    }
}

/// A parser panic is a damaged file.
fn guarded<T>(kind: Kind, parse: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    guard(parse).unwrap_or_else(|reason| Err(OpenError::Corrupt { kind, reason }))
}

impl Book {
    fn open(kind: Kind, mut input: Input, options: DelimitedOptions) -> Result<Self, OpenError> {
        Ok(match kind {
            Kind::Xlsx => Self::Xlsx(Box::new(Xlsx::new(input).map_err(from_xlsx)?)),
            Kind::Xlsb => Self::Xlsb(Box::new(Xlsb::new(input).map_err(from_xlsb)?)),
            Kind::Xls => Self::Xls(Box::new(Xls::new(input).map_err(from_xls)?)),
            Kind::Ods => Self::Ods(Box::new(Ods::new(input).map_err(from_ods)?)),
            Kind::Delimited => {
                delimited::check(&read_all(&mut input)?, options)?;
                Self::Delimited { input, options, found: None }
            }
        })
    }

    /// The worksheets, and the active one's position among them given its position among all sheets.
    fn sheets(&self, file_name: &str, active: Option<usize>) -> (Vec<Sheet>, Option<usize>) {
        let all = match self {
            Self::Xlsx(book) => book.sheets_metadata(),
            Self::Xlsb(book) => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
            Self::Ods(book) => book.sheets_metadata(),
            Self::Delimited { .. } => {
                let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
                return (vec![Sheet { name: stem.to_owned(), visibility: Visibility::Visible }], Some(0));
            }
        };
        let mut sheets = Vec::new();
        let mut active_worksheet = None;
        for (position, sheet) in all.iter().enumerate() {
            if sheet.typ != SheetType::WorkSheet {
                continue;
            }
            let visibility = match sheet.visible {
                SheetVisible::Visible => Visibility::Visible,
                SheetVisible::Hidden => Visibility::Hidden,
                SheetVisible::VeryHidden => Visibility::VeryHidden,
            };
            if position == active.unwrap_or(0) {
                active_worksheet = Some(sheets.len());
            }
            sheets.push(Sheet { name: sheet.name.clone(), visibility });
        }
        // Without a recorded active sheet, Excel shows the first that can be seen.
        if active.is_none() {
            active_worksheet = sheets.iter().position(|sheet| sheet.visibility == Visibility::Visible);
        }
        (sheets, active_worksheet)
    }

    fn read(&mut self, kind: Kind, name: &str, limits: &Limits, caps: ScanCaps) -> Result<Grid, OpenError> {
        match self {
            Self::Xlsx(book) => {
                match xlsx_with_formulas(book, name, limits, caps) {
                    // A formula that makes no sense must not cost the sheet its values.
                    Err(OpenError::Corrupt { .. }) => {
                        let mut reader = book.worksheet_cells_reader(name).map_err(from_xlsx)?;
                        stream(|| reader.next_cell().map_err(from_xlsx), limits, caps)
                    }
                    read => read,
                }
            }
            Self::Xlsb(book) => {
                let mut reader = book.worksheet_cells_reader(name).map_err(from_xlsb)?;
                stream(|| reader.next_cell().map_err(from_xlsb), limits, caps)
            }
            Self::Xls(book) => dense(&book.worksheet_range(name).map_err(from_xls)?, limits, caps),
            Self::Ods(book) => dense(&book.worksheet_range(name).map_err(from_ods)?, limits, caps),
            Self::Delimited { input, options, found } => {
                let (grid, delimited) = delimited::read(&read_all(input)?, *options, limits, caps)?;
                *found = Some(delimited);
                Ok(grid)
            }
        }
        .map_err(|error| match error {
            OpenError::Corrupt { reason, .. } => OpenError::Corrupt { kind, reason },
            other => other,
        })
    }
}

fn read_all(input: &mut Input) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a sheet and counts the formulas that have no value.
fn xlsx_with_formulas(book: &mut Xlsx<Input>, name: &str, limits: &Limits, caps: ScanCaps) -> Result<Grid, OpenError> {
    let mut reader = book.worksheet_cells_reader(name).map_err(from_xlsx)?;
    let mut uncomputed = Uncomputed::default();
    let next = || {
        let Some(cell) = reader.next_cell_with_formula_metadata().map_err(from_xlsx)? else { return Ok(None) };
        if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) {
            uncomputed.add(cell.pos.0, cell.pos.1);
        }
        Ok(Some(calamine::Cell::new(cell.pos, cell.value)))
    };
    let mut grid = stream(next, limits, caps)?;
    grid.uncomputed = uncomputed;
    Ok(grid)
}

type NextCell<'a> = Result<Option<calamine::Cell<DataRef<'a>>>, OpenError>;

/// Fills a grid cell by cell. Excel writes cells in reading order; some writers do not, so what goes back is set aside
/// and the sheet sorted in the end.
fn stream<'a>(mut next: impl FnMut() -> NextCell<'a>, limits: &Limits, caps: ScanCaps) -> Result<Grid, OpenError> {
    let mut builder = GridBuilder::new(limits, caps);
    let mut last = (0, 0);
    let mut height = 0;
    while !builder.stopped() {
        let Some(cell) = next()? else { break };
        let (row, column) = cell.get_position();
        if (row, column) < last {
            return sorted(cell, next, limits, caps, builder);
        }
        last = (row, column);
        height = row as usize + 1;
        builder.push(row as usize, column as usize, &cell::from_data_ref(cell.get_value()))?;
    }
    Ok(builder.finish(height))
}

/// The slow way for sheets whose cells are out of order: what was taken so far is merged with the rest.
fn sorted<'a>(
    first: calamine::Cell<DataRef<'a>>,
    mut next: impl FnMut() -> NextCell<'a>,
    limits: &Limits,
    caps: ScanCaps,
    taken: GridBuilder,
) -> Result<Grid, OpenError> {
    let mut rest = vec![first];
    while let Some(cell) = next()? {
        rest.push(cell);
        if rest.len() as u64 > limits.cells {
            return Err(OpenError::TooLarge { what: "the number of cells in a sheet", limit: limits.cells });
        }
    }
    rest.sort_by_key(calamine::Cell::get_position);
    let height = rest.last().map_or(0, |cell| cell.get_position().0 as usize + 1);
    let before = taken.finish(0);
    let mut builder = GridBuilder::new(limits, caps);
    let mut rest = rest.into_iter().peekable();
    for row in 0..before.height().max(height) {
        let mut late = Vec::new();
        while let Some(cell) = rest.next_if(|cell| cell.get_position().0 as usize == row) {
            late.push(cell);
        }
        // By column, because a column's number is whatever the file claims. What comes late replaces what came early.
        let early = before.row(row).iter().map(|cell| match cell {
            crate::Cell::Text(index) => cell::Raw::Text(before.text(*index)),
            cell => cell::Raw::Cell(*cell),
        });
        let mut cells: BTreeMap<usize, cell::Raw<'_>> = early.enumerate().collect();
        cells.extend(late.iter().map(|cell| (cell.get_position().1 as usize, cell::from_data_ref(cell.get_value()))));
        for (column, value) in &cells {
            builder.push(row, *column, value)?;
        }
    }
    Ok(builder.finish(height))
}

/// Fills a grid from a range that calamine built whole (xls, ods).
fn dense(range: &calamine::Range<calamine::Data>, limits: &Limits, caps: ScanCaps) -> Result<Grid, OpenError> {
    let mut builder = GridBuilder::new(limits, caps);
    let (top, left) = range.start().unwrap_or_default();
    for (row, cells) in range.rows().enumerate() {
        for (column, value) in cells.iter().enumerate() {
            builder.push(top as usize + row, left as usize + column, &cell::from_data(value))?;
        }
    }
    let height = range.end().map_or(0, |(row, _)| row as usize + 1);
    Ok(builder.finish(height))
}

fn corrupt(kind: Kind, error: &impl fmt::Display) -> OpenError {
    OpenError::Corrupt { kind, reason: error.to_string() }
}

fn from_xlsx(error: XlsxError) -> OpenError {
    match error {
        XlsxError::Password => OpenError::Encrypted,
        error => corrupt(Kind::Xlsx, &error),
    }
}

fn from_xlsb(error: XlsbError) -> OpenError {
    match error {
        XlsbError::Password => OpenError::Encrypted,
        error => corrupt(Kind::Xlsb, &error),
    }
}

fn from_xls(error: XlsError) -> OpenError {
    match error {
        XlsError::Password => OpenError::Encrypted,
        error => corrupt(Kind::Xls, &error),
    }
}

fn from_ods(error: OdsError) -> OpenError {
    match error {
        OdsError::Password => OpenError::Encrypted,
        error => corrupt(Kind::Ods, &error),
    }
}
