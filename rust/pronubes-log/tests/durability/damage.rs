//! A6: a bit turns over, or the end is gone, at random places of segments. A start always succeeds, the loss is at most what was
//! hit, it is reported to the record, and the damaged bytes are kept.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::settings::{self, Shape};
use crate::support::{DIR, Rig, SECOND, seed, times};
use pronubes_log::sim::Random;

/// A closed log with many sealed segments, and where its frames are.
struct Subject {
    rig: Rig,
    frames: Vec<Range<u64>>,
}

fn subject(number: u64) -> Subject {
    let mut rig = Rig::new(settings::tiny(Shape::of(number)), 2);
    while rig.segments().len() < 8 {
        rig.append((number.wrapping_mul(7) % 150) as usize, 3);
        rig.flush(false);
        rig.poll(SECOND / 50);
    }
    rig.settle();
    let frames = rig.read(1).frames;
    rig.log.take().expect("open").close();
    Subject { rig, frames }
}

/// A rig on a copy of the subject's disk.
fn copy(subject: &Subject) -> Rig {
    let mut rig = Rig::closed(subject.rig.fs.kill(), subject.rig.settings.clone());
    rig.now = subject.rig.now;
    rig.sent = subject.rig.sent.clone();
    rig.acked = subject.rig.acked;
    rig.consumers = subject.rig.consumers.clone();
    rig.is_damaged = true;
    rig
}

/// The records of one segment.
fn records_of(segments: &[(String, u64)], index: usize, end: u64) -> Range<u64> {
    let first = |index: usize| segments.get(index).map_or(end, |(name, _)| number_of(name));
    first(index)..first(index + 1)
}

fn number_of(name: &str) -> u64 {
    name.trim_end_matches(".seg").parse().expect("the name of a segment is its first record")
}

/// All files that were set aside.
fn aside(rig: &Rig) -> Vec<Vec<u8>> {
    let folder = Path::new(DIR).join("damaged");
    rig.fs.entries(&folder).iter().filter_map(|entry| rig.fs.peek(&folder.join(&entry.name))).collect()
}

/// Opens, reads everything, and gives what is missing.
fn open_and_read(rig: &mut Rig) -> BTreeSet<u64> {
    let begin = Instant::now();
    rig.open();
    let found: BTreeSet<u64> = rig.read(1).records.into_iter().map(|(seq, _)| seq).collect();
    rig.take_events();
    assert!(begin.elapsed() < Duration::from_secs(2), "a start with damage took {:?}", begin.elapsed());
    let missing: BTreeSet<u64> = (1..rig.acked).filter(|seq| !found.contains(seq)).collect();
    assert_eq!(missing, rig.lost, "missing, and reported");
    missing
}

fn damage(subject: &Subject, random: &mut Random) -> (usize, bool) {
    let mut rig = copy(subject);
    let segments = rig.segments();
    let sealed = segments.len() - 1;
    let index = random.below(sealed as u64) as usize;
    let (name, len) = &segments[index];
    let path: PathBuf = Path::new(DIR).join(name);
    let records = records_of(&segments, index, rig.acked);
    let is_cut = random.one_in(4);
    let before = rig.fs.peek(&path).expect("it is there");
    if is_cut {
        rig.fs.truncate(&path, random.below(*len)).expect("it is there");
    } else {
        rig.fs.flip_bit(&path, random.below(len * 8)).expect("it is there");
    }
    let after = rig.fs.peek(&path).expect("it is there");
    let missing = open_and_read(&mut rig);
    assert!(missing.iter().all(|seq| records.contains(seq)), "{missing:?} are not of {name}, {records:?}");
    let is_hit = |frame: &&Range<u64>| missing.range((*frame).clone()).next().is_some();
    let hit: Vec<&Range<u64>> = subject.frames.iter().filter(is_hit).collect();
    if !is_cut {
        assert!(hit.len() <= 1, "one bit cost {} frames: {missing:?}", hit.len());
        let at = before.iter().zip(&after).position(|(old, new)| old != new).expect("it was turned over");
        if !missing.is_empty() {
            // The damaged frame may begin or end at this byte.
            let windows = [&after[at.saturating_sub(8)..=at], &after[at..(at + 8).min(after.len())]];
            let has = |bytes: &[u8], window: &[u8]| bytes.windows(window.len()).any(|part| part == window);
            let is_kept = |bytes: &Vec<u8>| windows.iter().any(|window| has(bytes, window));
            assert!(aside(&rig).iter().any(is_kept), "byte {at} of {name} was not set aside: {:?}", rig.events);
        }
    }
    if let (Some(first), Some(last)) = (hit.first(), hit.last()) {
        assert_eq!(missing.len() as u64, last.end - first.start, "whole frames, and only they");
    }
    rig.append(10, 3);
    rig.recover();
    rig.verify();
    (missing.len(), is_cut)
}

