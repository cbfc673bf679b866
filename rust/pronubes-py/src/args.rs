//! Arguments from Python: buffers, columns, values.

use pronubes_core::record::{Shape, ShapeSpec, Value as SourceValue};
use pronubes_core::{Meta, SpecError};
use pronubes_pipeline::inflow::{Inflow, Quality, Reading};
use pronubes_pipeline::replay::Replay;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBool, PyFloat, PyInt, PyMemoryView, PySlice, PyString};
use serde::Serialize;

use crate::error::unfit;

/// Copies the first `size` bytes of a buffer, once: through a view of that part, because only whole buffers can be copied safely.
pub fn copy(py: Python<'_>, buffer: &Bound<'_, PyAny>, size: usize, out: &mut Vec<u8>) -> PyResult<()> {
    let end = isize::try_from(size).map_err(|_| unfit("The size is none that a buffer can have."))?;
    let part = PyMemoryView::from(buffer)?.get_item(PySlice::new(py, 0, end, 1))?;
    let part = PyBuffer::<u8>::get(&part)?;
    if part.item_count() < size {
        return Err(unfit("The buffer is shorter than the size."));
    }
    out.resize(size, 0);
    part.copy_to_slice(py, out)
}

/// Checks that columns are as long as the topics.
pub fn same_length(rows: usize, columns: &[(&str, Option<usize>)]) -> PyResult<()> {
    match columns.iter().find(|(_, length)| length.is_some_and(|length| length != rows)) {
        Some((name, length)) => {
            Err(unfit(format!("There are {rows} topics and {} {name}.", length.unwrap_or_default())))
        }
        None => Ok(()),
    }
}

/// Circumstances of messages, row by row, where the source knows them.
pub struct Circumstances {
    pub source_ns: Option<Vec<Option<i64>>>,
    pub qos: Option<Vec<u8>>,
    pub retain: Option<Vec<bool>>,
}

impl Circumstances {
    pub fn check(&self, topics: usize, payloads: usize) -> PyResult<()> {
        let Self { source_ns, qos, retain } = self;
        let columns = [
            ("payloads", Some(payloads)),
            ("source_ns", source_ns.as_ref().map(Vec::len)),
            ("qos", qos.as_ref().map(Vec::len)),
            ("retain", retain.as_ref().map(Vec::len)),
        ];
        same_length(topics, &columns)
    }

    #[inline]
    pub fn of(&self, row: usize) -> Meta {
        Meta {
            source_ns: self.source_ns.as_ref().and_then(|times| times[row]),
            qos: self.qos.as_ref().map_or(0, |qos| qos[row]),
            retain: self.retain.as_ref().is_some_and(|retain| retain[row]),
            received_ns: 0,
        }
    }
}

/// A value of a structured source.
pub enum Value {
    Null,
    F64(f64),
    I64(i64),
    Bool(bool),
    Text(PyBackedStr),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Value {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            Ok(Self::Null)
        } else if let Ok(value) = object.cast::<PyFloat>() {
            Ok(Self::F64(value.extract()?))
        } else if let Ok(value) = object.cast::<PyBool>() {
            Ok(Self::Bool(value.is_true()))
        } else if object.cast::<PyInt>().is_ok() {
            // An integer beyond 64 bits is still a number; JSON readers hold such numbers as doubles.
            object.extract().map(Self::I64).or_else(|_| object.extract().map(Self::F64))
        } else if object.cast::<PyString>().is_ok() {
            Ok(Self::Text(object.extract()?))
        } else if let Ok(value) = object.extract::<f64>() {
            // numpy's scalars
            Ok(Self::F64(value))
        } else {
            Err(pyo3::exceptions::PyTypeError::new_err("A value is a number, a truth value, a text or None."))
        }
    }
}

/// Values with what belongs to them, as columns.
pub struct Readings {
    pub topics: Vec<PyBackedStr>,
    pub values: Vec<Value>,
    pub qualities: Option<Vec<Option<PyBackedStr>>>,
    pub statuses: Option<Vec<Option<u32>>>,
    pub units: Option<Vec<Option<PyBackedStr>>>,
    pub origins: Option<Vec<Option<PyBackedStr>>>,
    pub source_ns: Option<Vec<Option<i64>>>,
}

impl Readings {
    /// Checks that all columns are of one length.
    pub fn check(&self) -> PyResult<()> {
        let columns = [
            ("values", Some(self.values.len())),
            ("qualities", self.qualities.as_ref().map(Vec::len)),
            ("statuses", self.statuses.as_ref().map(Vec::len)),
            ("units", self.units.as_ref().map(Vec::len)),
            ("origins", self.origins.as_ref().map(Vec::len)),
            ("source_ns", self.source_ns.as_ref().map(Vec::len)),
        ];
        same_length(self.topics.len(), &columns)?;
        if self.qualities.is_some() && self.statuses.is_some() {
            return Err(unfit("Qualities are said once: by `qualities` or by `statuses`."));
        }
        Ok(())
    }

    /// Pushes all rows.
    pub fn push(&self, inflow: &mut Inflow<'_>) {
        for (row, topic) in self.topics.iter().enumerate() {
            let value = match &self.values[row] {
                Value::Null => SourceValue::Null,
                Value::F64(value) => SourceValue::F64(*value),
                Value::I64(value) => SourceValue::I64(*value),
                Value::Bool(value) => SourceValue::Bool(*value),
                Value::Text(value) => SourceValue::Text(value),
            };
            let status = self.statuses.as_ref().and_then(|statuses| statuses[row]).map(Quality::Status);
            let word = text(self.qualities.as_ref(), row).map(Quality::Text);
            inflow.reading(
                topic,
                &Reading {
                    value,
                    quality: status.or(word).unwrap_or(Quality::Unsaid),
                    unit: text(self.units.as_ref(), row),
                    origin: text(self.origins.as_ref(), row),
                    source_ns: self.source_ns.as_ref().and_then(|times| times[row]),
                },
            );
        }
    }
}

fn text(column: Option<&Vec<Option<PyBackedStr>>>, row: usize) -> Option<&str> {
    column?.get(row)?.as_deref()
}

/// A shape, as specifications have it.
pub fn shape(json: &[u8]) -> PyResult<Shape> {
    let spec: ShapeSpec = serde_json::from_slice(json).map_err(|error| unfit(error.to_string()))?;
    let said = |errors: Vec<SpecError>| errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join(" ");
    Shape::compile(&spec).map_err(|errors| unfit(said(errors)))
}

/// A document as JSON.
pub fn json(document: &impl Serialize) -> PyResult<Vec<u8>> {
    serde_json::to_vec(document).map_err(|error| unfit(error.to_string()))
}

/// A quarantined record that is to go on: a tuple of Python.
#[derive(FromPyObject)]
pub struct QuarantinedRecord(
    u64,
    PyBackedStr,
    PyBackedStr,
    PyBackedStr,
    PyBackedBytes,
    i64,
    Option<i64>,
    u8,
    bool,
    Option<PyBackedStr>,
);

impl QuarantinedRecord {
    /// What the pipeline takes.
    pub fn as_replay(&self) -> Replay<'_> {
        let Self(record, source, route, topic, payload, received_ns, source_ns, qos, retain, sink) = self;
        let (received_ns, source_ns) = (*received_ns, *source_ns);
        let meta = Meta { qos: *qos, retain: *retain, received_ns, source_ns };
        Replay { record: *record, source, route, topic, payload, meta, sink: sink.as_deref() }
    }
}
