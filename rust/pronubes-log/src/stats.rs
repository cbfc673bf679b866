//! What a log has done: counted here, shown by its status.

use std::ops::Range;

use serde::Serialize;

use crate::cursor::Position;

/// Sync times of a log, in buckets that grow by a fifth.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    total: u64,
    max_ns: i64,
}

const GROWTH: f64 = 1.2;
const FIRST_NS: f64 = 10_000.0;
const BUCKETS: usize = 96;

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_ns: 0 }
    }
}

impl Latencies {
    fn add(&mut self, took_ns: i64) {
        let bucket = ((took_ns.max(1) as f64 / FIRST_NS).ln() / GROWTH.ln()).ceil().max(0.0) as usize;
        if let Some(count) = self.counts.get_mut(bucket.min(BUCKETS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.max_ns = self.max_ns.max(took_ns);
    }

    /// The upper end of the bucket in which a share of all lies.
    fn quantile_ns(&self, share: f64) -> i64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && self.total > 0 {
                return ((FIRST_NS * GROWTH.powi(bucket as i32)) as i64).min(self.max_ns);
            }
        }
        self.max_ns
    }
}

/// What a store has done in this run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) bytes_written: u64,
    pub(crate) content_bytes: u64,
    pub(crate) syncs: u64,
    pub(crate) sync_failures: u64,
    pub(crate) cursor_saves: u64,
    /// Bytes of segments that were removed.
    pub(crate) removed_bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) lost: u64,
    pub(crate) damaged_bytes: u64,
    latencies: Latencies,
}

impl Stats {
    pub(crate) fn wrote(&mut self, bytes: u64, content: u64) {
        self.bytes_written += bytes;
        self.content_bytes += content;
    }

    pub(crate) fn synced(&mut self, took_ns: i64) {
        self.syncs += 1;
        self.latencies.add(took_ns);
    }

    pub(crate) fn sync_times(&self) -> SyncTimes {
        SyncTimes {
            p50_ns: self.latencies.quantile_ns(0.5),
            p99_ns: self.latencies.quantile_ns(0.99),
            max_ns: self.latencies.max_ns,
        }
    }
}

/// How long syncs took, in nanoseconds; the first two are at most a fifth too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncTimes {
    /// Half of them took at most this.
    pub p50_ns: i64,
    /// All but one of a hundred took at most this.
    pub p99_ns: i64,
    /// The longest.
    pub max_ns: i64,
}

/// A consumer of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsumerStatus {
    /// Its name.
    pub name: Box<str>,
    /// Whether somebody in this run takes its records; otherwise they wait for it.
    pub is_present: bool,
    /// Records of the log between the oldest that it has not got and the newest, of other consumers too: at most so many are its own.
    pub records_at_most: u64,
    /// Bytes of the segments in which they lie.
    pub bytes_at_most: u64,
    /// When the segment of the oldest was begun; nothing when it has all.
    pub oldest_ns: Option<i64>,
}

impl ConsumerStatus {
    /// How many of the records with these numbers it has not got.
    pub(crate) fn owed(position: &Position, numbers: impl IntoIterator<Item = Range<u64>>) -> u64 {
        let owed = numbers.into_iter().flat_map(|range| position.within(range));
        owed.map(|range| range.end - range.start).sum()
    }
}

/// How a log is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogStatus {
    /// `ok`, `full` or `failing`.
    pub state: &'static str,
    /// The number that the next record gets.
    pub head: u64,
    /// Records below this number are on the disk.
    pub durable: u64,
    /// Records that wait in memory for the disk, and their bytes.
    pub pending_records: u64,
    /// Bytes that wait in memory for the disk.
    pub pending_bytes: usize,
    /// Bytes of all segments, with what is reserved.
    pub bytes: u64,
    /// How large it may become.
    pub max_bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// When the oldest segment was begun.
    pub oldest_ns: Option<i64>,
    /// Bytes handed to the disk in this run, all files.
    pub bytes_written: u64,
    /// Bytes of topics and payloads among them, before compression.
    pub content_bytes: u64,
    /// Syncs in this run.
    pub syncs: u64,
    /// Syncs that failed in this run.
    pub sync_failures: u64,
    /// How often positions were saved in this run.
    pub cursor_saves: u64,
    /// How long syncs took.
    pub sync_times: SyncTimes,
    /// Records dropped by a bound in this run, once for each consumer that had not got them.
    pub dropped: u64,
    /// Records that could not be read any more in this run.
    pub lost: u64,
    /// Damaged bytes found in this run.
    pub damaged_bytes: u64,
    /// Consumers.
    pub consumers: Vec<ConsumerStatus>,
    /// Numbers that records in segments have. There are gaps between: after a crash numbers leap, so that none is used twice.
    #[serde(skip)]
    pub(crate) numbers: Vec<Range<u64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_at_most_a_fifth_too_large() {
        let mut stats = Stats::default();
        for milliseconds in 1..=100 {
            stats.synced(milliseconds * 1_000_000);
        }
        let times = stats.sync_times();
        assert!((50_000_000..=61_000_000).contains(&times.p50_ns), "{times:?}");
        assert!((99_000_000..=100_000_000).contains(&times.p99_ns), "{times:?}");
        assert_eq!(times.max_ns, 100_000_000);
    }
}
