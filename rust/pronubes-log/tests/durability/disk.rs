//! D1 to D3: a disk that is full, fails to sync, or is slow; and what the log takes of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::settings::{self, Shape};
use crate::support::{DIR, Names, Rig, SECOND, times};
use pronubes_log::sim::{Fault, Op, SimFs, When};
use pronubes_log::{Log, LogEvent, Overflow, Runner};

/// Appends and works until the log says stop; how many records that took.
fn fill(rig: &mut Rig) -> u64 {
    let before = rig.log().head();
    for _ in 0..20_000 {
        if rig.log().is_behind() {
            return rig.log().head() - before;
        }
        rig.append(200, 1);
        rig.flush(false);
        rig.poll(SECOND / 1000);
    }
    panic!("20,000 records and no end: {:?}", rig.log().status());
}

fn state(rig: &mut Rig) -> String {
    rig.log().status().state.to_string()
}

#[test]
fn a_full_disk_pauses_intake_and_recovers_by_itself() {
    let mut rig = Rig::new(settings::tiny(Shape::PLAIN), 1);
    for round in 0..times(5, 200) {
        rig.fs.set_quota(Some(rig.fs.used() + 40_000 + round * 777));
        fill(&mut rig);
        rig.idle(100);
        assert!(rig.log().is_behind(), "full, and nothing made room");
        assert_eq!(state(&mut rig), "full");
        let shown = rig.events.iter().filter(|event| matches!(event, LogEvent::DiskFull { .. })).count();
        assert!(shown >= 1 && shown <= 3 * (round as usize + 1), "{shown} alarms in round {round}");
        match round % 3 {
            0 => rig.fs.set_quota(None),
            1 => {
                // A restart on a full disk works, and knows all that was acknowledged.
                rig.kill();
                rig.fs.set_quota(None);
            }
            _ => {
                // Consuming makes room, without anybody's help.
                rig.idle(20);
                rig.drain();
            }
        }
        rig.idle(100);
        assert!(!rig.log().is_behind(), "round {round}: there is room again, and intake still waits");
        assert_eq!(state(&mut rig), "ok");
        rig.fs.set_quota(None);
        rig.settle();
        rig.verify();
        rig.drain();
        rig.recover();
    }
}

#[test]
fn the_bound_of_the_log_pauses_intake_until_something_is_consumed() {
    let mut rig = Rig::new(settings::tiny(Shape::PLAIN), 1);
    let bound = rig.settings.max_bytes;
    fill(&mut rig);
    rig.idle(20);
    let used: u64 = rig.segments().iter().map(|(_, len)| len).sum();
    assert!(used <= bound, "{used} of {bound}");
    rig.verify();
    rig.drain();
    rig.recover();
    assert!(fill(&mut rig) > 10);
}

