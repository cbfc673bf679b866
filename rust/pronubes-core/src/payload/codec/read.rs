//! JSON as encoders read it: one token after the other, with a stack in place of recursion.

use super::super::cell::Kind;
use super::super::lex::Cursor;
use super::super::limits::Fault;
use super::super::{number, text};
use super::UNLIMITED;
use crate::Reason;
use crate::payload::{Cell, TextArena};

/// Marks an open object on the stack; the other bits count its members.
const OBJECT: u32 = 1 << 31;

/// A part of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An object begins.
    Object,
    /// An array begins.
    Array,
    /// The innermost object or array ends.
    Close,
    /// The key of a member, between its quotes.
    Key(Word<'a>),
    /// A text, between its quotes.
    Text(Word<'a>),
    /// A number without fraction and exponent.
    Integer(&'a [u8]),
    /// A number with one of them.
    Decimal(&'a [u8]),
    True,
    False,
    Null,
}

/// Text as it is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) written: &'a [u8],
    pub(super) is_escaped: bool,
}

impl<'a> Word<'a> {
    /// The text itself.
    pub(super) fn text<'t>(&self, arena: &'t mut TextArena) -> &'t [u8]
    where
        'a: 't,
    {
        if !self.is_escaped {
            return self.written;
        }
        arena.clear();
        let span = text::decode_escaped(self.written, arena);
        arena.get(span).as_bytes()
    }
}

/// Reads the tokens of one JSON value.
pub(super) struct Reader<'a> {
    json: &'a [u8],
    cursor: Cursor<'a>,
    open: &'a mut Vec<u32>,
    /// Where the token that came last begins.
    start: usize,
    is_behind_key: bool,
    is_begun: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(json: &'a [u8], open: &'a mut Vec<u32>, stack: &'a mut Vec<u32>) -> Self {
        open.clear();
        let cursor = Cursor::new(json, &UNLIMITED, stack);
        Self { json, cursor, open, start: 0, is_behind_key: false, is_begun: false }
    }

    /// All of the JSON.
    pub(super) fn json(&self) -> &'a [u8] {
        self.json
    }

    /// Where the token that came last begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// A fault at the token that came last.
    pub(super) fn fault(&self, reason: Reason) -> Fault {
        Fault::new(reason, self.start)
    }

    /// How many objects and arrays are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next token; none behind the value.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        let mut byte = self.cursor.token();
        self.start = self.cursor.at();
        if let Some(frame) = self.open.last_mut()
            && !self.is_behind_key
        {
            let is_object = *frame & OBJECT != 0;
            if byte == if is_object { b'}' } else { b']' } {
                self.cursor.advance();
                self.open.pop();
                return Ok(Some(Token::Close));
            }
            if *frame & !OBJECT != 0 {
                if byte != b',' {
                    return self.cursor.unexpected();
                }
                self.cursor.advance();
                byte = self.cursor.token();
                self.start = self.cursor.at();
            }
            *frame += 1;
            if is_object {
                if byte != b'"' {
                    return self.cursor.unexpected();
                }
                let key = self.cursor.key()?;
                self.is_behind_key = true;
                let written = key.span().of(self.json);
                return Ok(Some(Token::Key(Word { written, is_escaped: key.is_escaped })));
            }
        } else if self.open.is_empty() && std::mem::replace(&mut self.is_begun, true) {
            return if self.cursor.is_at_end() { Ok(None) } else { Err(self.fault(Reason::TrailingBytes)) };
        }
        self.is_behind_key = false;
        self.value(byte).map(Some)
    }

    fn value(&mut self, first: u8) -> Result<Token<'a>, Fault> {
        if matches!(first, b'{' | b'[') {
            self.cursor.advance();
            self.open.push(if first == b'{' { OBJECT } else { 0 });
            return Ok(if first == b'{' { Token::Object } else { Token::Array });
        }
        let kind = self.cursor.any_value(0)?;
        let written = self.json.get(self.start..self.cursor.at()).unwrap_or_default();
        let inner = written.get(1..written.len() - 1).unwrap_or_default();
        Ok(match kind {
            Kind::Null => Token::Null,
            Kind::True => Token::True,
            Kind::False => Token::False,
            Kind::Integer => Token::Integer(written),
            Kind::Decimal => Token::Decimal(written),
            Kind::EscapedText => Token::Text(Word { written: inner, is_escaped: true }),
            _ => Token::Text(Word { written: inner, is_escaped: false }),
        })
    }
}

/// The value of integer text between -2^64 and 2^64 - 1.
pub(super) fn integer(written: &[u8]) -> Result<i128, Reason> {
    match number::parse_int(written) {
        Ok(Cell::Int(value)) => Ok(value.into()),
        Ok(Cell::UInt(value)) => Ok(value.into()),
        _ => wide_integer(written).ok_or(Reason::NumberOutOfRange),
    }
}

#[cold]
fn wide_integer(written: &[u8]) -> Option<i128> {
    let value: i128 = std::str::from_utf8(written).ok()?.parse().ok()?;
    (-(1 << 64)..1 << 64).contains(&value).then_some(value)
}
