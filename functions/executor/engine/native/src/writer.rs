//! Writing xlsx row by row in constant memory.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use ade_workbook::{Cell, Grid};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, DurationMicrosecondArray, Float64Array, Int64Array, StringViewArray, Time64NanosecondArray,
    TimestampMicrosecondArray, cast::AsArray,
};
use arrow_schema::{DataType, TimeUnit};
use pyo3::{exceptions::PyValueError, prelude::*};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::{
    arrow,
    calendar::{MICROS_PER_DAY, iso, serial},
    error::from_xlsx,
    reader::Sheet,
};

/// Rows of a worksheet (<https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3>).
const MAX_ROWS: usize = 1_048_576;
/// UTF-16 units in a cell.
const MAX_TEXT_UNITS: usize = 32_767;
/// UTF-16 units in a formula; a workbook with a longer one does not open.
const MAX_FORMULA_UNITS: usize = 8192;
/// Integers beyond this are not exact in Excel's numbers.
const MAX_EXACT_INT: u64 = 1 << 53;
const NANOS_PER_MICRO: i64 = 1000;
/// Half the time of the usual 6 for files that are 3 % larger at most (measured on sheets of 80 and 160 MB).
const COMPRESSION_LEVEL: u8 = 4;

/// Cells of a sheet: their rows (-1: none) and columns, from 0.
type SheetCells = (Py<Sheet>, Vec<i64>, Vec<usize>);

/// Writes one workbook. Sheets are written one after the other, top to bottom.
#[pyclass(module = "ade_engine._native")]
pub(crate) struct Writer {
    workbook: Workbook,
    sheet: Option<Worksheet>,
    formats: Formats,
    /// Texts that were cut at Excel's limit of a cell.
    #[pyo3(get)]
    truncated_texts: usize,
}

/// openpyxl's default formats.
struct Formats {
    datetime: Format,
    date: Format,
    time: Format,
    duration: Format,
}

#[pymethods]
impl Writer {
    /// `temp_dir` holds rows until the workbook is saved.
    #[new]
    fn new(temp_dir: PathBuf) -> PyResult<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(temp_dir).map_err(|error| from_xlsx(&error))?;
        workbook.set_zip_compression_level(COMPRESSION_LEVEL);
        let format = |code: &str| Format::new().set_num_format(code);
        Ok(Self {
            workbook,
            sheet: None,
            formats: Formats {
                datetime: format("yyyy-mm-dd h:mm:ss"),
                date: format("yyyy-mm-dd"),
                time: format("h:mm:ss"),
                duration: format("[hh]:mm:ss"),
            },
            truncated_texts: 0,
        })
    }

    /// Ends the sheet before and starts one with this title, which must be valid and unused.
    fn start_sheet(&mut self, title: &str) -> PyResult<()> {
        self.end_sheet();
        let mut sheet = self.workbook.new_worksheet_with_constant_memory().map_err(|error| from_xlsx(&error))?;
        sheet.set_name(title).map_err(|error| from_xlsx(&error))?;
        self.sheet = Some(sheet);
        Ok(())
    }

    /// Writes a row of texts at `row` (from 0), from column A.
    fn write_header(&mut self, row: u32, names: Vec<String>) -> PyResult<()> {
        let mut pen = self.pen()?;
        for (column, name) in names.iter().enumerate() {
            pen.write(row, column, &Value::Text(name)).map_err(|error| from_xlsx(&error))?;
        }
        Ok(())
    }

    /// Writes the rows of a frame (anything with `__arrow_c_stream__`) from `row` on, from column A; the caller sees to it
    /// that they fit. Texts in columns of `formulas` that start with "=" are formulas, unless `plain` holds them.
    /// `originals` gives columns a sheet and, per row, the row and column of the cell to write instead (row -1: none).
    fn write_rows(
        &mut self,
        row: u32,
        frame: &Bound<'_, PyAny>,
        formulas: HashSet<usize>,
        plain: HashSet<String>,
        originals: HashMap<usize, SheetCells>,
    ) -> PyResult<()> {
        let originals: HashMap<usize, Originals<'_>> = originals
            .iter()
            .map(|(&index, (sheet, rows, columns))| (index, Originals { grid: &sheet.get().grid, rows, columns }))
            .collect();
        let mut pen = self.pen()?;
        let mut written = 0;
        for batch in arrow::stream(frame)? {
            let batch = batch.map_err(|error| arrow::from_arrow(&error))?;
            if row as usize + written + batch.num_rows() > MAX_ROWS {
                return Err(PyValueError::new_err("the rows do not fit on the sheet"));
            }
            let columns = batch.columns().iter().map(Column::new).collect::<PyResult<Vec<_>>>()?;
            let write = || {
                for index in 0..batch.num_rows() {
                    let at = written + index;
                    for (number, column) in columns.iter().enumerate() {
                        let original = originals.get(&number).and_then(|originals| originals.value(at));
                        let value = original.unwrap_or_else(|| match column.value(index) {
                            Value::Text(text) if formulas.contains(&number) && is_formula(text, &plain) => Value::Formula(text),
                            value => value,
                        });
                        pen.write(row + at as u32, number, &value)?;
                    }
                }
                Ok(())
            };
            frame.py().detach(write).map_err(|error: XlsxError| from_xlsx(&error))?;
            written += batch.num_rows();
        }
        Ok(())
    }

    /// Ends the last sheet and saves the workbook to `path`.
    fn save(&mut self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.end_sheet();
        let workbook = &mut self.workbook;
        py.detach(|| workbook.save(path)).map_err(|error| from_xlsx(&error))
    }
}

