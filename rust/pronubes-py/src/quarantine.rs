//! Quarantined messages for the quarantine's writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use pronubes_pipeline::quarantine::FaultBatch;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::guard;

/// Quarantined messages.
#[pyclass(frozen, module = "pronubes._core")]
pub struct QuarantineBatch {
    id: u64,
    batch: Arc<FaultBatch>,
}

impl From<(u64, Arc<FaultBatch>)> for QuarantineBatch {
    fn from((id, batch): (u64, Arc<FaultBatch>)) -> Self {
        Self { id, batch }
    }
}

#[pymethods]
impl QuarantineBatch {
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    fn __len__(&self) -> usize {
        self.batch.len()
    }

    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        guard(|| {
            let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for key in self.batch.reasons() {
                *counts.entry(key).or_default() += 1;
            }
            let counted = PyDict::new(py);
            for (key, count) in counts {
                counted.set_item(key, count)?;
            }
            Ok(counted)
        })
    }

    fn ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &self.batch.ndjson())))
    }
}
