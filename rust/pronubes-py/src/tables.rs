//! `TableRows`: the rows of a lookup table, made once and shared by whoever looks them up.

use std::sync::Arc;

use pronubes_core::tables::{Rows, TableError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::detach::detached;
use crate::error::guard;

/// The rows of a table at one time.
#[pyclass(frozen, name = "TableRows", module = "pronubes._core")]
pub struct TableRows {
    /// What routers take.
    pub rows: Arc<Rows>,
}

#[pymethods]
impl TableRows {
    #[new]
    fn new(py: Python<'_>, document: &[u8]) -> PyResult<Self> {
        guard(|| {
            let read = || {
                let spec = serde_json::from_slice(document)
                    .map_err(|error| TableError::Rows(format!("The rows are not of the engine's form: {error}.")))?;
                Rows::new(&spec)
            };
            let rows = detached(py, read).map_err(|error| refused(&error))?;
            Ok(Self { rows: Arc::new(rows) })
        })
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }
}

/// Rows that are not taken are a `ValueError`.
pub fn refused(error: &TableError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
