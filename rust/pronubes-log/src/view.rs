//! Looking into the folder of a log without changing it, also while a process writes to it: what the commands for operators stand on.
//!
//! It opens files to read, takes no lock and moves nothing aside. What is appended after opening is not seen; segments that go away
//! meanwhile are passed over, since every sink has what was in them.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::cursor::{Cursors, Position};
use crate::format::{Frame, HEADER_BYTES, SegmentHeader, VERSION};
use crate::fs::{Access, Fs};
use crate::scan::{Scanner, Step, read_full};

/// A log that is only looked at.
pub struct View {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    cursors: Cursors,
    log: u64,
    segments: Vec<ViewedSegment>,
}

/// A segment as it was when the view was opened.
#[derive(Clone, Debug)]
struct ViewedSegment {
    name: String,
    first: u64,
    bytes: u64,
    previous_end: u64,
}

/// What stands in a segment, in order.
#[derive(Debug)]
pub enum Piece {
    /// A frame.
    Frame(Box<Frame>),
    /// Bytes that are no frame, or numbers that are missing.
    Damage(Damage),
    /// The newest segment ends in so many bytes that are no whole frame: a write under way, or one that was cut.
    Unfinished(u64),
}

/// A damaged place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The segment's file.
    pub file: String,
    /// Where it begins.
    pub offset: u64,
    /// How many bytes; 0 where only numbers are missing.
    pub bytes: u64,
    /// What is wrong.
    pub what: &'static str,
    /// The first number that is missing, if one is known to be.
    pub first: Option<u64>,
    /// The number behind the last.
    pub end: u64,
}

/// What a segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SegmentSummary {
    /// Its file.
    pub file: String,
    /// The number of its first record.
    pub first: u64,
    /// Records.
    pub records: u64,
    /// Frames.
    pub frames: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of frames.
    pub used: u64,
    /// When the first of its records was received.
    pub oldest_ns: Option<i64>,
    /// When the last was.
    pub newest_ns: Option<i64>,
    /// Damaged places.
    pub damage: u64,
}

/// What a consumer has not got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Records.
    pub records: u64,
    /// Bytes of their topics and payloads.
    pub bytes: u64,
    /// When the oldest was received.
    pub oldest_ns: Option<i64>,
}

