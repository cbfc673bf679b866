//! A log on a simulated disk beside a naive ledger of what was sent, acknowledged and consumed.
//!
//! The ledger holds the promise of the crate. What `durable()` has passed and a consumer has not consumed is read back once, in
//! order, byte for byte, whatever happened in between; nothing is read that was not sent; records are missing only where the
//! test damaged the disk, and then exactly those that the log reported.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use pronubes_log::sim::SimFs;
use pronubes_log::{Fetch, Log, LogEvent, OpenError, Position, Runner, Settings};

use super::sent::{Names, Reading, Sent};

/// Where the log lies.
pub const DIR: &str = "/var/log-of-test";
/// A second.
pub const SECOND: i64 = 1_000_000_000;
/// Polls after which something that should have come is missing.
const PATIENCE: usize = 2_000;

/// A consumer, as the ledger sees it.
#[derive(Clone, Debug)]
pub struct Consumer {
    pub name: String,
    pub id: u16,
    /// The record it reads next.
    pub next: u64,
    /// What it read and has not acknowledged.
    pub pending: BTreeSet<u64>,
}

impl Consumer {
    fn wants(&self, seq: u64) -> bool {
        seq >= self.next || self.pending.contains(&seq)
    }

    fn lowest(&self) -> u64 {
        self.pending.first().copied().unwrap_or(self.next)
    }

    fn position(&self) -> Position {
        let mut pending: Vec<Range<u64>> = Vec::new();
        for seq in &self.pending {
            match pending.last_mut() {
                Some(last) if last.end == *seq => last.end += 1,
                _ => pending.push(*seq..*seq + 1),
            }
        }
        Position { pending, next: self.next }
    }

    fn take(&mut self, position: &Position) {
        self.next = position.next;
        self.pending = position.pending.iter().cloned().flatten().collect();
    }
}

/// A log and its ledger.
pub struct Rig {
    pub fs: SimFs,
    pub settings: Settings,
    pub now: i64,
    pub log: Option<Log>,
    pub sent: BTreeMap<u64, Sent>,
    pub acked: u64,
    /// The same when the ordered power cut came.
    acked_at_cut: u64,
    /// What was acknowledged before the start that is being checked.
    promised: Option<u64>,
    pub consumers: Vec<Consumer>,
    /// Records the log reported as lost.
    pub lost: BTreeSet<u64>,
    pub events: Vec<LogEvent>,
    /// The test damaged the disk: loss is legal where it is reported.
    pub is_damaged: bool,
    next_id: u64,
    /// Records that were never acknowledged and were not there after a start: they may come back, as they were.
    gone: BTreeMap<u64, Sent>,
}

impl Rig {
    /// An empty disk with a log on it, and so many consumers.
    pub fn new(settings: Settings, consumers: usize) -> Self {
        Self::on(SimFs::new(), settings, consumers)
    }

    /// A log on a disk that has none yet.
    pub fn on(fs: SimFs, settings: Settings, consumers: usize) -> Self {
        let mut rig = Self::closed(fs, settings);
        for index in 0..consumers {
            let (name, id, next) = (format!("sink-{index}"), 0, 1);
            rig.consumers.push(Consumer { name, id, next, pending: BTreeSet::new() });
        }
        rig.open();
        rig
    }

    /// A rig whose log is not open yet, without consumers.
    pub fn closed(fs: SimFs, settings: Settings) -> Self {
        Self {
            fs,
            settings,
            now: 1_700_000_000 * SECOND,
            log: None,
            sent: BTreeMap::new(),
            acked: 1,
            acked_at_cut: 1,
            promised: None,
            consumers: Vec::new(),
            lost: BTreeSet::new(),
            events: Vec::new(),
            is_damaged: false,
            next_id: 1,
            gone: BTreeMap::new(),
        }
    }

