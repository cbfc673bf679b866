//! Sinks: where messages end up. Three kinds, one ledger.
//!
//! * [`MqttSink`]: a session; what the window or the transport does not take now waits in its queue.
//! * [`BatchSink`]: a queue from which Python takes batches and confirms them, one at a time, so that order holds.
//! * [`LatestSink`]: the newest value per topic; takes everything at once.
//!
//! A message that a sink will never take comes back as a [`Refusal`]; the pipeline puts it into the quarantine.

use std::sync::Arc;

use pronubes_core::Reason;
use pronubes_mqtt::{Publish, PublishError, QoS, Session, State};
use serde::Serialize;

use crate::latest::Latest;
use crate::names::Names;
use crate::queue::{Gate, Item, Load, Queue, Segment, SegmentLimits};
use crate::settle::{Hold, Settle};

/// A sink's ledger: emitted = delivered + dropped + quarantined + buffered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkCounters {
    /// Messages that routes sent here.
    pub emitted: u64,
    /// Messages that the other side has.
    pub delivered: u64,
    /// Messages lost by a policy, counted.
    pub dropped: u64,
    /// Messages that the other side refused for good.
    pub quarantined: u64,
}

/// A message that a sink will never take.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The sink's own words.
    pub detail: &'static str,
    /// Who waits for it.
    pub hold: Option<Hold>,
}

/// Bytes that one flush may put into a session's output: a long queue leaves in pieces, so that a slow transport can object.
const FLUSH_BYTES: usize = 1 << 20;

/// An MQTT session as a sink.
pub struct MqttSink {
    /// The session.
    pub session: Session,
    /// The ledger.
    pub counters: SinkCounters,
    queue: Queue,
    gate: Gate,
    /// Whether the transport takes more.
    is_writable: bool,
    /// QoS 0 messages in the session's output, which the transport does not have yet, and who waits for them.
    unwritten: u64,
    unwritten_holds: Vec<Hold>,
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
    pub fn new(session: Session, queue_bytes: usize, names: &Arc<Names>) -> Self {
        Self {
            session,
            counters: SinkCounters::default(),
            queue: Queue::new(SegmentLimits::default(), Arc::clone(names)),
            gate: Gate::new(queue_bytes),
            is_writable: false,
            unwritten: 0,
            unwritten_holds: Vec::new(),
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
        let (sent, is_acknowledged) = publish(&mut self.session, item, hold);
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
            let (sent, is_acknowledged) = publish(&mut self.session, &item, hold);
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
        self.counters.dropped += self.unwritten;
        self.unwritten = 0;
        for hold in self.unwritten_holds.drain(..) {
            settle.fail(hold);
        }
        self.session.closed(now_ns);
    }

    /// The transport's buffer is full or has room again.
    pub fn set_writable(&mut self, is_writable: bool) {
        self.is_writable = is_writable && self.session.state() != State::Closed;
    }

    /// Whether its sources are to be held up.
    pub fn update_gate(&mut self) -> bool {
        self.gate.update(self.queue.bytes())
    }

    /// Whether it is far above its high mark.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.queue.bytes() > 2 * self.gate.high()
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
        self.queue.rename(names);
    }

    /// Another high mark.
    pub fn set_limit(&mut self, queue_bytes: usize) {
        self.gate = Gate::new(queue_bytes);
    }
}

/// Hands a message to the session. The tag of the hold when it was taken, the hold itself when not; and whether a PUBACK will come.
#[inline]
fn publish(
    session: &mut Session,
    item: &Item<'_>,
    hold: Option<Hold>,
) -> (Result<u64, (PublishError, Option<Hold>)>, bool) {
    let qos = if item.meta.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    let message =
        Publish { topic: item.topic, payload: item.payload, qos, retain: item.meta.retain, ..Publish::default() };
    let tag = hold.map_or(0, Hold::into_tag);
    let sent = session.publish(message, tag).map(|()| tag).map_err(|error| (error, Hold::from_tag(tag)));
    (sent, qos == QoS::AtLeastOnce)
}

/// A batch that Python has.
#[derive(Debug)]
struct Out {
    id: u64,
    segment: Arc<Segment>,
    holds: Vec<Option<Hold>>,
    since_ns: i64,
}

/// Why a confirmation makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmError {
    /// There is no such batch.
    UnknownBatch,
    /// A row number lies outside of the batch, or a row is named twice.
    InvalidRow,
}

/// A queue that Python empties in batches.
#[derive(Debug)]
pub struct BatchSink {
    /// The ledger.
    pub counters: SinkCounters,
    queue: Queue,
    gate: Gate,
    linger_ns: i64,
    out: Option<Out>,
    next_id: u64,
    is_announced: bool,
}

impl BatchSink {
    /// An empty sink.
    #[must_use]
    pub fn new(queue_bytes: usize, limits: SegmentLimits, linger_ns: i64, names: &Arc<Names>) -> Self {
        Self {
            counters: SinkCounters::default(),
            queue: Queue::new(limits, Arc::clone(names)),
            gate: Gate::new(queue_bytes),
            linger_ns,
            out: None,
            next_id: 1,
            is_announced: false,
        }
    }

    /// Takes a message from a route.
    pub fn accept(&mut self, item: &Item<'_>, hold: Option<Hold>) {
        self.counters.emitted += 1;
        self.queue.push(item, hold, item.meta.received_ns);
    }

