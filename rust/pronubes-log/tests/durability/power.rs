//! A2: the power is cut, between any two calls to the disk, after random work.

use std::cell::Cell;
use std::ops::ControlFlow;

use crate::settings::{self, Shape};
use crate::support::{Rig, SECOND, seed, times};
use pronubes_log::sim::{Fault, Op, Random, SimFs, When};

/// One step of ordinary work.
fn work(rig: &mut Rig, random: &mut Random) {
    for _ in 0..random.below(12) {
        rig.append(random.below(300) as usize, random.below(8) as usize);
    }
    match random.below(10) {
        0 => rig.flush(false),
        1 | 2 => rig.flush(true),
        3 => rig.consume(random.below(3) as usize, random.below(60) as usize, random.number()),
        4 => (0..3).for_each(|index| rig.consume(index, random.below(200) as usize, u64::MAX)),
        5 => rig.fs.write_back(random.number()),
        6 => rig.drain(),
        7 => rig.recover(),
        8 => rig.fs.fail(When::Next(Op::Sync, 1), Fault::Eio),
        _ => {}
    }
    rig.poll(random.below(2 * SECOND as u64) as i64);
}

/// All is consumed; positions are saved and segments removed within the seconds behind that.
fn drain(rig: &mut Rig, step_ns: i64) {
    rig.drain();
    (0..4).for_each(|_| rig.poll(step_ns));
}

/// A record that is larger than a segment, and life behind it.
fn exceed(rig: &mut Rig) {
    rig.append(20_000, 1);
    rig.recover();
    let (said, used) = (rig.log().status().bytes, rig.fs.used());
    assert!(said <= used + 4_096, "the log says it has {said} bytes, the disk has {used}");
    rig.append(100, 1);
    rig.recover();
}

/// Cycles of work and power cuts, a new disk of a kind for every 50; how many records were acknowledged.
pub fn cycles(count: u64, random: &mut Random, new_disk: impl Fn() -> SimFs, done: &Cell<u64>) -> u64 {
    let mut rig = Rig::on(new_disk(), settings::tiny(Shape::of(random.number())), 3);
    let mut acked = 0;
    for cycle in 0..count {
        done.set(cycle + 1);
        if cycle % 50 == 49 {
            acked += rig.sent.len() as u64;
            rig = Rig::on(new_disk(), settings::tiny(Shape::of(random.number())), 3);
        }
        for _ in 0..random.below(10) {
            work(&mut rig, random);
        }
        let (call, cut) = (1 + random.below(40), random.number());
        let is_end_of_backlog = random.one_in(2);
        if is_end_of_backlog {
            // A backlog of some segments, and time since the positions were saved last: both change within the drain.
            (0..50).for_each(|_| {
                rig.append(250, 1);
            });
            rig.settle();
        }
        let step = 500_000_000 + random.below(500_000_000) as i64;
        rig.crash_during(call, cut, |rig| match is_end_of_backlog {
            true => drain(rig, step),
            false => (0..3).for_each(|_| work(rig, random)),
        });
        if cycle % 10 == 9 {
            exceed(&mut rig);
        }
    }
    acked + rig.sent.len() as u64
}

#[test]
fn power_cuts_lose_nothing_acknowledged() {
    let mut random = Random::new(seed("power cuts"));
    let count = times(300, 20_000);
    let acked = cycles(count, &mut random, SimFs::new, &Cell::new(0));
    println!("{count} power cuts, {acked} records acknowledged, 0 lost");
    assert!(acked > count * 5, "too little was acknowledged to say anything: {acked}");
}

/// A tail that was written again took in the segments behind it; a cut brought back one of those that were removed.
const FOUND: u64 = 26;

#[test]
fn seeds_that_found_something_find_nothing() {
    cycles(300, &mut Random::new(FOUND), SimFs::new, &Cell::new(0));
}

#[test]
fn a_power_cut_during_the_start_changes_nothing() {
    let mut random = Random::new(seed("power cuts at the start"));
    for _ in 0..times(30, 1_000) {
        let mut rig = Rig::new(settings::tiny(Shape::of(random.number())), 2);
        for _ in 0..20 {
            work_for_two(&mut rig, &mut random);
        }
        let left = rig.fs.crash(random.number());
        rig.log = None;
        for call in 1..200 {
            match start_cut_short(&mut rig, &left, call, random.number()) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(()) => break,
            }
        }
    }
}

fn work_for_two(rig: &mut Rig, random: &mut Random) {
    for _ in 0..random.below(10) {
        rig.append(random.below(300) as usize, 3);
    }
    rig.flush(random.one_in(2));
    rig.consume(random.below(2) as usize, random.below(20) as usize, random.number());
    rig.poll(random.below(SECOND as u64) as i64);
}

/// Starts on a copy of a disk, cuts the power before the n-th call, starts again and checks; stops when the start makes fewer.
fn start_cut_short(rig: &mut Rig, left: &SimFs, call: u64, seed: u64) -> ControlFlow<()> {
    let (acked, sent, consumers) = (rig.acked, rig.sent.clone(), rig.consumers.clone());
    rig.fs = left.kill();
    rig.fs.cut_power_at(call, seed);
    let first = rig.try_open().expect("a start on a healthy disk");
    let Some(cut) = rig.fs.take_cut() else { return ControlFlow::Break(()) };
    drop(first);
    rig.fs = cut;
    rig.open();
    rig.log = None;
    (rig.acked, rig.sent, rig.consumers) = (acked, sent, consumers);
    rig.lost.clear();
    ControlFlow::Continue(())
}
