//! What happens to a log that somebody should hear of.

use std::fmt;
use std::ops::Range;

/// Something that happened to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// Bytes that are no frame were found; they are kept aside.
    Damaged {
        /// How many.
        bytes: u64,
        /// Where they are kept, or why they are not.
        kept: String,
    },
    /// Records that were acknowledged cannot be read any more.
    Lost {
        /// Their numbers.
        records: Range<u64>,
    },
    /// Records were dropped by a bound of size or age.
    Dropped {
        /// The consumer that did not get them.
        consumer: u16,
        /// How many.
        records: u64,
        /// `size` or `age`.
        bound: &'static str,
    },
    /// A file that is not ours, or of another version, was moved aside.
    SetAside {
        /// Its name.
        name: String,
    },
    /// The disk did not take what was written; it is written again to another file.
    SyncFailed {
        /// The operating system's words.
        error: String,
    },
    /// The disk takes writes again.
    SyncWell,
    /// There is no room; sources are held up.
    DiskFull {
        /// What is missing.
        error: String,
    },
    /// There is room again.
    DiskFree,
}

impl LogEvent {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "damaged",
            Self::Lost { .. } => "lost",
            Self::Dropped { .. } => "dropped",
            Self::SetAside { .. } => "set_aside",
            Self::SyncFailed { .. } => "sync_failed",
            Self::SyncWell => "sync_well",
            Self::DiskFull { .. } => "disk_full",
            Self::DiskFree => "disk_free",
        }
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { bytes, kept } => write!(out, "{bytes} bytes are damaged; they are kept in `{kept}`."),
            Self::Lost { records } => {
                let count = records.end.saturating_sub(records.start);
                write!(
                    out,
                    "{count} records ({} to {}) cannot be read any more.",
                    records.start,
                    records.end.saturating_sub(1)
                )
            }
            Self::Dropped { records, bound, .. } => {
                write!(
                    out,
                    "{records} records were dropped for a sink that did not take them: the bound of {bound} was reached."
                )
            }
            Self::SetAside { name } => write!(out, "`{name}` is no segment of this log; it was moved to `damaged`."),
            Self::SyncFailed { error } => {
                write!(out, "The disk did not take what was written ({error}); it is written again to a new file.")
            }
            Self::SyncWell => write!(out, "The disk takes what is written again."),
            Self::DiskFull { error } => {
                write!(out, "There is no room ({error}): nothing more is written until there is.")
            }
            Self::DiskFree => write!(out, "There is room again."),
        }
    }
}
