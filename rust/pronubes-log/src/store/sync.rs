//! Syncing what was written, and positions.

use std::io;
use std::sync::Arc;

use super::{State, Store};
use crate::cursor::LEAP;
use crate::event::LogEvent;
use crate::fs::File;

/// Positions are saved at most this often, unless they moved far.
const SAVE_NS: i64 = 1_000_000_000;
/// How many records are far.
const SAVE_RECORDS: u64 = 65_536;

/// A sync that is under way: the files to sync, and what is durable when all of them have succeeded.
pub(crate) struct Ticket {
    files: Vec<Arc<dyn File>>,
    frames: usize,
    durable: u64,
}

impl Ticket {
    /// Syncs the files. Blocks for the disk; nothing of the store is locked meanwhile.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.sync_data())
    }
}

impl Store {
    /// Begins a sync of everything that is written and not durable.
    pub(crate) fn begin_sync(&mut self) -> Option<Ticket> {
        let durable = self.unsynced.back()?.end;
        let current = self.current.iter().map(|current| Arc::clone(&current.file));
        let files = self.to_sync.drain(..).chain(current).collect();
        Some(Ticket { files, frames: self.unsynced.len(), durable })
    }

    /// Ends a sync.
    pub(crate) fn finish_sync(&mut self, ticket: &Ticket, result: io::Result<()>, took_ns: i64, now_ns: i64) {
        match result {
            Ok(()) => {
                self.unsynced.drain(..ticket.frames.min(self.unsynced.len()));
                self.durable = self.durable.max(ticket.durable);
                self.last_end = self.last_end.max(ticket.durable);
                self.stats.synced(took_ns);
                if self.state == State::Failing && self.backlog.is_empty() {
                    self.state = State::Ok;
                    self.backoff_ns = 0;
                    self.events.push(LogEvent::SyncWell);
                }
            }
            Err(error) => self.write_again(&error, now_ns),
        }
    }

    /// After a failed sync nobody knows what of these files is on the disk: everything since the last good sync is written to a new segment.
    fn write_again(&mut self, error: &io::Error, now_ns: i64) {
        if self.state != State::Failing {
            self.events.push(LogEvent::SyncFailed { error: error.to_string() });
        }
        self.stats.sync_failures += 1;
        self.current = None;
        self.to_sync.clear();
        let first = self.unsynced.front().map_or(u64::MAX, |frame| frame.first);
        while let Some(frame) = self.unsynced.pop_back() {
            self.backlog.push_front(frame);
        }
        // Records from `first` on are in the next segment; a reader and the next start stop there.
        while self.segments.back().is_some_and(|segment| segment.first >= first) {
            let Some(segment) = self.segments.pop_back() else { break };
            self.doomed.push(segment.path);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.end = segment.end.min(first);
            self.sealed_end = segment.end;
        } else {
            self.sealed_end = self.sealed_end.min(first);
        }
        let is_first = self.state == State::Ok;
        self.back_off(State::Failing, now_ns);
        if is_first {
            self.retry_ns = now_ns; // Once at once: one bad file is more likely than a bad disk.
        }
    }

    /// Saves positions when it is time, or `force`; at the end (`force`) with the exact number at which the next start goes on.
    pub(crate) fn keep_cursors(&mut self, force: bool, now_ns: i64) {
        let runs_out = self.durable.saturating_add(LEAP / 2) > self.cursors.reserved;
        let has_leapt = self.cursors.has_leapt(SAVE_RECORDS);
        let is_due = self.cursors.has_new || has_leapt || now_ns >= self.saved_ns.saturating_add(SAVE_NS);
        let may_try = self.state != State::Failing || now_ns >= self.retry_ns;
        if force && !self.has_work() {
            self.is_closed = true;
            let _ = self.save_cursors(now_ns);
        } else if runs_out || (self.cursors.is_dirty && (force || (is_due && may_try))) {
            // A failure is tried again: with `is_dirty` still set, records may come twice, none is lost.
            let _ = self.save_cursors(now_ns);
            self.saved_ns = now_ns;
        }
    }

    pub(super) fn save_cursors(&mut self, now_ns: i64) -> io::Result<()> {
        self.cursors.end = self.last_end;
        self.cursors.reserved = match self.is_closed {
            true => self.durable,
            false => self.cursors.reserved.max(self.durable.saturating_add(LEAP)),
        };
        let bytes = self.cursors.save(&*self.fs, &self.dir)?;
        self.stats.wrote(bytes, 0);
        self.stats.cursor_saves += 1;
        self.saved_ns = now_ns;
        Ok(())
    }
}
