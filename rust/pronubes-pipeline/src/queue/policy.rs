//! What happens when a sink does not keep up, and how what is lost by it is counted.

use serde::{Deserialize, Serialize, Serializer};

/// What happens when a sink's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The sources that feed it are held up; nothing is dropped.
    #[default]
    Block,
    /// The messages that have waited longest make room.
    DropOldest,
    /// What comes is not taken.
    DropNewest,
    /// Under overload a newer value of a topic replaces the one that waits; what is distinct beyond the size loses its oldest.
    KeepLatest,
}

/// Why a sink lost a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It had waited longest when the queue was full.
    DropOldest,
    /// The queue was full when it came.
    DropNewest,
    /// A newer value of its topic came while the sink did not keep up.
    Replaced,
    /// It was in a session's output at QoS 0 when the connection ended.
    ConnectionLost,
    /// Its topic was one more than the memory for newest values holds.
    MemoryFull,
    /// It waited in a log that became too large, or it too old.
    LogBound,
    /// It waited in a log and cannot be read any more.
    LogLost,
    /// It was to be spilled, and the disk took nothing.
    DiskFull,
}

impl DropReason {
    const ALL: [Self; 8] = [
        Self::DropOldest,
        Self::DropNewest,
        Self::Replaced,
        Self::ConnectionLost,
        Self::MemoryFull,
        Self::LogBound,
        Self::LogLost,
        Self::DiskFull,
    ];

    /// Its stable name, in status and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
            Self::Replaced => "replaced",
            Self::ConnectionLost => "connection_lost",
            Self::MemoryFull => "memory_full",
            Self::LogBound => "log_bound",
            Self::LogLost => "log_lost",
            Self::DiskFull => "disk_full",
        }
    }
}

/// Messages lost, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// Counts some more.
    pub fn add(&mut self, reason: DropReason, messages: u64) {
        self.0[reason as usize] += messages;
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        DropReason::ALL.into_iter().for_each(|reason| self.add(reason, other.of(reason)));
    }

    /// How many were lost for a reason.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A map from code to count, without the zeros.
impl Serialize for Drops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = DropReason::ALL.into_iter().map(|reason| (reason.code(), self.of(reason)));
        serializer.collect_map(counts.filter(|(_, count)| *count > 0))
    }
}

/// High and low mark of a queue in bytes, with the memory (hysteresis) between them.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    high: usize,
    low: usize,
    is_closed: bool,
}

impl Gate {
    /// Closes above `high` bytes and opens again below half of it.
    #[must_use]
    pub fn new(high: usize) -> Self {
        Self { high, low: high / 2, is_closed: false }
    }

    /// Takes the present size; whether the gate is closed now.
    pub fn update(&mut self, bytes: usize) -> bool {
        self.is_closed = if self.is_closed { bytes > self.low } else { bytes > self.high };
        self.is_closed
    }

    /// Whether the sources are held up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The high mark.
    #[must_use]
    pub fn high(&self) -> usize {
        self.high
    }
}
