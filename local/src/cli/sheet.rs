//! Cells of workbooks as JSON values: for showing a few rows and for comparing whole tables.

use std::path::Path;

use ade_workbook::{Cell, DelimitedOptions, Grid, Limits, OpenError, ScanCaps, Visibility, Workbook};
use serde_json::{Value, json};

/// A row; what follows its last value is not stored.
pub(super) type Row = Vec<Value>;

/// A sheet that can be seen in Excel.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Its title.
    pub(super) name: String,
    /// Its rows from the first, blank ones included.
    pub(super) rows: Vec<Row>,
}

/// Reads the visible sheets of a workbook.
pub(super) fn read(path: &Path) -> Result<Vec<Sheet>, OpenError> {
    let mut workbook = Workbook::open_path(path, &Limits::default(), DelimitedOptions::default())?;
    let visible = workbook.sheets().iter().enumerate().filter(|(_, sheet)| sheet.visibility == Visibility::Visible);
    let visible: Vec<(usize, String)> = visible.map(|(index, sheet)| (index, sheet.name.clone())).collect();
    visible
        .into_iter()
        .map(|(index, name)| {
            let grid = workbook.read_sheet(index, ScanCaps::default())?;
            let rows = grid.rows().map(|cells| trimmed(cells.iter().map(|cell| value(&grid, *cell)).collect())).collect();
            Ok(Sheet { name, rows })
        })
        .collect()
}

/// Dates and times carry their kind, so that a date never equals a text that looks like it.
fn value(grid: &Grid, cell: Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Bool(value) => json!(value),
        Cell::Int(value) => json!(value),
        Cell::Float(value) => json!(value),
        Cell::Text(index) => json!(grid.text(index)),
        Cell::DateTime(micros) => json!({ "datetime": date_time(micros) }),
        Cell::Time(micros) => json!({ "time_us": micros }),
        Cell::Duration(micros) => json!({ "duration_us": micros }),
    }
}

fn date_time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| micros.to_string(), |time| time.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string())
}

/// A row without the blanks at its end.
pub(super) fn trimmed(mut row: Row) -> Row {
    let length = row.iter().rposition(|value| !value.is_null()).map_or(0, |last| last + 1);
    row.truncate(length);
    row
}

/// A value as a spreadsheet shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(tagged) => {
            tagged.values().next().and_then(Value::as_str).map(|text| text.trim_end_matches("T00:00:00").to_owned()).unwrap_or_default()
        }
        other => other.to_string(),
    }
}
