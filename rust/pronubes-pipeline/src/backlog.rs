//! Logs and sinks: confirmations move positions, and what sinks missed comes back out of the logs.
//!
//! Rules of this file:
//! 1. Nothing waits here: a record that has to be read from the disk is asked for and comes with a later [`Pipeline::work`].
//! 2. What comes out of a log waits its turn: as much is under way as the sink confirms in a tenth of a second, so that what is new
//!    does not wait behind a backlog.
//! 3. A position that is saved covers all that is not confirmed.

use std::sync::Arc;

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_log::{Append, Fetch, Frame, Log, LogEvent, RecordView, Target};

use crate::floor::{Floor, Sink, SinkKind};
use crate::logs::{Kind, Logs};
use crate::names::Names;
use crate::node::Delivery;
use crate::pipeline::Pipeline;
use crate::queue::{DropReason, Item};
use crate::settle::{Fate, Settle, ring};

/// How often positions are handed to the logs.
const POSITIONS_NS: i64 = 200_000_000;
/// When to look again for what a rate allows.
const RATED_NS: i64 = 20_000_000;
/// Which part of a sink's queue replayed messages may fill, and how much at most: new ones wait behind little.
const SHARE: usize = 4;
const MAX_SHARE: usize = 256 << 10;

impl Sink {
    fn has_share(&self) -> bool {
        self.queued_bytes() <= (self.queue_limit / SHARE).min(MAX_SHARE)
    }
}

impl Pipeline {
    /// What the threads of the logs have done; then sinks get what they missed.
    pub(crate) fn poll_logs(&mut self) {
        let now_ns = self.now_ns;
        let Floor { logs, settle, sinks, .. } = &mut self.floor;
        if logs.durable.is_none() && logs.spill.is_none() {
            return;
        }
        logs.poll(settle, now_ns);
        for kind in [Kind::Durable, Kind::Spill] {
            let Some(log) = log_of(logs, kind) else { continue };
            for event in log.events() {
                account(sinks, kind, &event);
                self.notes.log_events.push((kind, event));
            }
        }
        self.replay_due_ns = None;
        for slot in 0..self.floor.sinks.len() {
            if self.floor.sinks[slot].lane.is_logged() && !self.floor.sinks[slot].is_gone {
                self.feed(slot);
            }
        }
    }

    /// Gives a sink what it missed, as far as its pace goes.
    fn feed(&mut self, slot: usize) {
        let now_ns = self.now_ns;
        let Floor { sinks, settle, quarantine, logs, names, .. } = &mut self.floor;
        let sink = &mut sinks[slot];
        let has_room = sink.queued_bytes() <= sink.live_limit() / 2;
        if sink.lane.is_lagging && has_room && sink.lane.may_catch_up() {
            sink.lane.end_lagging();
        }
        if !sink.lane.has_more() {
            let lost = sink.lane.take_lost();
            sink.lane.forget_overtaken();
            let counters = sink.ledger();
            counters.emitted += lost;
            counters.drop(DropReason::LogLost, lost);
            return;
        }
        if sink.is_retired || !sink.is_open() || !sink.has_share() || quarantine.is_full() {
            return;
        }
        let rings = [ring::replay(slot as u16), ring::spill(slot as u16)];
        let unconfirmed = rings.iter().map(|ring| settle.open_tokens(*ring) as u64).sum();
        let mut left = sink.lane.allowance(unconfirmed, now_ns);
        for (kind, ring) in [Kind::Durable, Kind::Spill].into_iter().zip(rings) {
            let Some(log) = log_of(logs, kind) else { continue };
            let mut feeder = Feeder { sink, settle, quarantine, names, ring, kind, left };
            feeder.feed(log);
            left = feeder.left;
        }
        if sink.lane.is_rated() {
            self.replay_due_ns = Some(now_ns + RATED_NS);
        }
    }

