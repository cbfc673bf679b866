//! Functions on specifications, and what the engine knows of itself.

use pronubes_core::{Plan, Reason, SpecError, transform};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::detach::detached;
use crate::error::{InternalError, PySpecError, guard};

/// Compiles a specification.
pub fn compile(spec: &[u8]) -> Result<Plan, Vec<SpecError>> {
    let spec = serde_json::from_slice(spec)
        .map_err(|error| vec![SpecError::new(format!("The specification is not of the engine's form: {error}."))])?;
    Plan::compile(&spec)
}

/// Compiles a specification and gives everything that is wrong with it.
#[pyfunction]
pub fn compile_spec(py: Python<'_>, spec: &[u8]) -> PyResult<Vec<PySpecError>> {
    guard(|| {
        let errors = detached(py, || compile(spec).err()).unwrap_or_default();
        Ok(errors.into_iter().map(PySpecError).collect())
    })
}

/// All reason codes: code, what happened, what to do.
#[pyfunction]
pub fn reasons() -> Vec<(&'static str, &'static str, &'static str)> {
    Reason::ALL.iter().map(|reason| (reason.code(), reason.text(), reason.action())).collect()
}

/// The registry of steps as JSON.
#[pyfunction]
pub fn steps(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    guard(|| {
        let docs: Vec<_> = transform::docs().collect();
        let json = serde_json::to_vec(&docs).map_err(|error| InternalError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &json))
    })
}
