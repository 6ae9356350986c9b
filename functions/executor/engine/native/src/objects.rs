//! Cells as Python objects.

use ade_workbook::{Cell, Grid};
use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyDateTime, PyDelta, PyList, PyString, PyTime},
};

use crate::calendar::{MICROS_PER_DAY, MICROS_PER_SECOND, civil, clock};

/// One cell: None, bool, int, float, str, datetime, time or timedelta.
pub(crate) fn cell(py: Python<'_>, grid: &Grid, cell: Cell) -> PyResult<Py<PyAny>> {
    match cell {
        Cell::Empty => Ok(py.None()),
        Cell::Bool(value) => value.into_py_any(py),
        Cell::Int(value) => value.into_py_any(py),
        Cell::Float(value) => value.into_py_any(py),
        Cell::Text(index) => Ok(PyString::new(py, grid.text(index)).into_any().unbind()),
        Cell::DateTime(micros) => {
            let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
            let time = clock(micros.rem_euclid(MICROS_PER_DAY));
            PyDateTime::new(py, year, month, day, time.hour, time.minute, time.second, time.micro, None)?.into_py_any(py)
        }
        Cell::Time(micros) => {
            let time = clock(micros);
            PyTime::new(py, time.hour, time.minute, time.second, time.micro, None)?.into_py_any(py)
        }
        Cell::Duration(micros) => {
            let days = micros.div_euclid(MICROS_PER_DAY);
            let rest = micros.rem_euclid(MICROS_PER_DAY);
            PyDelta::new(py, days as i32, (rest / MICROS_PER_SECOND) as i32, (rest % MICROS_PER_SECOND) as i32, true)?.into_py_any(py)
        }
    }
}

/// A list of cells.
pub(crate) fn list<'py>(py: Python<'py>, grid: &Grid, cells: &[Cell]) -> PyResult<Bound<'py, PyList>> {
    let values = cells.iter().map(|&value| cell(py, grid, value)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, values)
}
