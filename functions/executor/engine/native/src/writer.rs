//! Writing xlsx row by row in constant memory.

use std::{collections::HashSet, path::PathBuf};

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
};

/// Rows of a worksheet (<https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3>).
const MAX_ROWS: u32 = 1_048_576;
/// UTF-16 units in a cell.
const MAX_TEXT_UNITS: usize = 32_767;
/// Integers beyond this are not exact in Excel's numbers.
const MAX_EXACT_INT: u64 = 1 << 53;
const NANOS_PER_MICRO: i64 = 1000;

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
        let (sheet, truncated) = (current(&mut self.sheet)?, &mut self.truncated_texts);
        for (column, name) in names.iter().enumerate() {
            write_text(sheet, row, column_number(column)?, name, truncated).map_err(|error| from_xlsx(&error))?;
        }
        Ok(())
    }

    /// Writes the rows of a frame (anything with `__arrow_c_stream__`) from `row` on, from column A; the caller sees to it
    /// that they fit. Texts in columns of `formulas` that start with "=" are formulas, unless `plain` holds them.
    fn write_rows(&mut self, row: u32, frame: &Bound<'_, PyAny>, formulas: HashSet<usize>, plain: HashSet<String>) -> PyResult<()> {
        let reader = arrow::stream(frame)?;
        let sheet = current(&mut self.sheet)?;
        let mut at = row;
        for batch in reader {
            let batch = batch.map_err(|error| arrow::from_arrow(&error))?;
            let columns = batch
                .columns()
                .iter()
                .enumerate()
                .map(|(index, array)| Column::new(array, formulas.contains(&index)))
                .collect::<PyResult<Vec<_>>>()?;
            if at as usize + batch.num_rows() > MAX_ROWS as usize {
                return Err(PyValueError::new_err("the rows do not fit on the sheet"));
            }
            let (formats, truncated) = (&self.formats, &mut self.truncated_texts);
            frame
                .py()
                .detach(|| {
                    for index in 0..batch.num_rows() {
                        for (number, column) in columns.iter().enumerate() {
                            column.write(sheet, at, number as u16, index, formats, &plain, truncated)?;
                        }
                        at += 1;
                    }
                    Ok(())
                })
                .map_err(|error: XlsxError| from_xlsx(&error))?;
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
}

fn current(sheet: &mut Option<Worksheet>) -> PyResult<&mut Worksheet> {
    sheet.as_mut().ok_or_else(|| PyValueError::new_err("no sheet was started"))
}

fn column_number(index: usize) -> PyResult<u16> {
    u16::try_from(index).map_err(|_| PyValueError::new_err("more columns than a worksheet can hold"))
}

fn write_text(sheet: &mut Worksheet, row: u32, column: u16, text: &str, truncated: &mut usize) -> Result<(), XlsxError> {
    if text.len() <= MAX_TEXT_UNITS || text.encode_utf16().count() <= MAX_TEXT_UNITS {
        sheet.write_string(row, column, text)?;
        return Ok(());
    }
    *truncated += 1;
    let mut units = 0;
    let cut: String = text
        .chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= MAX_TEXT_UNITS
        })
        .collect();
    sheet.write_string(row, column, cut)?;
    Ok(())
}

/// A column of one of the types that frames are reduced to before they come here.
enum Column {
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    Text { values: StringViewArray, formulas: bool },
    DateTime(TimestampMicrosecondArray),
    Date(Date32Array),
    Time(Time64NanosecondArray),
    Duration(DurationMicrosecondArray),
}

impl Column {
    fn new(array: &ArrayRef, formulas: bool) -> PyResult<Self> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Int64 => Self::Int(array.as_primitive().clone()),
            DataType::Float64 => Self::Float(array.as_primitive().clone()),
            DataType::Utf8View => Self::Text { values: array.as_string_view().clone(), formulas },
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::DateTime(array.as_primitive().clone()),
            DataType::Date32 => Self::Date(array.as_primitive().clone()),
            DataType::Time64(TimeUnit::Nanosecond) => Self::Time(array.as_primitive().clone()),
            DataType::Duration(TimeUnit::Microsecond) => Self::Duration(array.as_primitive().clone()),
            other => return Err(PyValueError::new_err(format!("columns of type {other} can't be written"))),
        })
    }

    fn is_null(&self, index: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(values) => values.is_null(index),
            Self::Int(values) => values.is_null(index),
            Self::Float(values) => values.is_null(index),
            Self::Text { values, .. } => values.is_null(index),
            Self::DateTime(values) => values.is_null(index),
            Self::Date(values) => values.is_null(index),
            Self::Time(values) => values.is_null(index),
            Self::Duration(values) => values.is_null(index),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the hot loop: one call per cell, everything by reference")]
    fn write(
        &self,
        sheet: &mut Worksheet,
        row: u32,
        column: u16,
        index: usize,
        formats: &Formats,
        plain: &HashSet<String>,
        truncated: &mut usize,
    ) -> Result<(), XlsxError> {
        if self.is_null(index) {
            return Ok(());
        }
        match self {
            Self::Null => {}
            Self::Bool(values) => {
                sheet.write_boolean(row, column, values.value(index))?;
            }
            Self::Int(values) => {
                let value = values.value(index);
                if value.unsigned_abs() <= MAX_EXACT_INT {
                    sheet.write_number(row, column, value as f64)?;
                } else {
                    sheet.write_string(row, column, value.to_string())?;
                }
            }
            Self::Float(values) => {
                let value = values.value(index);
                if value.is_finite() {
                    sheet.write_number(row, column, value)?;
                }
            }
            Self::Text { values, formulas } => {
                let text = values.value(index);
                if *formulas && text.len() > 1 && text.starts_with('=') && !plain.contains(text.trim()) {
                    sheet.write_formula(row, column, text)?;
                } else {
                    write_text(sheet, row, column, text, truncated)?;
                }
            }
            Self::DateTime(values) => moment(sheet, row, column, values.value(index), &formats.datetime)?,
            Self::Date(values) => {
                moment(sheet, row, column, i64::from(values.value(index)) * MICROS_PER_DAY, &formats.date)?;
            }
            Self::Time(values) => {
                let days = (values.value(index) / NANOS_PER_MICRO) as f64 / MICROS_PER_DAY as f64;
                sheet.write_number_with_format(row, column, days, &formats.time)?;
            }
            Self::Duration(values) => {
                let days = values.value(index) as f64 / MICROS_PER_DAY as f64;
                sheet.write_number_with_format(row, column, days, &formats.duration)?;
            }
        }
        Ok(())
    }
}

/// A moment as a formatted serial, or as text when Excel's calendar does not reach back to it.
fn moment(sheet: &mut Worksheet, row: u32, column: u16, micros: i64, format: &Format) -> Result<(), XlsxError> {
    match serial(micros) {
        Some(days) => sheet.write_number_with_format(row, column, days, format)?,
        None => sheet.write_string(row, column, iso(micros))?,
    };
    Ok(())
}
