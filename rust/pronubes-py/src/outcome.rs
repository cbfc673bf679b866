//! `Outcome`: what became of one message on one route.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What became of one message on one route.
#[pyclass(frozen, name = "Outcome", module = "pronubes._core")]
pub struct PyOutcome {
    #[pyo3(get)]
    pub kind: &'static str,
    #[pyo3(get)]
    pub index: i64,
    #[pyo3(get)]
    pub route: Option<String>,
    #[pyo3(get)]
    pub sink: Option<String>,
    #[pyo3(get)]
    pub topic: String,
    pub payload: Vec<u8>,
    #[pyo3(get)]
    pub qos: u8,
    #[pyo3(get)]
    pub retain: bool,
    #[pyo3(get)]
    pub reason: Option<&'static str>,
    #[pyo3(get)]
    pub step: Option<u16>,
    #[pyo3(get)]
    pub detail: Option<String>,
    #[pyo3(get)]
    pub hook: Option<String>,
}

impl PyOutcome {
    /// An outcome with what every kind has.
    pub fn new(kind: &'static str, index: i64, topic: &str, payload: &[u8]) -> Self {
        Self {
            kind,
            index,
            route: None,
            sink: None,
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            qos: 0,
            retain: false,
            reason: None,
            step: None,
            detail: None,
            hook: None,
        }
    }
}

#[pymethods]
impl PyOutcome {
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.payload)
    }

    fn __repr__(&self) -> String {
        let route = self.route.as_deref().unwrap_or("-");
        let reason = self.reason.map(|reason| format!(" {reason}")).unwrap_or_default();
        format!("Outcome({} #{} route={route} topic={:?}{reason})", self.kind, self.index, self.topic)
    }
}
