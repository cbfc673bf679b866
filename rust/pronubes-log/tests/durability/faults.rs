//! A5: the n-th call to the disk fails, for every n until a run makes fewer calls, in every way a call can fail.

use std::time::{Duration, Instant};

use crate::settings::{self, Shape};
use crate::support::{Rig, SECOND};
use pronubes_log::sim::{Fault, Random, When};

/// A short life of a log in which everything happens: rolls, cursors saved, segments removed, a start, a power cut.
fn life(rig: &mut Rig) {
    let mut random = Random::new(5);
    for step in 0..14_u64 {
        for _ in 0..6 {
            if !rig.log().is_behind() {
                rig.append(random.below(250) as usize, random.below(4) as usize);
            }
        }
        rig.flush(step % 2 == 0);
        rig.poll(SECOND / 4);
        rig.consume((step % 2) as usize, 9, if step % 3 == 0 { random.number() } else { u64::MAX });
        match step {
            6 => rig.reopen(),
            9 => rig.kill(),
            12 => rig.crash(step),
            _ => {}
        }
    }
}

/// Runs the life with one failing call; whether that call was reached.
fn live_with(call: u64, fault: Fault, seed: u64) -> bool {
    let mut rig = Rig::new(settings::tiny(Shape::of(seed)), 2);
    rig.fs.fail(When::Call(call), fault);
    let begin = Instant::now();
    let first = rig.fs.clone();
    life(&mut rig);
    rig.recover();
    rig.verify();
    assert!(begin.elapsed() < Duration::from_secs(5), "call {call}, {fault:?}: {:?}", begin.elapsed());
    first.counts().calls >= call
}

#[test]
fn any_call_may_fail_in_any_way() {
    for fault in Fault::ALL {
        let reached = (1..10_000).take_while(|call| live_with(*call, fault, 0)).count();
        println!("{fault:?}: {reached} calls failed, one run each, 0 lost");
        assert!(reached > 40, "a life of {reached} calls shows little");
    }
}

/// The same where a start is what fails: the log opens, or says why and opens the next time.
#[test]
fn any_call_of_a_start_may_fail() {
    for fault in Fault::ALL {
        for call in 1.. {
            let mut rig = Rig::new(settings::tiny(Shape::of(1)), 2);
            life(&mut rig);
            let left = rig.fs.crash(call);
            rig.log = None;
            rig.fs = left;
            rig.fs.fail(When::Call(call), fault);
            let before = rig.fs.clone();
            rig.open();
            let is_reached = before.counts().failed > 0 || fault == Fault::Short && before.counts().calls >= call;
            rig.recover();
            rig.verify();
            if !is_reached {
                assert!(call > 10, "a start of {call} calls shows little");
                break;
            }
        }
    }
}
