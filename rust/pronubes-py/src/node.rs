//! The class `Pipeline`: convert, call, convert.

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pronubes_pipeline::catalog::TextQuery;
use pronubes_pipeline::lines::LineFormat;
use pronubes_pipeline::sink::ConfirmError;
use pronubes_pipeline::tap::Side;
use pronubes_pipeline::{Pipeline as CorePipeline, view};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList};

use crate::args;
use crate::batch::Batch;
use crate::detach;
use crate::error::{guard, spec_failure, topic_error, unfit, unknown};
use crate::hook_result;
use crate::logs;
use crate::quarantine::QuarantineBatch;
use crate::tables::{TableRows, refused};
use crate::work::Work;

/// A part of what stateful steps remember, and where the next one begins.
type StatePortion<'py> = (Bound<'py, PyBytes>, Option<(usize, usize)>);

struct State {
    pipeline: CorePipeline,
    /// The chunk that came in last: its memory is used again.
    chunk: Vec<u8>,
    /// The earliest deadline that Python knows of.
    told_ns: i64,
}

/// All that lives between the sockets of a node.
#[pyclass(frozen, module = "pronubes._core")]
pub struct Pipeline {
    /// A lock, because Python may call from several threads and the pipeline is one machine. It is held for one call at a time and
    /// never while the interpreter is given away.
    state: Mutex<State>,
}

impl Pipeline {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a call and hands out what it left to do.
    fn run(&self, py: Python<'_>, call: impl FnOnce(&mut State) -> PyResult<()>) -> PyResult<Option<Work>> {
        guard(|| {
            let mut state = self.lock();
            call(&mut state)?;
            state.work(py)
        })
    }
}

fn no_catalog() -> PyErr {
    unknown("catalogue", "catalog")
}

impl State {
    fn work(&mut self, py: Python<'_>) -> PyResult<Option<Work>> {
        let mut writes = Vec::new();
        let notes = self.pipeline.work(|connection, bytes| writes.push((connection, PyBytes::new(py, bytes))));
        let deadline_ns = self.pipeline.next_deadline();
        let is_sooner = deadline_ns.is_some_and(|deadline| deadline < self.told_ns);
        if writes.is_empty() && notes.is_none() && !is_sooner {
            return Ok(None);
        }
        self.told_ns = deadline_ns.map_or(self.told_ns, |deadline| deadline.min(self.told_ns));
        let writes = PyList::new(py, writes)?.unbind();
        Ok(Some(Work { writes, deadline_ns, notes: notes.map(Box::new) }))
    }
}

#[pymethods]
impl Pipeline {
    #[new]
    #[pyo3(signature = (spec, node, *, now_ns))]
    fn new(py: Python<'_>, spec: &[u8], node: &[u8], now_ns: i64) -> PyResult<Self> {
        guard(|| {
            let built = detach::detached(py, || CorePipeline::with_logs(spec, node, Some(logs::opener()), now_ns));
            let pipeline = built.map_err(|errors| spec_failure(py, errors))?;
            Ok(Self { state: Mutex::new(State { pipeline, chunk: Vec::new(), told_ns: i64::MAX }) })
        })
    }

    fn connections(&self) -> PyResult<Vec<(u32, &'static str, String)>> {
        guard(|| {
            let side = |is_source: bool| if is_source { "source" } else { "sink" };
            let state = self.lock();
            let connections = state.pipeline.connections().into_iter();
            Ok(connections.map(|(number, is_source, name)| (number, side(is_source), name.to_owned())).collect())
        })
    }

