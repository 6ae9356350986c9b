use ade_workbook::OpenError;
use pyo3::{PyErr, create_exception, exceptions::PyException};
use rust_xlsxwriter::XlsxError;

create_exception!(
    ade_engine._native,
    WorkbookError,
    PyException,
    "A workbook can't be read or written. Arguments: a stable code and a sentence for people."
);

/// A read failure as `WorkbookError(code, message)`.
pub(crate) fn from_open(error: &OpenError) -> PyErr {
    WorkbookError::new_err((error.code(), error.to_string()))
}

/// A write failure as `WorkbookError("write", message)`.
pub(crate) fn from_xlsx(error: &XlsxError) -> PyErr {
    WorkbookError::new_err(("write", error.to_string()))
}
