//! Reading the last segment, and keeping aside what cannot be read.
//!
//! Rules of this file:
//! 1. Each step of a scan moves on: a start with any bytes ends.
//! 2. What is damaged is copied before it is cut off.
//! 3. What is lost is counted from numbers, and only where somebody still wants it.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::{Segment, Store};
use crate::event::LogEvent;
use crate::fs::{Access, File};
use crate::scan::{Scanner, Step, patient, read_full, write_full};

/// Where what cannot be used goes.
const DAMAGED: &str = "damaged";
/// How much is copied at a time.
const WINDOW: usize = 1 << 20;

impl Store {
    /// Reads the last segment to its end; what is torn is set aside and cut. Up to where its run knew records to be durable: what is
    /// missing from there on was never acknowledged, as a power cut may keep a frame and not the one before it.
    pub(super) fn read_last(&mut self, last: &mut Segment, mut known: u64) -> io::Result<u64> {
        let file = patient(|| self.fs.open(&last.path, Access::Write))?;
        let size = patient(|| file.size())?;
        let (mut expected, mut gaps) = (last.first, Vec::new());
        known = known.max(self.cursors.end);
        let mut scanner = Scanner::new(&*file, self.id, Self::first_offset(), last.first, size);
        loop {
            let before = scanner.offset;
            match patient(|| scanner.step()) {
                Ok(Step::Frame(frame, offset)) => {
                    gaps.push((offset, expected..frame.first()));
                    expected = frame.end();
                    known = known.max(frame.durable());
                    (last.end, last.bytes, last.last_ns) = (frame.end(), scanner.offset, frame.time_ns());
                }
                Ok(Step::Damage { from, to }) => _ = self.keep_aside(&*file, &last.path, from..to),
                Ok(Step::End { at, is_torn }) => {
                    let is_kept = !is_torn || self.keep_aside(&*file, &last.path, at..size);
                    if is_kept {
                        let _ = file.set_len(at); // Gives back room; nothing is ever written behind it.
                    }
                    last.bytes = at;
                    break;
                }
                Err(error) => {
                    // A place that cannot be read: what lies behind it counts as far as it was known to be there.
                    let kept = format!("not kept: {error}");
                    self.events.push(LogEvent::Damaged { bytes: size.saturating_sub(before), kept });
                    last.end = expected.max(self.cursors.end);
                    last.bytes = size;
                    break;
                }
            }
            if scanner.offset <= before {
                break;
            }
        }
        for (offset, missing) in gaps {
            self.note_gap(last.first, offset, missing.start..missing.end.min(known));
        }
        Ok(known)
    }

    /// Records of a range are gone: those that some consumer has not got are told as lost.
    pub(super) fn note_lost(&mut self, range: Range<u64>) {
        for records in self.cursors.undelivered(range) {
            self.stats.lost += records.end - records.start;
            self.events.push(LogEvent::Lost { records });
        }
    }

    /// Records that are missing where frames should follow each other.
    pub(crate) fn note_gap(&mut self, segment: u64, offset: u64, missing: Range<u64>) {
        if !missing.is_empty() && self.told.insert((segment, offset)) {
            self.stats.lost += missing.end - missing.start;
            self.events.push(LogEvent::Lost { records: missing });
        }
    }

    /// Copies damaged bytes to `damaged/`, once; whether they are there.
    pub(crate) fn keep_aside(&mut self, file: &dyn File, segment: &Path, range: Range<u64>) -> bool {
        let name = segment.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !self.told.insert((name.parse().unwrap_or(u64::MAX), range.start | 1 << 63)) {
            return true;
        }
        let bytes = range.end.saturating_sub(range.start);
        let kept = format!("{DAMAGED}/{name}-{}.bytes", range.start);
        let copied = self.copy_aside(file, &kept, range);
        self.stats.damaged_bytes += bytes;
        let is_kept = copied.is_ok();
        let kept = copied.map_or_else(|error| format!("not kept: {error}"), |()| kept);
        self.events.push(LogEvent::Damaged { bytes, kept });
        is_kept
    }

    fn copy_aside(&self, file: &dyn File, name: &str, range: Range<u64>) -> io::Result<()> {
        self.fs.create_dir_all(&self.dir.join(DAMAGED))?;
        let copy = match self.fs.create_new(&self.dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            created => created?,
        };
        let mut window = vec![0; WINDOW];
        let mut at = range.start;
        while at < range.end {
            let length = read_full(file, &mut window, at, range.end)?;
            let Some(bytes) = window.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            // Room that was reserved and never written is zeros: it is not copied.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            write_full(&*copy, bytes.get(..used).unwrap_or_default(), at - range.start)?;
            at += length as u64;
        }
        copy.sync_data()
    }

    /// Moves what is not ours to `damaged/`.
    pub(super) fn set_aside(&mut self, name: &str) {
        let folder = self.dir.join(DAMAGED);
        let mut target = folder.join(name);
        while self.fs.open(&target, Access::Read).is_ok() {
            self.names += 1;
            target = folder.join(format!("{name}.{}", self.names));
        }
        let moved = self.fs.create_dir_all(&folder).and_then(|()| self.fs.rename(&self.dir.join(name), &target));
        if moved.is_ok() {
            self.events.push(LogEvent::SetAside { name: name.to_owned() });
        }
    }
}
