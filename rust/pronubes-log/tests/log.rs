//! The log from the outside, on the real file system and with its threads.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pronubes_log::fs::RealFs;
use pronubes_log::{Append, Codec, Fetch, Log, NameTable, Position, Runner, Settings, Target};

struct Names;

impl NameTable for Names {
    fn route(&self, route: u32) -> &str {
        ["temperatures", "pressures"][route as usize]
    }

    fn source(&self, _source: u16) -> &str {
        "shopfloor"
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("pronubes-log-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn small() -> Settings {
    Settings {
        segment_bytes: 64 << 10,
        frame_bytes: 4 << 10,
        reserve_bytes: Some(0),
        sync_gap_ns: 0,
        ..Settings::default()
    }
}

fn open(dir: &Path, settings: Settings, runner: Runner) -> Log {
    Log::open(Arc::new(RealFs), dir, settings, runner, Arc::new(Names), 1_000).expect("the log opens")
}

fn append(log: &mut Log, consumer: u16, number: u64) -> u64 {
    let payload = format!("{{\"value\":{number}}}");
    let topic = format!("acme/line{}", number % 3);
    let target = Target { consumer, topic: topic.as_bytes(), qos: 1, retain: number.is_multiple_of(2) };
    let source_ns = number.is_multiple_of(5).then_some(7);
    let record = Append {
        route: (number % 2) as u32,
        source: 0,
        received_ns: 1_000 + number as i64,
        source_ns,
        payload: payload.as_bytes(),
        target,
    };
    log.append(&record, 1_000 + number as i64).expect("it is small")
}

/// A position with a range that is not delivered.
fn some(first: u64) -> Position {
    Position { pending: vec![first..first + 10, first + 20..first + 21], next: first + 4_000 }
}

fn wait_durable(log: &mut Log, head: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while log.durable() < head {
        log.flush(i64::MAX, true);
        log.poll(0);
        assert!(Instant::now() < deadline, "the disk takes too long: {:?}", log.status());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Payloads of all records of a consumer from a number on.
fn read(log: &mut Log, consumer: u16, from: u64) -> Vec<String> {
    let (mut seq, mut found) = (from, Vec::new());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match log.fetch(seq) {
            Fetch::Frame(frame) => {
                for record in frame.records().filter(|record| record.seq >= seq) {
                    if record.targets().any(|target| target.consumer == consumer) {
                        found.push(String::from_utf8_lossy(record.payload).into_owned());
                    }
                }
                seq = frame.end();
            }
            Fetch::Lost { next } => seq = next,
            Fetch::Later => {
                assert!(Instant::now() < deadline, "reading takes too long");
                std::thread::sleep(Duration::from_millis(1));
                log.poll(0);
            }
            Fetch::End => return found,
        }
    }
}

fn expected(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|number| format!("{{\"value\":{number}}}")).collect()
}

#[test]
fn records_come_back_in_the_same_run_and_in_the_next() {
    for (runner, codec) in
        [(Runner::Inline, Codec::None), (Runner::Threads, Codec::None), (Runner::Threads, Codec::Zstd)]
    {
        let dir = folder(&format!("back-{runner:?}-{codec:?}"));
        let mut log = open(&dir, Settings { codec, ..small() }, runner);
        let consumer = log.consumer("historian");
        let first = log.head();
        for number in 0..5_000 {
            append(&mut log, consumer, number);
        }
        wait_durable(&mut log, first + 5_000);
        assert_eq!(read(&mut log, consumer, first), expected(0..5_000));
        log.set_position(consumer, some(first));
        log.close();
        let lengths: Vec<u64> = std::fs::read_dir(&dir)
            .expect("the folder is there")
            .filter_map(Result::ok)
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.ends_with(".seg") || name.ends_with(".tmp")
            })
            .map(|entry| entry.metadata().expect("the file is there").len())
            .collect();
        let is_trimmed = lengths.iter().all(|length| *length < 64 << 10) || codec == Codec::None;
        assert!(is_trimmed && lengths.iter().sum::<u64>() < 300_000, "what was reserved is given back: {lengths:?}");

        let mut log = open(&dir, small(), runner);
        let consumer = log.consumer("historian");
        assert_eq!(log.position(consumer), some(first));
        assert_eq!(log.head(), first + 5_000, "behind an orderly end no number is left out, and none is used twice");
        assert_eq!(read(&mut log, consumer, first), expected(0..5_000));
        let head = log.head();
        append(&mut log, consumer, 5_000);
        assert_eq!(read(&mut log, consumer, head), expected(5_000..5_001));
        log.close();
        let _ = std::fs::remove_dir_all(&dir);
    }
}

