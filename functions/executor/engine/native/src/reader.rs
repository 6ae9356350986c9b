//! Workbooks and sheets for Python.

use std::{collections::HashSet, path::PathBuf, sync::Mutex};

use ade_workbook::{Cell, DelimitedOptions, Grid, Limits, ScanCaps, Visibility};
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyDict, PyList},
};

use crate::{
    arrow::Array,
    columns,
    error::from_open,
    objects,
    signals::{Signals, cell_hits},
};

/// An open workbook.
#[pyclass(module = "ade_engine._native", frozen)]
pub(crate) struct Workbook {
    book: Mutex<Option<ade_workbook::Workbook>>,
    #[pyo3(get)]
    kind: String,
    /// `(name, "visible" | "hidden" | "very_hidden")` of each worksheet.
    #[pyo3(get)]
    sheets: Vec<(String, &'static str)>,
    #[pyo3(get)]
    active: Option<usize>,
}

#[pymethods]
impl Workbook {
    #[new]
    #[pyo3(signature = (path, *, detect, file_bytes, expanded_bytes, cells, shared_strings))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        detect: bool,
        file_bytes: u64,
        expanded_bytes: u64,
        cells: u64,
        shared_strings: u64,
    ) -> PyResult<Self> {
        let limits = Limits { file_bytes, expanded_bytes, cells, shared_strings };
        let book = py
            .detach(|| ade_workbook::Workbook::open_path(&path, &limits, DelimitedOptions { detect }))
            .map_err(|error| from_open(&error))?;
        let visibility = |visibility| match visibility {
            Visibility::Visible => "visible",
            Visibility::Hidden => "hidden",
            Visibility::VeryHidden => "very_hidden",
        };
        Ok(Self {
            kind: book.kind().to_string(),
            sheets: book.sheets().iter().map(|sheet| (sheet.name.clone(), visibility(sheet.visibility))).collect(),
            active: book.active(),
            book: Mutex::new(Some(book)),
        })
    }

    /// Reads a sheet; a cap of None never stops.
    fn read_sheet(
        &self,
        py: Python<'_>,
        index: usize,
        max_empty_rows_run: Option<u32>,
        max_empty_cols_run: Option<u32>,
    ) -> PyResult<Sheet> {
        let caps = ScanCaps { empty_rows: max_empty_rows_run, empty_cols: max_empty_cols_run };
        let grid = py.detach(|| self.with(|book| book.read_sheet(index, caps)))?;
        Ok(Sheet { grid: grid.map_err(|error| from_open(&error))? })
    }

    /// Frees what the workbook holds between sheets (the shared strings of an xlsx file, above all).
    fn close(&self) -> PyResult<()> {
        *self.book.lock().map_err(|_| closed())? = None;
        Ok(())
    }

    /// What was found out about delimited text, once its sheet was read: encoding, delimiter, ragged records.
    fn delimited<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(found) = self.with(|book| book.delimited())? else { return Ok(None) };
        let facts = PyDict::new(py);
        facts.set_item("encoding", found.encoding.name())?;
        facts.set_item("delimiter", found.delimiter)?;
        facts.set_item("unterminated_quote", found.unterminated_quote)?;
        facts.set_item("ragged_records", found.ragged_records)?;
        facts.set_item("first_ragged_record", found.first_ragged_record)?;
        Ok(Some(facts))
    }
}

impl Workbook {
    fn with<T>(&self, ask: impl FnOnce(&mut ade_workbook::Workbook) -> T) -> PyResult<T> {
        let mut book = self.book.lock().map_err(|_| closed())?;
        book.as_mut().map(ask).ok_or_else(closed)
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("the workbook is closed")
}

/// The rows of one sheet. Rows and columns count from 0 here; row 0 is sheet row 1.
#[pyclass(module = "ade_engine._native", frozen)]
pub(crate) struct Sheet {
    pub(crate) grid: Grid,
}

#[pymethods]
impl Sheet {
    #[getter]
    fn height(&self) -> usize {
        self.grid.height()
    }

    #[getter]
    fn width(&self) -> usize {
        self.grid.width()
    }

    #[getter]
    fn stopped_early(&self) -> bool {
        self.grid.stopped_early
    }

    #[getter]
    fn truncated_rows(&self) -> usize {
        self.grid.truncated_rows
    }

    /// Formulas without a value: how many, and row and column of the first.
    #[getter]
    fn uncomputed(&self) -> (usize, Vec<(usize, usize)>) {
        let found = &self.grid.uncomputed;
        (found.count, found.first.clone())
    }

    /// A row's cells, up to its last value.
    fn row<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        objects::list(py, &self.grid, self.grid.row(index))
    }

    /// One cell.
    fn cell(&self, py: Python<'_>, row: usize, column: usize) -> PyResult<Py<PyAny>> {
        objects::cell(py, &self.grid, self.grid.cell(row, column))
    }