    #[pyo3(signature = (connection, *, now_ns))]
    fn opened(&self, py: Python<'_>, connection: u32, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.opened(connection, now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (connection, buffer, size, *, now_ns))]
    fn received(
        &self,
        py: Python<'_>,
        connection: u32,
        buffer: &Bound<'_, PyAny>,
        size: usize,
        now_ns: i64,
    ) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            args::copy(py, buffer, size, &mut state.chunk)?;
            state.pipeline.received(connection, &state.chunk, now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (connection, *, now_ns))]
    fn closed(&self, py: Python<'_>, connection: u32, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.closed(connection, now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (connection, *, is_writable, now_ns))]
    fn writable(&self, py: Python<'_>, connection: u32, is_writable: bool, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.writable(connection, is_writable, now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (*, now_ns))]
    fn advance(&self, py: Python<'_>, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            // The timer has fired: Python knows of no deadline now.
            state.told_ns = i64::MAX;
            state.pipeline.advance(now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (source, topics, payloads, *, source_ns=None, qos=None, retain=None, position=None, now_ns))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn push(
        &self,
        py: Python<'_>,
        source: &str,
        topics: Vec<PyBackedStr>,
        payloads: Vec<PyBackedBytes>,
        source_ns: Option<Vec<Option<i64>>>,
        qos: Option<Vec<u8>>,
        retain: Option<Vec<bool>>,
        position: Option<u64>,
        now_ns: i64,
    ) -> PyResult<Option<Work>> {
        let circumstances = args::Circumstances { source_ns, qos, retain };
        circumstances.check(topics.len(), payloads.len())?;
        self.run(py, |state| {
            let inflow = state.pipeline.push(source, position, now_ns);
            let mut inflow = inflow.ok_or_else(|| unknown("batch source", source))?;
            for (row, (topic, payload)) in topics.iter().zip(&payloads).enumerate() {
                inflow.message_with(topic, payload, circumstances.of(row));
            }
            inflow.end();
            Ok(())
        })
    }

    #[pyo3(signature = (source, topics, values, *, qualities=None, statuses=None, units=None, origins=None, source_ns=None, position=None, now_ns))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn push_values(
        &self,
        py: Python<'_>,
        source: &str,
        topics: Vec<PyBackedStr>,
        values: Vec<args::Value>,
        qualities: Option<Vec<Option<PyBackedStr>>>,
        statuses: Option<Vec<Option<u32>>>,
        units: Option<Vec<Option<PyBackedStr>>>,
        origins: Option<Vec<Option<PyBackedStr>>>,
        source_ns: Option<Vec<Option<i64>>>,
        position: Option<u64>,
        now_ns: i64,
    ) -> PyResult<Option<Work>> {
        let readings = args::Readings { topics, values, qualities, statuses, units, origins, source_ns };
        readings.check()?;
        self.run(py, |state| {
            let inflow = state.pipeline.push(source, position, now_ns);
            let mut inflow = inflow.ok_or_else(|| unknown("batch source", source))?;
            readings.push(&mut inflow);
            inflow.end();
            Ok(())
        })
    }

    #[pyo3(signature = (source, lines, *, topic_field, payload_field, time_field, topic=None, position=None, now_ns))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn push_lines(
        &self,
        py: Python<'_>,
        source: &str,
        lines: &[u8],
        topic_field: Option<String>,
        payload_field: String,
        time_field: Option<String>,
        topic: Option<String>,
        position: Option<u64>,
        now_ns: i64,
    ) -> PyResult<Option<Work>> {
        let format = LineFormat { topic_field, payload_field, time_field, topic };
        self.run(py, |state| {
            let inflow = state.pipeline.push(source, position, now_ns);
            let mut inflow = inflow.ok_or_else(|| unknown("batch source", source))?;
            inflow.lines(lines, &format);
            inflow.end();
            Ok(())
        })
    }

    #[pyo3(signature = (sink, *, now_ns, force=false))]
    fn take(&self, sink: &str, now_ns: i64, force: bool) -> PyResult<Option<Batch>> {
        guard(|| {
            let batch = self.lock().pipeline.take(sink, now_ns, force);
            Ok(batch.ok_or_else(|| unknown("batch sink", sink))?.map(Batch::from))
        })
    }

    #[pyo3(signature = (sink, batch, *, refused=Vec::new(), retry=Vec::new(), now_ns), text_signature = "($self, sink, batch, *, refused=(), retry=(), now_ns)")]
    fn confirm(
        &self,
        py: Python<'_>,
        sink: &str,
        batch: u64,
        refused: Vec<(usize, String)>,
        retry: Vec<usize>,
        now_ns: i64,
    ) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.confirm(sink, batch, &refused, &retry, now_ns).map_err(|error| match error {
                ConfirmError::UnknownBatch => unknown("such sink or batch", format!("{sink} {batch}")),
                ConfirmError::InvalidRow => unfit("A row is named twice, or lies outside of the batch."),
            })
        })
    }

    fn hooks(&self) -> PyResult<Vec<(u32, String)>> {
        guard(|| Ok(self.lock().pipeline.hooks().into_iter().map(|(number, name)| (number, name.to_owned())).collect()))
    }

    fn take_hook(&self, hook: u32) -> PyResult<Option<Batch>> {
        guard(|| {
            let batch = self.lock().pipeline.take_hook(hook);
            Ok(batch.ok_or_else(|| unknown("hook", hook))?.map(Batch::from))
        })
    }

    #[pyo3(signature = (hook, batch, *, fields=Vec::new(), payloads=None, topics=None, keep=None, failed=Vec::new(), now_ns), text_signature = "($self, hook, batch, *, fields=(), payloads=None, topics=None, keep=None, failed=(), now_ns)")]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn hook_done(
        &self,
        py: Python<'_>,
        hook: u32,
        batch: u64,
        fields: Vec<Bound<'_, PyAny>>,
        payloads: Option<Bound<'_, PyAny>>,
        topics: Option<Bound<'_, PyAny>>,
        keep: Option<Bound<'_, PyAny>>,
        failed: hook_result::Failed,
        now_ns: i64,
    ) -> PyResult<Vec<(&'static str, usize, String)>> {
        // Before the lock is taken: reading arguments may run Python code.
        let parts = hook_result::Parts { fields: &fields, payloads, topics, keep, failed };
        let result = guard(|| Ok(hook_result::read(py, parts)))?;
        guard(|| {
            let mut state = self.lock();
            let refused = match result {
                Ok(result) => state.pipeline.hook_done(hook, batch, &result, now_ns),
                Err(detail) => {
                    let reason = pronubes_core::Reason::HookOutput;
                    state.pipeline.hook_failed(hook, batch, reason, &detail, now_ns)
                }
            };
            let refused = refused.ok_or_else(|| unknown("such hook or batch", format!("{hook} {batch}")))?;
            Ok(hook_result::told(refused))
        })
    }

    #[pyo3(signature = (hook, batch, *, reason, detail, now_ns))]
    fn hook_failed(&self, hook: u32, batch: u64, reason: &str, detail: &str, now_ns: i64) -> PyResult<()> {
        let reason = hook_result::reason(reason)?;
        guard(|| {
            let refused = self.lock().pipeline.hook_failed(hook, batch, reason, detail, now_ns);
            refused.map(drop).ok_or_else(|| unknown("such hook or batch", format!("{hook} {batch}")))
        })
    }

    fn wake_fds(&self) -> PyResult<Vec<i32>> {
        guard(|| Ok(self.lock().pipeline.wake_fds().map(|descriptor| descriptor.as_raw_fd()).collect()))
    }

    #[pyo3(signature = (*, now_ns))]
    fn close(&self, py: Python<'_>, now_ns: i64) -> PyResult<()> {
        guard(|| {
            let logs = self.lock().pipeline.leave_logs(now_ns);
            detach::detached(py, || logs.close());
            Ok(())
        })
    }

    #[pyo3(signature = (*, now_ns))]
    fn work(&self, py: Python<'_>, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.tell_time(now_ns);
            Ok(())
        })
    }

    fn take_quarantine(&self) -> PyResult<Option<QuarantineBatch>> {
        guard(|| Ok(self.lock().pipeline.take_quarantine().map(QuarantineBatch::from)))
    }

    #[pyo3(signature = (records, *, now_ns))]
    fn replay(&self, records: Vec<args::QuarantinedRecord>, now_ns: i64) -> PyResult<Vec<&'static str>> {
        guard(|| {
            let mut state = self.lock();
            Ok(records.iter().map(|record| state.pipeline.replay(&record.as_replay(), now_ns).code()).collect())
        })
    }

    fn matched(&self) -> PyResult<HashMap<String, u64>> {
        guard(|| {
            let matched = self.lock().pipeline.matched();
            Ok(matched.into_iter().map(|(name, count)| (name.into_string(), count)).collect())
        })
    }

    #[pyo3(signature = (batch, *, now_ns))]
    fn confirm_quarantine(&self, py: Python<'_>, batch: u64, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            let is_known = state.pipeline.confirm_quarantine(batch, now_ns);
            is_known.then_some(()).ok_or_else(|| unknown("quarantine batch", batch))
        })
    }

    fn retry_quarantine(&self, batch: u64) -> PyResult<()> {
        guard(|| {
            self.lock().pipeline.retry_quarantine(batch).then_some(()).ok_or_else(|| unknown("quarantine batch", batch))
        })
    }

    #[pyo3(signature = (sink, since, *, limit))]
    fn changes<'py>(&self, py: Python<'py>, sink: &str, since: u64, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let mut state = self.lock();
            let latest = state.pipeline.latest(sink).ok_or_else(|| unknown("latest sink", sink))?;
            Ok(PyBytes::new(py, &view::changes(latest, since, limit)))
        })
    }

    #[pyo3(signature = (sink, topic, *, points))]
    fn watch(&self, sink: &str, topic: &str, points: usize) -> PyResult<()> {
        guard(|| {
            let mut state = self.lock();
            let latest = state.pipeline.latest(sink).ok_or_else(|| unknown("latest sink", sink))?;
            latest.watch(topic, points);
            Ok(())
        })
    }

    #[pyo3(signature = (sink, topic, *, since_ns))]
    fn points<'py>(&self, py: Python<'py>, sink: &str, topic: &str, since_ns: i64) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let mut state = self.lock();
            let latest = state.pipeline.latest(sink).ok_or_else(|| unknown("latest sink", sink))?;
            Ok(PyBytes::new(py, &view::points(latest, topic, since_ns)))
        })
    }

    #[pyo3(signature = (*, filter=None, search=None, after=None, limit, now_ns))]
    fn catalog_page<'py>(
        &self,
        py: Python<'py>,
        filter: Option<&str>,
        search: Option<&str>,
        after: Option<&str>,
        limit: usize,
        now_ns: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let query = TextQuery { filter, search, after, limit };
            let page = self.lock().pipeline.catalog_page(&query, now_ns).map_err(|error| topic_error(py, &error))?;
            Ok(PyBytes::new(py, &page.ok_or_else(no_catalog)?))
        })
    }

    #[pyo3(signature = (prefix=None, *, after=None, limit))]
    fn catalog_children<'py>(
        &self,
        py: Python<'py>,
        prefix: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let children = self.lock().pipeline.catalog_children(prefix, after, limit);
            Ok(PyBytes::new(py, &children.ok_or_else(no_catalog)?))
        })
    }

    #[pyo3(signature = (topic, *, now_ns))]
    fn catalog_get<'py>(&self, py: Python<'py>, topic: &str, now_ns: i64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        guard(|| {
            let found = self.lock().pipeline.catalog_get(topic, now_ns).ok_or_else(no_catalog)?;
            Ok(found.map(|view| PyBytes::new(py, &view)))
        })
    }

    #[pyo3(signature = (since, *, limit, now_ns))]
    fn catalog_changes<'py>(
        &self,
        py: Python<'py>,
        since: u64,
        limit: usize,
        now_ns: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let changes = self.lock().pipeline.catalog_changes(since, limit, now_ns);
            Ok(PyBytes::new(py, &changes.ok_or_else(no_catalog)?))
        })
    }

    #[pyo3(signature = (filter, *, queue_bytes, is_input=false))]
    fn open_tap(&self, py: Python<'_>, filter: &str, queue_bytes: usize, is_input: bool) -> PyResult<u64> {
        let side = if is_input { Side::In } else { Side::Out };
        guard(|| self.lock().pipeline.open_tap(filter, side, queue_bytes).map_err(|error| topic_error(py, &error)))
    }

    fn tap_dropped(&self, tap: u64) -> PyResult<u64> {
        guard(|| self.lock().pipeline.tap_dropped(tap).ok_or_else(|| unknown("tap", tap)))
    }

    fn take_tap(&self, tap: u64) -> PyResult<Option<Batch>> {
        guard(|| Ok(self.lock().pipeline.take_tap(tap).ok_or_else(|| unknown("tap", tap))?.map(Batch::from)))
    }

    fn close_tap(&self, tap: u64) -> PyResult<u64> {
        guard(|| self.lock().pipeline.close_tap(tap).ok_or_else(|| unknown("tap", tap)))
    }

    fn has_state(&self) -> PyResult<bool> {
        guard(|| Ok(self.lock().pipeline.has_state()))
    }

    fn save_state<'py>(&self, py: Python<'py>, at: (usize, usize), limit: usize) -> PyResult<StatePortion<'py>> {
        guard(|| {
            let mut portion = Vec::new();
            let next = self.lock().pipeline.save_state(at, limit, &mut portion);
            Ok((PyBytes::new(py, &portion), next))
        })
    }

    fn restore_state(&self, portion: &[u8]) -> PyResult<(usize, usize)> {
        guard(|| {
            let restored = self.lock().pipeline.restore_state(portion);
            Ok((restored.keys, restored.refused))
        })
    }

    #[pyo3(signature = (*, now_ns))]
    fn status<'py>(&self, py: Python<'py>, now_ns: i64) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &args::json(&self.lock().pipeline.status(now_ns))?)))
    }

    fn set_table(&self, name: &str, rows: &TableRows) -> PyResult<()> {
        guard(|| {
            let set = self.lock().pipeline.set_table(name, Arc::clone(&rows.rows));
            set.map_err(|error| refused(&error))
        })
    }

    fn cover(&self) -> PyResult<()> {
        guard(|| {
            self.lock().pipeline.cover();
            Ok(())
        })
    }

    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        guard(|| self.lock().pipeline.coverage().map(|found| Ok(PyBytes::new(py, &args::json(found)?))).transpose())
    }

    fn contracts_report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| Ok(PyBytes::new(py, &args::json(&self.lock().pipeline.contracts_report())?)))
    }

    #[pyo3(signature = (spec, node, *, now_ns))]
    fn swap(&self, py: Python<'_>, spec: &[u8], node: &[u8], now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| state.pipeline.swap(spec, node, now_ns).map_err(|errors| spec_failure(py, errors)))
    }

    #[pyo3(signature = (*, now_ns))]
    fn stop_sources(&self, py: Python<'_>, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.stop_sources(now_ns);
            Ok(())
        })
    }

    #[pyo3(signature = (*, now_ns))]
    fn disconnect(&self, py: Python<'_>, now_ns: i64) -> PyResult<Option<Work>> {
        self.run(py, |state| {
            state.pipeline.disconnect(now_ns);
            Ok(())
        })
    }

    fn drained(&self) -> PyResult<bool> {
        guard(|| Ok(self.lock().pipeline.drained()))
    }
}