    /// Confirmations of sinks move their positions; what a sink lost is given to it again.
    pub(crate) fn drain_lanes(&mut self) {
        let now_ns = self.now_ns;
        let Floor { sinks, settle, logs, .. } = &mut self.floor;
        let mut is_dirty = false;
        for (slot, sink) in sinks.iter_mut().enumerate().filter(|(_, sink)| sink.lane.is_logged()) {
            let slot = slot as u16;
            let mut confirmed = 0;
            for (number, ring) in [ring::live(slot), ring::replay(slot), ring::spill(slot)].into_iter().enumerate() {
                if !settle.is_dirty(ring) {
                    continue;
                }
                let track = if number == 2 { &mut sink.lane.spill } else { &mut sink.lane.durable };
                let Some(track) = track else { continue };
                settle.drain(ring, |seq, fate| match fate {
                    Fate::Done => confirmed += 1,
                    Fate::Failed => track.put_back(seq),
                });
            }
            if confirmed > 0 {
                sink.lane.confirmed(confirmed, now_ns);
                is_dirty = true;
            }
        }
        self.has_positions |= is_dirty;
        // A clock that was set back must not keep positions from being saved.
        let is_due = now_ns >= self.positions_ns + POSITIONS_NS || now_ns < self.positions_ns;
        if self.has_positions && is_due {
            save_positions(sinks, settle, logs);
            self.positions_ns = now_ns;
            self.has_positions = false;
        }
        if self.has_positions {
            let due = self.positions_ns + POSITIONS_NS;
            self.replay_due_ns = Some(self.replay_due_ns.map_or(due, |earlier| earlier.min(due)));
        }
    }

    /// Hands what has gathered to the writers.
    pub(crate) fn flush_logs(&mut self) {
        let now_ns = self.now_ns;
        self.floor.logs.each().for_each(|log| log.flush(now_ns, false));
    }

    /// File descriptors that become readable when [`Pipeline::work`] has something of a log to take.
    pub fn wake_fds(&self) -> impl Iterator<Item = std::os::fd::BorrowedFd<'_>> {
        let Logs { durable, spill, .. } = &self.floor.logs;
        durable.iter().chain(spill).filter_map(Log::wake_fd)
    }

    /// The end: what sinks of class `spill` have in memory is handed to its log, and positions. The logs are to be closed then.
    pub fn leave_logs(&mut self, now_ns: i64) -> Leaving {
        self.now_ns = now_ns;
        self.spill_queues();
        let Floor { sinks, settle, logs, .. } = &mut self.floor;
        save_positions(sinks, settle, logs);
        logs.forget();
        settle.collect_lost(); // Sources that were not told send again.
        Leaving(logs.durable.take().into_iter().chain(logs.spill.take()).collect())
    }

    /// Writes what waits in the queues of sinks and is of class `spill` to its log, so that the next run delivers it.
    fn spill_queues(&mut self) {
        let (deliveries, now_ns) = (&self.wiring.deliveries, self.now_ns);
        let Floor { sinks, logs, names, .. } = &mut self.floor;
        let Some(log) = logs.spill.as_mut() else { return };
        for sink in sinks.iter_mut().filter(|sink| !sink.is_gone) {
            let Some(track) = &mut sink.lane.spill else { continue };
            let consumer = track.consumer;
            let sources = &self.sources;
            let is_spilled = |item: &Item<'_>| {
                let own = deliveries.get(item.route.0 as usize).copied().flatten();
                let of_source = sources.get(usize::from(item.source)).map(|source| source.delivery);
                own.or(of_source) == Some(Delivery::Spill)
            };
            let mut keep = |item: &Item<'_>| {
                if !is_spilled(item) {
                    return false;
                }
                let Meta { qos, retain, received_ns, source_ns } = item.meta;
                let target = Target { consumer, topic: item.topic, qos, retain };
                let (route, source, payload) = (item.route.0, item.source, item.payload);
                let record = Append { route, source, received_ns, source_ns, payload, target };
                let Ok(seq) = log.append(&record, received_ns) else { return false };
                track.skip(seq, received_ns);
                true
            };
            let kept = match &mut sink.kind {
                SinkKind::Mqtt { sink, .. } => sink.extract(names, now_ns, &mut keep),
                SinkKind::Batch(sink) => sink.extract(&mut keep),
                SinkKind::Latest(_) => 0,
            };
            sink.ledger().emitted -= kept;
        }
    }
}

/// Logs that are to be closed.
#[must_use = "what is not closed is not synced"]
pub struct Leaving(Vec<Log>);

impl Leaving {
    /// Writes and syncs everything. Blocks for the disk.
    pub fn close(self) {
        self.0.into_iter().for_each(Log::close);
    }
}

/// What the log lost or dropped of a sink's records is in the sink's ledger.
fn account(sinks: &mut [Sink], kind: Kind, event: &LogEvent) {
    let LogEvent::Dropped { consumer, records, .. } = event else { return };
    for sink in sinks.iter_mut().filter(|sink| !sink.is_gone) {
        let track = if kind == Kind::Durable { &mut sink.lane.durable } else { &mut sink.lane.spill };
        if let Some(track) = track.as_mut().filter(|track| track.consumer == *consumer) {
            track.dropped(*records);
            let counters = sink.ledger();
            counters.emitted += records;
            counters.drop(DropReason::LogBound, *records);
        }
    }
}

