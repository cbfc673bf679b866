//! Building a node from its blueprint, and changing it while it runs.
//!
//! Both are the same act: [`Pipeline::apply`] keeps what has the same name and kind (sessions, queues, tokens), makes what is new
//! and retires what is not wanted any more. Slots are never used twice, so that what is queued always finds its source. Rows that wait
//! in a hook belong to the plan that sent them there; that plan's router stays until they are back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pronubes_core::contract::{ContractReport, reports};
use pronubes_core::{RouteStats, Router, SourceId, SourceStats, SpecError};
use pronubes_mqtt::Session;

use crate::backlog::save_positions;
use crate::blueprint::{Blueprint, SinkPlan, SourcePlan};
use crate::floor::{Floor, Hook, Sink, SinkKind, Wiring};
use crate::hooks::HookQueue;
use crate::lane::{Lane, Track};
use crate::logs::{Logs, Opener};
use crate::names::Names;
use crate::node::{self, Delivery};
use crate::notes::Notes;
use crate::pipeline::{Connection, Pipeline, Port, unsigned};
use crate::quarantine::Quarantine;
use crate::queue::{Gate, Policy, SegmentLimits};
use crate::settle::{Settle, ring};
use crate::sink::{BatchSink, LatestSink, MqttSink};
use crate::source::{Source, SourceKind};
use crate::tap::Taps;

/// A plan whose rows are still in hooks.
pub(crate) struct Retired {
    pub(crate) router: Router,
    pub(crate) wiring: Wiring,
    pub(crate) generation: u32,
}

/// Ledgers of plans that are gone, by name, so that a reload does not start counting anew.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) sources: HashMap<Box<str>, SourceStats>,
    pub(crate) routes: HashMap<Box<str>, RouteStats>,
    pub(crate) contracts: BTreeMap<String, ContractReport>,
}

const RECONFIGURED: &str = "The configuration of this connection has changed.";

/// Slots are 16-bit numbers; a node that was reloaded this often has to be started anew.
const MAX_SLOTS: usize = ring::MAX_SLOTS - 1_000;

impl Carried {
    /// Adds the ledgers of a router.
    pub(crate) fn add(&mut self, router: &Router) {
        let plan = router.plan();
        for (name, stats) in plan.sources().iter().zip(&router.stats().sources) {
            add_source(self.sources.entry(name.clone()).or_default(), stats);
        }
        for (number, stats) in router.stats().routes.iter().enumerate() {
            let name = plan.route_name(pronubes_core::RouteId(number as u32));
            add_route(self.routes.entry(name.into()).or_default(), stats);
        }
    }

    /// Adds what the contracts of a router found that is not older than those before it.
    pub(crate) fn add_contracts(&mut self, router: &Router) {
        for mut report in reports(router.plan(), router.stats()) {
            if let Some(earlier) = self.contracts.get(&report.contract) {
                report.add_earlier(earlier);
            }
            self.contracts.insert(report.contract.clone(), report);
        }
    }
}

pub(crate) fn add_source(sum: &mut SourceStats, stats: &SourceStats) {
    sum.received += stats.received;
    sum.matched += stats.matched;
    sum.unrouted += stats.unrouted;
    sum.rejected += stats.rejected;
}

pub(crate) fn add_route(sum: &mut RouteStats, stats: &RouteStats) {
    sum.matched += stats.matched;
    sum.forked += stats.forked;
    sum.passed += stats.passed;
    sum.filtered += stats.filtered;
    sum.absorbed += stats.absorbed;
    sum.in_hooks += stats.in_hooks;
    sum.quarantined += stats.quarantined;
    sum.rejected += stats.rejected;
    for (reason, count) in &stats.reasons {
        match sum.reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, sum)) => *sum += count,
            None => sum.reasons.push((*reason, *count)),
        }
    }
}

