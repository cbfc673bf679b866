//! Recordings: files of messages to play again, and the same messages as lines of JSON.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pronubes_log::Codec;
use pronubes_log::fs::RealFs;
use pronubes_log::recording::{Message, OpenError, Reader, Settings, Taken, Writer, messages};
use pronubes_pipeline::recording::{LineWriter, message_of, read_lines};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use serde_json::json;

use crate::batch::Batch;
use crate::detach::detached;
use crate::error::{guard, unfit};

type Row<'py> =
    (Bound<'py, PyString>, Bound<'py, PyBytes>, i64, Option<i64>, u8, bool, Bound<'py, PyString>, Bound<'py, PyString>);

fn row<'py>(py: Python<'py>, message: &Message<'_>) -> Row<'py> {
    let topic = PyString::new(py, &String::from_utf8_lossy(message.topic));
    let payload = PyBytes::new(py, message.payload);
    let Message { received_ns, source_ns, qos, retain, .. } = *message;
    let (source, route) = (PyString::intern(py, message.source), PyString::intern(py, message.route));
    (topic, payload, received_ns, source_ns, qos, retain, source, route)
}

/// The messages of whole lines as `(line, message)`, and `(line, sentence)` for lines that have none.
#[pyfunction]
pub fn read_recording<'py>(py: Python<'py>, lines: &[u8]) -> PyResult<Bound<'py, PyList>> {
    guard(|| {
        let found = PyList::empty(py);
        let mut result = Ok(());
        read_lines(lines, |number, message| {
            if result.is_ok() {
                let entry = match message {
                    Ok(message) => (number, row(py, &message)).into_pyobject(py),
                    Err(sentence) => (number, sentence).into_pyobject(py),
                };
                result = entry.and_then(|entry: Bound<'py, PyTuple>| found.append(entry));
            }
        });
        result.map(|()| found)
    })
}

/// Writes a recording.
#[pyclass(frozen, module = "pronubes._core")]
pub struct RecordingWriter {
    /// Nothing when it has ended. A lock because Python may call from several threads.
    writer: Mutex<Option<Writer>>,
}

impl RecordingWriter {
    fn lock(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, call: impl FnOnce(&mut Writer) -> std::io::Result<T>) -> PyResult<T> {
        let mut writer = self.lock();
        Ok(call(writer.as_mut().ok_or_else(|| unfit("The recording has ended."))?)?)
    }
}

#[pymethods]
impl RecordingWriter {
    #[new]
    #[pyo3(signature = (path, *, number, is_compressed, max_bytes, max_messages, now_ns))]
    fn new(
        path: &str,
        number: u64,
        is_compressed: bool,
        max_bytes: u64,
        max_messages: u64,
        now_ns: i64,
    ) -> PyResult<Self> {
        guard(|| {
            let codec = if is_compressed { Codec::Zstd } else { Codec::None };
            let settings = Settings { codec, number, max_bytes, max_messages };
            let writer = Writer::create(&RealFs, Path::new(path), settings, now_ns)?;
            Ok(Self { writer: Mutex::new(Some(writer)) })
        })
    }

    fn append_batch(&self, py: Python<'_>, batch: &Batch) -> PyResult<()> {
        let batch = batch.inner();
        let names = batch.segment.names();
        guard(|| {
            detached(py, || {
                self.with(|writer| {
                    batch.items().try_for_each(|item| writer.append(&message_of(&item, names)).map(|_| ()))
                })
            })
        })
    }

    fn append_lines(&self, py: Python<'_>, lines: &[u8]) -> PyResult<Option<(usize, &'static str)>> {
        guard(|| {
            detached(py, || {
                self.with(|writer| {
                    let mut result = Ok(None);
                    read_lines(lines, |number, message| {
                        if matches!(result, Ok(None)) {
                            result = match message {
                                Ok(message) => writer.append(&message).map(|_: Taken| None),
                                Err(sentence) => Ok(Some((number, sentence))),
                            };
                        }
                    });
                    result
                })
            })
        })
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        guard(|| detached(py, || self.with(Writer::flush)))
    }

    #[pyo3(signature = (*, lost, now_ns))]
    fn end(&self, py: Python<'_>, lost: u64, now_ns: i64) -> PyResult<()> {
        let writer = self.lock().take();
        guard(|| match writer {
            Some(writer) => Ok(detached(py, || writer.end(lost, now_ns))?),
            None => Ok(()),
        })
    }

    #[getter]
    fn messages(&self) -> PyResult<u64> {
        guard(|| self.with(|writer| Ok(writer.messages())))
    }

    #[getter]
    fn bytes(&self) -> PyResult<u64> {
        guard(|| self.with(|writer| Ok(writer.bytes())))
    }

    #[getter]
    fn left_out(&self) -> PyResult<u64> {
        guard(|| self.with(|writer| Ok(writer.left_out())))
    }

    #[getter]
    fn is_full(&self) -> PyResult<bool> {
        guard(|| self.with(|writer| Ok(writer.is_full())))
    }
}

/// Reads a recording.
#[pyclass(frozen, module = "pronubes._core")]
pub struct RecordingReader {
    /// A lock because Python may call from several threads.
    reader: Mutex<Reader>,
}

impl RecordingReader {
    fn lock(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_error(error: OpenError) -> PyErr {
    match error {
        OpenError::Io(error) => error.into(),
        OpenError::NoRecording => unfit("This is no recording."),
        OpenError::Version(version) => {
            unfit(format!("This recording has version {version} of the format; this program reads version 1."))
        }
    }
}

#[pymethods]
impl RecordingReader {
    #[new]
    fn new(path: &str) -> PyResult<Self> {
        guard(|| {
            let reader = Reader::open(&RealFs, Path::new(path)).map_err(open_error)?;
            Ok(Self { reader: Mutex::new(reader) })
        })
    }

    fn read<'py>(&self, py: Python<'py>) -> PyResult<Vec<Row<'py>>> {
        guard(|| {
            let frame = detached(py, || self.lock().next_frame())?;
            Ok(frame.map_or_else(Vec::new, |frame| messages(&frame).map(|message| row(py, &message)).collect()))
        })
    }

    fn lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let lines = detached(py, || {
                let frame = self.lock().next_frame()?;
                let (mut lines, mut writer) = (Vec::new(), LineWriter::default());
                frame.iter().flat_map(|frame| messages(frame)).for_each(|message| writer.write(&message, &mut lines));
                Ok::<_, std::io::Error>(lines)
            })?;
            Ok(PyBytes::new(py, &lines))
        })
    }

    fn ending(&self) -> PyResult<String> {
        guard(|| {
            let ending = self.lock().ending().clone();
            let damaged: Vec<_> = ending.damaged.iter().map(|place| (place.offset, place.bytes)).collect();
            Ok(json!({
                "messages": ending.messages, "is_whole": ending.is_whole(), "has_end": ending.has_end, "whole_to": ending.whole_to,
                "damaged": damaged, "damaged_places": ending.damaged_places, "missing": ending.missing, "lost": ending.lost,
                "begun_ns": ending.begun_ns, "ended_ns": ending.ended_ns,
            })
            .to_string())
        })
    }
}
