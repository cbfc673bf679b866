//! Walking through the frames of a segment, also when parts of it are damaged.
//!
//! Every step moves on: a scan of any bytes ends.

use std::io;

use memchr::memmem;

use crate::format::{FRAME_MAGIC, Frame, FrameHeader, HEADER_BYTES};
use crate::fs::File;

/// How much is searched at a time for the next frame behind damage.
const WINDOW: usize = 1 << 20;
/// How often a call of a start is tried.
const PATIENCE: usize = 5;

/// What a scan finds next.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame, and where it begins.
    Frame(Box<Frame>, u64),
    /// Bytes that are no frame, and where a frame begins again.
    Damage { from: u64, to: u64 },
    /// Nothing more; whether bytes stand there that are no frame.
    End { at: u64, is_torn: bool },
}

/// A scan of one segment.
pub(crate) struct Scanner<'a> {
    file: &'a dyn File,
    log: u64,
    /// Where the next frame is looked for.
    pub(crate) offset: u64,
    /// Frames below this number are not new: bytes of an earlier life of the file.
    least: u64,
    limit: u64,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(file: &'a dyn File, log: u64, offset: u64, least: u64, limit: u64) -> Self {
        Self { file, log, offset, least, limit }
    }

    /// The next step.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let from = self.offset;
        if let Some((frame, size)) = self.frame_at(from)? {
            self.accept(&frame, from + size);
            return Ok(Step::Frame(Box::new(frame), from));
        }
        let mut is_torn = false;
        let mut at = from;
        let mut window = vec![0; WINDOW];
        while at < self.limit {
            let length = read_full(self.file, &mut window, at, self.limit)?;
            let Some(bytes) = window.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            is_torn |= bytes.iter().any(|byte| *byte != 0);
            for found in memmem::find_iter(bytes, &FRAME_MAGIC) {
                let candidate = at + found as u64;
                if candidate > from && self.frame_at(candidate)?.is_some() {
                    self.offset = candidate;
                    return Ok(Step::Damage { from, to: candidate });
                }
            }
            // The magic may lie across the edge of two windows.
            let next = at + (length.saturating_sub(FRAME_MAGIC.len() - 1)).max(1) as u64;
            at = if at + length as u64 >= self.limit { self.limit } else { next };
        }
        Ok(Step::End { at: from, is_torn })
    }

    fn accept(&mut self, frame: &Frame, offset: u64) {
        self.least = frame.end();
        self.offset = offset;
    }

    /// The frame that begins there, with its size.
    fn frame_at(&self, offset: u64) -> io::Result<Option<(Frame, u64)>> {
        let mut header = [0; HEADER_BYTES];
        if read_full(self.file, &mut header, offset, self.limit)? < HEADER_BYTES {
            return Ok(None);
        }
        let Some(read) = FrameHeader::decode(&header) else { return Ok(None) };
        let is_ours = read.log == self.log && read.first >= self.least;
        if !is_ours || offset.saturating_add(read.size()) > self.limit {
            return Ok(None);
        }
        let mut body = vec![0; read.stored as usize];
        if read_full(self.file, &mut body, offset + HEADER_BYTES as u64, self.limit)? < body.len() {
            return Ok(None);
        }
        Ok(Frame::decode(&header, &body).map(|frame| (frame, read.size())))
    }
}

/// Does again what fails, a few times: a start is worth more than one call.
///
/// # Errors
/// It failed every time, or there is no such file.
pub(crate) fn patient<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut last = work();
    for _ in 1..PATIENCE {
        match &last {
            Err(error) if error.kind() != io::ErrorKind::NotFound => last = work(),
            _ => break,
        }
    }
    last
}

/// Reads as much as there is, up to `limit`; how much.
pub(crate) fn read_full(file: &dyn File, bytes: &mut [u8], offset: u64, limit: u64) -> io::Result<usize> {
    let wanted = usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..wanted).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes everything.
pub(crate) fn write_full(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
