//! The floor: everything that the router's outcomes land on, and the outlet that carries them there.

use std::sync::Arc;

use pronubes_core::matcher::RouteId;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Quarantined, Reason, Routed, Router, SourceId};
use pronubes_log::{Append, Log, Target, TooLarge};
use pronubes_mqtt::State;

use crate::hooks::HookQueue;
use crate::lane::Lane;
use crate::logs::Logs;
use crate::names::Names;
use crate::node::{Delivery, MqttSpec};
use crate::quarantine::{Fault, Quarantine};
use crate::queue::{DropReason, Item, Policy};
use crate::settle::{Hold, Settle, ring};
use crate::sink::{BatchSink, LatestSink, MqttSink, Refusal, SinkCounters};
use crate::tap::Taps;

/// What a sink is.
pub(crate) enum SinkKind {
    Mqtt { sink: Box<MqttSink>, connection: u32 },
    Batch(Box<BatchSink>),
    Latest(Box<LatestSink>),
}

/// A sink.
pub(crate) struct Sink {
    pub(crate) name: Box<str>,
    pub(crate) kind: SinkKind,
    /// What its session was made from.
    pub(crate) mqtt: Option<MqttSpec>,
    /// Quality of service where the route does not say it.
    pub(crate) qos: u8,
    /// Not in the present plan: it drains and goes.
    pub(crate) is_retired: bool,
    pub(crate) is_full: bool,
    pub(crate) is_overfull: bool,
    /// It has drained and left.
    pub(crate) is_gone: bool,
    /// What the logs owe it.
    pub(crate) lane: Lane,
    /// High mark of its queue: above it, a sink with a log behind it lags.
    pub(crate) queue_limit: usize,
}

/// What a sink that is away and has a log behind it keeps in memory: what is new when it comes back waits behind this.
const AWAY_BYTES: usize = 1 << 20;

impl Sink {
    /// Bytes that wait in its queue.
    #[inline]
    pub(crate) fn queued_bytes(&self) -> usize {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } => sink.queued_bytes(),
            SinkKind::Batch(sink) => sink.queued_bytes(),
            SinkKind::Latest(_) => 0,
        }
    }

    /// Whether messages can leave; a batch sink's connector decides that itself.
    pub(crate) fn is_open(&self) -> bool {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } => sink.is_open(),
            SinkKind::Batch(_) | SinkKind::Latest(_) => true,
        }
    }

    /// High mark of its queue for as long as it is there, or away (a batch sink's connector knows that for itself): above it a sink with
    /// a log behind it lags.
    #[inline]
    pub(crate) fn live_limit(&self) -> usize {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } if sink.session.state() != State::Connected => AWAY_BYTES.min(self.queue_limit),
            _ => self.queue_limit,
        }
    }

    /// Messages inside, by walking; those in logs are not.
    pub(crate) fn walk(&self) -> u64 {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } => sink.walk(),
            SinkKind::Batch(sink) => sink.walk(),
            SinkKind::Latest(_) => 0,
        }
    }

    /// The part of the ledger that is counted outside of the queue.
    pub(crate) fn ledger(&mut self) -> &mut SinkCounters {
        match &mut self.kind {
            SinkKind::Mqtt { sink, .. } => &mut sink.counters,
            SinkKind::Batch(sink) => &mut sink.counters,
            SinkKind::Latest(sink) => &mut sink.counters,
        }
    }

    /// Whether a new message goes to the sink at once. If not, the sink lags from now on.
    #[inline]
    pub(crate) fn takes_live(&mut self, logs: &Logs) -> bool {
        if self.lane.is_lagging {
            return false;
        }
        // Where order is wanted, what is new waits behind what an earlier run left, too.
        if self.queued_bytes() <= self.live_limit() && self.lane.may_catch_up() {
            return true;
        }
        let head = |log: &Option<Log>| log.as_ref().map_or(0, Log::head);
        self.lane.begin_lagging(head(&logs.durable), head(&logs.spill));
        false
    }

    /// Takes a message from a route, or out of a log.
    #[inline]
    pub(crate) fn accept(
        &mut self,
        item: &Item<'_>,
        hold: Option<Hold>,
        settle: &mut Settle<u64>,
        quarantine: &mut Quarantine,
    ) {
        match &mut self.kind {
            SinkKind::Mqtt { sink, .. } => {
                if let Err(refusal) = sink.accept(item, hold) {
                    refuse(quarantine, item, &self.name, refusal);
                }
            }
            SinkKind::Batch(sink) => sink.accept(item, hold),
            SinkKind::Latest(sink) => {
                sink.accept(item);
                if let Some(hold) = hold {
                    settle.release(hold);
                }
            }
        }
    }
}

