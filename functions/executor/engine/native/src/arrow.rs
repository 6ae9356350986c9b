//! Arrow over `PyCapsule`s: one exported array, one imported stream.

use std::ffi::CStr;

use arrow_array::{
    Array as _, ArrayRef,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema},
    ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader},
};
use arrow_schema::ArrowError;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyCapsule};

const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";
const STREAM: &CStr = c"arrow_array_stream";

/// A column on its way to polars.
#[pyclass(module = "ade_engine._native", frozen)]
pub(crate) struct Array(pub(crate) ArrayRef);

#[pymethods]
impl Array {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        // The interface lets a producer ignore the requested schema.
        drop(requested_schema);
        let schema = FFI_ArrowSchema::try_from(self.0.data_type()).map_err(|error| from_arrow(&error))?;
        let array = FFI_ArrowArray::new(&self.0.to_data());
        Ok((PyCapsule::new_with_value(py, schema, SCHEMA)?, PyCapsule::new_with_value(py, array, ARRAY)?))
    }
}

/// Takes over the stream that `object.__arrow_c_stream__()` offers.
pub(crate) fn stream(object: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let capsule = object.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(STREAM))?;
    // SAFETY: the capsule's name says that it holds an ArrowArrayStream, the capsule is alive, and this is the only
    // consumer; `from_raw` moves the stream out and leaves a released one behind, as the interface demands.
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.cast::<FFI_ArrowArrayStream>().as_ptr()) };
    reader.map_err(|error| from_arrow(&error))
}

pub(crate) fn from_arrow(error: &ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
