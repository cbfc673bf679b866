//! Quarantined messages for the quarantine's writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use pronubes_core::Meta;
use pronubes_pipeline::quarantine::{FaultBatch, Row};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

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

    #[getter]
    fn is_awaited(&self) -> bool {
        self.batch.is_awaited()
    }

    fn replayed(&self) -> Vec<(usize, u64)> {
        self.batch.replayed().to_vec()
    }

    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        guard(|| {
            let row = |row: Row<'_>| {
                let Meta { qos, retain, received_ns, source_ns } = row.meta;
                let Row { source, route, step, reason, detail, topic, payload, sink, .. } = row;
                let payload = PyBytes::new(py, payload);
                let reason = PyString::intern(py, reason.code());
                (received_ns, source_ns, source, route, step, reason, detail, topic, payload, sink, qos, retain)
                    .into_pyobject(py)
            };
            PyList::new(py, self.batch.rows().map(row).collect::<PyResult<Vec<_>>>()?)
        })
    }

    fn ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &self.batch.ndjson())))
    }
}
