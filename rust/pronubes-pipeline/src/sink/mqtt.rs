//! An MQTT session as a sink: what the window or the transport does not take now waits in its queue.

use std::sync::Arc;

use pronubes_core::matcher::RouteId;
use pronubes_core::{Meta, Reason};
use pronubes_mqtt::codec::properties::{Place, Properties, PropertyBuffer, PropertyId, Value};
use pronubes_mqtt::{Publish, PublishError, QoS, Session, State, Version};

use super::{Refusal, SinkCounters};
use crate::names::Names;
use crate::queue::{DropReason, Item, Load, Policy, Segment, SegmentLimits, SinkQueue};
use crate::settle::{Hold, Settle};

/// Bytes that one flush may put into a session's output: a long queue leaves in pieces, so that a slow transport can object.
const FLUSH_BYTES: usize = 1 << 20;

/// An MQTT session as a sink.
pub struct MqttSink {
    /// The session.
    pub session: Session,
    /// The ledger, without what the queue dropped: [`MqttSink::counters`] has it all.
    pub(crate) counters: SinkCounters,
    queue: SinkQueue,
    /// Whether the transport takes more.
    is_writable: bool,
    /// QoS 0 messages in the session's output, which the transport does not have yet, and who waits for them.
    unwritten: u64,
    unwritten_holds: Vec<Hold>,
    /// Which plan the route numbers of new messages belong to; reloads count it up.
    generation: u16,
    /// The user property of messages that come out of a log.
    mark: PropertyBuffer,
}

/// What a session made of a message.
enum Sent {
    Taken,
    Later(Option<Hold>),
    Never(Refusal),
}

impl MqttSink {
    /// A sink without a connection.
    #[must_use]
    pub fn new(session: Session, policy: Policy, queue_bytes: usize, names: &Arc<Names>) -> Self {
        Self {
            session,
            counters: SinkCounters::default(),
            queue: SinkQueue::new(policy, queue_bytes, SegmentLimits::default(), names),
            is_writable: false,
            unwritten: 0,
            unwritten_holds: Vec::new(),
            generation: 0,
            mark: mark(),
        }
    }

    /// Takes a message from a route.
    ///
    /// # Errors
    /// This broker will never take it.
    #[inline]
    pub fn accept(&mut self, item: &Item<'_>, hold: Option<Hold>) -> Result<(), Refusal> {
        self.counters.emitted += 1;
        let hold = if self.is_writable && self.queue.is_empty() {
            match self.send(item, hold) {
                Sent::Taken => return Ok(()),
                Sent::Later(hold) => hold,
                Sent::Never(refusal) => {
                    self.counters.quarantined += 1;
                    return Err(refusal);
                }
            }
        } else {
            hold
        };
        self.queue.push(item, hold, item.meta.received_ns);
        Ok(())
    }

    #[inline]
    fn send(&mut self, item: &Item<'_>, hold: Option<Hold>) -> Sent {
        let label = label_of(item.route, item.source, self.generation);
        let (sent, is_acknowledged) = publish(&mut self.session, item, hold, label, &self.mark);
        self.note_unwritten(sent, is_acknowledged)
    }

    #[inline]
    fn note_unwritten(&mut self, sent: Result<u64, (PublishError, Option<Hold>)>, is_acknowledged: bool) -> Sent {
        match sent {
            Ok(_) if is_acknowledged => Sent::Taken,
            Ok(tag) => {
                self.unwritten += 1;
                self.unwritten_holds.extend(Hold::from_tag(tag));
                Sent::Taken
            }
            Err((PublishError::Full | PublishError::NotConnected, hold)) => Sent::Later(hold),
            Err((PublishError::TooLarge, hold)) => {
                Sent::Never(Refusal { reason: Reason::PacketTooLarge, detail: PublishError::TooLarge.sentence(), hold })
            }
            Err((error, hold)) => Sent::Never(Refusal { reason: Reason::SinkRefused, detail: error.sentence(), hold }),
        }
    }

