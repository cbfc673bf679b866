//! A log's folder, looked at without changing it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pronubes_log::Frame;
use pronubes_log::fs::RealFs;
use pronubes_log::view::{Backlog, Piece, View};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};

use crate::detach::detached;
use crate::error::guard;

type Sink = (String, String, u8, bool, bool);
type Record<'py> = (u64, String, String, i64, Option<i64>, Bound<'py, PyBytes>, Vec<Sink>);

/// The folder of a log, read without changing it.
#[pyclass(frozen, module = "pronubes._core")]
pub struct LogReader {
    view: View,
    names: Vec<Option<String>>,
    /// Where reading has come to; a lock because Python may call from several threads.
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    selection: Selection,
    segment: usize,
    rows: VecDeque<Row>,
    missing: u64,
}

#[derive(Clone, Default)]
struct Selection {
    sink: Option<String>,
    since_ns: Option<i64>,
    until_ns: Option<i64>,
    is_pending: bool,
}

struct Row {
    seq: u64,
    route: String,
    source: String,
    received_ns: i64,
    source_ns: Option<i64>,
    payload: Vec<u8>,
    sinks: Vec<Sink>,
}

impl LogReader {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inspected(&self) -> std::io::Result<Value> {
        let mut backlogs = vec![Backlog::default(); self.names.len()];
        let segments = (0..self.view.segments()).map(|index| self.view.summary(index, &mut backlogs));
        let segments = segments.collect::<Result<Vec<_>, _>>()?;
        let consumers = self.view.consumers().zip(backlogs).filter_map(|((name, position), backlog)| {
            let pending: Vec<_> = position.pending.iter().map(|range| (range.start, range.end)).collect();
            Some(json!({"name": name?, "next": position.next, "pending": pending, "backlog": backlog}))
        });
        let uuid = format!("{:016x}", self.view.log());
        let consumers: Vec<Value> = consumers.collect();
        Ok(json!({"uuid": uuid, "version": self.view.version(), "segments": segments, "consumers": consumers}))
    }

    fn verified(&self) -> std::io::Result<Value> {
        let (mut records, mut frames, mut bytes, mut unfinished, mut damage) = (0, 0_u64, 0, 0, Vec::new());
        for index in 0..self.view.segments() {
            for piece in self.view.read(index)? {
                match piece {
                    Piece::Frame(frame) => {
                        (records, frames) = (records + frame.end() - frame.first(), frames + 1);
                        bytes += frame.stored_size();
                    }
                    Piece::Damage(found) => damage.push(found),
                    Piece::Unfinished(count) => unfinished += count,
                }
            }
        }
        let segments = self.view.segments();
        Ok(
            json!({"records": records, "frames": frames, "segments": segments, "bytes": bytes, "unfinished": unfinished, "damage": damage}),
        )
    }

    /// The next rows that are selected, at most so many.
    fn next_rows(&self, count: usize) -> std::io::Result<Vec<Row>> {
        let mut progress = self.progress();
        while progress.rows.len() < count && progress.segment < self.view.segments() {
            for piece in self.view.read(progress.segment)? {
                match piece {
                    Piece::Frame(frame) => {
                        let rows = self.rows(&frame, &progress.selection);
                        progress.rows.extend(rows);
                    }
                    Piece::Damage(damage) => progress.missing += damage.first.map_or(0, |first| damage.end - first),
                    Piece::Unfinished(_) => {}
                }
            }
            progress.segment += 1;
        }
        let end = count.min(progress.rows.len());
        Ok(progress.rows.drain(..end).collect())
    }

    fn rows(&self, frame: &Frame, selection: &Selection) -> Vec<Row> {
        let name =
            |names: &[Box<str>], at: u16| names.get(usize::from(at)).map(ToString::to_string).unwrap_or_default();
        let is_in_time = |ns: i64| {
            selection.since_ns.is_none_or(|since| ns >= since) && selection.until_ns.is_none_or(|end| ns < end)
        };
        let records = frame.records().filter(|record| is_in_time(record.received_ns));
        let rows = records.map(|record| {
            let sink = |target: pronubes_log::Target<'_>| {
                let sink = self.names.get(usize::from(target.consumer)).cloned().flatten()?;
                let is_pending = self.view.is_pending(target.consumer, record.seq);
                let is_meant = selection.sink.as_ref().is_none_or(|wanted| *wanted == sink);
                let topic = String::from_utf8_lossy(target.topic).into_owned();
                is_meant.then_some((sink, topic, target.qos, target.retain, is_pending))
            };
            Row {
                seq: record.seq,
                route: name(frame.routes(), record.route),
                source: name(frame.sources(), record.source),
                received_ns: record.received_ns,
                source_ns: record.source_ns,
                payload: record.payload.to_vec(),
                sinks: record.targets().filter_map(sink).collect(),
            }
        });
        let has_sink = |row: &Row| selection.sink.is_none() || !row.sinks.is_empty();
        let is_owed = |row: &Row| !selection.is_pending || row.sinks.iter().any(|sink| sink.4);
        rows.filter(|row| has_sink(row) && is_owed(row)).collect()
    }
}

#[pymethods]
impl LogReader {
    #[new]
    fn new(py: Python<'_>, folder: &str) -> PyResult<Self> {
        guard(|| {
            let view = detached(py, || View::open(Arc::new(RealFs), Path::new(folder)))?;
            let names = view.consumers().map(|(name, _)| name.map(str::to_owned)).collect();
            Ok(Self { view, names, progress: Mutex::default() })
        })
    }

    fn consumers(&self) -> Vec<String> {
        self.names.iter().flatten().cloned().collect()
    }

    fn inspect(&self, py: Python<'_>) -> PyResult<String> {
        guard(|| Ok(detached(py, || self.inspected())?.to_string()))
    }

    fn verify(&self, py: Python<'_>) -> PyResult<String> {
        guard(|| Ok(detached(py, || self.verified())?.to_string()))
    }

    #[pyo3(signature = (*, sink=None, since_ns=None, until_ns=None, pending=false))]
    fn select(&self, sink: Option<String>, since_ns: Option<i64>, until_ns: Option<i64>, pending: bool) {
        let selection = Selection { sink, since_ns, until_ns, is_pending: pending };
        *self.progress() = Progress { selection, ..Progress::default() };
    }

    fn read<'py>(&self, py: Python<'py>, count: usize) -> PyResult<Vec<Record<'py>>> {
        guard(|| {
            let rows = detached(py, || self.next_rows(count))?;
            let record = |row: Row| {
                let payload = PyBytes::new(py, &row.payload);
                (row.seq, row.route, row.source, row.received_ns, row.source_ns, payload, row.sinks)
            };
            Ok(rows.into_iter().map(record).collect())
        })
    }

    #[getter]
    fn missing(&self) -> u64 {
        self.progress().missing
    }
}