impl Writer {
    fn end_sheet(&mut self) {
        if let Some(sheet) = self.sheet.take() {
            self.workbook.push_worksheet(sheet);
        }
    }

    fn pen(&mut self) -> PyResult<Pen<'_>> {
        let sheet = self.sheet.as_mut().ok_or_else(|| PyValueError::new_err("no sheet was started"))?;
        Ok(Pen { sheet, formats: &self.formats, truncated_texts: &mut self.truncated_texts })
    }
}

fn is_formula(text: &str, plain: &HashSet<String>) -> bool {
    text.len() > 1 && text.starts_with('=') && text.encode_utf16().count() <= MAX_FORMULA_UNITS && !plain.contains(text.trim())
}

/// One cell's value. Moments are in microseconds.
enum Value<'a> {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Formula(&'a str),
    DateTime(i64),
    Date(i64),
    Time(i64),
    Duration(i64),
}

/// Writes cells of one sheet.
struct Pen<'a> {
    sheet: &'a mut Worksheet,
    formats: &'a Formats,
    truncated_texts: &'a mut usize,
}

impl Pen<'_> {
    fn write(&mut self, row: u32, column: usize, value: &Value<'_>) -> Result<(), XlsxError> {
        let column = u16::try_from(column).map_err(|_| XlsxError::RowColumnLimitError)?;
        match *value {
            Value::Nothing => {}
            Value::Bool(value) => {
                self.sheet.write_boolean(row, column, value)?;
            }
            Value::Int(value) if value.unsigned_abs() > MAX_EXACT_INT => {
                self.sheet.write_string(row, column, value.to_string())?;
            }
            Value::Int(value) => {
                self.sheet.write_number(row, column, value as f64)?;
            }
            // Excel has no number for these; openpyxl leaves them out as well.
            Value::Float(value) if !value.is_finite() => {}
            Value::Float(value) => {
                self.sheet.write_number(row, column, value)?;
            }
            Value::Text(text) => self.text(row, column, text)?,
            Value::Formula(text) => {
                self.sheet.write_formula(row, column, text)?;
            }
            Value::DateTime(micros) => self.moment(row, column, micros, &self.formats.datetime)?,
            Value::Date(micros) => self.moment(row, column, micros, &self.formats.date)?,
            Value::Time(micros) => self.days(row, column, micros, &self.formats.time)?,
            Value::Duration(micros) => self.days(row, column, micros, &self.formats.duration)?,
        }
        Ok(())
    }

    fn text(&mut self, row: u32, column: u16, text: &str) -> Result<(), XlsxError> {
        if text.len() <= MAX_TEXT_UNITS || text.encode_utf16().count() <= MAX_TEXT_UNITS {
            self.sheet.write_string(row, column, text)?;
            return Ok(());
        }
        *self.truncated_texts += 1;
        let mut units = 0;
        let fits = |c: &char| {
            units += c.len_utf16();
            units <= MAX_TEXT_UNITS
        };
        self.sheet.write_string(row, column, text.chars().take_while(fits).collect::<String>())?;
        Ok(())
    }

    /// A moment as a formatted serial, or as text when Excel's calendar does not reach back to it.
    fn moment(&mut self, row: u32, column: u16, micros: i64, format: &Format) -> Result<(), XlsxError> {
        match serial(micros) {
            Some(days) => self.sheet.write_number_with_format(row, column, days, format)?,
            None => self.sheet.write_string(row, column, iso(micros))?,
        };
        Ok(())
    }

    fn days(&mut self, row: u32, column: u16, micros: i64, format: &Format) -> Result<(), XlsxError> {
        let days = micros as f64 / MICROS_PER_DAY as f64;
        self.sheet.write_number_with_format(row, column, days, format)?;
        Ok(())
    }
}

