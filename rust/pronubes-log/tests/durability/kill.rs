//! A1: a real process on a real disk, killed with SIGKILL at random, over and over, on one folder.
//!
//! The child appends records whose bytes follow from their number, consumes behind itself, and prints what it was told is
//! durable. The parent kills it, opens the log and reads: everything from the child's position up to the last number it
//! printed must be there, without a gap, byte for byte.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::settings;
use crate::support::{Names, Reading, Sent, seed, times};
use pronubes_log::fs::RealFs;
use pronubes_log::sim::Random;
use pronubes_log::{Fetch, Log, LogEvent, Position, Runner};

const FOLDER: &str = "PRONUBES_LOG_KILL_FOLDER";

fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_nanos()).expect("this century")
}

fn open(folder: &Path, runner: Runner) -> Log {
    Log::open(Arc::new(RealFs), folder, settings::small(), runner, Arc::new(Names), now_ns()).expect("it opens")
}

fn record(seq: u64) -> Sent {
    Sent { id: seq, size: 40 + (seq % 160) as usize, consumers: vec![0] }
}

/// The child: runs only when the parent starts it.
#[test]
#[ignore = "the process that is killed"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut log = open(Path::new(&folder), Runner::Threads);
    let consumer = log.consumer("sink");
    let mut said = log.durable();
    let mut out = std::io::stdout().lock();
    let begin = Instant::now();
    writeln!(out, "first {said}").expect("the parent reads");
    while begin.elapsed() < Duration::from_secs(20) {
        let now = now_ns();
        for _ in 0..20 {
            if !log.is_behind() && log.head() < log.durable() + 200 {
                let seq = log.head();
                record(seq).append(&mut log, &[consumer], now);
            }
        }
        log.flush(now, false);
        log.poll(now);
        let durable = log.durable();
        if durable != said {
            writeln!(out, "durable {durable}").expect("the parent reads");
            out.flush().expect("the parent reads");
            said = durable;
            let next = durable.saturating_sub(100).max(log.position(consumer).next);
            log.set_position(consumer, Position { pending: Vec::new(), next });
        }
    }
}

/// Starts the child, kills it after a while, and gives its first number and the last that it knew to be durable.
fn live_and_die(folder: &Path, wait: Duration) -> Range<u64> {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "kill::child", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut run = 0..0;
    let mut deadline = None;
    while let Some(Ok(line)) = lines.next() {
        // The first line comes behind what the test harness prints on it.
        if let Some((_, number)) = line.split_once("first ") {
            let first = number.parse().expect("a number");
            run = first..first;
        }
        if let Some((_, number)) = line.split_once("durable ") {
            run.end = number.parse().expect("a number");
            if deadline.is_none() {
                deadline = Some(Instant::now() + wait);
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            // A second kill of a dead child is no error: what the pipe still holds is read to its end.
            child.kill().expect("it may be killed");
        }
    }
    child.wait().expect("it ended");
    run
}

/// Reads all from the consumer's position on; how many acknowledged records were read.
fn check(folder: &Path, runs: &mut Vec<Range<u64>>, cycle: u64) -> u64 {
    let mut log = open(folder, Runner::Inline);
    let consumer = log.consumer("sink");
    let from = log.position(consumer).next;
    let durable = runs.last().map_or(1, |run| run.end);
    assert!(from <= durable, "cycle {cycle}: the position {from} leads what was durable, {durable}");
    let mut seq = from;
    let mut reading = Reading::default();
    loop {
        match log.fetch(seq) {
            Fetch::Frame(frame) => {
                reading.take(&frame, seq);
                seq = frame.end();
            }
            Fetch::Later => log.poll(now_ns()),
            // Between two runs numbers are left out.
            Fetch::Lost { next } => seq = next,
            Fetch::End => break,
        }
    }
    let found: BTreeSet<u64> = reading.records.iter().map(|(seq, _)| *seq).collect();
    assert!(reading.records.is_sorted_by(|one, two| one.0 < two.0), "cycle {cycle}: out of order or twice");
    runs.retain(|run| run.end > from);
    for run in &*runs {
        let missing: Vec<u64> = (run.start.max(from)..run.end).filter(|seq| !found.contains(seq)).collect();
        assert!(missing.is_empty(), "cycle {cycle}: of {run:?} {missing:?} are gone");
    }
    for (seq, got) in reading.records {
        assert_eq!(got, record(seq).expected(&[consumer]), "cycle {cycle}: record {seq}");
    }
    // The child lives too briefly to save a position, most times: what is consumed goes here.
    let next = seq.min(durable).saturating_sub(50).max(from);
    log.set_position(consumer, Position { pending: Vec::new(), next });
    let events: Vec<_> = log.events().into_iter().filter(|event| matches!(event, LogEvent::Lost { .. })).collect();
    assert!(events.is_empty(), "cycle {cycle}: {events:?}");
    log.close();
    found.range(..durable).count() as u64
}

/// A folder that goes away at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn kills_lose_nothing_acknowledged() {
    let mut random = Random::new(seed("kills"));
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id())));
    let (cycles, begin, mut read, mut durable) = (times(300, 20_000), Instant::now(), 0, 0);
    let mut runs = Vec::new();
    for cycle in 0..cycles {
        let is_long = random.one_in(100);
        let wait = Duration::from_micros(2_000 + random.below(28_000) + u64::from(is_long) * 1_200_000);
        let run = live_and_die(&folder.0, wait);
        durable += run.end - run.start;
        runs.push(run);
        read += check(&folder.0, &mut runs, cycle);
    }
    println!(
        "{cycles} kills in {:.1?}: {durable} records durable, {read} read back after a kill, 0 lost",
        begin.elapsed()
    );
    assert!(durable > cycles, "too little was acknowledged to say anything");
}
