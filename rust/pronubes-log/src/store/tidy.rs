//! Removing what nobody needs any more, and what is beyond the bounds.

use std::io;

use super::{Segment, State, Store};
use crate::event::LogEvent;
use crate::fs::Access;
use crate::mutants::{Mutant, is};
use crate::scan::{Scanner, Step};

/// How often bounds are looked at.
const TIDY_NS: i64 = 500_000_000;

impl Store {
    /// Removes segments that every consumer has, drops what is too old, keeps a spare file.
    pub(crate) fn tidy(&mut self, now_ns: i64, force: bool) {
        if !force && now_ns < self.tidied_ns.saturating_add(TIDY_NS) {
            return;
        }
        self.tidied_ns = now_ns;
        self.remove_delivered(now_ns);
        self.drop_old(now_ns);
        if !force {
            self.keep_spare();
        }
    }

    /// Removes segments that lie behind every saved position.
    pub(crate) fn remove_delivered(&mut self, now_ns: i64) {
        let saved = if is(Mutant::UnlinkBeforeCursor) { self.cursors.first() } else { self.cursors.saved_first() };
        let mut removed = 0;
        while self.sealed_front().is_some_and(|segment| segment.end <= saved && segment.end <= self.durable) {
            if !self.remove_front() {
                break;
            }
            removed += 1;
        }
        if removed > 0 {
            // Not synced, a removed segment may come back after a power cut: its records lie behind every position then.
            let _ = self.fs.sync_dir(&self.dir);
            if self.state == State::Full {
                (self.retry_ns, self.backoff_ns) = (now_ns, 0); // There is room: no need to wait for it.
            }
        }
    }

    /// The oldest segment, if it is not the one that is written.
    fn sealed_front(&self) -> Option<&Segment> {
        self.segments.front().filter(|_| self.segments.len() > usize::from(self.current.is_some()))
    }

    fn remove_front(&mut self) -> bool {
        let Some(segment) = self.segments.front() else { return false };
        match self.fs.remove(&segment.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => false,
            _ => {
                self.stats.removed_bytes += segment.bytes;
                self.segments.pop_front();
                true
            }
        }
    }

    fn drop_old(&mut self, now_ns: i64) {
        let Some(age_ns) = self.settings.max_age_ns else { return };
        let least_ns = now_ns.saturating_sub(age_ns);
        while self.segments.front().is_some_and(|segment| segment.last_ns < least_ns && segment.end <= self.durable) {
            if self.drop_oldest("age").is_err() {
                return;
            }
        }
    }

    /// Drops the oldest segment; each consumer that has not got its records hears how many.
    pub(super) fn drop_oldest(&mut self, bound: &'static str) -> io::Result<()> {
        if self.sealed_front().is_none() {
            self.seal(); // The one that is written is all there is.
        }
        let Some(segment) = self.segments.front().cloned() else { return Err(io::ErrorKind::StorageFull.into()) };
        if segment.end > self.durable {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let counts = self.count_undelivered(&segment);
        let behind = self.segments.get(1).map_or(segment.end, |behind| behind.first);
        for consumer in &mut self.cursors.consumers {
            consumer.position.clamp(behind);
        }
        // Rule 3 of the module: a start would take what positions still name for lost.
        self.cursors.is_dirty = true;
        self.save_cursors(self.saved_ns)?;
        for (consumer, records) in counts.into_iter().enumerate().filter(|(_, records)| *records > 0) {
            self.stats.dropped += records;
            self.events.push(LogEvent::Dropped { consumer: consumer as u16, records, bound });
        }
        // A segment that cannot be removed now lies behind all positions: it goes with the next that are delivered.
        if self.remove_front() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// Records of a segment that each consumer has not got.
    fn count_undelivered(&self, segment: &Segment) -> Vec<u64> {
        let mut counts = vec![0; self.cursors.consumers.len()];
        let range = segment.first..segment.end;
        let is_owed = |consumer: &crate::cursor::Consumer| {
            !consumer.is_forgotten && consumer.position.within(range.clone()).next().is_some()
        };
        if !self.cursors.consumers.iter().any(is_owed) {
            return counts;
        }
        let Ok(file) = self.fs.open(&segment.path, Access::Read) else { return counts };
        let mut scanner = Scanner::new(&*file, self.id, Self::first_offset(), segment.first, segment.bytes);
        while let Ok(step) = scanner.step() {
            let mut frame = match step {
                Step::Frame(frame, _) => frame,
                Step::Damage { .. } => continue,
                Step::End { .. } => break,
            };
            frame.number(|name| self.cursors.number(name));
            for record in frame.records().take_while(|record| record.seq < segment.end) {
                for target in record.targets() {
                    let consumer = self.cursors.consumers.get(usize::from(target.consumer));
                    let is_owed = |consumer: &crate::cursor::Consumer| {
                        !consumer.is_forgotten && consumer.position.within(record.seq..record.seq + 1).next().is_some()
                    };
                    if consumer.is_some_and(is_owed)
                        && let Some(count) = counts.get_mut(usize::from(target.consumer))
                    {
                        *count += 1;
                    }
                }
            }
        }
        counts
    }
}
