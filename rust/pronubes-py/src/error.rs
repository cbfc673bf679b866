//! Errors on their way to Python: the one place where Rust's errors become exceptions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pronubes_core::SpecError;
use pronubes_core::topic::TopicError as CoreTopicError;
use pyo3::create_exception;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

create_exception!(pronubes._core, TopicError, PyValueError, "A topic or filter breaks a rule of MQTT.");
create_exception!(pronubes._core, SpecFailure, PyValueError, "A specification does not compile.");
create_exception!(pronubes._core, InternalError, PyRuntimeError, "A defect in pronubes: please report the text.");

/// One thing that is wrong with a specification.
#[pyclass(frozen, name = "SpecError", module = "pronubes._core")]
pub struct PySpecError(pub SpecError);

#[pymethods]
impl PySpecError {
    #[getter]
    fn path(&self) -> String {
        self.0.path_text()
    }
    #[getter]
    fn offset(&self) -> Option<usize> {
        self.0.offset
    }
    #[getter]
    fn length(&self) -> Option<usize> {
        self.0.length
    }
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }
    #[getter]
    fn found(&self) -> Option<&str> {
        self.0.found.as_deref()
    }
    #[getter]
    fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }
    #[getter]
    fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    fn __repr__(&self) -> String {
        format!("SpecError({})", self.0)
    }
}

/// A `TopicError` with its clause and offset.
pub fn topic_error(py: Python<'_>, error: &CoreTopicError) -> PyErr {
    let raised = TopicError::new_err(error.to_string());
    let value = raised.value(py);
    match value.setattr("clause", error.clause).and_then(|()| value.setattr("offset", error.offset)) {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// A `SpecFailure` with all errors.
pub fn spec_failure(py: Python<'_>, errors: Vec<SpecError>) -> PyErr {
    let text = errors.iter().map(SpecError::to_string).collect::<Vec<_>>().join("\n");
    let raised = SpecFailure::new_err(text);
    let errors: Vec<PySpecError> = errors.into_iter().map(PySpecError).collect();
    match errors.into_pyobject(py).and_then(|errors| raised.value(py).setattr("errors", errors)) {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// Something of this name or number is not there.
pub fn unknown(what: &str, name: impl std::fmt::Display) -> PyErr {
    PyKeyError::new_err(format!("There is no {what} `{name}`."))
}

/// An argument does not fit.
pub fn unfit(sentence: impl Into<String>) -> PyErr {
    PyValueError::new_err(sentence.into())
}

/// Panics, so that a test can see what becomes of a panic.
#[pyfunction]
pub fn panic_on_purpose() -> PyResult<()> {
    guard(|| panic!("asked for by `panic_on_purpose`"))
}

/// Runs a call into Rust. Without it `PyO3` would raise its `PanicException`, which is no `Exception` and slips past handlers. A panic is a defect: it becomes an `InternalError`, and the object stays usable.
pub fn guard<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(InternalError::new_err(format!("This is a defect in pronubes, please report it: {text}.")))
    })
}