    /// A column's values over ranges of rows.
    fn column<'py>(&self, py: Python<'py>, ranges: Vec<(usize, usize)>, column: usize) -> PyResult<Bound<'py, PyList>> {
        let ranges = self.clip(&ranges);
        let cells: Vec<Cell> = ranges.iter().flat_map(|&(start, end)| start..end).map(|row| self.grid.cell(row, column)).collect();
        objects::list(py, &self.grid, &cells)
    }

    /// A column for polars: an `Array` when its values are of one type, else None.
    fn array(&self, py: Python<'_>, ranges: Vec<(usize, usize)>, column: usize) -> Option<Array> {
        let ranges = self.clip(&ranges);
        py.detach(|| columns::typed(&self.grid, &ranges, column)).map(Array)
    }

    /// The first `limit` values of a column that are not blank.
    fn sample<'py>(&self, py: Python<'py>, ranges: Vec<(usize, usize)>, column: usize, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let ranges = self.clip(&ranges);
        let cells: Vec<Cell> = ranges
            .iter()
            .flat_map(|&(start, end)| start..end)
            .map(|row| self.grid.cell(row, column))
            .filter(|&cell| !self.is_blank(cell))
            .take(limit)
            .collect();
        objects::list(py, &self.grid, &cells)
    }

    /// Counts over ranges of rows and columns `first..last`: rows without values, and values per column. Texts of white
    /// space count as blank.
    fn count(&self, py: Python<'_>, ranges: Vec<(usize, usize)>, first: usize, last: usize) -> (usize, Vec<usize>) {
        let ranges = self.clip(&ranges);
        py.detach(|| {
            let mut per_column = vec![0; last.saturating_sub(first)];
            let mut empty_rows = 0;
            for row in ranges.iter().flat_map(|&(start, end)| start..end) {
                let cells = self.grid.row(row);
                let mut any = false;
                for (count, &cell) in per_column.iter_mut().zip(cells.get(first..).unwrap_or_default()) {
                    if !self.is_blank(cell) {
                        *count += 1;
                        any = true;
                    }
                }
                empty_rows += usize::from(!any);
            }
            (empty_rows, per_column)
        })
    }

    /// Texts over ranges of rows and columns `first..last` that start with `prefix`, white space aside.
    fn texts_with_prefix(&self, ranges: Vec<(usize, usize)>, first: usize, last: usize, prefix: &str) -> HashSet<&str> {
        let mut found = HashSet::new();
        for row in self.clip(&ranges).iter().flat_map(|&(start, end)| start..end) {
            for &cell in self.grid.row(row).iter().take(last).skip(first) {
                if let Cell::Text(index) = cell {
                    let text = self.grid.text(index).trim();
                    if text.starts_with(prefix) {
                        found.insert(text);
                    }
                }
            }
        }
        found
    }

    /// Counts per row by name (`width`, `filled`, `text`, `numeric`, `numeric_or_digit`, `word_hits`).
    fn signals<'py>(&self, py: Python<'py>, words: HashSet<String>) -> PyResult<Bound<'py, PyDict>> {
        let signals = py.detach(|| Signals::scan(&self.grid, &words));
        let arrays = PyDict::new(py);
        for (name, array) in signals.into_arrays() {
            arrays.set_item(name, Array(array))?;
        }
        Ok(arrays)
    }

    /// Text cells per row that are one of `texts` (lower case, trimmed), case and white space around them aside.
    fn cell_hits(&self, py: Python<'_>, texts: HashSet<String>) -> Array {
        Array(py.detach(|| cell_hits(&self.grid, &texts)))
    }

    /// The same sheet with nothing but columns `first..last`; rows and columns keep their numbers.
    fn part(&self, py: Python<'_>, first: usize, last: usize) -> Self {
        Self { grid: py.detach(|| self.grid.columns(first..last)) }
    }

    /// Rows without a value.
    fn blank_rows(&self) -> Vec<usize> {
        self.blank_rows_between(0, self.grid.height(), 0, self.grid.width())
    }

    /// Rows of `start..end` without a value in columns `first..last`.
    fn blank_rows_between(&self, start: usize, end: usize, first: usize, last: usize) -> Vec<usize> {
        (start..end.min(self.grid.height()))
            .filter(|&row| self.grid.row(row).iter().take(last).skip(first).all(|&cell| self.is_blank(cell)))
            .collect()
    }

    /// Cells of the longest row of `start..end`.
    fn max_width(&self, start: usize, end: usize) -> usize {
        (start..end.min(self.grid.height())).map(|row| self.grid.row(row).len()).max().unwrap_or_default()
    }
}

impl Sheet {
    /// Ranges within the sheet, so that no request can make us count past it.
    fn clip(&self, ranges: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let height = self.grid.height();
        ranges.iter().map(|&(start, end)| (start.min(height), end.min(height))).filter(|(start, end)| start < end).collect()
    }

    fn is_blank(&self, cell: Cell) -> bool {
        match cell {
            Cell::Empty => true,
            Cell::Text(index) => self.grid.text(index).trim().is_empty(),
            _ => false,
        }
    }
}
