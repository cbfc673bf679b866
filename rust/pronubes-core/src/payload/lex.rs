//! The words of JSON: white space, strings, numbers, literals, and whole values that nobody touches.
//!
//! A cursor walks over the payload and refuses what RFC 8259 refuses. It never recurses: open objects and arrays stand
//! on an explicit stack with a limit, so that no payload can exhaust the thread's stack. Where the text ends it reads
//! zeros, which no rule accepts, so that the end needs no case of its own.
//!
//! UTF-8 is checked once per payload, after the walk, and only if a string held a byte above ASCII: outside of strings
//! such a byte is refused anyway.

use super::cell::{Kind, Span};
use super::json;
use super::limits::{Fault, Limits};
use super::path_set::{Child, Key, Node};
use super::swar;
use crate::Reason;

/// Marks an open object on the stack; the other bits count its members.
const OBJECT: u32 = 1 << 31;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    /// All words of string text, or-ed: tells whether any byte is above ASCII.
    seen: u64,
    depth_limit: usize,
    key_limit: u32,
    text_limit: usize,
    stack: &'a mut Vec<u32>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: &Limits, stack: &'a mut Vec<u32>) -> Self {
        stack.clear();
        Self {
            bytes,
            at: 0,
            seen: 0,
            depth_limit: limits.depth as usize,
            key_limit: limits.keys.min(OBJECT - 1),
            text_limit: limits.text_bytes as usize,
            stack,
        }
    }

    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Whether a string held a byte above ASCII.
    pub(super) fn has_non_ascii(&self) -> bool {
        swar::has_non_ascii(self.seen)
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Skips white space; the byte that follows.
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        loop {
            let byte = self.byte(self.at);
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn fault(&self, reason: Reason) -> Fault {
        Fault::new(reason, self.at)
    }

    #[inline(always)]
    pub(super) fn unexpected<T>(&self) -> Result<T, Fault> {
        Err(self.fault(Reason::InvalidJson))
    }

    /// Refuses the member number `count` of an object or array that has too many.
    #[inline(always)]
    pub(super) fn check_count(&self, count: u32) -> Result<(), Fault> {
        if count > self.key_limit { Err(self.fault(Reason::TooManyKeys)) } else { Ok(()) }
    }

    /// Refuses to open an object or array inside of `depth` others.
    #[inline(always)]
    pub(super) fn check_depth(&self, depth: usize) -> Result<(), Fault> {
        if depth >= self.depth_limit { Err(self.fault(Reason::TooDeep)) } else { Ok(()) }
    }

    /// A key that `node` expects, with its colon; leaves the cursor at the value. Nothing has happened where there is none.
    #[inline(always)]
    pub(super) fn expected_key<'n>(&mut self, node: &'n Node, expected: &mut usize) -> Option<(&'n Child, Span)> {
        let start = self.at + 1;
        let (child, length) = node.find_expected(self.bytes, start, expected)?;
        if length > self.text_limit {
            return None;
        }
        self.at = start + length;
        self.token();
        Some((child, json::span(start, start + length - 2)))
    }

    /// A key and its colon; leaves the cursor at the value.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Key<'a>, Fault> {
        let start = self.at + 1;
        let first = swar::load_padded(self.bytes, start);
        self.seen |= first;
        let mut key = Key { bytes: self.bytes, start, length: 0, prefix: first, is_escaped: false };
        let mut end = start + 8;
        if let Some(stops) = swar::string_stops(first) {
            end = start + swar::first_mark(stops);
            key.prefix = swar::below_first_mark(first, stops);
        } else {
            end = self.long_text(end);
        }
        key.is_escaped = self.close_string(start, end)? == Kind::EscapedText;
        key.length = self.at - 1 - start;
        if self.token() != b':' {
            return self.unexpected();
        }
        self.at += 1;
        self.token();
        Ok(key)
    }

    /// A string; the cursor stands at its opening quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Kind, Fault> {
        let start = self.at + 1;
        let end = self.plain_text(start);
        self.close_string(start, end)
    }

    /// The rest of a string from `end` on, where its plain text stops for the first time.
    #[inline(always)]
    fn close_string(&mut self, start: usize, end: usize) -> Result<Kind, Fault> {
        if self.byte(end) != b'"' {
            return self.string_with_escapes(start, end);
        }
        if end - start > self.text_limit {
            return Err(self.fault(Reason::TextTooLong));
        }
        self.at = end + 1;
        Ok(Kind::Text)
    }

    /// The end of a run of text without quote, backslash and control character.
    #[inline(always)]
    fn plain_text(&mut self, at: usize) -> usize {
        let word = swar::load_padded(self.bytes, at);
        self.seen |= word;
        match swar::string_stops(word) {
            Some(stops) => at + swar::first_mark(stops),
            None => self.long_text(at + 8),
        }
    }

    /// The same for text of more than eight bytes.
    #[inline(never)]
    fn long_text(&mut self, mut at: usize) -> usize {
        loop {
            let word = swar::load_padded(self.bytes, at);
            self.seen |= word;
            match swar::string_stops(word) {
                Some(stops) => return at + swar::first_mark(stops),
                None => at += 8,
            }
        }
    }

    #[inline(never)]
    fn string_with_escapes(&mut self, start: usize, mut at: usize) -> Result<Kind, Fault> {
        loop {
            match self.byte(at) {
                b'"' => break,
                b'\\' => at = self.plain_escape(at)?,
                // A control character, or the end of the payload.
                _ => return Err(Fault::new(Reason::InvalidJson, at)),
            }
            at = self.plain_text(at);
        }
        if at - start > self.text_limit {
            return Err(self.fault(Reason::TextTooLong));
        }
        self.at = at + 1;
        Ok(Kind::EscapedText)
    }

    /// One escape, with its second half where it is a surrogate pair; where it ends.
    fn plain_escape(&self, at: usize) -> Result<usize, Fault> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => match self.code_unit(at)? {
                0xD800..=0xDBFF => {
                    let low = at + 6;
                    if self.byte(low) == b'\\'
                        && self.byte(low + 1) == b'u'
                        && matches!(self.code_unit(low)?, 0xDC00..=0xDFFF)
                    {
                        return Ok(low + 6);
                    }
                    Err(Fault::new(Reason::LoneSurrogate, at))
                }
                0xDC00..=0xDFFF => Err(Fault::new(Reason::LoneSurrogate, at)),
                _ => Ok(at + 6),
            },
            _ => Err(Fault::new(Reason::InvalidJson, at)),
        }
    }

    fn code_unit(&self, at: usize) -> Result<u32, Fault> {
        let digits = self.bytes.get(at + 2..at + 6);
        digits.and_then(super::text::hex4).ok_or(Fault::new(Reason::InvalidJson, at))
    }

    /// A number; the cursor stands at its sign or first digit.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<Kind, Fault> {
        let mut at = self.at;
        let mut first = self.byte(at);
        if first == b'-' {
            at += 1;
            first = self.byte(at);
        }
        if first == b'0' {
            at += 1;
            if self.byte(at).is_ascii_digit() {
                return Err(Fault::new(Reason::InvalidJson, at));
            }
        } else {
            at = self.digits(at)?;
        }
        let next = self.byte(at);
        if next != b'.' && next | 0x20 != b'e' {
            self.at = at;
            return Ok(Kind::Integer);
        }
        if next == b'.' {
            at = self.digits(at + 1)?;
        }
        if self.byte(at) | 0x20 == b'e' {
            at += 1 + usize::from(matches!(self.byte(at + 1), b'+' | b'-'));
            at = self.digits(at)?;
        }
        self.at = at;
        Ok(Kind::Decimal)
    }

    /// The end of one or more digits.
    #[inline(always)]
    fn digits(&self, start: usize) -> Result<usize, Fault> {
        // Two words hold any time in milliseconds; longer runs are rare.
        let end = match swar::non_digits(swar::load_padded(self.bytes, start)) {
            Some(marks) => start + swar::first_mark(marks),
            None => match swar::non_digits(swar::load_padded(self.bytes, start + 8)) {
                Some(marks) => start + 8 + swar::first_mark(marks),
                None => self.long_digits(start + 16),
            },
        };
        if end == start { Err(Fault::new(Reason::InvalidJson, end)) } else { Ok(end) }
    }

    #[cold]
    #[inline(never)]
    fn long_digits(&self, mut at: usize) -> usize {
        loop {
            match swar::non_digits(swar::load_padded(self.bytes, at)) {
                Some(marks) => return at + swar::first_mark(marks),
                None => at += 8,
            }
        }
    }

    #[inline(always)]
    fn literal(&mut self, text: &[u8], kind: Kind) -> Result<Kind, Fault> {
        let word = swar::load_padded(self.bytes, self.at);
        if swar::low_bytes(word, text.len()) != swar::load_padded(text, 0) {
            return self.unexpected();
        }
        self.at += text.len();
        Ok(kind)
    }

    /// A value that is no object and no array.
    #[inline(always)]
    fn scalar(&mut self) -> Result<Kind, Fault> {
        match self.byte(self.at) {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true", Kind::True),
            b'f' => self.literal(b"false", Kind::False),
            b'n' => self.literal(b"null", Kind::Null),
            _ => self.unexpected(),
        }
    }

    /// A whole value inside of `depth` objects and arrays; the cursor stands at its first byte.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: usize) -> Result<Kind, Fault> {
        match self.byte(self.at) {
            b'{' => self.container(depth).map(|()| Kind::Object),
            b'[' => self.container(depth).map(|()| Kind::Array),
            _ => self.scalar(),
        }
    }

    /// The same as [`Cursor::value`], for places where speed matters less than the size of the code.
    #[inline(never)]
    pub(super) fn any_value(&mut self, depth: usize) -> Result<Kind, Fault> {
        self.value(depth)
    }

    /// An object or array with all that is in it. What is open around the innermost one stands on the stack.
    fn container(&mut self, depth: usize) -> Result<(), Fault> {
        let mut frame = self.open(depth)?;
        loop {
            // At a member, or at the bracket that closes an empty object or array.
            if frame & !OBJECT != 0 || self.byte(self.at) != closer(frame) {
                frame += 1;
                self.check_count(frame & !OBJECT)?;
                if frame & OBJECT != 0 {
                    if self.byte(self.at) != b'"' {
                        return self.unexpected();
                    }
                    self.key()?;
                }
                if matches!(self.byte(self.at), b'{' | b'[') {
                    self.stack.push(frame);
                    frame = self.open(depth)?;
                    continue;
                }
                self.scalar()?;
            }
            loop {
                let token = self.token();
                if token == closer(frame) {
                    self.at += 1;
                    match self.stack.pop() {
                        Some(around) => frame = around,
                        None => return Ok(()),
                    }
                } else if token == b',' {
                    self.at += 1;
                    self.token();
                    break;
                } else {
                    return self.unexpected();
                }
            }
        }
    }

    /// Steps over an opening bracket; a frame without members.
    #[inline(always)]
    fn open(&mut self, depth: usize) -> Result<u32, Fault> {
        self.check_depth(depth + self.stack.len())?;
        let frame = if self.byte(self.at) == b'{' { OBJECT } else { 0 };
        self.at += 1;
        self.token();
        Ok(frame)
    }
}

/// The bracket that closes a frame.
#[inline(always)]
fn closer(frame: u32) -> u8 {
    if frame & OBJECT != 0 { b'}' } else { b']' }
}