#[test]
fn drop_oldest_keeps_the_newest_and_counts_what_it_drops() {
    let mut settings = settings::tiny(Shape::PLAIN);
    settings.overflow = Overflow::DropOldest;
    let mut rig = Rig::new(settings, 1);
    rig.is_damaged = true;
    let sent = 5_000;
    for _ in 0..sent {
        rig.append(200, 1);
        rig.flush(false);
        rig.poll(SECOND / 1000);
        assert!(!rig.log().is_behind(), "this policy never pauses");
    }
    rig.settle();
    let id = rig.consumers[0].id;
    let dropped: u64 = rig
        .events
        .iter()
        .filter_map(|event| match event {
            LogEvent::Dropped { consumer, records, .. } if *consumer == id => Some(*records),
            _ => None,
        })
        .sum();
    let from = rig.log().position(id).next;
    let left = rig.read(from).records.len() as u64;
    assert!(dropped > 0 && left > 50, "{dropped} dropped, {left} left");
    assert_eq!(dropped + left, sent, "each record is there or counted");
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_loses_nothing() {
    for fault in [Fault::Eio, Fault::Enospc] {
        for seed in 0..times(20, 500) {
            let mut rig = Rig::new(settings::tiny(Shape::of(seed)), 1);
            for _ in 0..seed % 30 {
                rig.append(100, 1);
            }
            rig.settle();
            let durable = rig.acked;
            rig.fs.fail(When::Every(Op::Sync), fault);
            for _ in 0..20 {
                rig.append(100, 1);
            }
            rig.flush(true);
            for _ in 0..50 {
                rig.poll(SECOND / 10);
            }
            assert_eq!(rig.acked, durable, "nothing was synced and something is durable");
            assert!(
                rig.log().is_behind() && state(&mut rig) != "ok",
                "{fault:?}: nobody hears of it: {:?}",
                rig.events
            );
            let is_alarm = |event: &LogEvent| matches!(event, LogEvent::SyncFailed { .. } | LogEvent::DiskFull { .. });
            assert!(rig.events.iter().any(is_alarm), "{:?}", rig.events);
            if seed % 2 == 0 {
                rig.fs.heal();
                rig.settle();
                assert_eq!(state(&mut rig), "ok");
            }
            rig.crash(seed);
            rig.recover();
            rig.verify();
        }
    }
}

#[test]
fn one_failed_sync_is_survived_at_once() {
    for seed in 0..times(50, 2_000) {
        let mut rig = Rig::new(settings::tiny(Shape::of(seed)), 1);
        rig.append(100, 1);
        rig.settle();
        rig.fs.fail(When::Next(Op::Sync, 1), Fault::Eio);
        for _ in 0..20 {
            rig.append(100, 1);
        }
        rig.settle();
        assert_eq!(rig.acked, 22);
        assert!(rig.events.iter().any(|event| matches!(event, LogEvent::SyncFailed { .. })));
        // What the failed sync lost lies in a new file: the start behind the power cut looks for it.
        rig.crash(seed);
    }
}

#[test]
fn a_slow_disk_never_holds_the_caller() {
    let fs = SimFs::new();
    let settings = settings::tiny(Shape::PLAIN);
    let memory = settings.memory_bytes as u64;
    let begin = Instant::now();
    let now = || begin.elapsed().as_nanos() as i64;
    let mut log = Log::open(Arc::new(fs.clone()), Path::new(DIR), settings, Runner::Threads, Arc::new(Names), now())
        .expect("it opens");
    let consumer = log.consumer("sink");
    fs.hold_syncs(true);
    let mut longest = Duration::ZERO;
    let mut bytes = 0;
    let durable = log.durable();
    for id in 1..=20_000 {
        let call = Instant::now();
        if !log.is_behind() {
            let sent = crate::support::Sent { id, size: 200, consumers: vec![0] };
            sent.append(&mut log, &[consumer], now());
            bytes += 200;
        }
        log.flush(now(), false);
        log.poll(now());
        longest = longest.max(call.elapsed());
    }
    assert!(log.is_behind(), "the disk stands still and intake goes on");
    assert!(bytes <= memory * 4, "{bytes} bytes taken, {memory} allowed in memory");
    assert_eq!(log.durable(), durable, "acknowledged without a sync");
    assert!(longest < Duration::from_millis(50), "a call took {longest:?}");
    fs.heal();
    let deadline = Instant::now() + Duration::from_secs(5);
    log.flush(now(), true);
    while log.durable() < log.head() && Instant::now() < deadline {
        log.poll(now());
        std::thread::yield_now();
    }
    assert_eq!(log.durable(), log.head());
    log.close();
}

#[test]
fn the_first_record_after_each_drain_arrives() {
    let mut rig = Rig::new(settings::tiny(Shape::PLAIN), 1);
    let rounds = times(10_000, 200_000);
    for round in 0..rounds {
        let seq = rig.append(20, 1);
        match round % 3 {
            0 => {
                rig.flush(true);
                rig.poll(SECOND / 100);
            }
            1 => rig.poll(SECOND / 10),
            _ => {}
        }
        while rig.consumers[0].next <= seq {
            rig.consume(0, 1, u64::MAX);
        }
        assert_eq!(rig.consumers[0].next, seq + 1, "record {seq} was passed over");
        assert!(rig.consumers[0].pending.is_empty());
    }
    rig.recover();
    println!("{rounds} times from empty to one record and back; {} bytes of disk", rig.fs.used());
    assert!(rig.segments().len() <= 3, "{:?}", rig.segments());
}

#[test]
fn disk_use_falls_after_the_drain() {
    let mut rig = Rig::new(settings::tiny(Shape::PLAIN), 2);
    for _ in 0..400 {
        rig.append(150, 3);
        rig.flush(false);
        rig.poll(SECOND / 100);
    }
    rig.settle();
    let full = rig.fs.used();
    let head = rig.log().head();
    rig.consume(0, 10_000, u64::MAX);
    rig.recover();
    assert!(rig.fs.used() + 8_192 >= full, "one consumer still wants it all");
    while rig.consumers[1].next < head {
        rig.consume(1, 50, u64::MAX);
        rig.poll(SECOND * 2);
    }
    rig.recover();
    let empty = rig.fs.used();
    println!("{full} bytes full, {empty} drained, {} segments left", rig.segments().len());
    assert!(empty * 2 < full && rig.segments().len() <= 3, "{empty} of {full}: {:?}", rig.segments());
}