    pub fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("the log is open")
    }

    pub fn try_open(&self) -> Result<Log, OpenError> {
        let fs = Arc::new(self.fs.clone());
        Log::open(fs, Path::new(DIR), self.settings.clone(), Runner::Inline, Arc::new(Names), self.now)
    }

    /// Opens the log, if need be after all faults ended, and checks everything the ledger knows.
    pub fn open(&mut self) {
        assert!(self.log.is_none(), "it is open");
        let log = self.try_open().or_else(|_| {
            self.fs.heal();
            self.fs.set_quota(None);
            self.try_open()
        });
        self.log = Some(log.unwrap_or_else(|error| panic!("no content keeps a log from opening: {error}")));
        self.promised = Some(self.acked);
        self.take_events();
        self.meet_consumers();
        self.verify();
        self.promised = None;
        self.acked = self.log().durable();
        self.poll(0);
    }

    /// The numbers of the consumers in the log.
    pub fn ids(&self) -> Vec<u16> {
        self.consumers.iter().map(|consumer| consumer.id).collect()
    }

    /// Records below this must be there.
    fn promise(&self) -> u64 {
        self.promised.unwrap_or(self.acked)
    }

    /// Takes the positions the log kept. They may lag behind, never lead.
    fn meet_consumers(&mut self) {
        let acked = self.promise();
        let head = self.log().head();
        let last = self.sent.range(..acked).next_back().map_or(0, |(seq, _)| *seq);
        assert!(head > last, "the next record would be {head}, {last} is acknowledged");
        let mut consumers = std::mem::take(&mut self.consumers);
        for (index, consumer) in consumers.iter_mut().enumerate() {
            let id = self.log().consumer(&consumer.name);
            consumer.id = id;
            let position = self.log().position(id);
            let mut kept = consumer.clone();
            kept.take(&position);
            let skipped = |(seq, sent): &(&u64, &Sent)| {
                **seq < acked && sent.consumers.contains(&index) && consumer.wants(**seq) && !kept.wants(**seq)
            };
            if let Some((seq, _)) = self.sent.iter().find(skipped) {
                assert!(
                    self.is_damaged && self.lost.contains(seq),
                    "consumer {index} forgot acknowledged record {seq}: had {:?}, got {position:?}",
                    consumer.position()
                );
            }
            assert!(
                kept.next <= consumer.next.max(self.log().head()),
                "consumer {index} leapt ahead: had {:?}, got {position:?}",
                consumer.position()
            );
            *consumer = kept;
        }
        self.consumers = consumers;
    }

    /// Appends a record for the consumers a mask names.
    pub fn append(&mut self, size: usize, mask: usize) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut consumers: Vec<usize> = (0..self.consumers.len()).filter(|index| mask >> index & 1 == 1).collect();
        if consumers.is_empty() {
            consumers.push(0);
        }
        let sent = Sent { id, size, consumers };
        let (ids, now) = (self.ids(), self.now);
        let head = self.log().head();
        let seq = sent.append(self.log(), &ids, now);
        assert_eq!(seq, head, "a record gets the number that was announced");
        assert!(seq >= self.acked, "number {seq} was given and acknowledged before");
        self.sent.insert(seq, sent);
        seq
    }

    /// Lets time pass and the log work.
    pub fn poll(&mut self, passing_ns: i64) {
        self.now += passing_ns;
        let now = self.now;
        self.log().poll(now);
        let durable = self.log().durable();
        assert!(durable >= self.acked, "durable fell from {} to {durable}", self.acked);
        assert!(durable <= self.log().head(), "what was never appended is durable");
        self.acked = durable;
        if !self.fs.has_cut() {
            self.acked_at_cut = durable;
        }
        self.take_events();
    }

    pub fn take_events(&mut self) {
        for event in self.log().events() {
            if let LogEvent::Lost { records } = &event {
                let acked = records.start..records.end.min(self.promise()).max(records.start);
                let first = self.sent.range(acked).next();
                assert!(self.is_damaged || first.is_none(), "lost without damage: {event:?}, at least {first:?}");
                // Numbers that a start left out may lie in the range: nobody was ever given them.
                self.lost.extend(self.sent.range(records.clone()).map(|(seq, _)| *seq));
            }
            self.events.push(event);
        }
    }

    pub fn flush(&mut self, is_forced: bool) {
        let now = self.now;
        self.log().flush(now, is_forced);
    }

    /// Works until all that was appended is durable. The log must get there by itself once the disk is well.
    pub fn settle(&mut self) {
        self.flush(true);
        for _ in 0..PATIENCE {
            self.poll(SECOND / 20);
            if self.log().durable() == self.log().head() {
                return;
            }
        }
        panic!("not durable after {PATIENCE} polls: {:?}", self.log().status());
    }

    /// Lets seconds pass in which nobody wants anything.
    pub fn idle(&mut self, seconds: usize) {
        (0..seconds).for_each(|_| self.poll(SECOND));
    }

    /// Ends all faults, settles, and saves the cursors.
    pub fn recover(&mut self) {
        self.heal();
        self.settle();
        self.idle(10);
        assert!(!self.log().is_behind(), "still behind on a healthy disk: {:?}", self.events);
    }

    /// Reads what a log holds from a number on.
    pub fn read(&mut self, from: u64) -> Reading {
        let mut reading = Reading::default();
        let mut seq = from;
        let mut waits = 0;
        loop {
            match self.log().fetch(seq) {
                Fetch::Frame(frame) => {
                    assert!(frame.first() <= seq && seq < frame.end(), "{seq} is not in {}..", frame.first());
                    reading.take(&frame, seq);
                    seq = frame.end();
                    waits = 0;
                }
                Fetch::Lost { next } => {
                    assert!(next > seq, "no progress at {seq}");
                    seq = next;
                }
                Fetch::End => {
                    assert_eq!(seq, self.log().head(), "the end is at the head");
                    break;
                }
                Fetch::Later => {
                    waits += 1;
                    assert!(waits < PATIENCE, "record {seq} never comes");
                    self.poll(SECOND / 100);
                }
            }
        }
        self.poll(0);
        reading
    }

    /// Reads everything that somebody still wants and holds it against the ledger.
    pub fn verify(&mut self) {
        let from = self.consumers.iter().map(Consumer::lowest).min().unwrap_or(1);
        let ids = self.ids();
        let acked = self.promise();
        let reading = self.read(from);
        let mut found = BTreeSet::new();
        for (seq, got) in reading.records {
            assert!(found.last() < Some(&seq), "record {seq} comes twice or late");
            found.insert(seq);
            if let Some(back) = self.gone.remove(&seq) {
                self.sent.entry(seq).or_insert(back);
            }
            let sent = self.sent.get(&seq).unwrap_or_else(|| panic!("record {seq} was never sent: {got:?}"));
            assert_eq!(got, sent.expected(&ids), "record {seq}");
        }
        for (seq, sent) in &self.sent {
            let is_wanted = |index: &usize| self.consumers[*index].wants(*seq);
            if found.contains(seq) {
                assert!(!self.lost.contains(seq), "record {seq} was reported lost and is there");
            } else if *seq < acked && sent.consumers.iter().any(is_wanted) {
                assert!(self.is_damaged, "acknowledged record {seq} is missing");
                assert!(self.lost.contains(seq), "record {seq} is missing and was not reported");
            }
        }
        // What was not acknowledged and is not there has never been.
        let is_kept = |seq: &u64| found.contains(seq) || *seq < acked.max(from);
        let gone: Vec<u64> = self.sent.keys().copied().filter(|seq| !is_kept(seq)).collect();
        for seq in gone {
            self.gone.extend(self.sent.remove_entry(&seq));
        }
        let sent = &self.sent;
        self.lost.retain(|seq| sent.contains_key(seq));
    }

    /// A consumer reads up to so many records, checks them, and acknowledges those that a mask picks, here and before.
    pub fn consume(&mut self, index: usize, count: usize, mask: u64) {
        let mut consumer = self.consumers[index].clone();
        let ids = self.ids();
        let mut read = 0;
        while read < count {
            match self.log().fetch(consumer.next) {
                Fetch::Frame(frame) => {
                    let mut reading = Reading::default();
                    reading.take(&frame, consumer.next);
                    for (seq, got) in reading.records.into_iter().take(count - read) {
                        assert_eq!(got, self.sent[&seq].expected(&ids), "record {seq}");
                        assert_eq!(seq, consumer.next, "a gap within a frame");
                        consumer.next = seq + 1;
                        consumer.pending.insert(seq);
                        read += 1;
                    }
                }
                Fetch::Lost { next } => {
                    assert!(next > consumer.next, "no progress at {next}");
                    consumer.next = next;
                }
                Fetch::Later => {
                    self.poll(SECOND / 100);
                    break;
                }
                Fetch::End => break,
            }
        }
        consumer.pending.retain(|seq| mask >> (seq % 64) & 1 == 0);
        let position = consumer.position();
        self.log().set_position(consumer.id, position);
        self.consumers[index] = consumer;
    }

    /// All consumers acknowledge everything.
    pub fn drain(&mut self) {
        let head = self.log().head();
        for index in 0..self.consumers.len() {
            let consumer = &mut self.consumers[index];
            consumer.next = head;
            consumer.pending.clear();
            let (id, position) = (consumer.id, consumer.position());
            self.log().set_position(id, position);
        }
    }

    /// Cuts the power and starts again.
    pub fn crash(&mut self, seed: u64) {
        let next = self.fs.crash(seed);
        self.restart(next);
    }

    /// Kills the process and starts again.
    pub fn kill(&mut self) {
        let next = self.fs.kill();
        self.restart(next);
    }

    /// Cuts the power before the n-th call to the disk that some work makes, or right after the work, and starts again.
    pub fn crash_during(&mut self, call: u64, seed: u64, work: impl FnOnce(&mut Self)) {
        let (lost, events) = (self.lost.clone(), self.events.len());
        self.acked_at_cut = self.acked;
        self.fs.cut_power_at(call, seed);
        work(self);
        let next = self.fs.take_cut().unwrap_or_else(|| self.fs.crash(seed));
        // What the log said behind the cut was never said.
        (self.acked, self.lost) = (self.acked_at_cut, lost);
        self.events.truncate(events);
        self.restart(next);
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.fs.heal();
        self.fs.set_quota(None);
    }

    fn restart(&mut self, next: SimFs) {
        self.log = None;
        self.fs = next;
        self.now += SECOND;
        self.open();
    }

    /// Closes and opens the log; without faults nothing is missing.
    pub fn reopen(&mut self) {
        let head = self.log().head();
        self.log.take().expect("open").close();
        if self.fs.counts().failed == 0 && self.fs.is_unbounded() {
            self.acked = head;
        }
        self.open();
    }

    /// The files that hold records, oldest first.
    pub fn segments(&self) -> Vec<(String, u64)> {
        let entries = self.fs.entries(Path::new(DIR)).into_iter();
        entries.filter(|entry| entry.name.ends_with(".seg")).map(|entry| (entry.name, entry.len)).collect()
    }
}
