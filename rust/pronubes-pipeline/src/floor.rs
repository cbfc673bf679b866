//! The floor: everything that the router's outcomes land on, and the outlet that carries them there.

use std::sync::Arc;

use pronubes_core::matcher::RouteId;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Quarantined, Reason, Routed, Router};

use crate::hooks::HookQueue;
use crate::names::Names;
use crate::node::{Delivery, MqttSpec};
use crate::quarantine::{Fault, Quarantine};
use crate::queue::{Item, Policy};
use crate::settle::{Hold, Settle};
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
}

impl Floor {
    /// Forgets everything that lies here.
    pub(crate) fn clear(&mut self) {
        self.sinks.clear();
        self.hooks.clear();
        self.quarantine = Quarantine::new(0, Arc::clone(&self.names));
    }
}

/// How the numbers of one plan translate to slots of the floor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wiring {
    /// Sinks by number of the plan.
    pub(crate) sinks: Vec<u16>,
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
}

impl Courier<'_> {
    /// A hold for one target, when somebody waits and the route promises more than to take the message.
    #[inline]
    fn hold_for(&mut self, route: RouteId) -> Option<Hold> {
        let hold = self.hold.as_ref()?;
        let own = self.wiring.deliveries.get(route.0 as usize).copied().flatten();
        match own.unwrap_or(self.delivery) {
            Delivery::Through => Some(self.floor.settle.hold(hold)),
            Delivery::Volatile => None,
        }
    }

    /// Puts a message into the quarantine that never came to a route.
    pub(crate) fn reject(&mut self, fault: &Fault<'_>) {
        let is_through = self.delivery == Delivery::Through;
        let hold = self.hold.as_ref().filter(|_| is_through).map(|hold| self.floor.settle.hold(hold));
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
        let hold = self.hold_for(emission.route);
        let Some(slot) = self.wiring.sinks.get(usize::from(emission.sink.0)) else { return };
        let Some(sink) = self.floor.sinks.get_mut(usize::from(*slot)) else { return };
        let meta = Meta { qos: emission.qos.unwrap_or(sink.qos), retain: emission.retain, ..self.meta };
        let Emission { route, topic, payload, .. } = *emission;
        let item = Item { topic, payload, route, source: self.source, meta };
        self.floor.taps.offer(&item, emission.target);
        let name = &*sink.name;
        match &mut sink.kind {
            SinkKind::Mqtt { sink, .. } => {
                if let Err(refusal) = sink.accept(&item, hold) {
                    refuse(&mut self.floor.quarantine, &item, name, refusal);
                }
            }
            SinkKind::Batch(sink) => sink.accept(&item, hold),
            SinkKind::Latest(sink) => {
                sink.accept(&item);
                if let Some(hold) = hold {
                    self.floor.settle.release(hold);
                }
            }
        }
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
        };
        hook.queue.push(&item, call, hold);
    }

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        let hold = self.hold_for(fault.route);
        self.floor.quarantine.push(&Fault::of_message(fault, self.source), hold);
    }

    fn filtered(&mut self, _route: RouteId) {}
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
