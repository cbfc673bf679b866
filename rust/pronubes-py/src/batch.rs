//! Batches and columns.

use pronubes_core::record::Shape;
use pronubes_pipeline::batch::{Batch as CoreBatch, ColumnError};
use pronubes_pipeline::column::{Column as CoreColumn, Dtype, Scalar};
use pronubes_pipeline::queue::Item;
use pronubes_pipeline::recording::{LineWriter, message_of};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::args;
use crate::detach;
use crate::error::{guard, unfit, unknown};

/// One column of a batch in Arrow's layout.
#[pyclass(frozen, module = "pronubes._core")]
pub struct Column {
    column: CoreColumn,
    data: Py<PyBytes>,
    validity: Option<Py<PyBytes>>,
    offsets: Option<Py<PyBytes>>,
}

impl Column {
    fn new(py: Python<'_>, column: CoreColumn) -> Self {
        let bytes = |bytes: &[u8]| (!bytes.is_empty()).then(|| PyBytes::new(py, bytes).unbind());
        let data = PyBytes::new(py, &column.data).unbind();
        let (validity, offsets) = (bytes(&column.validity), bytes(&column.offsets));
        Self { column, data, validity, offsets }
    }
}

fn scalar<'py>(py: Python<'py>, value: Scalar<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Scalar::Null => py.None().into_bound(py),
        Scalar::F64(value) => value.into_pyobject(py)?.into_any(),
        Scalar::I64(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Scalar::Text(value) => PyString::new(py, value).into_any(),
        Scalar::Binary(value) => PyBytes::new(py, value).into_any(),
    })
}

#[pymethods]
impl Column {
    #[getter]
    fn dtype(&self) -> &'static str {
        self.column.dtype.name()
    }

    #[getter]
    fn data(&self, py: Python<'_>) -> Py<PyBytes> {
        self.data.clone_ref(py)
    }

    #[getter]
    fn validity(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.validity.as_ref().map(|bytes| bytes.clone_ref(py))
    }

    #[getter]
    fn offsets(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.offsets.as_ref().map(|bytes| bytes.clone_ref(py))
    }

    #[getter]
    fn nulls(&self) -> usize {
        self.column.nulls
    }

    fn __len__(&self) -> usize {
        self.column.len
    }

    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        guard(|| {
            let values = (0..self.column.len).map(|row| scalar(py, self.column.get(row)));
            PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
        })
    }
}

/// Messages on their way to a sink or through a hook.
#[pyclass(frozen, module = "pronubes._core")]
pub struct Batch(CoreBatch);

impl From<CoreBatch> for Batch {
    fn from(batch: CoreBatch) -> Self {
        Self(batch)
    }
}

type Wanted = Vec<(String, Option<String>)>;

fn dtypes(wanted: &Wanted) -> PyResult<Vec<(&str, Option<Dtype>)>> {
    let parse = |dtype: &str| Dtype::parse(dtype).ok_or_else(|| unfit(format!("`{dtype}` is no type of a column.")));
    wanted.iter().map(|(name, dtype)| Ok((name.as_str(), dtype.as_deref().map(parse).transpose()?))).collect()
}

fn column_error(error: &ColumnError) -> PyErr {
    match error {
        ColumnError::UnknownCapture(name) => unknown("capture in this batch's routes called", name),
        other => unfit(other.to_string()),
    }
}

impl Batch {
    /// The messages.
    pub fn inner(&self) -> &CoreBatch {
        &self.0
    }

    fn read(&self, py: Python<'_>, shape: Option<&Shape>, wanted: &Wanted) -> PyResult<Vec<CoreColumn>> {
        let wanted = dtypes(wanted)?;
        let columns = detach::for_rows(py, self.0.segment.len(), || self.0.columns_of(shape, &wanted));
        columns.map_err(|error| column_error(&error))
    }

    /// One name per row; rows of the same source or route mostly follow each other, so the string object is used again.
    fn repeated<'a, 'py>(
        &'a self,
        py: Python<'py>,
        name: impl Fn(&Item<'a>) -> &'a str,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut last: Option<(&str, Bound<'py, PyString>)> = None;
        let mut names = Vec::with_capacity(self.0.segment.len());
        for item in self.0.items() {
            let text = name(&item);
            let object = match &last {
                Some((known, object)) if *known == text => object.clone(),
                _ => {
                    let object = PyString::intern(py, text);
                    last = Some((text, object.clone()));
                    object
                }
            };
            names.push(object);
        }
        PyList::new(py, names)
    }
}

#[pymethods]
impl Batch {
    #[getter]
    fn id(&self) -> u64 {
        self.0.id
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.segment.size()
    }

    fn __len__(&self) -> usize {
        self.0.segment.len()
    }

    fn pack<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &detach::for_rows(py, self.0.segment.len(), || self.0.pack()))))
    }

    #[staticmethod]
    fn unpack(packed: &[u8]) -> PyResult<Self> {
        guard(|| CoreBatch::unpack(packed).map(Self).ok_or_else(|| unfit("These bytes are no packed batch.")))
    }

    fn topics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let segment = &self.0.segment;
        guard(|| PyList::new(py, segment.records().iter().map(|record| PyString::new(py, segment.topic(record)))))
    }

    fn payloads<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let segment = &self.0.segment;
        guard(|| PyList::new(py, segment.records().iter().map(|record| PyBytes::new(py, segment.payload(record)))))
    }

    fn sources<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.0.segment.names();
        guard(|| self.repeated(py, |item| names.source(item.source)))
    }

    fn routes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.0.segment.names();
        guard(|| self.repeated(py, |item| names.route(item.route)))
    }

    #[pyo3(signature = (name, dtype=None))]
    fn column(&self, py: Python<'_>, name: String, dtype: Option<String>) -> PyResult<Column> {
        guard(|| {
            let columns = self.read(py, None, &vec![(name, dtype)])?;
            let column = columns.into_iter().next().ok_or_else(|| unfit("A column was asked for and none came."))?;
            Ok(Column::new(py, column))
        })
    }

    fn columns(&self, py: Python<'_>, wanted: Wanted) -> PyResult<Vec<Column>> {
        guard(|| Ok(self.read(py, None, &wanted)?.into_iter().map(|column| Column::new(py, column)).collect()))
    }

    #[pyo3(signature = (wanted, *, rest_without=None, shape=None))]
    fn rows<'py>(
        &self,
        py: Python<'py>,
        wanted: Wanted,
        rest_without: Option<Vec<String>>,
        shape: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyList>> {
        guard(|| {
            let shape = shape.map(args::shape).transpose()?;
            let mut columns = self.read(py, shape.as_ref(), &wanted)?;
            if let Some(without) = rest_without {
                let without: Vec<&str> = without.iter().map(String::as_str).collect();
                columns.push(detach::for_rows(py, self.0.segment.len(), || self.0.rest(&without)));
            }
            let row = |row: usize| {
                let values = columns.iter().map(|column| scalar(py, column.get(row)));
                PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)
            };
            PyList::new(py, (0..self.0.segment.len()).map(row).collect::<PyResult<Vec<_>>>()?)
        })
    }

    fn recording_lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let lines = detach::for_rows(py, self.0.segment.len(), || {
                let (mut lines, mut writer, names) = (Vec::new(), LineWriter::default(), self.0.segment.names());
                self.0.items().for_each(|item| writer.write(&message_of(&item, names), &mut lines));
                lines
            });
            Ok(PyBytes::new(py, &lines))
        })
    }

    fn ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &detach::for_rows(py, self.0.segment.len(), || self.0.ndjson()))))
    }
}