    /// Sends what waits, as far as window and transport go; whether something is left that could go at once.
    pub fn flush(&mut self, on_refused: &mut impl FnMut(&Item<'_>, Refusal)) -> bool {
        while self.is_writable && !self.queue.is_empty() {
            if self.session.output().len() > FLUSH_BYTES {
                return true;
            }
            let hold = self.queue.front_hold().and_then(Option::take);
            let Some(item) = self.queue.front() else { break };
            let route = if self.queue.is_front_current() { item.route } else { UNKNOWN_ROUTE };
            let label = label_of(route, item.source, self.generation);
            let (sent, is_acknowledged) = publish(&mut self.session, &item, hold, label, &self.mark);
            match self.note_unwritten(sent, is_acknowledged) {
                Sent::Taken => {}
                Sent::Later(hold) => {
                    if let Some(place) = self.queue.front_hold() {
                        *place = hold;
                    }
                    return false;
                }
                Sent::Never(refusal) => {
                    self.counters.quarantined += 1;
                    if let Some(item) = self.queue.front() {
                        on_refused(&item, refusal);
                    }
                }
            }
            self.queue.pop();
        }
        false
    }

    /// What tells where a refused message came from: source (by slot), and the route if it is one of the present plan.
    pub fn origin(&self) -> impl Fn(u64) -> (u16, Option<RouteId>) + use<> {
        let generation = self.generation;
        move |label| (source_of(label), route_of(label, generation))
    }

    /// The broker has a QoS 1 message.
    #[inline]
    pub fn published<M: Copy>(counters: &mut SinkCounters, tag: u64, settle: &mut Settle<M>) {
        counters.delivered += 1;
        if let Some(hold) = Hold::from_tag(tag) {
            settle.release(hold);
        }
    }

    /// The transport has all of the session's output: QoS 0 messages in it are delivered as far as QoS 0 goes.
    #[inline]
    pub fn written<M: Copy>(&mut self, settle: &mut Settle<M>) {
        self.counters.delivered += self.unwritten;
        self.unwritten = 0;
        for hold in self.unwritten_holds.drain(..) {
            settle.release(hold);
        }
    }

    /// The transport is connected.
    pub fn opened(&mut self, now_ns: u64) {
        self.is_writable = true;
        self.session.opened(now_ns);
    }

    /// The transport is gone. QoS 0 messages that it never got are lost with the session's output: counted, and failed for
    /// those who wait. (The pipeline hands output over in the same call that makes it, so that there should be none.)
    pub fn closed<M: Copy>(&mut self, now_ns: u64, settle: &mut Settle<M>) {
        self.is_writable = false;
        self.counters.drop(DropReason::ConnectionLost, self.unwritten);
        self.unwritten = 0;
        for hold in self.unwritten_holds.drain(..) {
            settle.fail(hold);
        }
        self.session.closed(now_ns);
    }

    /// Another session takes over: it has to connect in another way. What the old one has in flight is sent again by the new one,
    /// before all that waits, so that the order of each topic is kept.
    pub fn replace_session<M: Copy>(
        &mut self,
        session: Session,
        names: &Arc<Names>,
        now_ns: i64,
        settle: &mut Settle<M>,
    ) {
        self.take_back(names, now_ns);
        self.closed(u64::try_from(now_ns).unwrap_or_default(), settle);
        self.session = session;
    }

    /// What is in flight goes back to the front of the queue.
    fn take_back(&mut self, names: &Arc<Names>, now_ns: i64) {
        let mut load = Load::like(&Segment::named(names), now_ns);
        self.session.give_up(|token, message| {
            let Publish { topic, payload, qos, retain, label, properties } = message;
            let is_replayed = properties.user_properties().any(|(name, _)| name == REPLAYED.0);
            let (route, source) = (route_of(label, self.generation).unwrap_or(UNKNOWN_ROUTE), source_of(label));
            let meta = Meta { qos: qos as u8, retain, received_ns: now_ns, source_ns: None };
            load.push(&Item { topic, payload, route, source, meta, is_replayed }, Hold::from_tag(token));
        });
        self.queue.put_back(load);
    }

    /// The end: takes the messages out, sent or not, that are not confirmed, that nobody waits for and that `takes` takes; how many.
    pub fn extract(&mut self, names: &Arc<Names>, now_ns: i64, takes: &mut impl FnMut(&Item<'_>) -> bool) -> u64 {
        self.take_back(names, now_ns);
        self.queue.extract(takes)
    }

    /// Whether messages can leave now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_writable && self.session.state() == State::Connected
    }

    /// The transport's buffer is full or has room again.
    pub fn set_writable(&mut self, is_writable: bool) {
        self.is_writable = is_writable && self.session.state() != State::Closed;
    }

    /// The ledger.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        self.counters.with(self.queue.drops())
    }

