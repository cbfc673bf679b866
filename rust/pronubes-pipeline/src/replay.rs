//! Replaying: what was quarantined goes through the present plan once more.
//!
//! A message goes through one route, an output to its sink. Each has a token, whose mark is the record's number, in the ring of a source
//! without a name that no plan has: the token settles when everything that came of the record is delivered (or safe, as the route's class
//! says), and Python hears of it as of any position. What fails again comes back through the quarantine's queue with that number
//! ([`crate::quarantine::FaultBatch::replayed`]), so that the record can be corrected and not doubled.

use std::sync::Arc;

use pronubes_core::matcher::RouteId;
use pronubes_core::topic::validate_topic;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Quarantined, Single, SourceId};

use crate::floor::{Courier, Floor};
use crate::node::Delivery;
use crate::pipeline::Pipeline;
use crate::quarantine::{Fault, FaultBatch};
use crate::reload::Carried;
use crate::settle::{Hold, ring};
use crate::source::{Source, SourceKind};

/// The name of the source whose positions are records: none that a configuration can give.
pub const REPLAYS: &str = "";

/// A quarantined message that is to go on.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The record's number; comes back as the position of [`REPLAYS`].
    pub record: u64,
    /// Where it came from.
    pub source: &'a str,
    /// The route that is to take it.
    pub route: &'a str,
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// When and how it came.
    pub meta: Meta,
    /// The sink, when it goes there without a route.
    pub sink: Option<&'a str>,
}

/// What became of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It is on its way: its position settles.
    Taken,
    /// The route's condition is false.
    Filtered,
    /// A contract of mode `reject` threw it away.
    Rejected,
    /// The topic does not lead to the route.
    NoMatch,
    /// The topic is none.
    InvalidTopic,
    /// There is no such route.
    UnknownRoute,
    /// There is no such sink.
    UnknownSink,
}

impl Replayed {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Filtered => "filtered",
            Self::Rejected => "rejected",
            Self::NoMatch => "no_match",
            Self::InvalidTopic => "invalid_topic",
            Self::UnknownRoute => "unknown_route",
            Self::UnknownSink => "unknown_sink",
        }
    }
}

impl Pipeline {
    /// Lets a quarantined message go on. Only what is [`Replayed::Taken`] has a position that settles.
    pub fn replay(&mut self, replay: &Replay<'_>, now_ns: i64) -> Replayed {
        self.now_ns = now_ns;
        if validate_topic(replay.topic).is_err() {
            return Replayed::InvalidTopic;
        }
        match replay.sink {
            Some(sink) => self.replay_output(replay, sink),
            None => self.replay_message(replay),
        }
    }

    /// How many messages routes took, by name; those of plans that are gone count on.
    #[must_use]
    pub fn matched(&self) -> Vec<(Box<str>, u64)> {
        let mut sum = Carried::default();
        let retired = self.retired.iter().map(|retired| &retired.router);
        retired.chain([&self.router]).for_each(|router| sum.add(router));
        let carried = |name: &str| self.carried.routes.get(name).map_or(0, |stats| stats.matched);
        sum.routes.into_iter().map(|(name, stats)| (name.clone(), stats.matched + carried(&name))).collect()
    }

    fn route_of(&self, name: &str) -> Option<RouteId> {
        let at = self.floor.names.routes.iter().position(|route| **route == *name)?;
        u32::try_from(at).ok().map(RouteId)
    }

    fn replay_message(&mut self, replay: &Replay<'_>) -> Replayed {
        let Some(route) = self.route_of(replay.route) else { return Replayed::UnknownRoute };
        let hold = self.open_replay(replay.record);
        let origin = self.origin(replay.source);
        let Self { router, wiring, floor, .. } = self;
        let Replay { topic, payload, meta, .. } = *replay;
        let mut outlet = Guarded(Courier::new(floor, wiring, origin, Delivery::Through, meta).held(Some(hold)));
        // Its own source; or, where that is gone or the route is another one, whichever leads there.
        let own = router.plan().source(replay.source);
        let sources = u16::try_from(router.plan().sources().len()).unwrap_or(u16::MAX);
        let others = (0..sources).map(SourceId).filter(|other| Some(*other) != own);
        let mut single = Single::NoMatch;
        for source in own.into_iter().chain(others) {
            single = router.route_single(&Message { source, topic, payload, meta }, route, &mut outlet);
            if single != Single::NoMatch {
                break;
            }
        }
        outlet.0.done();
        match single {
            Single::Taken => Replayed::Taken,
            Single::Filtered => Replayed::Filtered,
            Single::Rejected(_) => Replayed::Rejected,
            Single::NoMatch => Replayed::NoMatch,
        }
    }

