//! A3, the test of the tests: a log that forgets one of its duties must be caught within 300 cycles of work and power cuts.
//!
//! In the quick run the duties are taken away at the disk, so that the code under test is the code that ships: a sync of segments
//! that does nothing is a log that acknowledges before the sync; a sync of folders that does nothing, one that never syncs names.
//! The long run has the faults in the crate itself besides (cargo feature `mutants`).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::seed;
use crate::{damage, power};
use pronubes_log::sim::{Lie, Random, SimFs};

/// Cycles in which a mutant must be caught.
const LIMIT: u64 = 300;
/// The last of them do not cut the power but damage what lies on the disk.
const DAMAGES: u64 = 30;

/// After how many cycles a mutant was caught, and by what.
fn caught(lies: &[Lie], seed: u64) -> Option<(u64, String)> {
    let done = Cell::new(0);
    let new_disk = || {
        let fs = SimFs::new();
        lies.iter().for_each(|lie| fs.lie(*lie));
        fs
    };
    let run = || {
        let mut random = Random::new(seed);
        power::cycles(LIMIT - DAMAGES, &mut random, new_disk, &done);
        damage::cycles(DAMAGES, &mut random, &done);
    };
    let cause = catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = cause.downcast_ref::<String>().cloned();
    Some((done.get(), text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()))
}

#[test]
fn every_forgotten_duty_is_caught() {
    let seed = seed("mutants");
    // Segments are written under the name of the spare file at first.
    let mutants: [(&str, &[Lie]); 2] = [
        ("acknowledged before the sync", &[Lie::FileSync("next"), Lie::FileSync("0")]),
        ("folders never synced", &[Lie::DirSync]),
    ];
    for (name, lies) in mutants {
        let (cycles, cause) = caught(lies, seed).unwrap_or_else(|| panic!("not caught in {LIMIT} cycles: {name}"));
        println!("{name}: caught in cycle {cycles}: {}", cause.lines().next().unwrap_or_default());
    }
    assert!(caught(&[], seed).is_none(), "without a mutant nothing is caught");
}

#[cfg(feature = "mutants")]
#[test]
fn every_fault_of_the_crate_is_caught() {
    use pronubes_log::mutants::{Mutant, set};

    let seed = seed("mutants of the crate");
    let mutants = [
        Mutant::AckBeforeSync,
        Mutant::NoDirSync,
        Mutant::UnlinkBeforeCursor,
        Mutant::NoChecksum,
        Mutant::WrappingCounter,
    ];
    for mutant in mutants {
        set(Some(mutant));
        let found = caught(&[], seed);
        set(None);
        let (cycles, cause) = found.unwrap_or_else(|| panic!("not caught in {LIMIT} cycles: {mutant:?}"));
        println!("{mutant:?}: caught in cycle {cycles}: {}", cause.lines().next().unwrap_or_default());
    }
}
