//! `Router`: the compiled routes without any I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pronubes_core::contract::reports;
use pronubes_core::topic::validate_topic;
use pronubes_core::{
    Emission, Explanation, HookCall, Message, Meta, Outlet, Plan, Quarantined, Reason, RouteId, Routed, Router,
    SourceId,
};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Map, Value, json};

use crate::detach::detached;
use crate::error::{InternalError, guard, spec_failure};
use crate::outcome::PyOutcome;
use crate::specification::compile;
use crate::tables::{TableRows, refused};

/// The compiled routes without any I/O.
#[pyclass(frozen, name = "Router", module = "pronubes._core")]
pub struct PyRouter {
    plan: Arc<Plan>,
    /// The router uses its buffers again for each message, so one caller at a time; calls are short.
    state: Mutex<State>,
}

struct State {
    router: Router,
    /// Messages per source whose topic is none: they never reach the router.
    invalid: Vec<u64>,
}

/// The index of what leaves because time has come.
const TIMED: i64 = -1;
/// Keys that let go at once.
const KEYS_AT_ONCE: usize = 4_096;

impl PyRouter {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves scratch buffers behind, which the next message clears.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self, name: &str) -> PyResult<SourceId> {
        self.plan.source(name).ok_or_else(|| PyKeyError::new_err(format!("There is no source `{name}`.")))
    }
}

#[pymethods]
impl PyRouter {
    #[staticmethod]
    fn from_spec(py: Python<'_>, spec: &[u8]) -> PyResult<Self> {
        guard(|| {
            let plan = detached(py, || compile(spec)).map_err(|errors| spec_failure(py, errors))?;
            let plan = Arc::new(plan);
            let state = State { router: Router::new(Arc::clone(&plan)), invalid: vec![0; plan.sources().len()] };
            Ok(Self { plan, state: Mutex::new(state) })
        })
    }

    #[pyo3(signature = (source, messages, *, now_ns))]
    fn route(&self, source: &str, messages: Vec<(String, Vec<u8>)>, now_ns: i64) -> PyResult<Vec<PyOutcome>> {
        guard(|| {
            let source = self.source(source)?;
            let mut outcomes = Vec::with_capacity(messages.len());
            let mut state = self.lock();
            for (index, (topic, payload)) in (0..).zip(&messages) {
                let meta = Meta { received_ns: now_ns, ..Meta::default() };
                let message = Message { source, topic, payload, meta };
                state.route(&mut Collected { plan: &self.plan, index, message, outcomes: &mut outcomes });
            }
            Ok(outcomes)
        })
    }

    fn set_table(&self, name: &str, rows: &TableRows) -> PyResult<()> {
        guard(|| self.lock().router.set_table(name, Arc::clone(&rows.rows)).map_err(|error| refused(&error)))
    }

    #[pyo3(signature = (*, now_ns))]
    fn advance(&self, now_ns: i64) -> PyResult<Vec<PyOutcome>> {
        guard(|| {
            let mut outcomes = Vec::new();
            let message = Message { source: SourceId(0), topic: "", payload: b"", meta: Meta::default() };
            let mut collected = Collected { plan: &self.plan, index: TIMED, message, outcomes: &mut outcomes };
            while self.lock().router.advance(now_ns, KEYS_AT_ONCE, &mut collected) {}
            Ok(outcomes)
        })
    }

    fn next_deadline(&self) -> PyResult<Option<i64>> {
        guard(|| Ok(self.lock().router.next_deadline()))
    }

    #[pyo3(signature = (source, topic, payload, *, now_ns, source_ns=None, qos=0, retain=false))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        source: &str,
        topic: &str,
        payload: &[u8],
        now_ns: i64,
        source_ns: Option<i64>,
        qos: u8,
        retain: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| {
            let id = self.source(source)?;
            let explanation = if validate_topic(topic).is_ok() {
                let meta = Meta { qos, retain, received_ns: now_ns, source_ns };
                self.lock().router.explain(&Message { source: id, topic, payload, meta })
            } else {
                Explanation {
                    source: source.to_owned(),
                    topic: topic.to_owned(),
                    payload: String::from_utf8_lossy(payload).into_owned(),
                    rejected: Some(Reason::InvalidTopic.code()),
                    ..Explanation::default()
                }
            };
            let text = serde_json::to_vec(&explanation).map_err(|error| InternalError::new_err(error.to_string()))?;
            Ok(PyBytes::new(py, &text))
        })
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        guard(|| to_bytes(py, &self.lock().stats(&self.plan)))
    }
}

impl State {
    fn route(&mut self, collected: &mut Collected<'_>) {
        let message = collected.message;
        let routed = if validate_topic(message.topic).is_ok() {
            self.router.route(&message, collected)
        } else {
            self.invalid[usize::from(message.source.0)] += 1;
            Routed::Rejected(Reason::InvalidTopic)
        };
        collected.finish(routed);
    }

