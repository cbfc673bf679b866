//! What a call left to do.

use pronubes_pipeline::Notes;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// What a call left to do for Python.
#[pyclass(frozen, module = "pronubes._core")]
pub struct Work {
    pub writes: Py<PyList>,
    pub deadline_ns: Option<i64>,
    pub notes: Option<Box<Notes>>,
}

impl Work {
    fn list<T, U>(&self, list: impl Fn(&Notes) -> &Vec<T>, item: impl Fn(&T) -> U) -> Vec<U> {
        self.notes.as_deref().map(|notes| list(notes).iter().map(item).collect()).unwrap_or_default()
    }
}

#[pymethods]
impl Work {
    #[getter]
    fn writes(&self, py: Python<'_>) -> Py<PyList> {
        self.writes.clone_ref(py)
    }

    #[getter]
    fn deadline_ns(&self) -> Option<i64> {
        self.deadline_ns
    }

    #[getter]
    fn more(&self) -> bool {
        self.notes.is_some()
    }

    #[getter]
    fn closes(&self) -> Vec<(u32, String, String, bool)> {
        let tuple = |close: &pronubes_pipeline::notes::Close| {
            (close.connection, close.reason.clone(), close.sentence.clone(), close.reconnect)
        };
        self.list(|notes| &notes.closes, tuple)
    }

    #[getter]
    fn pause(&self) -> Vec<String> {
        self.list(|notes| &notes.pause, ToString::to_string)
    }

    #[getter]
    fn resume(&self) -> Vec<String> {
        self.list(|notes| &notes.resume, ToString::to_string)
    }

    #[getter]
    fn ready_sinks(&self) -> Vec<String> {
        self.list(|notes| &notes.ready_sinks, ToString::to_string)
    }

    #[getter]
    fn ready_hooks(&self) -> Vec<u32> {
        self.list(|notes| &notes.ready_hooks, |hook| *hook)
    }

    #[getter]
    fn ready_quarantine(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.ready_quarantine)
    }

    #[getter]
    fn ready_taps(&self) -> Vec<u64> {
        self.list(|notes| &notes.ready_taps, |tap| *tap)
    }

    #[getter]
    fn settled(&self) -> Vec<(String, u64, bool)> {
        let tuple = |settled: &pronubes_pipeline::notes::Settled| {
            (settled.source.to_string(), settled.position, settled.is_delivered)
        };
        self.list(|notes| &notes.settled, tuple)
    }

    #[getter]
    fn log_events(&self) -> Vec<(&'static str, String, String)> {
        self.list(|notes| &notes.log_events, |(kind, event)| crate::logs::told(*kind, event))
    }

    #[getter]
    fn events(&self) -> Vec<(u32, &'static str, String)> {
        let tuple =
            |event: &pronubes_pipeline::notes::ConnectionEvent| (event.connection, event.code, event.detail.clone());
        self.list(|notes| &notes.events, tuple)
    }
}