impl Sink {
    /// Tells those who wait for messages that the sink's queue dropped.
    pub(crate) fn release_dropped(&mut self, settle: &mut Settle<u64>) {
        match &mut self.kind {
            SinkKind::Mqtt { sink, .. } => sink.release_dropped(settle),
            SinkKind::Batch(sink) => sink.release_dropped(settle),
            SinkKind::Latest(_) => {}
        }
    }

    /// The ledger.
    pub(crate) fn counters(&self) -> SinkCounters {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } => sink.counters(),
            SinkKind::Batch(sink) => sink.counters(),
            SinkKind::Latest(sink) => sink.counters,
        }
    }

    /// What happens when its queue is full, if it has one.
    pub(crate) fn policy(&self) -> Option<Policy> {
        match &self.kind {
            SinkKind::Mqtt { sink, .. } => Some(sink.policy()),
            SinkKind::Batch(sink) => Some(sink.policy()),
            SinkKind::Latest(_) => None,
        }
    }
}

/// A hook of the present or an earlier plan.
pub(crate) struct Hook {
    pub(crate) name: Box<str>,
    /// The plan that its rows belong to.
    pub(crate) generation: u32,
    pub(crate) queue: HookQueue,
    /// Its plan is gone: nothing will ever come.
    pub(crate) is_gone: bool,
}

/// Everything that outcomes land on.
pub(crate) struct Floor {
    pub(crate) settle: Settle<u64>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) quarantine: Quarantine,
    pub(crate) taps: Taps,
    pub(crate) names: Arc<Names>,
    pub(crate) logs: Logs,
}

impl Floor {
    /// Forgets everything that lies here.
    pub(crate) fn clear(&mut self) {
        self.sinks.clear();
        self.hooks.clear();
        self.logs.forget();
        self.quarantine = Quarantine::new(0, Arc::clone(&self.names));
    }
}

/// How the numbers of one plan translate to slots of the floor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wiring {
    /// Sinks by number of the plan.
    pub(crate) sinks: Vec<u16>,
    /// Sources by number of the plan, with their delivery class.
    pub(crate) sources: Vec<(u16, Delivery)>,
    /// Hooks by number of the plan.
    pub(crate) hooks: Vec<u16>,
    /// Delivery classes of routes that say their own.
    pub(crate) deliveries: Vec<Option<Delivery>>,
}

/// Carries the outcomes of one message to the floor.
pub(crate) struct Courier<'a> {
    pub(crate) floor: &'a mut Floor,
    pub(crate) wiring: &'a Wiring,
    pub(crate) source: u16,
    pub(crate) delivery: Delivery,
    pub(crate) meta: Meta,
    /// The arrival's own hold, when somebody waits for the message.
    pub(crate) hold: Option<Hold>,
    /// The record that was logged last.
    pub(crate) logged: Option<LastLogged>,
}

/// What was logged last of a message: its next target is added to that record when it is the same payload.
#[derive(Clone, Copy)]
pub(crate) struct LastLogged {
    route: RouteId,
    target: u16,
    /// Where the payload lies: one route's targets get the same bytes, each member of an exploded payload its own.
    payload: (usize, usize),
    seq: u64,
}

impl<'a> Courier<'a> {
    pub(crate) fn new(floor: &'a mut Floor, wiring: &'a Wiring, source: u16, delivery: Delivery, meta: Meta) -> Self {
        Self { floor, wiring, source, delivery, meta, hold: None, logged: None }
    }

    /// The arrival's own hold.
    pub(crate) fn held(self, hold: Option<Hold>) -> Self {
        Self { hold, ..self }
    }
}

