//! JSON as decoders write it: commas, colons and brackets come by themselves, and the limits hold.

use super::super::limits::{Fault, Limits};
use super::super::{number, text};
use crate::Reason;

/// The length of an object or array whose end is marked.
pub(super) const OPEN: u32 = u32::MAX;

/// An object or array that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Items that are to come, keys counted as items; [`OPEN`] until the end is marked.
    left: u32,
    /// Items that are there.
    done: u32,
    is_object: bool,
}

/// Writes one JSON value.
pub(super) struct Emitter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    frames: &'a mut Vec<Frame>,
    limits: &'a Limits,
    /// How long `out` may get.
    end: usize,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, frames: &'a mut Vec<Frame>, limits: &'a Limits) -> Self {
        frames.clear();
        let end = out.len() + limits.payload_bytes as usize;
        Self { out, frames, limits, end }
    }

    /// Whether the next item is the key of a member.
    pub(super) fn is_at_key(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_object && frame.done % 2 == 0)
    }

    /// Whether the innermost object or array is one whose end is marked, and may end here.
    pub(super) fn may_close(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.left == OPEN && !(frame.is_object && frame.done % 2 == 1))
    }

    /// What stands between the item before and the next one.
    fn separate(&mut self) {
        if let Some(frame) = self.frames.last()
            && frame.done > 0
        {
            self.out.push(if frame.is_object && frame.done % 2 == 1 { b':' } else { b',' });
        }
    }

    /// Before a value that is no text: JSON has no other keys.
    fn begin_value(&mut self, at: usize) -> Result<(), Fault> {
        if self.is_at_key() {
            return Err(Fault::new(Reason::NotInJson, at));
        }
        self.separate();
        Ok(())
    }

    /// Behind an item: closes what is complete. True when the whole value is.
    fn done(&mut self, at: usize) -> Result<bool, Fault> {
        if self.out.len() > self.end {
            return Err(Fault::new(Reason::PayloadTooLarge, at));
        }
        while let Some(frame) = self.frames.last_mut() {
            frame.done += 1;
            if frame.left == OPEN {
                let members = if frame.is_object { frame.done.div_ceil(2) } else { frame.done };
                return if members > self.limits.keys { Err(Fault::new(Reason::TooManyKeys, at)) } else { Ok(false) };
            }
            frame.left -= 1;
            if frame.left > 0 {
                return Ok(false);
            }
            self.out.push(if frame.is_object { b'}' } else { b']' });
            self.frames.pop();
        }
        Ok(true)
    }

    /// Opens an object or array with so many members, or [`OPEN`]. True when the whole value is complete.
    pub(super) fn open(&mut self, is_object: bool, members: u32, at: usize) -> Result<bool, Fault> {
        self.begin_value(at)?;
        if self.frames.len() >= self.limits.depth as usize {
            return Err(Fault::new(Reason::TooDeep, at));
        }
        if members != OPEN && members > self.limits.keys {
            return Err(Fault::new(Reason::TooManyKeys, at));
        }
        self.out.push(if is_object { b'{' } else { b'[' });
        if members == 0 {
            self.out.push(if is_object { b'}' } else { b']' });
            return self.done(at);
        }
        let left = if members == OPEN { OPEN } else { members.saturating_mul(1 + u32::from(is_object)) };
        self.frames.push(Frame { left, done: 0, is_object });
        Ok(false)
    }

    /// Closes the innermost object or array. True when the whole value is complete.
    pub(super) fn close(&mut self, at: usize) -> Result<bool, Fault> {
        if let Some(frame) = self.frames.pop() {
            self.out.push(if frame.is_object { b'}' } else { b']' });
        }
        self.done(at)
    }

    /// A text, as a key or a value.
    pub(super) fn text(&mut self, value: &[u8], at: usize) -> Result<bool, Fault> {
        let value = match simdutf8::basic::from_utf8(value) {
            Ok(value) => value,
            Err(_) => return Err(Fault::new(Reason::InvalidUtf8, at)),
        };
        self.separate();
        let start = self.out.len();
        text::write(self.out, value);
        self.check_text(start, at)?;
        self.done(at)
    }

    /// Bytes, as base64 text.
    pub(super) fn bytes(&mut self, value: &[u8], at: usize) -> Result<bool, Fault> {
        self.begin_value(at)?;
        let start = self.out.len();
        self.out.push(b'"');
        super::base64::write(self.out, value);
        self.out.push(b'"');
        self.check_text(start, at)?;
        self.done(at)
    }

    fn check_text(&self, start: usize, at: usize) -> Result<(), Fault> {
        let length = self.out.len() - start - 2;
        if length > self.limits.text_bytes as usize { Err(Fault::new(Reason::TextTooLong, at)) } else { Ok(()) }
    }

    /// An integer. As a key it becomes its digits.
    pub(super) fn integer(&mut self, value: i128, at: usize) -> Result<bool, Fault> {
        let is_key = self.is_at_key();
        self.separate();
        if is_key {
            self.out.push(b'"');
        }
        match i64::try_from(value) {
            Ok(value) => number::write_int(self.out, value),
            Err(_) => self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        }
        if is_key {
            self.out.push(b'"');
        }
        self.done(at)
    }

    /// A double.
    pub(super) fn double(&mut self, value: f64, at: usize) -> Result<bool, Fault> {
        self.begin_value(at)?;
        number::write_f64(self.out, value).map_err(|_| Fault::new(Reason::NotInJson, at))?;
        self.done(at)
    }

    /// A float of 32 bits, as short as it can be written.
    pub(super) fn single(&mut self, value: f32, at: usize) -> Result<bool, Fault> {
        self.begin_value(at)?;
        super::write_f32(self.out, value).map_err(|reason| Fault::new(reason, at))?;
        self.done(at)
    }

    /// `true`, `false` or `null`.
    pub(super) fn word(&mut self, value: &'static str, at: usize) -> Result<bool, Fault> {
        self.begin_value(at)?;
        self.out.extend_from_slice(value.as_bytes());
        self.done(at)
    }
}