    /// What happens when its queue is full.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.queue.policy()
    }

    /// Tells those who wait for messages that its queue dropped.
    pub fn release_dropped<M: Copy>(&mut self, settle: &mut Settle<M>) {
        self.queue.release_dropped(settle);
    }

    /// Whether its sources are to be held up.
    pub fn update_gate(&mut self) -> bool {
        self.queue.update_gate(0)
    }

    /// Whether it is far above its high mark.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.queue.is_overfull()
    }

    /// When the oldest message of the queue came in.
    #[must_use]
    pub fn oldest_ns(&self) -> Option<i64> {
        self.queue.oldest_ns()
    }

    /// Bytes that wait in the queue.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Messages inside: waiting, in the output, or with the broker unconfirmed.
    #[must_use]
    pub fn walk(&self) -> u64 {
        self.queue.walk() as u64 + self.session.inflight() as u64 + self.unwritten
    }

    /// New names for what comes from now on.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.generation = self.generation.wrapping_add(1);
        self.queue.rename(names);
    }

    /// Another policy and size of its queue.
    pub fn reconfigure(&mut self, policy: Policy, queue_bytes: usize) {
        self.queue.reconfigure(policy, queue_bytes);
    }
}

/// Hands a message to the session. The tag of the hold when it was taken, the hold itself when not; and whether a PUBACK will come.
#[inline]
fn publish(
    session: &mut Session,
    item: &Item<'_>,
    hold: Option<Hold>,
    label: u64,
    mark: &PropertyBuffer,
) -> (Result<u64, (PublishError, Option<Hold>)>, bool) {
    // The router emits valid topic names only.
    let qos = if item.meta.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    let Item { topic, payload, .. } = *item;
    let is_marked = item.is_replayed && session.version() == Version::V5;
    let properties = if is_marked { mark.properties() } else { Properties::default() };
    let message = Publish { topic, payload, qos, retain: item.meta.retain, label, properties };
    let tag = hold.map_or(0, Hold::into_tag);
    let sent = session.publish_valid(message, tag).map(|()| tag).map_err(|error| (error, Hold::from_tag(tag)));
    (sent, qos == QoS::AtLeastOnce)
}

/// The user property of messages that come out of a log (MQTT 5 §3.3.2.3.7; 3.1.1 has no place for it).
const REPLAYED: (&[u8], &[u8]) = (b"pronubes-replayed", b"true");

fn mark() -> PropertyBuffer {
    let mut mark = PropertyBuffer::new(Place::Publish);
    let pushed = mark.push(PropertyId::UserProperty, Value::Pair(REPLAYED.0, REPLAYED.1));
    debug_assert!(pushed.is_ok(), "two short texts are a user property");
    mark
}

/// The route of a message that came before a reload: route numbers belong to one plan.
const UNKNOWN_ROUTE: RouteId = RouteId(u32::MAX);

/// Where a message comes from, as the number that the session keeps with it.
#[inline]
fn label_of(route: RouteId, source: u16, generation: u16) -> u64 {
    u64::from(generation) << 48 | u64::from(route.0) << 16 | u64::from(source)
}

/// The source of a label, by slot.
fn source_of(label: u64) -> u16 {
    label as u16
}

/// The route of a label, if it is one of the present plan.
fn route_of(label: u64, generation: u16) -> Option<RouteId> {
    let route = RouteId((label >> 16) as u32);
    (label >> 48 == u64::from(generation) && route != UNKNOWN_ROUTE).then_some(route)
}
