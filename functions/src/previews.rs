//! Looking into workbooks and text tables where they are: their sheets, and pages of rows. What is read of an object are the ranges
//! that a page needs, as far as its format allows that.

use ade_core::store::{ObjectInfo, Pieces};
use ade_workbook::{Cell, Grid, OpenError, Preview, PreviewLimits, SheetPage, Visibility, Window};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::edge::object::object_name;
use crate::edge::{Answer, Call, Checks, List, Problem, ok};

/// Rows of a page when the request does not say, and at most.
const DEFAULT_ROWS: u32 = 50;
const MOST_ROWS: u32 = 200;
/// Columns of a page; the rest is not shown.
const COLUMNS: usize = 500;
/// Characters of a value; the rest is not shown.
const CHARACTERS: usize = 500;
/// How many bytes an answer may have before another row. Lambda's limit is 6 MiB, and a row of the longest values has 2.
const ANSWER_BYTES: usize = 3 << 20;
/// The last row of a sheet, and more than any text table should be looked through for.
const LAST_ROW: u32 = 100_000_000;

object_name!(SheetObject, "ade.sheet");
object_name!(SheetPreviewObject, "ade.sheet.preview");

/// Whether a sheet can be seen in a spreadsheet program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SheetVisibility {
    /// It is shown.
    Visible,
    /// It is hidden; people can show it.
    Hidden,
    /// It is hidden; only code can show it.
    VeryHidden,
}

impl From<Visibility> for SheetVisibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Visible => Self::Visible,
            Visibility::Hidden => Self::Hidden,
            Visibility::VeryHidden => Self::VeryHidden,
        }
    }
}

/// A worksheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sheet {
    /// Always `ade.sheet`.
    pub object: SheetObject,
    /// Its name; of a text table, the file's without its extension.
    #[schema(example = "Contacts")]
    pub name: String,
    /// Whether it is in front when the workbook is opened.
    pub active: bool,
    /// Whether it can be seen.
    pub visibility: SheetVisibility,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Text, also the text of an error such as `#N/A`.
    Text,
    /// A number.
    Number,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// A date, or a date with a time.
    Date,
    /// A time of day.
    Time,
    /// A duration.
    Duration,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewCell {
    /// What it is.
    pub kind: CellKind,
    /// It as text, without the workbook's formatting; dates as in ISO 8601. At most 500 characters, the last of which is then `…`.
    #[schema(example = "ada@example.com")]
    pub text: String,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewRow {
    /// Its number in the sheet, from 1.
    #[schema(example = 1)]
    pub number: u64,
    /// Its values from the first column to its last value; null where there is none.
    pub cells: Vec<Option<PreviewCell>>,
}

/// Some rows of a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetPreview {
    /// Always `ade.sheet.preview`.
    pub object: SheetPreviewObject,
    /// The file's name.
    #[schema(example = "contacts.xlsx")]
    pub name: String,
    /// The sheet.
    pub sheet: Sheet,
    /// How many rows were passed over.
    #[schema(example = 0)]
    pub offset: u64,
    /// The rows, in order, up to the last one with a value.
    pub rows: Vec<PreviewRow>,
    /// Whether there are values below.
    pub has_more: bool,
    /// The `offset` of the next page; null when there is none.
    #[schema(example = 50)]
    pub next_offset: Option<u64>,
    /// How many rows the sheet has, when that is known; what the file itself says of it may be wrong.
    #[schema(example = 2_001)]
    pub row_count: Option<u64>,
    /// How many columns it has, when that is known. At most 500 are shown.
    #[schema(example = 6)]
    pub column_count: Option<u64>,
    /// The encoding of a text table.
    #[schema(example = "UTF-8")]
    pub encoding: Option<String>,
    /// What stands between the values of a text table.
    #[schema(example = ",")]
    pub delimiter: Option<String>,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// The name of the sheet; else the one that is in front.
    #[param(min_length = 1, max_length = 255)]
    pub sheet: Option<String>,
    /// How many rows to pass over.
    #[param(minimum = 0, maximum = 100_000_000, default = 0)]
    pub offset: Option<u32>,
    /// Most rows.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
}

/// The sheets of a workbook.
pub async fn sheets(call: &Call, object: ObjectInfo, name: &str) -> Answer {
    let sheets =
        read(call, object, name, |preview| Ok((0..preview.sheets().len()).filter_map(|index| sheet(preview, index)).collect::<Vec<_>>()));
    ok(&List::new(sheets.await?, None))
}

