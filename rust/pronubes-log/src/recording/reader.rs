//! Reading a recording: everything in it that is whole, and where it is not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;

use super::{BLOCK, END_MAGIC, MAGIC, Mark, Message, VERSION};
use crate::format::{FRAME_MAGIC, Frame, FrameHeader, HEADER_BYTES};
use crate::fs::{Access, File, Fs};
use crate::scan::{Scanner, Step, read_full};

/// So many damaged places are remembered; more are counted.
const MAX_PLACES: usize = 100;
/// How far the first frame is searched when the head is damaged.
const SEARCH_BYTES: u64 = 32 << 20;

/// Why there is nothing to read.
#[derive(Debug)]
pub enum OpenError {
    /// The file cannot be read.
    Io(io::Error),
    /// It is no recording.
    NoRecording,
    /// It has a version that this program does not know.
    Version(u8),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A damaged place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What a recording turned out to be, once it has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Messages that were read.
    pub messages: u64,
    /// Whether it has an end: else it was cut, or is being written.
    pub has_end: bool,
    /// Where what is whole ends.
    pub whole_to: u64,
    /// Damaged places, the first hundred.
    pub damaged: Vec<Damaged>,
    /// How many damaged places there are.
    pub damaged_places: u64,
    /// Messages that were in damaged places, as far as their numbers tell.
    pub missing: u64,
    /// Messages that came and were never recorded, as the end says.
    pub lost: u64,
    /// When it was begun.
    pub begun_ns: Option<i64>,
    /// When it was ended.
    pub ended_ns: Option<i64>,
}

impl Ending {
    /// Whether everything is there that was recorded.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.has_end && self.damaged_places == 0 && self.missing == 0
    }
}

/// Reads a recording, a frame at a time.
pub struct Reader {
    file: Arc<dyn File>,
    number: u64,
    offset: u64,
    limit: u64,
    expected: u64,
    end: Option<Mark>,
    ending: Ending,
    is_over: bool,
}

impl Reader {
    /// Opens a recording.
    ///
    /// # Errors
    /// The file cannot be read, is none, or has an unknown version.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, OpenError> {
        let file = fs.open(path, Access::Read)?;
        let size = file.size()?;
        let mut head = [0; BLOCK];
        if read_full(&*file, &mut head, 0, size)? < MAGIC.len() || !head.starts_with(&MAGIC) {
            return Err(OpenError::NoRecording);
        }
        let mark = Mark::decode(&head, MAGIC);
        if mark.is_none() && size >= BLOCK as u64 && head[8] != VERSION && is_whole_of_other_version(&head) {
            return Err(OpenError::Version(head[8]));
        }
        let mut ending = Ending { begun_ns: mark.map(|mark| mark.time_ns), ..Ending::default() };
        if mark.is_none() {
            add(&mut ending, 0, size.min(BLOCK as u64));
        }
        let number = match mark {
            Some(mark) => mark.number,
            None => number_of_a_frame(&*file, size)?.unwrap_or(0),
        };
        let end = end_of(&*file, size, number)?;
        let limit = if end.is_some() { size - BLOCK as u64 } else { size };
        let offset = (BLOCK as u64).min(limit);
        ending.whole_to = if mark.is_some() { offset } else { 0 };
        Ok(Self { file, number, offset, limit, expected: 1, end, ending, is_over: false })
    }

    /// The next frame that is whole; nothing behind the last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_frame(&mut self) -> io::Result<Option<Box<Frame>>> {
        while !self.is_over {
            let mut scanner = Scanner::new(&*self.file, self.number, self.offset, self.expected, self.limit);
            let step = scanner.step()?;
            let reached = scanner.offset;
            match step {
                Step::Frame(frame, _) => {
                    self.offset = reached;
                    self.ending.missing += frame.first() - self.expected;
                    self.expected = frame.end();
                    self.ending.messages += frame.end() - frame.first();
                    self.ending.whole_to = reached;
                    return Ok(Some(frame));
                }
                Step::Damage { from, to } => {
                    add(&mut self.ending, from, to - from);
                    self.offset = to;
                }
                Step::End { at, .. } => self.finish(at),
            }
        }
        Ok(None)
    }

    fn finish(&mut self, at: u64) {
        self.is_over = true;
        if at < self.limit {
            add(&mut self.ending, at, self.limit - at);
        }
        if let Some(end) = self.end {
            self.ending.has_end = true;
            self.ending.missing += end.next.saturating_sub(self.expected);
            self.ending.lost = end.lost;
            self.ending.ended_ns = Some(end.time_ns);
            self.ending.whole_to = if self.ending.damaged_places == 0 { self.limit + BLOCK as u64 } else { at };
        }
    }

    /// What it turned out to be; complete when [`Self::next_frame`] has given nothing.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }
}

/// The messages of a frame.
pub fn messages(frame: &Frame) -> impl Iterator<Item = Message<'_>> {
    frame.records().filter_map(|record| {
        let target = record.targets().next()?;
        Some(Message {
            topic: target.topic,
            payload: record.payload,
            qos: target.qos,
            retain: target.retain,
            received_ns: record.received_ns,
            source_ns: record.source_ns,
            source: frame.sources().get(usize::from(record.source)).map_or("", |name| name),
            route: frame.routes().get(usize::from(record.route)).map_or("", |name| name),
        })
    })
}

fn add(ending: &mut Ending, offset: u64, bytes: u64) {
    ending.damaged_places += 1;
    if ending.damaged.len() < MAX_PLACES {
        ending.damaged.push(Damaged { offset, bytes });
    }
}

/// A head whose check sum is right, of a version that comes after this one.
fn is_whole_of_other_version(head: &[u8; BLOCK]) -> bool {
    head[12..16] == super::check_sum(head).to_le_bytes()
}

fn end_of(file: &dyn File, size: u64, number: u64) -> io::Result<Option<Mark>> {
    let Some(at) = size.checked_sub(BLOCK as u64).filter(|at| *at >= BLOCK as u64) else { return Ok(None) };
    let mut bytes = [0; BLOCK];
    read_full(file, &mut bytes, at, size)?;
    Ok(Mark::decode(&bytes, END_MAGIC).filter(|end| end.number == number || number == 0))
}

/// The number of the recording as a frame tells it, where the head does not.
fn number_of_a_frame(file: &dyn File, size: u64) -> io::Result<Option<u64>> {
    let length = usize::try_from(size.min(SEARCH_BYTES)).unwrap_or_default();
    let mut bytes = vec![0; length];
    let length = read_full(file, &mut bytes, 0, size)?;
    let bytes = bytes.get(..length).unwrap_or_default();
    Ok(memmem::find_iter(bytes, &FRAME_MAGIC).find_map(|at| {
        let (head, rest) = bytes.get(at..)?.split_first_chunk::<HEADER_BYTES>()?;
        let header = FrameHeader::decode(head)?;
        let body = rest.get(..header.stored as usize)?;
        header.is_intact(head, body).then_some(header.log)
    }))
}
