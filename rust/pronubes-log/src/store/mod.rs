//! One folder with segments: writing, syncing, rolling, removing. No thread, no clock: [`crate::worker`] has those.
//!
//! Rules of this module:
//! 1. What lies in `unsynced` is in memory until a sync that began behind its write has succeeded; then, and only then, `durable` moves.
//! 2. A file whose sync or write failed is never written or synced again.
//! 3. A segment is removed only when positions behind it are saved.
//! 4. What a failed sync left in doubt is removed before a segment with the same numbers begins.
//! 5. Sizes and numbers come from what was written or scanned here, never from a ledger.

mod meta;
mod open;
mod recover;
mod rewrite;
mod status;
mod sync;
mod tidy;
mod write;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

pub use open::OpenError;
pub(crate) use sync::Ticket;

use crate::cursor::Cursors;
use crate::event::LogEvent;
use crate::format::{Codec, Cut, HEADER_BYTES, Packer};
use crate::fs::{File, Fs, Lock};
use crate::mutants::{Mutant, is};
use crate::stats::Stats;

/// What happens when a log is as large as it may become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Nothing is written until there is room: sources wait.
    #[default]
    Block,
    /// The oldest segment goes, counted.
    DropOldest,
}

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How large a segment becomes.
    pub segment_bytes: u64,
    /// How large all of them together may become.
    pub max_bytes: u64,
    /// How long records wait for a consumer.
    pub max_age_ns: Option<i64>,
    /// What happens at `max_bytes`.
    pub overflow: Overflow,
    /// How long records gather before they are synced together.
    pub sync_gap_ns: i64,
    /// How large a frame becomes.
    pub frame_bytes: usize,
    /// How frames are written.
    pub codec: Codec,
    /// How much of the file system is left free. Without it 512 MiB or 5 %, the larger, but at most a quarter.
    pub reserve_bytes: Option<u64>,
    /// How much may wait in memory for the disk before sources are to wait.
    pub memory_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            max_bytes: 4 << 30,
            max_age_ns: None,
            overflow: Overflow::Block,
            sync_gap_ns: 20_000_000,
            frame_bytes: 1 << 20,
            codec: Codec::None,
            reserve_bytes: None,
            memory_bytes: 64 << 20,
        }
    }
}

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Tells it from another one with the same name, begun after a failed sync.
    pub(crate) life: u64,
    pub(crate) path: PathBuf,
    pub(crate) first: u64,
    /// The number behind the last record of the segment before it.
    pub(crate) previous_end: u64,
    /// The number behind its last record.
    pub(crate) end: u64,
    /// Bytes that are used, with the header.
    pub(crate) bytes: u64,
    pub(crate) created_ns: i64,
    /// No record in it is newer.
    pub(crate) last_ns: i64,
}

/// The segment that is being written.
pub(crate) struct Current {
    pub(crate) file: Arc<dyn File>,
    pub(crate) offset: u64,
}

/// How the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Ok,
    Full,
    Failing,
}

/// One folder with segments.
pub(crate) struct Store {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) id: u64,
    pub(crate) settings: Settings,
    /// All segments by number; the last is being written when `current` is there.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) current: Option<Current>,
    /// A file with room for the next segment.
    spare: Option<Arc<dyn File>>,
    /// Frames to write, oldest first.
    pub(crate) backlog: VecDeque<Arc<Cut>>,
    /// Frames that are written and not durable.
    unsynced: VecDeque<Arc<Cut>>,
    /// Files before the current one that have frames which are not durable.
    to_sync: Vec<Arc<dyn File>>,
    /// Segments in doubt, to be removed before the next one begins.
    doomed: Vec<PathBuf>,
    /// The number behind the last record of the segments that are sealed.
    pub(crate) sealed_end: u64,
    pub(crate) durable: u64,
    /// The number behind the last record that is on the disk.
    last_end: u64,
    /// The end has come: nothing is given a number any more.
    is_closed: bool,
    pub(crate) cursors: Cursors,
    pub(crate) state: State,
    retry_ns: i64,
    backoff_ns: i64,
    saved_ns: i64,
    tidied_ns: i64,
    /// Damage that was told and kept aside.
    pub(crate) told: BTreeSet<(u64, u64)>,
    pub(crate) events: Vec<LogEvent>,
    pub(crate) stats: Stats,
    /// Counts files: names that are set aside, segments.
    names: u64,
    buffer: Vec<u8>,
    packer: Packer,
    _lock: Lock,
}

/// The path of a segment.
pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

impl Store {
    /// The number behind the last record that was handed in.
    pub(crate) fn oldest(&self) -> u64 {
        self.segments.front().map_or(self.durable, |segment| segment.first)
    }

    /// Bytes on the disk, as far as they are used; the current segment counts with all that is reserved for it.
    pub(crate) fn total_bytes(&self) -> u64 {
        let used: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let unused = |current: &Current| self.settings.segment_bytes.saturating_sub(current.offset);
        let used = if is(Mutant::WrappingCounter) { used.wrapping_sub(self.stats.removed_bytes) } else { used };
        used.saturating_add(self.current.as_ref().map_or(0, unused))
    }

    /// How much of the file system is to stay free.
    fn reserve(&self, total: u64) -> u64 {
        self.settings.reserve_bytes.unwrap_or_else(|| (512 << 20).max(total / 20).min(total / 4))
    }

    /// Takes frames to write.
    pub(crate) fn push(&mut self, frames: impl IntoIterator<Item = Arc<Cut>>) {
        self.backlog.extend(frames);
    }

    /// What failed is tried at once.
    pub(crate) fn hurry(&mut self) {
        self.retry_ns = i64::MIN;
    }

    /// Whether something waits to be written, or to be synced.
    pub(crate) fn has_work(&self) -> bool {
        !self.backlog.is_empty() || !self.unsynced.is_empty()
    }

    /// Bytes that segments begin with.
    pub(crate) const fn first_offset() -> u64 {
        HEADER_BYTES as u64
    }
}
