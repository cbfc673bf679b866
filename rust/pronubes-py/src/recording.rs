//! Recordings: messages in lines of JSON, cut out without changing a byte of their payloads.

use pronubes_pipeline::lines;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::error::guard;

/// The messages of whole lines as `(line, topic, payload, time_ns)`, and `(line, sentence)` for lines that have none.
#[pyfunction]
pub fn read_recording<'py>(py: Python<'py>, lines: &[u8]) -> PyResult<Bound<'py, PyList>> {
    guard(|| {
        let found = PyList::empty(py);
        let mut result = Ok(());
        lines::read_recording(lines, |number, message| {
            if result.is_ok() {
                let entry = match message {
                    Ok(message) => {
                        let payload = PyBytes::new(py, message.payload);
                        (number, message.topic, payload, message.source_ns).into_pyobject(py)
                    }
                    Err(sentence) => (number, sentence).into_pyobject(py),
                };
                result = entry.and_then(|entry: Bound<'py, PyTuple>| found.append(entry));
            }
        });
        result.map(|()| found)
    })
}