/// Source cells to write instead of a column's values.
struct Originals<'a> {
    grid: &'a Grid,
    rows: &'a [i64],
    columns: &'a [usize],
}

impl<'a> Originals<'a> {
    fn value(&self, index: usize) -> Option<Value<'a>> {
        let row = usize::try_from(*self.rows.get(index)?).ok()?;
        Some(match self.grid.cell(row, *self.columns.get(index)?) {
            Cell::Empty => Value::Nothing,
            Cell::Bool(value) => Value::Bool(value),
            Cell::Int(value) => Value::Int(value),
            Cell::Float(value) => Value::Float(value),
            Cell::Text(text) => Value::Text(self.grid.text(text)),
            Cell::DateTime(micros) => Value::DateTime(micros),
            Cell::Time(micros) => Value::Time(micros),
            Cell::Duration(micros) => Value::Duration(micros),
        })
    }
}

/// A column of one of the types that frames are reduced to before they come here.
enum Column {
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    Text(StringViewArray),
    DateTime(TimestampMicrosecondArray),
    Date(Date32Array),
    Time(Time64NanosecondArray),
    Duration(DurationMicrosecondArray),
}

impl Column {
    fn new(array: &ArrayRef) -> PyResult<Self> {
        Ok(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Int64 => Self::Int(array.as_primitive().clone()),
            DataType::Float64 => Self::Float(array.as_primitive().clone()),
            DataType::Utf8View => Self::Text(array.as_string_view().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::DateTime(array.as_primitive().clone()),
            DataType::Date32 => Self::Date(array.as_primitive().clone()),
            DataType::Time64(TimeUnit::Nanosecond) => Self::Time(array.as_primitive().clone()),
            DataType::Duration(TimeUnit::Microsecond) => Self::Duration(array.as_primitive().clone()),
            other => return Err(PyValueError::new_err(format!("columns of type {other} can't be written"))),
        })
    }

    fn value(&self, index: usize) -> Value<'_> {
        match self {
            Self::Bool(values) if values.is_valid(index) => Value::Bool(values.value(index)),
            Self::Int(values) if values.is_valid(index) => Value::Int(values.value(index)),
            Self::Float(values) if values.is_valid(index) => Value::Float(values.value(index)),
            Self::Text(values) if values.is_valid(index) => Value::Text(values.value(index)),
            Self::DateTime(values) if values.is_valid(index) => Value::DateTime(values.value(index)),
            Self::Date(values) if values.is_valid(index) => Value::Date(i64::from(values.value(index)) * MICROS_PER_DAY),
            Self::Time(values) if values.is_valid(index) => Value::Time(values.value(index) / NANOS_PER_MICRO),
            Self::Duration(values) if values.is_valid(index) => Value::Duration(values.value(index)),
            _ => Value::Nothing,
        }
    }
}