impl Courier<'_> {
    #[inline]
    fn class_of(&self, route: RouteId) -> Delivery {
        self.wiring.deliveries.get(route.0 as usize).copied().flatten().unwrap_or(self.delivery)
    }

    /// A hold for one target, when somebody waits and the route promises more than to take the message.
    #[inline]
    fn hold_for(&mut self, route: RouteId) -> Option<Hold> {
        let is_confirmed = self.class_of(route).is_confirmed();
        let hold = self.hold.as_ref().filter(|_| is_confirmed)?;
        Some(self.floor.settle.hold(hold))
    }

    /// Writes a message to the durable log. The sink's hold if it is to get it at once; nothing inside when it gets it later.
    fn log(&mut self, emission: &Emission<'_>, slot: u16, qos: u8) -> Result<Option<Hold>, TooLarge> {
        let Floor { sinks, settle, logs, .. } = &mut *self.floor;
        let Some(sink) = sinks.get_mut(usize::from(slot)) else { return Ok(None) };
        let (Some(log), Some(track)) = (logs.durable.as_mut(), sink.lane.durable.as_ref()) else { return Ok(None) };
        let Emission { route, target, topic, payload, retain, .. } = *emission;
        let to = Target { consumer: track.consumer, topic, qos, retain };
        let place = (payload.as_ptr().addr(), payload.len());
        let same = self.logged.filter(|last| last.route == route && last.target < target && last.payload == place);
        let seq = match same {
            Some(last) => {
                log.also(&to);
                last.seq
            }
            None => {
                let Meta { received_ns, source_ns, .. } = self.meta;
                let record =
                    Append { route: route.0, source: self.source, received_ns, source_ns, payload, target: to };
                let seq = log.append(&record, received_ns)?;
                if let Some(hold) = &self.hold {
                    let hold = settle.hold(hold);
                    logs.wait(seq, hold);
                }
                seq
            }
        };
        self.logged = Some(LastLogged { route, target, payload: place, seq });
        if !sink.takes_live(logs) {
            if let Some(track) = &mut sink.lane.durable {
                track.skip(seq, self.meta.received_ns);
            }
            return Ok(None);
        }
        if retain {
            sink.lane.overtake(topic);
        }
        Ok(Some(settle.open(ring::live(slot), seq)))
    }

    /// Whether a sink takes a message of class `spill`; if not, it is written to the log of what was spilled.
    fn spills(&mut self, emission: &Emission<'_>, slot: u16, qos: u8) -> Result<bool, TooLarge> {
        let Floor { sinks, logs, .. } = &mut *self.floor;
        let Some(sink) = sinks.get_mut(usize::from(slot)) else { return Ok(false) };
        if sink.lane.spill.is_none() || sink.takes_live(logs) {
            if emission.retain {
                sink.lane.overtake(emission.topic);
            }
            return Ok(false);
        }
        let (Some(log), Some(track)) = (logs.spill.as_mut(), sink.lane.spill.as_mut()) else { return Ok(false) };
        if log.is_behind() {
            // Neither the sink nor the disk takes it, and nobody waits for it: memory must not grow instead.
            let counters = sink.ledger();
            counters.emitted += 1;
            counters.drop(DropReason::DiskFull, 1);
            return Ok(true);
        }
        let Emission { route, topic, payload, retain, .. } = *emission;
        let Meta { received_ns, source_ns, .. } = self.meta;
        let target = Target { consumer: track.consumer, topic, qos, retain };
        let record = Append { route: route.0, source: self.source, received_ns, source_ns, payload, target };
        let seq = log.append(&record, received_ns)?;
        track.skip(seq, received_ns);
        Ok(true)
    }

    fn is_logged(&self, slot: u16) -> bool {
        self.floor.sinks.get(usize::from(slot)).is_some_and(|sink| sink.lane.durable.is_some())
    }

    /// A message is too large for the log.
    fn refuse_too_large(&mut self, item: &Item<'_>, slot: u16) {
        let hold = self.hold_for(item.route);
        let detail = "It is larger than a record of the log may be.";
        let refusal = Refusal { reason: Reason::PacketTooLarge, detail, hold };
        let Some(sink) = self.floor.sinks.get_mut(usize::from(slot)) else { return };
        let counters = sink.ledger();
        counters.emitted += 1;
        counters.quarantined += 1;
        refuse(&mut self.floor.quarantine, item, &sink.name, refusal);
    }

    /// Puts a message into the quarantine that never came to a route.
    pub(crate) fn reject(&mut self, fault: &Fault<'_>) {
        let is_confirmed = self.delivery.is_confirmed();
        let hold = self.hold.as_ref().filter(|_| is_confirmed).map(|hold| self.floor.settle.hold(hold));
        self.floor.quarantine.push(fault, hold);
    }

    /// The message has been handed to all its targets.
    pub(crate) fn done(self) {
        if let Some(hold) = self.hold {
            self.floor.settle.release(hold);
        }
    }
}

