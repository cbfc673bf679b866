//! The tail of a run that ended without its word: what a process wrote and did not live to sync.
//!
//! Rules of this file:
//! 1. Such frames are written to new segments and synced before anybody takes them for durable. Syncing the old file is not enough:
//!    behind a sync that failed, the system takes pages for clean that never reached the disk.
//! 2. Nothing is written over: a power cut in between leaves what was there.
//! 3. Frames that do not follow each other come to stand in different segments: a gap within a segment is a loss, one between
//!    segments is not.
//! 4. Each segment is written again for itself, under its own name: were one to take in the next, the next would have to be removed, and
//!    of several files that are removed a power cut may bring back any.

use std::io;

use super::{Segment, Store, segment_name};
use crate::format::{HEADER_BYTES, SegmentHeader};
use crate::fs::Access;
use crate::scan::{Scanner, Step, patient, read_full, write_full};

/// Frames that follow each other.
struct Stretch {
    first: u64,
    end: u64,
    /// The number behind what stands before them.
    previous_end: u64,
    last_ns: i64,
    /// Room for a header, then frames as they were.
    bytes: Vec<u8>,
}

impl Store {
    /// Writes again what may not be durable: everything behind `known`. Where there is no room for it, the files are synced as they are.
    pub(super) fn write_tail_again(&mut self, known: u64) -> io::Result<()> {
        let Some((stretches, whole_end)) = patient(|| self.find_tail(known))? else { return Ok(()) };
        let start = stretches.first().map_or(whole_end, |stretch| stretch.first);
        // From the last to the first: what is left by a power cut in between still has the frames before it.
        for stretch in stretches.iter().rev() {
            if self.write_stretch(stretch, known).is_err() {
                return self.sync_tail(known);
            }
        }
        while self.segments.back().is_some_and(|segment| segment.first >= start) {
            let Some(segment) = self.segments.pop_back() else { break };
            if stretches.iter().all(|stretch| stretch.first != segment.first) {
                self.doomed.push(segment.path);
            }
        }
        self.sealed_end = whole_end;
        if let Some(segment) = self.segments.back_mut() {
            segment.end = segment.end.min(whole_end);
        }
        for Stretch { first, previous_end, end, last_ns, bytes } in stretches {
            self.names += 1;
            self.sealed_end = end;
            let (path, bytes) = (self.dir.join(segment_name(first)), bytes.len() as u64);
            let created_ns = self.saved_ns;
            self.segments.push_back(Segment {
                life: self.names,
                path,
                first,
                previous_end,
                end,
                bytes,
                created_ns,
                last_ns,
            });
        }
        Ok(())
    }

    /// Frames that may not be durable, and the number behind the last record before them.
    fn find_tail(&self, known: u64) -> io::Result<Option<(Vec<Stretch>, u64)>> {
        let (mut whole_end, mut previous) = (None, None);
        let mut stretches: Vec<Stretch> = Vec::new();
        let count = self.segments.iter().rev().take_while(|segment| segment.end > known).count();
        for segment in self.segments.iter().skip(self.segments.len() - count) {
            let file = self.fs.open(&segment.path, Access::Read)?;
            let mut scanner = Scanner::new(&*file, self.id, Self::first_offset(), segment.first, segment.bytes);
            let mut previous_end = previous.unwrap_or(segment.previous_end);
            let earlier = stretches.len();
            loop {
                let (frame, offset) = match scanner.step()? {
                    Step::Frame(frame, offset) => (frame, offset),
                    Step::Damage { .. } => continue,
                    Step::End { .. } => break,
                };
                if frame.first() >= segment.end {
                    break;
                }
                if frame.end() > known {
                    let own = stretches.get(earlier..).unwrap_or_default();
                    let is_next = own.last().is_some_and(|last| last.end == frame.first());
                    if !is_next {
                        whole_end.get_or_insert(previous_end);
                        let (first, bytes) = (frame.first(), vec![0; HEADER_BYTES]);
                        stretches.push(Stretch { first, end: first, previous_end, last_ns: frame.time_ns(), bytes });
                    }
                    let Some(last) = stretches.last_mut() else { break };
                    let from = last.bytes.len();
                    last.bytes.resize(from + usize::try_from(scanner.offset - offset).unwrap_or_default(), 0);
                    read_full(&*file, last.bytes.get_mut(from..).unwrap_or_default(), offset, scanner.offset)?;
                    (last.end, last.last_ns) = (frame.end(), frame.time_ns());
                }
                previous_end = frame.end();
            }
            previous = Some(previous_end);
        }
        Ok(whole_end.or(previous).map(|end| (stretches, end)))
    }

    fn write_stretch(&self, stretch: &Stretch, known: u64) -> io::Result<()> {
        let fresh = self.spare_path();
        match self.fs.remove(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.fs.create_new(&fresh)?;
        let header = SegmentHeader {
            log: self.id,
            first: stretch.first,
            previous_end: stretch.previous_end.max(1),
            durable: known,
            created_ns: self.saved_ns,
        };
        write_full(&*file, &header.encode(), 0)?;
        let start = HEADER_BYTES as u64;
        write_full(&*file, stretch.bytes.get(HEADER_BYTES..).unwrap_or_default(), start)?;
        file.sync_data()?;
        self.fs.rename(&fresh, &self.dir.join(segment_name(stretch.first)))?;
        self.fs.sync_dir(&self.dir)
    }

    fn sync_tail(&self, known: u64) -> io::Result<()> {
        for segment in self.segments.iter().rev().take_while(|segment| segment.end > known) {
            patient(|| self.fs.open(&segment.path, Access::Write))?.sync_data()?;
        }
        Ok(())
    }
}
