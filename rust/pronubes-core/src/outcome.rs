//! Outcomes: what the router tells its embedder about each message, while it happens.
//!
//! Everything is borrowed: topics and payloads lie in buffers that the router uses again for the next outcome. Whoever
//! wants to keep something copies it to where it belongs.

use crate::matcher::RouteId;
use crate::payload::Span;
use crate::{Message, Meta, Reason, SinkId, SourceId};

/// A hook of the plan, by its position in the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookId(pub u16);

/// Where a route goes on after a hook. Its number means nothing outside of the plan that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResumePoint(pub u16);

/// What the router calls while it handles a message.
///
/// Calls come in the order of the routes, for one route in the order of its targets, and for an exploded payload in the
/// order of its members. They must not block: an outlet that cannot take more says so to its sources, not here.
pub trait Outlet {
    /// A message leaves for a sink.
    fn emit(&mut self, emission: &Emission<'_>);

    /// A route goes on in Python; [`Router::resume`](crate::Router::resume) takes the result.
    fn hook(&mut self, call: &HookCall<'_>);

    /// A stateful step of a route kept a message to itself, and nothing left instead.
    fn absorbed(&mut self, route: RouteId) {
        let _ = route;
    }

    /// What comes next leaves because time has come: it is of this source, and stands for no message of now.
    fn timed(&mut self, source: SourceId, meta: Meta) {
        let _ = (source, meta);
    }

    /// A route could not do with a message what it promises.
    fn quarantine(&mut self, fault: &Quarantined<'_>);

    /// A route threw a message away, or one member of it, because it violates a contract of mode `reject`. Whoever only counts has
    /// the route's ledger.
    fn reject(&mut self, fault: &Quarantined<'_>) {
        let _ = fault;
    }

    /// A route did not take a message, because its condition was false.
    fn filtered(&mut self, route: RouteId);
}

/// A message on its way to one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission<'a> {
    /// The route that it comes from.
    pub route: RouteId,
    /// Which of the route's targets this is.
    pub target: u16,
    /// The sink.
    pub sink: SinkId,
    /// The topic: UTF-8 and a valid topic name, as bytes because that is what goes on the wire.
    pub topic: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// When it was true at the source: the message's own time, or what a stateful step says.
    pub source_ns: Option<i64>,
    /// Quality of service, where the route says it.
    pub qos: Option<u8>,
    /// Whether the message is to be retained.
    pub retain: bool,
}

/// A message that waits for a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookCall<'a> {
    /// The hook.
    pub hook: HookId,
    /// The route.
    pub route: RouteId,
    /// The step of the route (from 0) that calls the hook.
    pub step: u16,
    /// Where the route goes on.
    pub point: ResumePoint,
    /// Where the message came from.
    pub source: SourceId,
    /// The topic it came with.
    pub topic: &'a str,
    /// The topic that an earlier hook of this route gave it, if one did.
    pub new_topic: Option<&'a str>,
    /// The payload as the steps so far left it.
    pub payload: &'a [u8],
    /// The payload it came with, for the quarantine.
    pub original: &'a [u8],
    /// The route's captures, as parts of `topic`; [`Plan::captures`](crate::Plan::captures) has their names.
    pub captures: &'a [Span],
    /// The member's key, where the payload was exploded.
    pub key: Option<&'a str>,
    /// Its circumstances.
    pub meta: Meta,
}

/// What a hook made of a message: the route goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed<'a> {
    /// [`HookCall::route`].
    pub route: RouteId,
    /// [`HookCall::point`].
    pub point: ResumePoint,
    /// [`HookCall::source`].
    pub source: SourceId,
    /// [`HookCall::topic`].
    pub topic: &'a str,
    /// A topic for the rest of the route, or [`HookCall::new_topic`].
    pub new_topic: Option<&'a str>,
    /// The payload to go on with.
    pub payload: &'a [u8],
    /// [`HookCall::original`].
    pub original: &'a [u8],
    /// [`HookCall::key`].
    pub key: Option<&'a str>,
    /// [`HookCall::meta`].
    pub meta: Meta,
}

/// A message that a route refuses, with the reason.
#[derive(Clone, Copy, Debug)]
pub struct Quarantined<'a> {
    /// The route.
    pub route: RouteId,
    /// The step (from 0), where it was one.
    pub step: Option<u16>,
    /// The stable code.
    pub reason: Reason,
    /// More about it: which field, which byte. Empty when there is nothing to add.
    pub detail: &'a str,
    /// The message as it came.
    pub message: Message<'a>,
}

/// What became of a message as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// At least one route took it (also by putting it into the quarantine).
    Taken,
    /// No route took it.
    Unrouted,
    /// The message is none that can be routed.
    Rejected(Reason),
}
