//! What the log costs: `cargo run --release -p pronubes-log --example append_cost -- FOLDER` (a folder on the disk to be measured).
//!
//! A rise of the first line is a rise of the CPU that every durable message costs; of amplification, of the wear of flash. For
//! instruction counts: `valgrind --tool=callgrind --toggle-collect='*measured*' target/release/examples/append_cost FOLDER append`.

#![expect(clippy::print_stdout, reason = "it reports on standard output")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pronubes_log::fs::RealFs;
use pronubes_log::{Append, Codec, Fetch, Log, NameTable, Position, Runner, Settings, Target};

const TOPIC: &[u8] = b"acme/cologne/press-shop/line-4/oven/temp"; // 40 bytes
const PAYLOAD: &[u8] = br#"{"value":217.35,"unit":"[degF]","quality":"GOOD","seq":1234}"#; // 60 bytes

struct Names;

impl NameTable for Names {
    fn route(&self, _: u32) -> &str {
        "temperatures"
    }
    fn source(&self, _: u16) -> &str {
        "shopfloor"
    }
}

struct Clock(Instant);

impl Clock {
    fn now_ns(&self) -> i64 {
        1_700_000_000_000_000_000 + i64::try_from(self.0.elapsed().as_nanos()).unwrap_or(i64::MAX / 2)
    }
}

fn open(folder: &Path, settings: Settings, clock: &Clock) -> Log {
    Log::open(Arc::new(RealFs), folder, settings, Runner::Threads, Arc::new(Names), clock.now_ns())
        .expect("the folder can be used")
}

fn append(log: &mut Log, consumer: u16, now_ns: i64) {
    let target = Target { consumer, topic: TOPIC, qos: 1, retain: false };
    let record = Append { route: 0, source: 0, received_ns: now_ns, source_ns: None, payload: PAYLOAD, target };
    log.append(&record, now_ns).expect("it is small");
}

#[inline(never)]
fn measured(log: &mut Log, consumer: u16, now_ns: i64, count: u64) {
    for number in 0..count {
        append(log, consumer, now_ns + number as i64 * 1_000);
    }
}

/// Waits until all is durable; how long that took.
fn settle(log: &mut Log, clock: &Clock) -> Duration {
    let begin = Instant::now();
    log.flush(clock.now_ns(), true);
    while log.durable() < log.head() {
        log.poll(clock.now_ns());
        std::thread::sleep(Duration::from_micros(200));
    }
    begin.elapsed()
}

/// Nanoseconds of an append, frames handed over between the rounds: the best of many, since the disk's threads run beside it.
fn append_cost(folder: &Path, clock: &Clock) {
    const ROUND: u64 = 5_000; // Less than a frame.
    let mut log = open(folder, Settings { reserve_bytes: Some(0), ..Settings::default() }, clock);
    let consumer = log.consumer("historian");
    let mut rounds = Vec::new();
    for _ in 0..60 {
        let begin = Instant::now();
        measured(&mut log, consumer, clock.now_ns(), ROUND);
        rounds.push(begin.elapsed().as_nanos() as u64 / ROUND);
        settle(&mut log, clock);
    }
    rounds.sort_unstable();
    println!(
        "append: {} ns best, {} ns median of {} rounds of {ROUND}",
        rounds[0],
        rounds[rounds.len() / 2],
        rounds.len()
    );
    log.close();
}

/// Records a second, each acknowledged after its sync, offered as fast as the log takes them.
fn rate(folder: &Path, clock: &Clock, codec: Codec) {
    let settings = Settings { reserve_bytes: Some(0), max_bytes: 8 << 30, codec, ..Settings::default() };
    let mut log = open(folder, settings, clock);
    let consumer = log.consumer("historian");
    let (begin, first) = (Instant::now(), log.head());
    while begin.elapsed() < Duration::from_secs(3) {
        if log.is_behind() {
            std::thread::sleep(Duration::from_micros(200));
        } else {
            measured(&mut log, consumer, clock.now_ns(), 1_000);
        }
        let now_ns = clock.now_ns();
        log.flush(now_ns, false);
        log.poll(now_ns);
        let next = log.durable().max(first);
        log.set_position(consumer, Position { pending: Vec::new(), next });
    }
    settle(&mut log, clock);
    let (records, seconds) = (log.head() - first, begin.elapsed().as_secs_f64());
    report(&format!("full speed, {codec:?}"), &log, records as f64 / seconds, None);
    log.close();
}

