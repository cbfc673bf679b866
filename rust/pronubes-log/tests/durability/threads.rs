//! H3: the handover between the handle and its threads, under a load that makes them meet in every state.
//!
//! This is a stress test and no exhaustive search: `loom` and `shuttle` would need their own locks and threads throughout the
//! crate. What it does is let the disk stall, fail and come back at random while one thread appends, polls and reads, and hold
//! the result against the same promise as all other tests.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::settings::{self, Shape};
use crate::support::{DIR, Names, Reading, Sent, seed, times};
use pronubes_log::sim::{Fault, Op, Random, SimFs, When};
use pronubes_log::{Fetch, Log, LogEvent, Position, Runner};

struct Load {
    fs: SimFs,
    log: Log,
    consumer: u16,
    next: u64,
    acked: u64,
    begin: Instant,
}

impl Load {
    fn open(fs: SimFs, number: u64) -> Self {
        let begin = Instant::now();
        let mut log = Log::open(
            Arc::new(fs.clone()),
            Path::new(DIR),
            settings::tiny(Shape::of(number)),
            Runner::Threads,
            Arc::new(Names),
            0,
        )
        .expect("it opens");
        let consumer = log.consumer("sink");
        let next = log.position(consumer).next;
        let acked = log.durable();
        Self { fs, log, consumer, next, acked, begin }
    }

    fn now(&self) -> i64 {
        self.begin.elapsed().as_nanos() as i64
    }

    fn sent(&self, seq: u64) -> Sent {
        Sent { id: seq, size: (seq * 7 % 200) as usize, consumers: vec![0] }
    }

    fn poll(&mut self) {
        let now = self.now();
        self.log.poll(now);
        assert!(self.log.durable() >= self.acked && self.log.durable() <= self.log.head());
        self.acked = self.log.durable();
    }

    fn append(&mut self, count: u64) {
        for _ in 0..count {
            if !self.log.is_behind() {
                let (seq, now) = (self.log.head(), self.now());
                assert_eq!(self.sent(seq).append(&mut self.log, &[self.consumer], now), seq);
            }
        }
    }

    /// Reads what is there, checks it, and acknowledges it.
    fn read(&mut self, limit: usize) -> bool {
        for _ in 0..limit {
            match self.log.fetch(self.next) {
                Fetch::Frame(frame) => {
                    let mut reading = Reading::default();
                    reading.take(&frame, self.next);
                    for (seq, got) in reading.records {
                        assert_eq!(seq, self.next, "in order, without a gap");
                        assert_eq!(got, self.sent(seq).expected(&[self.consumer]));
                        self.next = seq + 1;
                    }
                }
                // Numbers that a start behind a power cut leaves out; what is lost is an event.
                Fetch::Lost { next } => {
                    let is_loss = |event: &LogEvent| matches!(event, LogEvent::Lost { .. });
                    let has_loss = self.log.events().iter().any(is_loss);
                    assert!(!has_loss, "{}..{next} lost on a disk that only paused", self.next);
                    self.next = next;
                }
                Fetch::Later => return false,
                Fetch::End => return true,
            }
        }
        self.log.set_position(self.consumer, Position { pending: Vec::new(), next: self.next });
        false
    }

    fn disturb(&self, random: &mut Random) {
        match random.below(40) {
            0 => self.fs.hold_syncs(true),
            1..=6 => self.fs.heal(),
            7 => self.fs.fail(When::Next(Op::Sync, 1), Fault::Eio),
            8 => self.fs.fail(When::Call(random.below(50)), Fault::Short),
            9 => self.fs.fail(When::Next(Op::Write, 1 + random.below(2)), Fault::Enospc),
            10 => self.fs.slow_syncs(Duration::from_micros(random.below(500))),
            _ => {}
        }
    }

    fn finish(&mut self) {
        self.fs.heal();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let now = self.now();
            self.log.flush(now, true);
            self.poll();
            if self.read(1_000) && self.log.durable() == self.log.head() {
                return;
            }
            assert!(Instant::now() < deadline, "hangs: read {}, {:?}", self.next, self.log.status());
            std::thread::yield_now();
        }
    }
}

#[test]
fn threads_hand_over_everything_once() {
    let mut random = Random::new(seed("threads"));
    let (mut total, rounds) = (0, times(40, 2_000));
    let mut fs = SimFs::new();
    for round in 0..rounds {
        let mut load = Load::open(fs.clone(), random.number());
        for _ in 0..600 {
            load.append(random.below(12));
            let now = load.now();
            load.log.flush(now, random.one_in(4));
            load.poll();
            if random.one_in(3) {
                load.read(random.below(6) as usize);
            }
            load.disturb(&mut random);
        }
        match round % 3 {
            0 => {
                load.finish();
                fs = load.fs.clone();
                load.log.close();
            }
            1 => {
                let cut = load.fs.crash(random.number());
                load.fs.heal();
                check(&cut, &load);
                load.finish();
                fs = SimFs::new();
            }
            _ => {
                // Dropped in the middle of everything, on a disk that stands still: it must neither hang nor panic.
                load.fs.heal();
                fs = SimFs::new();
            }
        }
        total += load_total(&fs);
    }
    println!("{rounds} rounds, {total} calls on the disks that went on, 0 lost, 0 twice");
}

fn load_total(fs: &SimFs) -> u64 {
    fs.counts().calls
}

/// After a power cut everything acknowledged and not consumed is there.
fn check(cut: &SimFs, load: &Load) {
    let mut after = Load::open(cut.clone(), 0);
    assert!(after.next <= load.next, "the position leads");
    let acked = load.acked;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !after.read(1_000) {
        after.poll();
        assert!(Instant::now() < deadline, "hangs after the power cut");
    }
    assert!(after.next >= acked, "{} of {acked} acknowledged records are there", after.next);
}