impl Pipeline {
    /// A node from a specification and a node description (JSON both). [`Pipeline::connections`] names what to connect.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(spec: &[u8], node: &[u8], now_ns: i64) -> Result<Self, Vec<SpecError>> {
        Self::with_logs(spec, node, None, now_ns)
    }

    /// The same, with somebody who opens the logs that the node description asks for.
    ///
    /// # Errors
    /// Everything that is wrong with them, or a log that cannot be opened.
    pub fn with_logs(spec: &[u8], node: &[u8], opener: Option<Opener>, now_ns: i64) -> Result<Self, Vec<SpecError>> {
        let blueprint = Blueprint::read(spec, node)?;
        let names = Arc::new(Names::default());
        let quarantine = Quarantine::new(blueprint.node.quarantine_bytes, Arc::clone(&names));
        let (settle, taps) = (Settle::default(), Taps::default());
        let mut pipeline = Self {
            router: Router::new(Arc::clone(&blueprint.plan)),
            wiring: Wiring::default(),
            floor: Floor {
                settle,
                sinks: Vec::new(),
                hooks: Vec::new(),
                quarantine,
                taps,
                names: Arc::clone(&names),
                logs: Logs::default(),
            },
            sources: Vec::new(),
            connections: Vec::new(),
            notes: Notes::default(),
            retired: Vec::new(),
            carried: Carried::default(),
            generation: 0,
            hook_gate: Gate::new(blueprint.node.hook_bytes),
            now_ns,
            lost_holds: 0,
            has_more: false,
            opener,
            replay_due_ns: None,
            states_wait_ns: i64::MIN,
            has_positions: false,
            positions_ns: now_ns,
        };
        pipeline.open_logs(&blueprint.node)?;
        pipeline.apply(blueprint);
        Ok(pipeline)
    }

    /// Takes a new specification. Sources and sinks of the same name and kind keep their sessions, queues and tokens; removed ones
    /// drain and then go.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing has changed then.
    pub fn swap(&mut self, spec: &[u8], node: &[u8], now_ns: i64) -> Result<(), Vec<SpecError>> {
        let blueprint = Blueprint::read(spec, node)?;
        let slots = [self.sources.len(), self.floor.sinks.len(), self.floor.hooks.len()];
        if slots.into_iter().any(|used| used > MAX_SLOTS) {
            return Err(vec![SpecError::new("This node was reloaded too often: start it anew.")]);
        }
        if self.floor.logs.differs(&blueprint.node) {
            let sentence = "What `log` and `spill` say changes only when the node is started anew.";
            return Err(vec![SpecError::new(sentence)]);
        }
        self.now_ns = now_ns;
        self.open_logs(&blueprint.node)?;
        self.generation += 1;
        let mut router = std::mem::replace(&mut self.router, Router::new(Arc::clone(&blueprint.plan)));
        self.router.inherit(&mut router);
        let wiring = std::mem::take(&mut self.wiring);
        self.retired.push(Retired { router, wiring, generation: self.generation - 1 });
        self.apply(blueprint);
        Ok(())
    }

    fn open_logs(&mut self, node: &node::NodeSpec) -> Result<(), Vec<SpecError>> {
        let Floor { logs, names, .. } = &mut self.floor;
        let opened = logs.open(node, self.opener.as_mut(), names, self.now_ns);
        opened.map_err(|sentence| vec![SpecError::new(sentence)])
    }

    fn apply(&mut self, blueprint: Blueprint) {
        let Blueprint { sources, sinks, deliveries, node, .. } = &blueprint;
        self.wiring.deliveries.clone_from(deliveries);
        for sink in &mut self.floor.sinks {
            sink.is_retired = true;
        }
        self.wiring.sinks = sinks.iter().map(|plan| self.place_sink(plan)).collect();
        for (plan, slot) in sinks.iter().zip(&self.wiring.sinks) {
            place_lane(&mut self.floor, usize::from(*slot), plan);
        }
        for source in &mut self.sources {
            source.id = None;
        }
        self.wiring.sources.clear();
        for (number, plan) in sources.iter().enumerate() {
            self.place_source(SourceId(number as u16), plan);
        }
        let names = blueprint.names(self.sources.iter().map(|source| source.name.clone()).collect());
        self.rename(&names);
        self.hook_gate = Gate::new(node.hook_bytes);
        let first = self.floor.hooks.len();
        for name in blueprint.plan.hooks() {
            let queue = HookQueue::new(node.hook_rows, &names);
            self.floor.hooks.push(Hook { name: name.clone(), generation: self.generation, queue, is_gone: false });
        }
        self.wiring.hooks = (first..self.floor.hooks.len()).map(|slot| slot as u16).collect();
        self.floor.quarantine.reconfigure(node.quarantine_bytes, &names);
    }

    fn rename(&mut self, names: &Arc<Names>) {
        self.floor.names = Arc::clone(names);
        self.floor.taps.rename(names);
        self.floor.logs.rename(names);
        for sink in &mut self.floor.sinks {
            match &mut sink.kind {
                SinkKind::Mqtt { sink, .. } => sink.rename(names),
                SinkKind::Batch(sink) => sink.rename(names),
                SinkKind::Latest(_) => {}
            }
        }
    }

    fn connect(&mut self, port: Port) -> u32 {
        let number = self.connections.len() as u32;
        self.connections.push(Connection { port, is_open: false, is_wanted: true });
        number
    }

    fn place_sink(&mut self, plan: &SinkPlan) -> u16 {
        let found =
            self.floor.sinks.iter_mut().position(|sink| sink.is_retired && !sink.is_gone && is_same(sink, plan));
        if let Some(slot) = found {
            self.keep_sink(slot, plan);
            return slot as u16;
        }
        let slot = self.floor.sinks.len() as u16;
        let spec = &plan.spec;
        let names = Arc::clone(&self.floor.names);
        let kind = match &plan.session {
            Some(config) => {
                let connection = self.connect(Port::Sink(slot));
                let sink = Box::new(MqttSink::new(Session::new(config.clone()), spec.policy, spec.queue_bytes, &names));
                SinkKind::Mqtt { sink, connection }
            }
            None if spec.kind == node::SinkKind::Latest => {
                SinkKind::Latest(Box::new(LatestSink::new(spec.latest_bytes)))
            }
            None => {
                let limits = SegmentLimits { rows: spec.batch_rows.max(1), bytes: spec.batch_bytes.max(1) };
                SinkKind::Batch(Box::new(BatchSink::new(
                    spec.policy,
                    spec.queue_bytes,
                    limits,
                    linger_ns(plan),
                    &names,
                )))
            }
        };
        self.floor.sinks.push(Sink {
            name: spec.name.as_str().into(),
            kind,
            mqtt: spec.mqtt.clone(),
            qos: spec.qos,
            is_retired: false,
            is_full: false,
            is_overfull: false,
            is_gone: false,
            lane: Lane::default(),
            queue_limit: spec.queue_bytes,
        });
        slot
    }

    /// A sink of the same name and kind: another session only when it has to connect in another way. There is never a second session
    /// beside the old one, which would break the order of topics, and two with one client id throw each other out.
    fn keep_sink(&mut self, slot: usize, plan: &SinkPlan) {
        let Self { floor, notes, now_ns, .. } = self;
        let Floor { sinks, settle, names, .. } = floor;
        let place = &mut sinks[slot];
        reconfigure(place, plan);
        let (SinkKind::Mqtt { sink, connection }, Some(config)) = (&mut place.kind, &plan.session) else { return };
        if place.mqtt == plan.spec.mqtt {
            return;
        }
        place.mqtt.clone_from(&plan.spec.mqtt);
        sink.replace_session(Session::new(config.clone()), names, *now_ns, settle);
        notes.close(*connection, "reconfigured", RECONFIGURED.to_owned(), true);
    }

    fn place_source(&mut self, id: SourceId, plan: &SourcePlan) {
        let is_same = |source: &Source| {
            let is_kind = matches!(source.kind, SourceKind::Mqtt { .. }) == plan.session.is_some();
            !source.is_gone && *source.name == *plan.spec.name && is_kind
        };
        let slot = match self.sources.iter().position(is_same) {
            Some(slot) => {
                self.keep_source(slot, plan);
                slot
            }
            None => self.add_source(plan),
        };
        let feeds = plan.feeds.iter().filter_map(|sink| self.wiring.sinks.get(*sink).copied()).collect();
        let delivery = plan.spec.default_delivery();
        self.wiring.sources.push((slot as u16, delivery));
        let source = &mut self.sources[slot];
        source.id = Some(id);
        source.delivery = delivery;
        source.unacked = plan.spec.unacked.max(1);
        source.feeds = feeds;
        source.feeds_hooks = plan.feeds_hooks;
        source.feeds_log = plan.feeds_log;
        source.mqtt.clone_from(&plan.spec.mqtt);
        if let SourceKind::Mqtt { is_bounded, .. } = &mut source.kind {
            let is_acknowledged = plan.spec.mqtt.as_ref().is_some_and(node::MqttSpec::wants_acknowledgement);
            let is_confirmed = self.wiring.deliveries.iter().flatten().all(|own| own.is_confirmed());
            *is_bounded = is_acknowledged && delivery.is_confirmed() && is_confirmed;
        }
    }

    fn add_source(&mut self, plan: &SourcePlan) -> usize {
        let slot = self.sources.len();
        let kind = match &plan.session {
            Some(config) => {
                let connection = self.connect(Port::Source(slot as u16));
                SourceKind::Mqtt { session: Box::new(Session::new(config.clone())), connection, is_bounded: false }
            }
            None => SourceKind::Batch,
        };
        self.floor.settle.ensure(usize::from(ring::source(slot as u16)) + 1);
        self.sources.push(Source {
            name: plan.spec.name.as_str().into(),
            kind,
            id: None,
            delivery: Delivery::Volatile,
            unacked: 1,
            feeds: Vec::new(),
            feeds_hooks: false,
            feeds_log: false,
            is_paused: false,
            is_stopped: false,
            oldest: None,
            invalid: 0,
            failed: 0,
            mqtt: None,
            is_gone: false,
        });
        slot
    }

    /// A source of the same name and kind: another session only when it has to connect in another way.
    fn keep_source(&mut self, slot: usize, plan: &SourcePlan) {
        let now = unsigned(self.now_ns);
        let source = &mut self.sources[slot];
        let (Some(old), Some(new), Some(config)) = (&source.mqtt, &plan.spec.mqtt, &plan.session) else { return };
        if old == new {
            return;
        }
        let is_only_subscriptions = old.but_for_subscriptions(new);
        let SourceKind::Mqtt { session, connection, .. } = &mut source.kind else { return };
        if is_only_subscriptions {
            let connection = *connection;
            let notes = &mut self.notes;
            session.set_subscriptions(config.subscriptions.clone(), now, &mut |event| {
                if let pronubes_mqtt::Event::SubscribeRefused { filter, reason, .. } = event {
                    notes.event(connection, "subscribe_refused", format!("{filter}: {}", reason.sentence()));
                }
            });
            return;
        }
        // Its broker (or the new one) sends again what is not acknowledged: tokens of the old session acknowledge nothing.
        let connection = *connection;
        **session = Session::new(config.clone());
        self.floor.settle.void(ring::source(slot as u16));
        self.notes.close(connection, "reconfigured", RECONFIGURED.to_owned(), true);
    }

    /// Lets go what a reload left over, once it is empty.
    pub(crate) fn retire(&mut self) {
        if !self.retired.is_empty() {
            self.retire_plans();
        }
        if self.retired.is_empty() {
            self.retire_sinks();
        }
        self.retire_sources();
    }

    /// Lets plans go whose rows are back. Their hooks are announced once more, so that whoever runs them finds out.
    fn retire_plans(&mut self) {
        let Self { retired, floor, carried, notes, .. } = self;
        retired.retain(|plan| {
            let hooks = || floor.hooks.iter().filter(|hook| hook.generation == plan.generation);
            let is_waiting = hooks().any(|hook| !hook.queue.is_empty());
            if !is_waiting {
                carried.add(&plan.router);
                carried.add_contracts(&plan.router);
            }
            is_waiting
        });
        for (number, hook) in floor.hooks.iter_mut().enumerate() {
            let is_kept = retired.iter().any(|plan| plan.generation == hook.generation);
            if !is_kept && hook.generation < self.generation && !hook.is_gone {
                hook.is_gone = true;
                notes.ready_hooks.push(number as u32);
            }
        }
    }

    fn retire_sinks(&mut self) {
        if !self.floor.sinks.iter().any(|sink| sink.is_retired && !sink.is_gone) {
            return;
        }
        let Floor { sinks, settle, logs, .. } = &mut self.floor;
        for slot in 0..sinks.len() {
            let sink = &sinks[slot];
            if !sink.is_retired || sink.is_gone {
                continue;
            }
            // What a sink that is away has inside stays in the log as its backlog; only what no log has holds it here.
            let logged = [ring::live(slot as u16), ring::replay(slot as u16), ring::spill(slot as u16)];
            let in_log: u64 = logged.iter().map(|ring| settle.open_tokens(*ring) as u64).sum();
            let inside = sink.walk();
            if inside > if sink.is_open() && !matches!(sink.kind, SinkKind::Batch(_)) { 0 } else { in_log } {
                continue;
            }
            save_positions(sinks, settle, logs);
            logged.iter().for_each(|ring| settle.void(*ring));
            let sink = &mut sinks[slot];
            sink.lane.move_to_log(inside);
            sink.is_gone = true;
            if let SinkKind::Mqtt { connection, .. } = &sink.kind {
                leave(&mut self.connections, &mut self.notes, *connection);
            }
        }
    }

    fn retire_sources(&mut self) {
        for (slot, source) in self.sources.iter_mut().enumerate() {
            if source.id.is_some() || source.is_gone || self.floor.settle.open_tokens(ring::source(slot as u16)) > 0 {
                continue;
            }
            source.is_gone = true;
            if let Some(connection) = source.connection() {
                leave(&mut self.connections, &mut self.notes, connection);
            }
        }
    }
}