#[test]
fn what_every_consumer_has_is_removed() {
    let dir = folder("removed");
    let mut log = open(&dir, small(), Runner::Inline);
    let consumers = [log.consumer("historian"), log.consumer("uns")];
    for number in 0..20_000 {
        append(&mut log, consumers[(number % 2) as usize], number);
    }
    log.flush(0, true);
    log.poll(2_000_000_000);
    let segments = log.status().segments;
    assert!(segments > 5, "{segments}");
    log.set_position(consumers[0], Position { pending: vec![], next: log.head() });
    log.poll(4_000_000_000);
    log.poll(6_000_000_000);
    assert_eq!(log.status().segments, segments, "the other one has nothing yet");
    log.set_position(consumers[1], Position { pending: vec![], next: log.head() });
    log.poll(8_000_000_000);
    log.poll(10_000_000_000);
    assert_eq!(log.status().segments, 1, "{:?}", log.status());
    log.close();
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn a_second_process_is_refused() {
    let dir = folder("locked");
    let log = open(&dir, small(), Runner::Inline);
    let error =
        Log::open(Arc::new(RealFs), &dir, small(), Runner::Inline, Arc::new(Names), 0).err().expect("it is locked");
    assert!(error.to_string().contains("another process"), "{error}");
    drop(log);
    open(&dir, small(), Runner::Inline).close();
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn one_record_has_several_targets() {
    let dir = folder("targets");
    let mut log = open(&dir, small(), Runner::Inline);
    let (first, second) = (log.consumer("uns"), log.consumer("historian"));
    let target = |consumer, topic: &'static str| Target { consumer, topic: topic.as_bytes(), qos: 1, retain: true };
    let record = Append {
        route: 1,
        source: 0,
        received_ns: 5,
        source_ns: Some(4),
        payload: b"21.0",
        target: target(first, "a"),
    };
    let seq = log.append(&record, 5).expect("it is small");
    log.also(&target(second, "b"));
    let Fetch::Frame(frame) = log.fetch(seq) else { panic!("it is in memory") };
    let record = frame.records().next().expect("one record");
    assert_eq!(record.targets().collect::<Vec<_>>(), [target(first, "a"), target(second, "b")]);
    assert_eq!((record.payload, record.received_ns, record.source_ns), (&b"21.0"[..], 5, Some(4)));
    assert_eq!(
        (&*frame.routes()[usize::from(record.route)], &*frame.sources()[usize::from(record.source)]),
        ("pressures", "shopfloor")
    );
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn what_is_owed_is_counted_across_runs_without_the_numbers_that_were_passed_over() {
    let dir = folder("owed");
    let owed = |log: &Log| log.status().consumers.first().map_or(0, |consumer| consumer.records_at_most);
    let mut counts = Vec::new();
    for run in 1..=4_u64 {
        let mut log = open(&dir, small(), Runner::Inline);
        let consumer = log.consumer("historian");
        counts.push(owed(&log));
        let head = log.head();
        for number in 0..1_000 {
            append(&mut log, consumer, number);
        }
        counts.push(owed(&log));
        wait_durable(&mut log, head + 1_000);
        counts.push(owed(&log));
        if run == 4 {
            log.set_position(
                consumer,
                Position { pending: vec![head..head + 10, head + 20..head + 30], next: head + 900 },
            );
            counts.push(owed(&log));
        }
        log.close();
    }
    // A consumer that is new is listed with the first sync.
    assert_eq!(counts, [0, 0, 1_000, 1_000, 2_000, 2_000, 2_000, 3_000, 3_000, 3_000, 4_000, 4_000, 120]);
    let _ = std::fs::remove_dir_all(&dir);
}