/// A page of a sheet.
pub async fn preview(call: &Call, object: ObjectInfo, name: &str, query: PreviewQuery) -> Answer {
    let (offset, limit) = (query.offset.unwrap_or(0), query.limit.unwrap_or(DEFAULT_ROWS));
    Checks::new()
        .that((1..=MOST_ROWS).contains(&limit), "limit", "out_of_range", format!("must be 1 to {MOST_ROWS}"))
        .that(offset <= LAST_ROW, "offset", "out_of_range", format!("must be 0 to {LAST_ROW}"))
        .finish()?;
    let window = Window { offset: offset as usize, rows: limit as usize, columns: COLUMNS };
    let file = name.to_owned();
    let page = read(call, object, name, move |preview| {
        let index = match &query.sheet {
            Some(wanted) => preview.sheets().iter().position(|sheet| sheet.name == *wanted),
            None => preview.active().or(if preview.sheets().is_empty() { None } else { Some(0) }),
        };
        let Some((index, sheet)) = index.and_then(|index| Some((index, sheet(preview, index)?))) else { return Ok(None) };
        let page = preview.page(index, &window)?;
        Ok(Some(shown(file, sheet, &window, &page, preview.delimited())))
    });
    ok(&page.await?.ok_or_else(|| Problem::no_such("sheet"))?)
}

/// Opens an object and reads from it, on a thread that may wait.
async fn read<T: Send + 'static>(
    call: &Call,
    object: ObjectInfo,
    name: &str,
    take: impl FnOnce(&mut Preview) -> Result<T, OpenError> + Send + 'static,
) -> Result<T, Problem> {
    let (name, (pieces, fault)) = (name.to_owned(), Pieces::new(call.ade().objects.clone(), object));
    let read = tokio::task::spawn_blocking(move || take(&mut Preview::open(pieces, &name, &PreviewLimits::default())?));
    let read = read.await.map_err(Problem::internal)?;
    match (read, fault.take()) {
        (Ok(read), _) => Ok(read),
        (Err(_), Some(fault)) => Err(fault.into()),
        (Err(error), None) => Err(refused(error)),
    }
}

/// Why a file is not shown, and what to do.
fn refused(error: OpenError) -> Problem {
    match error {
        OpenError::TooLarge { .. } | OpenError::Bomb { .. } => {
            Problem::unprocessable("preview_too_large", format!("{error} It is not shown here; download it and open it on your computer."))
        }
        error => error.into(),
    }
}

fn sheet(preview: &Preview, index: usize) -> Option<Sheet> {
    let sheet = preview.sheets().get(index)?;
    Some(Sheet {
        object: SheetObject::Name,
        name: sheet.name.clone(),
        active: preview.active() == Some(index),
        visibility: sheet.visibility.into(),
    })
}

fn shown(name: String, sheet: Sheet, window: &Window, page: &SheetPage, delimited: Option<(ade_workbook::Encoding, char)>) -> SheetPreview {
    let (mut rows, mut bytes, mut next) = (Vec::new(), 0, page.more.then_some(window.offset + window.rows));
    for (index, cells) in page.grid.rows().enumerate() {
        let row: Vec<_> = cells.iter().map(|cell| shown_cell(&page.grid, *cell)).collect();
        bytes += row.iter().flatten().map(|cell| written_bytes(&cell.text)).sum::<usize>();
        if bytes > ANSWER_BYTES && index > 0 {
            next = Some(window.offset + index);
            break;
        }
        rows.push(PreviewRow { number: (window.offset + index) as u64 + 1, cells: row });
    }
    rows.truncate(rows.iter().rposition(|row| row.cells.iter().any(Option::is_some)).map_or(0, |last| last + 1));
    SheetPreview {
        object: SheetPreviewObject::Name,
        name,
        sheet,
        offset: window.offset as u64,
        rows,
        has_more: next.is_some(),
        next_offset: next.map(|next| next as u64),
        row_count: page.height,
        column_count: page.width,
        encoding: delimited.map(|(encoding, _)| encoding.name().to_owned()),
        delimiter: delimited.map(|(_, delimiter)| delimiter.to_string()),
    }
}

/// What a value takes in an answer, which API Gateway gets as a text in JSON in JSON.
fn written_bytes(text: &str) -> usize {
    let around = r#"{\"kind\":\"duration\",\"text\":\"\"},"#.len();
    around + text.bytes().map(|byte| if byte < b' ' || matches!(byte, b'"' | b'\\') { 7 } else { 1 }).sum::<usize>()
}

fn shown_cell(grid: &Grid, cell: Cell) -> Option<PreviewCell> {
    let kind = match cell {
        Cell::Empty => return None,
        Cell::Bool(_) => CellKind::Boolean,
        Cell::Int(_) | Cell::Float(_) => CellKind::Number,
        Cell::Text(_) => CellKind::Text,
        Cell::DateTime(_) => CellKind::Date,
        Cell::Time(_) => CellKind::Time,
        Cell::Duration(_) => CellKind::Duration,
    };
    let text = grid.shown(cell);
    let text = match text.char_indices().nth(CHARACTERS) {
        None => text.into_owned(),
        Some(_) => text.chars().take(CHARACTERS - 1).chain(['…']).collect(),
    };
    Some(PreviewCell { kind, text })
}