fn log_of(logs: &mut Logs, kind: Kind) -> Option<&mut Log> {
    match kind {
        Kind::Durable => logs.durable.as_mut(),
        Kind::Spill => logs.spill.as_mut(),
    }
}

pub(crate) fn save_positions(sinks: &[Sink], settle: &Settle<u64>, logs: &mut Logs) {
    for (slot, sink) in sinks.iter().enumerate().filter(|(_, sink)| !sink.is_gone) {
        let slot = slot as u16;
        if let (Some(log), Some(track)) = (logs.durable.as_mut(), &sink.lane.durable) {
            let (live, replayed) = (settle.oldest(ring::live(slot)), settle.oldest(ring::replay(slot)));
            log.set_position(track.consumer, track.position(live, replayed, log.head()));
        }
        if let (Some(log), Some(track)) = (logs.spill.as_mut(), &sink.lane.spill) {
            let replayed = settle.oldest(ring::spill(slot));
            log.set_position(track.consumer, track.position(None, replayed, log.head()));
        }
    }
}

/// Records on their way from a log to a sink.
struct Feeder<'a> {
    sink: &'a mut Sink,
    settle: &'a mut Settle<u64>,
    quarantine: &'a mut crate::quarantine::Quarantine,
    names: &'a Arc<Names>,
    ring: u16,
    kind: Kind,
    /// How many more may come.
    left: u64,
}

impl Feeder<'_> {
    fn track(&mut self) -> Option<&mut crate::lane::Track> {
        match self.kind {
            Kind::Durable => self.sink.lane.durable.as_mut(),
            Kind::Spill => self.sink.lane.spill.as_mut(),
        }
    }

    fn feed(&mut self, log: &mut Log) {
        let is_lagging = self.sink.lane.is_lagging;
        while self.left > 0 {
            let Some(range) = self.track().and_then(|track| track.next(is_lagging)) else { return };
            match log.fetch(range.start) {
                Fetch::Frame(frame) => self.feed_frame(&frame, &range),
                Fetch::Later => return,
                Fetch::Lost { next } => self.advance(next),
                Fetch::End => self.advance(range.end),
            }
        }
    }

    fn advance(&mut self, to: u64) {
        if let Some(track) = self.track() {
            track.advance(to);
        }
    }

    fn feed_frame(&mut self, frame: &Frame, range: &std::ops::Range<u64>) {
        let Some(consumer) = self.track().map(|track| track.consumer) else { return };
        if frame.has_consumer(consumer) {
            let routes: Vec<RouteId> = frame.routes().iter().map(|name| self.route(name)).collect();
            let sources: Vec<u16> =
                frame.sources().iter().map(|name| self.names.source_of(name).unwrap_or(u16::MAX)).collect();
            for record in frame.records().skip_while(|record| record.seq < range.start) {
                if record.seq >= range.end {
                    break;
                }
                if self.left == 0 || !self.sink.has_share() {
                    self.left = 0;
                    return;
                }
                let route = routes.get(usize::from(record.route)).copied().unwrap_or(UNKNOWN_ROUTE);
                let source = sources.get(usize::from(record.source)).copied().unwrap_or(u16::MAX);
                self.feed_record(&record, consumer, route, source);
            }
        }
        self.advance(frame.end());
    }

    fn route(&self, name: &str) -> RouteId {
        self.names.route_of(name).unwrap_or(UNKNOWN_ROUTE)
    }

    fn feed_record(&mut self, record: &RecordView<'_>, consumer: u16, route: RouteId, source: u16) {
        let mut count = 0;
        for target in record.targets().filter(|target| target.consumer == consumer) {
            let retain = target.retain && self.sink.lane.may_retain(target.topic);
            let RecordView { received_ns, source_ns, payload, .. } = *record;
            let meta = Meta { qos: target.qos, retain, received_ns, source_ns };
            let item = Item { topic: target.topic, payload, route, source, meta, is_replayed: true };
            let hold = self.settle.open(self.ring, record.seq);
            self.sink.accept(&item, Some(hold), self.settle, self.quarantine);
            count += 1;
        }
        if count > 0 {
            self.left = self.left.saturating_sub(count);
            self.sink.lane.fed(count);
            if let Some(track) = self.track() {
                track.fed(record.seq, record.received_ns, count);
            }
        }
    }
}

/// The route of a record whose route is not in the present plan.
const UNKNOWN_ROUTE: RouteId = RouteId(u32::MAX);