/// Bytes written for a steady load.
fn paced(folder: &Path, clock: &Clock, per_second: u64, gap_ms: i64) {
    let settings = Settings { reserve_bytes: Some(0), sync_gap_ns: gap_ms * 1_000_000, ..Settings::default() };
    let mut log = open(folder, settings, clock);
    let consumer = log.consumer("historian");
    let (begin, first, device) = (Instant::now(), log.head(), device_bytes());
    while begin.elapsed() < Duration::from_secs(5) {
        let due = (begin.elapsed().as_secs_f64() * per_second as f64) as u64;
        while log.head() - first < due {
            append(&mut log, consumer, clock.now_ns());
        }
        let now_ns = clock.now_ns();
        log.flush(now_ns, false);
        log.poll(now_ns);
        let next = log.durable().max(first);
        log.set_position(consumer, Position { pending: Vec::new(), next });
        std::thread::sleep(Duration::from_millis(1));
    }
    settle(&mut log, clock);
    let (records, seconds) = (log.head() - first, begin.elapsed().as_secs_f64());
    let written = device_bytes().zip(device).map(|(after, before)| after - before);
    report(&format!("{per_second}/s, gap {gap_ms} ms"), &log, records as f64 / seconds, written);
    log.close();
}

/// Bytes that this process has made the system write to devices, in whole pages.
fn device_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}

fn report(what: &str, log: &Log, per_second: f64, device: Option<u64>) {
    let status = log.status();
    let content = status.content_bytes as f64;
    let pages = device.map_or_else(String::new, |bytes| format!(" ({:.2} in pages)", bytes as f64 / content));
    let milliseconds = |ns: i64| ns as f64 / 1e6;
    println!(
        "{what}: {per_second:.0} durable records/s, amplification {:.3}{pages}, {} syncs p50 {:.1} p99 {:.1} max {:.1} ms",
        status.bytes_written as f64 / content,
        status.syncs,
        milliseconds(status.sync_times.p50_ns),
        milliseconds(status.sync_times.p99_ns),
        milliseconds(status.sync_times.max_ns),
    );
}

/// How long a start takes with a backlog, and the first record of it.
fn start(folder: &Path, clock: &Clock) {
    let settings = Settings { reserve_bytes: Some(0), max_bytes: 8 << 30, ..Settings::default() };
    let mut log = open(folder, settings.clone(), clock);
    let consumer = log.consumer("historian");
    let first = log.head();
    while log.head() - first < 8_000_000 {
        if !log.is_behind() {
            measured(&mut log, consumer, clock.now_ns(), 1_000);
        }
        log.flush(clock.now_ns(), false);
        log.poll(clock.now_ns());
    }
    settle(&mut log, clock);
    let bytes = log.status().bytes;
    drop(log); // As if killed: the start has to find the end itself.
    let begin = Instant::now();
    let mut log = open(folder, settings, clock);
    let opened = begin.elapsed();
    while !matches!(log.fetch(first), Fetch::Frame(_)) {
        log.poll(clock.now_ns());
    }
    println!("start with {} MB: {opened:.0?}, first record after {:.0?}", bytes / 1_000_000, begin.elapsed());
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from).join("append-cost");
    let only = arguments.next();
    let clock = Clock(Instant::now());
    let run = |name: &str, work: &dyn Fn(&Path)| {
        if only.as_deref().is_none_or(|only| only == name) {
            let _ = std::fs::remove_dir_all(&folder);
            work(&folder);
            let _ = std::fs::remove_dir_all(&folder);
        }
    };
    run("append", &|folder| append_cost(folder, &clock));
    run("rate", &|folder| rate(folder, &clock, Codec::None));
    run("zstd", &|folder| rate(folder, &clock, Codec::Zstd));
    run("10k", &|folder| paced(folder, &clock, 10_000, 20));
    run("1k", &|folder| paced(folder, &clock, 1_000, 50));
    run("start", &|folder| start(folder, &clock));
}
