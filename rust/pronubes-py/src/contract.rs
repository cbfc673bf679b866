//! `Contract`: the checker of the gate, for tests and tools.

use std::sync::{Mutex, PoisonError};

use pronubes_core::SpecError;
use pronubes_core::contract::{Contract, Judge};
use pyo3::prelude::*;

use crate::error::{guard, spec_failure};

/// A compiled contract.
#[pyclass(frozen, name = "Contract", module = "pronubes._core")]
pub struct PyContract {
    contract: Contract,
    /// Memory that is used again from one payload to the next, so one caller at a time; calls are short.
    judge: Mutex<Judge>,
}

#[pymethods]
impl PyContract {
    #[new]
    fn new(py: Python<'_>, spec: &[u8]) -> PyResult<Self> {
        guard(|| {
            let contract = serde_json::from_slice(spec)
                .map_err(|error| vec![SpecError::new(format!("The contract is not of the engine's form: {error}."))])
                .and_then(|spec| Contract::compile(&spec));
            let contract = contract.map_err(|errors| spec_failure(py, errors))?;
            Ok(Self { contract, judge: Mutex::default() })
        })
    }

    #[getter]
    fn id(&self) -> &str {
        self.contract.id()
    }

    #[pyo3(signature = (payload, *, received_ns))]
    fn judge(&self, payload: &[u8], received_ns: i64) -> PyResult<Vec<(&'static str, String, String, String)>> {
        guard(|| {
            // A panic leaves scratch buffers behind, which the next payload clears.
            let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
            let found = judge.judge(&self.contract, payload, received_ns);
            Ok(found.into_iter().map(|one| (one.reason.code(), one.field, one.found, one.expected)).collect())
        })
    }

    fn __repr__(&self) -> String {
        format!("Contract({})", self.contract.id())
    }
}
