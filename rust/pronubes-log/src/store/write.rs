//! Writing frames and beginning segments.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Current, Overflow, Segment, State, Store, segment_name};
use crate::event::LogEvent;
use crate::format::{Codec, Cut, HEADER_BYTES, SegmentHeader};
use crate::fs::File;
use crate::mutants::{Mutant, is};
use crate::scan::write_full;

const FIRST_BACKOFF_NS: i64 = 100_000_000;
const MAX_BACKOFF_NS: i64 = 5_000_000_000;

impl Store {
    /// Writes what waits, as far as the disk takes it.
    pub(crate) fn write(&mut self, now_ns: i64) {
        if self.state != State::Ok && now_ns < self.retry_ns {
            return;
        }
        while let Some(frame) = self.backlog.front().cloned() {
            if let Err(error) = self.write_frame(&frame, now_ns) {
                return self.cannot_write(&error, now_ns);
            }
            self.backlog.pop_front();
            if is(Mutant::AckBeforeSync) {
                self.durable = frame.end;
            }
            self.unsynced.push_back(frame);
            if self.state == State::Full {
                self.state = State::Ok;
                self.backoff_ns = 0;
                self.events.push(LogEvent::DiskFree);
            }
        }
    }

    fn write_frame(&mut self, frame: &Cut, now_ns: i64) -> io::Result<()> {
        if self.cursors.has_new {
            self.save_cursors(now_ns)?;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let is_packed = self.settings.codec == Codec::Zstd && self.packer.pack(&frame.bytes, &mut buffer).is_some();
        let written = self.put(if is_packed { &buffer } else { &frame.bytes }, frame, now_ns);
        self.buffer = buffer;
        written
    }

    fn put(&mut self, bytes: &[u8], frame: &Cut, now_ns: i64) -> io::Result<()> {
        let length = bytes.len() as u64;
        let is_full = |current: &Current| current.offset + length > self.settings.segment_bytes;
        if self.current.as_ref().is_some_and(is_full) {
            self.seal();
        }
        if self.current.is_none() {
            self.begin(frame.first, length, now_ns)?;
        }
        let Some(current) = &mut self.current else { return Err(io::ErrorKind::NotFound.into()) };
        write_full(&*current.file, bytes, current.offset)?;
        current.offset += length;
        if let Some(segment) = self.segments.back_mut() {
            segment.end = frame.end;
            segment.bytes = current.offset;
            segment.last_ns = segment.last_ns.max(now_ns);
        }
        self.stats.wrote(length, frame.content);
        Ok(())
    }

    /// The current segment gets nothing more. What it has not synced is synced with the next one.
    pub(crate) fn seal(&mut self) {
        let Some(current) = self.current.take() else { return };
        let Some(segment) = self.segments.back() else { return };
        if segment.end == segment.first {
            // Nothing came to stand in it: the next one may have its name.
            self.doomed.push(segment.path.clone());
            self.segments.pop_back();
            return;
        }
        self.sealed_end = self.sealed_end.max(segment.end);
        // What was reserved and not used is given back; if that fails it costs room, nothing else.
        let _ = current.file.set_len(current.offset);
        self.to_sync.push(current.file);
    }

    /// Begins a segment: room, header, sync, name, sync of the folder; only then the first frame.
    fn begin(&mut self, first: u64, length: u64, now_ns: i64) -> io::Result<()> {
        self.remove_doomed()?;
        self.make_room(length)?;
        let fits = length.saturating_add(Self::first_offset()) <= self.settings.segment_bytes;
        let file = match self.spare.take().filter(|_| fits) {
            Some(file) => file,
            None => self.reserve_or_drop(length)?,
        };
        let header = SegmentHeader {
            log: self.id,
            first,
            previous_end: self.sealed_end,
            durable: self.durable,
            created_ns: now_ns,
        };
        let path = self.dir.join(segment_name(first));
        let spare = self.spare_path();
        let named = write_full(&*file, &header.encode(), 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.fs.rename(&spare, &path))
            .and_then(|()| if is(Mutant::NoDirSync) { Ok(()) } else { self.fs.sync_dir(&self.dir) });
        self.stats.wrote(HEADER_BYTES as u64, 0);
        named?;
        while self.segments.back().is_some_and(|segment| segment.first >= first) {
            self.segments.pop_back(); // Empty, of an earlier run, and replaced just now.
        }
        self.names += 1;
        self.segments.push_back(Segment {
            life: self.names,
            path,
            first,
            previous_end: self.sealed_end,
            end: first,
            bytes: Self::first_offset(),
            created_ns: now_ns,
            last_ns: now_ns,
        });
        self.current = Some(Current { file, offset: Self::first_offset() });
        Ok(())
    }

    pub(super) fn spare_path(&self) -> PathBuf {
        self.dir.join("next.tmp")
    }

    /// A file with room for a segment, in front of the time when it is needed.
    pub(super) fn reserve_file(&mut self, length: u64) -> io::Result<Arc<dyn File>> {
        let wanted = self.settings.segment_bytes.max(length + Self::first_offset());
        let space = self.fs.space(&self.dir)?;
        if space.free < wanted.saturating_add(self.reserve(space.total)) {
            let sentence = format!("{} bytes are free, and {} are to stay so", space.free, self.reserve(space.total));
            return Err(io::Error::new(io::ErrorKind::StorageFull, sentence));
        }
        let path = self.spare_path();
        match self.fs.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.fs.create_new(&path)?;
        if let Err(error) = file.allocate(wanted) {
            let _ = self.fs.remove(&path);
            return Err(error);
        }
        Ok(file)
    }

    /// The end: what was reserved and not used is given back.
    pub(crate) fn leave(&mut self) {
        self.seal();
        if self.spare.take().is_some() {
            let _ = self.fs.remove(&self.spare_path()); // The next start removes what is left.
        }
    }

    /// Keeps a spare file, so that a full disk is noticed a segment before it matters.
    pub(super) fn keep_spare(&mut self) {
        let has_room = self.total_bytes().saturating_add(self.settings.segment_bytes) <= self.settings.max_bytes;
        if self.spare.is_none() && self.current.is_some() && has_room && self.state == State::Ok {
            self.spare = self.reserve_file(0).ok();
        }
    }

    /// Reserves a file; where the oldest may be dropped, a full disk is a reason to.
    fn reserve_or_drop(&mut self, length: u64) -> io::Result<Arc<dyn File>> {
        loop {
            match self.reserve_file(length) {
                Err(error) if is_full(&error) && self.settings.overflow == Overflow::DropOldest => {
                    // Without a segment to drop, the disk's own words say more.
                    self.drop_oldest("disk").map_err(|_| error)?;
                }
                done => return done,
            }
        }
    }

    /// Removes segments in doubt: until they are gone, no segment with their numbers may begin.
    fn remove_doomed(&mut self) -> io::Result<()> {
        while let Some(path) = self.doomed.last() {
            match self.fs.remove(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => _ = self.doomed.pop(),
            }
        }
        Ok(())
    }

    fn make_room(&mut self, length: u64) -> io::Result<()> {
        let wanted = self.settings.segment_bytes.max(length);
        while self.total_bytes().saturating_add(wanted) > self.settings.max_bytes {
            if self.settings.overflow == Overflow::Block || self.segments.is_empty() {
                let sentence =
                    format!("the log has {} bytes and may have {}", self.total_bytes(), self.settings.max_bytes);
                return Err(io::Error::new(io::ErrorKind::StorageFull, sentence));
            }
            self.drop_oldest("size")?;
        }
        Ok(())
    }

    fn cannot_write(&mut self, error: &io::Error, now_ns: i64) {
        let is_full = is_full(error);
        let state = if is_full { State::Full } else { State::Failing };
        if self.state != state {
            let error = error.to_string();
            self.events.push(if is_full { LogEvent::DiskFull { error } } else { LogEvent::SyncFailed { error } });
        }
        if !is_full {
            // The state of the file is unknown behind its last good byte: it gets nothing more.
            self.seal();
        }
        self.back_off(state, now_ns);
    }

    pub(super) fn back_off(&mut self, state: State, now_ns: i64) {
        self.state = state;
        self.backoff_ns = (self.backoff_ns * 2).clamp(FIRST_BACKOFF_NS, MAX_BACKOFF_NS);
        self.retry_ns = now_ns.saturating_add(self.backoff_ns);
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