impl Outlet for Courier<'_> {
    #[inline]
    fn emit(&mut self, emission: &Emission<'_>) {
        self.meta.source_ns = emission.source_ns;
        let Some(slot) = self.wiring.sinks.get(usize::from(emission.sink.0)).copied() else { return };
        let Some(sink) = self.floor.sinks.get_mut(usize::from(slot)) else { return };
        let qos = emission.qos.unwrap_or(sink.qos);
        let meta = Meta { qos, retain: emission.retain, ..self.meta };
        let Emission { route, topic, payload, .. } = *emission;
        let item = Item { topic, payload, route, source: self.source, meta, is_replayed: false };
        self.floor.taps.offer(&item, emission.target);
        let hold = match self.class_of(route) {
            Delivery::Through => self.hold_for(route),
            Delivery::Volatile => None,
            Delivery::Durable => match self.log(emission, slot, qos) {
                // A view takes everything at once and has no place in a log.
                Ok(None) if self.is_logged(slot) => return,
                Ok(hold) => hold,
                Err(TooLarge) => return self.refuse_too_large(&item, slot),
            },
            Delivery::Spill => match self.spills(emission, slot, qos) {
                Ok(true) => return,
                Ok(false) => None,
                Err(TooLarge) => return self.refuse_too_large(&item, slot),
            },
        };
        let Floor { sinks, settle, quarantine, .. } = &mut *self.floor;
        sinks[usize::from(slot)].accept(&item, hold, settle, quarantine);
    }

    fn hook(&mut self, call: &HookCall<'_>) {
        let hold = self.hold_for(call.route);
        let Some(slot) = self.wiring.hooks.get(usize::from(call.hook.0)) else { return };
        let Some(hook) = self.floor.hooks.get_mut(usize::from(*slot)) else { return };
        let item = Item {
            topic: call.topic.as_bytes(),
            payload: call.payload,
            route: call.route,
            source: self.source,
            meta: call.meta,
            is_replayed: false,
        };
        hook.queue.push(&item, call, hold);
    }

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        let hold = self.hold_for(fault.route);
        self.floor.quarantine.push(&Fault::of_message(fault, self.source), hold);
    }

    fn filtered(&mut self, _route: RouteId) {}

    fn timed(&mut self, source: SourceId, meta: Meta) {
        let known = self.wiring.sources.get(usize::from(source.0));
        (self.source, self.delivery) = known.copied().unwrap_or((self.source, self.delivery));
        self.meta = meta;
        self.logged = None;
    }
}

/// Puts what a sink will never take into the quarantine.
pub(crate) fn refuse(quarantine: &mut Quarantine, item: &Item<'_>, sink: &str, refusal: Refusal) {
    quarantine.push(&Fault::of_item(item, sink, refusal.reason, refusal.detail), refusal.hold);
}

impl<'a> Fault<'a> {
    /// The fault of a message on a route.
    pub(crate) fn of_message(fault: &Quarantined<'a>, source: u16) -> Self {
        let Quarantined { route, step, reason, detail, message } = *fault;
        let Message { topic, payload, meta, .. } = message;
        let (route, topic) = (Some(route), topic.as_bytes());
        Self { meta, source, route, step, reason, detail, topic, payload, sink: None }
    }

    /// The fault of a message on its way to a sink.
    pub(crate) fn of_item(item: &Item<'a>, sink: &'a str, reason: Reason, detail: &'a str) -> Self {
        Self {
            meta: item.meta,
            source: item.source,
            route: Some(item.route),
            step: None,
            reason,
            detail,
            topic: item.topic,
            payload: item.payload,
            sink: Some(sink),
        }
    }
}

/// Takes one message through the router.
#[inline]
pub(crate) fn route(router: &mut Router, message: &Message<'_>, mut courier: Courier<'_>) {
    if let Routed::Rejected(reason) = router.route(message, &mut courier) {
        let fault = Fault {
            meta: message.meta,
            source: courier.source,
            route: None,
            step: None,
            reason,
            detail: "",
            topic: message.topic.as_bytes(),
            payload: message.payload,
            sink: None,
        };
        courier.reject(&fault);
    }
    courier.done();
}