fn leave(connections: &mut [Connection], notes: &mut Notes, connection: u32) {
    let Some(entry) = connections.get_mut(connection as usize) else { return };
    entry.is_wanted = false;
    if !entry.is_open {
        return;
    }
    let sentence = "It is no longer in the configuration.".to_owned();
    notes.close(connection, "removed", sentence, false);
}

/// Whether a sink can go on under the new configuration: same name and kind.
fn is_same(sink: &Sink, plan: &SinkPlan) -> bool {
    let is_kind = match sink.kind {
        SinkKind::Mqtt { .. } => plan.spec.kind == node::SinkKind::Mqtt,
        SinkKind::Batch(_) => plan.spec.kind == node::SinkKind::Batch,
        SinkKind::Latest(_) => plan.spec.kind == node::SinkKind::Latest,
    };
    is_kind && *sink.name == *plan.spec.name
}

fn linger_ns(plan: &SinkPlan) -> i64 {
    i64::from(plan.spec.linger_ms) * 1_000_000
}

/// Gives a sink its place in the logs; what an earlier run or an earlier configuration left for it comes back.
fn place_lane(floor: &mut Floor, slot: usize, plan: &SinkPlan) {
    let sink = &mut floor.sinks[slot];
    sink.lane.configure(plan.spec.replay);
    if plan.spec.kind == node::SinkKind::Latest {
        return;
    }
    let places = [(&mut floor.logs.durable, &mut sink.lane.durable), (&mut floor.logs.spill, &mut sink.lane.spill)];
    // A queue that may drop never makes its sink lag: it has no use for what was spilled.
    let drops = plan.spec.policy != Policy::Block;
    let [is_durable, is_spilled] = plan.classes;
    for ((log, track), is_wanted) in places.into_iter().zip([is_durable, is_spilled && !drops]) {
        let Some(log) = log else { continue };
        let is_known = log.consumers().any(|(_, name, _)| *name == *plan.spec.name);
        if track.is_none() && (is_wanted || is_known) {
            let consumer = log.consumer(&plan.spec.name);
            *track = Some(Track::recovered(consumer, &log.position(consumer), log.head()));
        }
    }
}

fn reconfigure(sink: &mut Sink, plan: &SinkPlan) {
    sink.is_retired = false;
    sink.qos = plan.spec.qos;
    sink.queue_limit = plan.spec.queue_bytes;
    match &mut sink.kind {
        SinkKind::Mqtt { sink, .. } => sink.reconfigure(plan.spec.policy, plan.spec.queue_bytes),
        SinkKind::Batch(sink) => sink.reconfigure(plan.spec.policy, plan.spec.queue_bytes, linger_ns(plan)),
        SinkKind::Latest(sink) => sink.latest.set_limit(plan.spec.latest_bytes),
    }
}