impl View {
    /// Opens a log to look at.
    ///
    /// # Errors
    /// There is no such folder, or it may not be read.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path) -> io::Result<Self> {
        let cursors = Cursors::open(&*fs, dir, None);
        let mut view = Self { fs, dir: dir.to_owned(), log: cursors.log, cursors, segments: Vec::new() };
        for entry in view.fs.list(dir)? {
            let number = entry.name.strip_suffix(".seg").and_then(|name| name.parse().ok());
            if let Some(first) = number.filter(|_| entry.is_file) {
                let header = view.header(&entry.name);
                let (log, previous_end) = header.map_or((0, 0), |header| (header.log, header.previous_end));
                view.log = if view.log == 0 { log } else { view.log };
                view.segments.push(ViewedSegment { name: entry.name, first, bytes: entry.len, previous_end });
            }
        }
        Ok(view)
    }

    fn header(&self, name: &str) -> Option<SegmentHeader> {
        let file = self.fs.open(&self.dir.join(name), Access::Read).ok()?;
        let mut bytes = [0; HEADER_BYTES];
        let length = read_full(&*file, &mut bytes, 0, HEADER_BYTES as u64).ok()?;
        SegmentHeader::decode(&bytes).filter(|_| length == HEADER_BYTES)
    }

    /// The number of the log.
    #[must_use]
    pub fn log(&self) -> u64 {
        self.log
    }

    /// The version of the format.
    #[must_use]
    pub fn version(&self) -> u8 {
        VERSION
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Names and positions of the consumers, by number; without a name: its backlog was dropped.
    pub fn consumers(&self) -> impl Iterator<Item = (Option<&str>, &Position)> {
        self.cursors.consumers.iter().map(|one| ((!one.is_forgotten).then_some(&*one.name), &one.position))
    }

    /// Reads a segment. Nothing when it has gone away.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, index: usize) -> io::Result<Vec<Piece>> {
        let Some(segment) = self.segments.get(index) else { return Ok(Vec::new()) };
        let file = match self.fs.open(&self.dir.join(&segment.name), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let behind = self.segments.get(index + 1);
        let stop = behind.map_or(u64::MAX, |next| next.first);
        let damage = |offset, bytes, what, missing: Range<u64>| {
            let first = (!missing.is_empty()).then_some(missing.start);
            Piece::Damage(Damage { file: segment.name.clone(), offset, bytes, what, first, end: missing.end })
        };
        let (mut pieces, mut expected, mut hurt) = (Vec::new(), segment.first, None);
        let mut scanner = Scanner::new(&*file, self.log, HEADER_BYTES as u64, segment.first, segment.bytes);
        let at = loop {
            match scanner.step()? {
                Step::Frame(frame, at) if frame.first() >= stop => break at,
                Step::Frame(mut frame, at) => {
                    let (offset, bytes) = hurt.take().unwrap_or((at, 0));
                    if bytes > 0 || frame.first() > expected {
                        pieces.push(damage(offset, bytes, "these bytes are no frame", expected..frame.first()));
                    }
                    expected = frame.end();
                    frame.number(|name| self.cursors.number(name));
                    pieces.push(Piece::Frame(frame));
                }
                Step::Damage { from, to } => hurt = Some((from, to - from)),
                Step::End { at, is_torn: true } if behind.is_none() => {
                    pieces.push(Piece::Unfinished(segment.bytes.saturating_sub(at)));
                    break at;
                }
                Step::End { at, is_torn } => {
                    hurt = is_torn.then_some((at, segment.bytes.saturating_sub(at)));
                    break at;
                }
            }
        };
        let known_end = behind.map_or(expected, |next| next.previous_end.clamp(expected, next.first.max(expected)));
        if hurt.is_some() || known_end > expected {
            let (offset, bytes) = hurt.unwrap_or((at, 0));
            pieces.push(damage(offset, bytes, "these bytes are no frame", expected..known_end));
        }
        Ok(pieces)
    }

    /// Counts what a segment holds, and adds what each consumer has not got to its backlog.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn summary(&self, index: usize, backlogs: &mut [Backlog]) -> io::Result<SegmentSummary> {
        let Some(segment) = self.segments.get(index) else { return Ok(SegmentSummary::default()) };
        let (file, first, bytes) = (segment.name.clone(), segment.first, segment.bytes);
        let mut found = SegmentSummary { file, first, bytes, used: HEADER_BYTES as u64, ..SegmentSummary::default() };
        for piece in self.read(index)? {
            match piece {
                Piece::Frame(frame) => {
                    found.frames += 1;
                    found.records += frame.end() - frame.first();
                    found.used += frame.stored_size();
                    self.count(&frame, &mut found, backlogs);
                }
                Piece::Damage(_) => found.damage += 1,
                Piece::Unfinished(_) => {}
            }
        }
        Ok(found)
    }

    fn count(&self, frame: &Frame, found: &mut SegmentSummary, backlogs: &mut [Backlog]) {
        for record in frame.records() {
            found.oldest_ns = Some(found.oldest_ns.map_or(record.received_ns, |oldest| oldest.min(record.received_ns)));
            found.newest_ns = Some(found.newest_ns.map_or(record.received_ns, |newest| newest.max(record.received_ns)));
            for target in record.targets().filter(|target| self.is_pending(target.consumer, record.seq)) {
                if let Some(backlog) = backlogs.get_mut(usize::from(target.consumer)) {
                    backlog.records += 1;
                    backlog.bytes += (target.topic.len() + record.payload.len()) as u64;
                    backlog.oldest_ns =
                        Some(backlog.oldest_ns.map_or(record.received_ns, |one| one.min(record.received_ns)));
                }
            }
        }
    }

    /// Whether a consumer has not got a record.
    #[must_use]
    pub fn is_pending(&self, consumer: u16, seq: u64) -> bool {
        let known = self.cursors.consumers.get(usize::from(consumer)).filter(|one| !one.is_forgotten);
        known.is_some_and(|one| one.position.within(seq..seq.saturating_add(1)).next().is_some())
    }
}