    fn replay_output(&mut self, replay: &Replay<'_>, sink: &str) -> Replayed {
        let Some(sink) = self.router.plan().sink(sink) else { return Replayed::UnknownSink };
        let route = self.route_of(replay.route).unwrap_or(UNKNOWN_ROUTE);
        let hold = self.open_replay(replay.record);
        let source = self.origin(replay.source);
        let Replay { topic, payload, meta, .. } = *replay;
        let (floor, wiring) = (&mut self.floor, &self.wiring);
        let mut courier = Courier::new(floor, wiring, source, Delivery::Through, meta).held(Some(hold));
        courier.emit(&Emission {
            route,
            target: 0,
            sink,
            topic: topic.as_bytes(),
            payload,
            source_ns: meta.source_ns,
            qos: Some(meta.qos),
            retain: meta.retain,
        });
        courier.done();
        Replayed::Taken
    }

    /// The slot of a source by name, whether it is in the present plan or not: what is quarantined again names it.
    fn origin(&mut self, source: &str) -> u16 {
        let found = self.sources.iter().position(|candidate| *candidate.name == *source);
        found.map_or_else(|| self.replay_slot(), |slot| slot as u16)
    }

    fn open_replay(&mut self, record: u64) -> Hold {
        let slot = self.replay_slot();
        self.floor.settle.open(ring::source(slot), record)
    }

    /// The slot of [`REPLAYS`], made when it is asked for first.
    fn replay_slot(&mut self) -> u16 {
        if let Some(slot) = self.known_replay_slot() {
            return slot;
        }
        let slot = self.sources.len() as u16;
        self.floor.settle.ensure(usize::from(ring::source(slot)) + 1);
        self.sources.push(Source {
            name: REPLAYS.into(),
            kind: SourceKind::Batch,
            id: None,
            delivery: Delivery::Through,
            unacked: usize::MAX,
            feeds: Vec::new(),
            feeds_hooks: false,
            feeds_log: false,
            is_paused: false,
            is_stopped: false,
            oldest: None,
            invalid: 0,
            failed: 0,
            mqtt: None,
            is_gone: true, // of no plan, and no row of the status
        });
        slot
    }

    fn known_replay_slot(&self) -> Option<u16> {
        self.sources.iter().position(|source| *source.name == *REPLAYS).map(|slot| slot as u16)
    }

    /// Quarantined messages to write. Those that were replayed and failed again name their records.
    pub fn take_quarantine(&mut self) -> Option<(u64, Arc<FaultBatch>)> {
        let slot = self.known_replay_slot();
        let Floor { quarantine, settle, .. } = &mut self.floor;
        quarantine.take(|hold| settle.mark(ring::source(slot?), hold))
    }
}

/// The route of an output whose own is gone.
const UNKNOWN_ROUTE: RouteId = RouteId(u32::MAX);

/// A courier whose quarantined messages name their record, whatever the class of the route: a failure that comes at once must not double it.
struct Guarded<'a>(Courier<'a>);

impl Outlet for Guarded<'_> {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.0.emit(emission);
    }

    fn hook(&mut self, call: &HookCall<'_>) {
        self.0.hook(call);
    }

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        let Courier { floor, source, hold, .. } = &mut self.0;
        let hold = hold.as_ref().map(|hold| floor.settle.hold(hold));
        floor.quarantine.push(&Fault::of_message(fault, *source), hold);
    }

    fn filtered(&mut self, route: RouteId) {
        self.0.filtered(route);
    }
}