    fn stats(&self, plan: &Plan) -> Value {
        let stats = self.router.stats();
        let sources = plan.sources().iter().zip(&stats.sources).zip(&self.invalid).map(|((name, ledger), invalid)| {
            json!({"name": name, "received": ledger.received + invalid, "matched": ledger.matched,
                "unrouted": ledger.unrouted, "rejected": ledger.rejected + invalid})
        });
        let routes = (0..).map(RouteId).zip(&stats.routes).map(|(id, ledger)| {
            let reasons: Map<String, Value> =
                ledger.reasons.iter().map(|(reason, count)| (reason.code().to_owned(), (*count).into())).collect();
            json!({"name": plan.route_name(id), "matched": ledger.matched, "forked": ledger.forked,
                "passed": ledger.passed, "filtered": ledger.filtered, "absorbed": ledger.absorbed, "in_hooks": ledger.in_hooks,
                "quarantined": ledger.quarantined, "rejected": ledger.rejected, "reasons": reasons})
        });
        let sinks =
            plan.sinks().iter().zip(&stats.emitted).map(|(name, emitted)| json!({"name": name, "emitted": emitted}));
        let topics = self.router.topics();
        let [pass, edit, general] = plan.stage_counts();
        json!({
            "balanced": stats.is_balanced(),
            "sources": sources.collect::<Vec<_>>(),
            "routes": routes.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
            "contracts": reports(plan, stats),
            "states": self.router.states().map(|state| json!({
                "route": plan.route_name(state.route), "step": state.identity, "keys": state.keys,
                "max_keys": state.max_keys, "bytes": state.bytes, "refused": state.refused,
            })).collect::<Vec<_>>(),
            "tables": self.router.tables().map(|table| json!({
                "name": table.name, "rows": table.rows, "hits": table.hits, "misses": table.misses,
            })).collect::<Vec<_>>(),
            "topics": {"known": topics.len(), "untracked": topics.untracked(), "bytes": topics.memory_bytes()},
            "stages": {"pass": pass, "edit": edit, "general": general},
        })
    }
}

fn to_bytes<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyBytes>> {
    let text = serde_json::to_vec(value).map_err(|error| InternalError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &text))
}

/// Collects the outcomes of one message.
struct Collected<'a> {
    plan: &'a Plan,
    index: i64,
    message: Message<'a>,
    outcomes: &'a mut Vec<PyOutcome>,
}

impl Collected<'_> {
    fn route_name(&self, route: RouteId) -> String {
        self.plan.route_name(route).to_owned()
    }

    fn finish(&mut self, routed: Routed) {
        let (kind, reason) = match routed {
            Routed::Taken => return,
            Routed::Unrouted => ("unrouted", None),
            Routed::Rejected(reason) => ("rejected", Some(reason)),
        };
        self.outcomes.push(PyOutcome { reason: reason.map(Reason::code), ..self.outcome(kind) });
    }

    /// An outcome that has the message as it came.
    fn outcome(&self, kind: &'static str) -> PyOutcome {
        PyOutcome::new(kind, self.index, self.message.topic, self.message.payload)
    }
}

impl Outlet for Collected<'_> {
    fn emit(&mut self, emission: &Emission<'_>) {
        let topic = String::from_utf8_lossy(emission.topic);
        self.outcomes.push(PyOutcome {
            route: Some(self.route_name(emission.route)),
            sink: self.plan.sinks().get(usize::from(emission.sink.0)).map(ToString::to_string),
            qos: emission.qos.unwrap_or_default(),
            retain: emission.retain,
            ..PyOutcome::new("emitted", self.index, &topic, emission.payload)
        });
    }

    fn hook(&mut self, call: &HookCall<'_>) {
        self.outcomes.push(PyOutcome {
            route: Some(self.route_name(call.route)),
            step: Some(call.step),
            hook: self.plan.hooks().get(usize::from(call.hook.0)).map(ToString::to_string),
            ..PyOutcome::new("hook", self.index, call.new_topic.unwrap_or(call.topic), call.payload)
        });
    }

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        let Message { topic, payload, .. } = fault.message;
        self.outcomes.push(PyOutcome {
            route: Some(self.route_name(fault.route)),
            step: fault.step,
            reason: Some(fault.reason.code()),
            detail: (!fault.detail.is_empty()).then(|| fault.detail.to_owned()),
            ..PyOutcome::new("quarantined", self.index, topic, payload)
        });
    }

    fn reject(&mut self, fault: &Quarantined<'_>) {
        self.outcomes.push(PyOutcome {
            route: Some(self.route_name(fault.route)),
            reason: Some(fault.reason.code()),
            detail: (!fault.detail.is_empty()).then(|| fault.detail.to_owned()),
            ..self.outcome("rejected")
        });
    }

    fn absorbed(&mut self, route: RouteId) {
        self.outcomes.push(PyOutcome { route: Some(self.route_name(route)), ..self.outcome("absorbed") });
    }

    fn filtered(&mut self, route: RouteId) {
        self.outcomes.push(PyOutcome { route: Some(self.route_name(route)), ..self.outcome("filtered") });
    }
}
