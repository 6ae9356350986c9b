//! `ade_engine._native`: what the Python engine does a million times per file.
//!
//! Reading and writing happen here; decisions do not. A [`reader::Workbook`] hands out [`reader::Sheet`]s, whose rows
//! become Python lists for row detectors and whose columns become Arrow arrays for polars; a [`writer::Writer`] takes
//! Arrow streams back and writes them row by row. polars itself is never linked: columns cross over the Arrow C data
//! interface (<https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>).

#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod arrow;
mod calendar;
mod columns;
mod error;
mod objects;
mod reader;
mod signals;
mod writer;

use pyo3::prelude::*;

/// The module `ade_engine._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("WorkbookError", module.py().get_type::<error::WorkbookError>())?;
    module.add_class::<reader::Workbook>()?;
    module.add_class::<reader::Sheet>()?;
    module.add_class::<arrow::Array>()?;
    module.add_class::<writer::Writer>()?;
    Ok(())
}