/// Damages, one at a time, of one log.
pub fn cycles(count: u64, random: &mut Random, done: &Cell<u64>) {
    let subject = subject(random.number());
    for _ in 0..count {
        done.set(done.get() + 1);
        damage(&subject, random);
    }
}

#[test]
fn random_damage_costs_the_frame_it_hits() {
    let mut random = Random::new(seed("damage"));
    let count = times(500, 10_000);
    let (mut flips_that_cost, mut cuts_that_cost, mut lost) = (0, 0, 0);
    let mut subjects = Vec::new();
    for _ in 0..4 {
        subjects.push(subject(random.number()));
    }
    for number in 0..count {
        let (missing, is_cut) = damage(&subjects[(number % 4) as usize], &mut random);
        lost += missing;
        match is_cut {
            true => cuts_that_cost += u64::from(missing > 0),
            false => flips_that_cost += u64::from(missing > 0),
        }
    }
    println!("{count} damages: {flips_that_cost} flips and {cuts_that_cost} cuts cost {lost} records, each reported");
    assert!(flips_that_cost > count / 10, "most flips hit nothing: this shows little");
}

/// The newest segment is scanned at the start: damage before its last frame is no torn tail.
#[test]
fn damage_in_the_newest_segment_costs_the_frame_it_hits() {
    let mut random = Random::new(seed("damage in the newest segment"));
    for _ in 0..times(200, 5_000) {
        let mut rig = Rig::new(settings::tiny(Shape::of(random.number())), 1);
        for _ in 0..6 {
            for _ in 0..3 {
                rig.append(random.below(60) as usize, 1);
            }
            rig.settle();
        }
        let frames = rig.read(1).frames;
        rig.log.take().expect("open").close();
        rig.is_damaged = true;
        let (name, len) = rig.segments().pop().expect("a segment");
        rig.fs.flip_bit(&Path::new(DIR).join(name), random.below(len * 8)).expect("it is there");
        let missing = open_and_read(&mut rig);
        let hit = frames.iter().filter(|frame| (*frame).clone().any(|seq| missing.contains(&seq))).count();
        assert!(hit <= 1, "one bit cost {hit} frames: {missing:?}");
        rig.append(10, 1);
        rig.recover();
        rig.verify();
    }
}

/// A segment that is gone altogether is counted like one that is damaged.
#[test]
fn a_missing_segment_is_passed_over_and_counted() {
    let subject = subject(1);
    let segments = subject.rig.segments();
    for index in 0..segments.len() - 1 {
        let mut rig = copy(&subject);
        pronubes_log::fs::Fs::remove(&rig.fs, &Path::new(DIR).join(&segments[index].0)).expect("removed");
        let records = records_of(&segments, index, rig.acked);
        let missing = open_and_read(&mut rig);
        assert_eq!(missing, records.collect(), "segment {index}");
        rig.append(10, 3);
        rig.recover();
        rig.verify();
    }
}