    /// Whether a batch can be taken: none is out, and one is full or old enough.
    #[must_use]
    pub fn is_ready(&self, now_ns: i64) -> bool {
        self.out.is_none() && (self.queue.has_full_segment() || self.deadline_ns().is_some_and(|at| at <= now_ns))
    }

    /// When what waits becomes a batch by its age.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<i64> {
        self.queue.oldest_ns().filter(|_| self.out.is_none()).map(|oldest| oldest + self.linger_ns)
    }

    /// The same, unless that batch was announced already.
    #[must_use]
    pub fn unannounced_deadline_ns(&self) -> Option<i64> {
        self.deadline_ns().filter(|_| !self.is_announced)
    }

    /// Like [`BatchSink::is_ready`], but says so only once per batch.
    pub fn announce(&mut self, now_ns: i64) -> bool {
        let is_new = !self.is_announced && self.is_ready(now_ns);
        self.is_announced |= is_new;
        is_new
    }

    /// Takes the next batch, with its number; `force` takes one that is not ready by size or age.
    pub fn take(&mut self, now_ns: i64, force: bool) -> Option<(u64, Arc<Segment>)> {
        if self.out.is_some() || !(force || self.is_ready(now_ns)) {
            return None;
        }
        let load = self.queue.take()?;
        self.is_announced = false;
        let (id, segment) = (self.next_id, Arc::new(load.segment));
        self.next_id += 1;
        self.out = Some(Out { id, segment: Arc::clone(&segment), holds: load.holds, since_ns: load.since_ns });
        Some((id, segment))
    }

    /// The sink has the batch, except for the rows named. Refused rows go to `on_refused`, rows to retry to the front of the queue.
    ///
    /// # Errors
    /// The confirmation makes no sense; nothing has changed then.
    pub fn confirm<M: Copy>(
        &mut self,
        id: u64,
        refused: &[(usize, String)],
        retry: &[usize],
        settle: &mut Settle<M>,
        on_refused: &mut impl FnMut(&Item<'_>, &str, Option<Hold>),
    ) -> Result<(), ConfirmError> {
        let out = self.out.as_ref().filter(|out| out.id == id).ok_or(ConfirmError::UnknownBatch)?;
        let verdicts = verdicts(out.holds.len(), refused, retry)?;
        let Some(out) = self.out.take() else { return Err(ConfirmError::UnknownBatch) };
        let mut again = Load::like(&out.segment, out.since_ns);
        for (row, hold) in out.holds.into_iter().enumerate() {
            match verdicts.get(row).copied().unwrap_or(Verdict::Delivered) {
                Verdict::Delivered => {
                    self.counters.delivered += 1;
                    if let Some(hold) = hold {
                        settle.release(hold);
                    }
                }
                Verdict::Retry => again.push(&out.segment.item(&out.segment.records()[row]), hold),
                Verdict::Refused(at) => {
                    self.counters.quarantined += 1;
                    on_refused(&out.segment.item(&out.segment.records()[row]), &refused[at].1, hold);
                }
            }
        }
        self.queue.put_back(again);
        Ok(())
    }

    /// Whether its sources are to be held up.
    pub fn update_gate(&mut self) -> bool {
        let out = self.out.as_ref().map_or(0, |out| out.segment.size());
        self.gate.update(self.queue.bytes() + out)
    }

    /// Whether it is far above its high mark.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.queue.bytes() > 2 * self.gate.high()
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

    /// Messages inside: waiting or with Python.
    #[must_use]
    pub fn walk(&self) -> u64 {
        (self.queue.walk() + self.out.as_ref().map_or(0, |out| out.holds.len())) as u64
    }

    /// New names for what comes from now on.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.queue.rename(names);
    }

    /// Another high mark and linger time; segments keep the size they were begun with.
    pub fn reconfigure(&mut self, queue_bytes: usize, linger_ns: i64) {
        self.gate = Gate::new(queue_bytes);
        self.linger_ns = linger_ns;
    }
}

#[derive(Clone, Copy)]
enum Verdict {
    Delivered,
    Retry,
    Refused(usize),
}

/// One verdict per row, or none at all when every row was delivered.
fn verdicts(rows: usize, refused: &[(usize, String)], retry: &[usize]) -> Result<Vec<Verdict>, ConfirmError> {
    if refused.is_empty() && retry.is_empty() {
        return Ok(Vec::new());
    }
    let mut verdicts = vec![Verdict::Delivered; rows];
    let named = refused.iter().enumerate().map(|(at, (row, _))| (*row, Verdict::Refused(at)));
    for (row, verdict) in named.chain(retry.iter().map(|row| (*row, Verdict::Retry))) {
        match verdicts.get_mut(row) {
            Some(place @ Verdict::Delivered) => *place = verdict,
            _ => return Err(ConfirmError::InvalidRow),
        }
    }
    Ok(verdicts)
}

/// The newest value per topic as a sink: whatever comes is taken at once.
#[derive(Debug)]
pub struct LatestSink {
    /// The values.
    pub latest: Latest,
    /// The ledger.
    pub counters: SinkCounters,
}

impl LatestSink {
    /// An empty one.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { latest: Latest::new(bytes), counters: SinkCounters::default() }
    }

    /// Takes a message from a route.
    pub fn accept(&mut self, item: &Item<'_>) {
        self.counters.emitted += 1;
        if self.latest.put(item) {
            self.counters.delivered += 1;
        } else {
            self.counters.dropped += 1;
        }
    }
}
