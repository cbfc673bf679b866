//! Text: JSON strings to plain text and back, and comparisons without a copy.
//!
//! Text is ordered by Unicode code points, which is the order of its UTF-8 bytes. What is read here has been validated
//! by the scanner; on bytes that were not, the functions give replacement characters and do not panic.

use std::cmp::Ordering;

use super::arena::TextArena;
use super::cell::{Kind, Raw, Span};
use super::swar;

/// The bytes between the quotes of a string in a payload, as written; empty for other values.
#[inline]
#[must_use]
pub fn inner(payload: &[u8], raw: Raw) -> &[u8] {
    match (raw.kind, raw.span().of(payload)) {
        (Kind::Text | Kind::EscapedText, [b'"', inner @ .., b'"']) => inner,
        _ => &[],
    }
}

/// The text of a string without escapes; none for strings with escapes and other values.
#[inline]
#[must_use]
pub fn plain(payload: &[u8], raw: Raw) -> Option<&str> {
    if raw.kind == Kind::Text { std::str::from_utf8(inner(payload, raw)).ok() } else { None }
}

/// Whether a value of a payload is a string with this text.
#[inline]
#[must_use]
pub fn equals(payload: &[u8], raw: Raw, text: &str) -> bool {
    match raw.kind {
        Kind::Text => inner(payload, raw) == text.as_bytes(),
        Kind::EscapedText => equals_escaped(inner(payload, raw), text.as_bytes()),
        _ => false,
    }
}

/// How a string of a payload compares with a text; none for other values.
#[must_use]
pub fn compare(payload: &[u8], raw: Raw, text: &str) -> Option<Ordering> {
    match raw.kind {
        Kind::Text => Some(inner(payload, raw).cmp(text.as_bytes())),
        Kind::EscapedText => Some(decoded_bytes(inner(payload, raw)).cmp(text.bytes())),
        _ => None,
    }
}

/// How two strings of payloads compare; none where one is another value.
#[must_use]
pub fn compare_raw(left: (&[u8], Raw), right: (&[u8], Raw)) -> Option<Ordering> {
    let is_text = |raw: Raw| matches!(raw.kind, Kind::Text | Kind::EscapedText);
    if !is_text(left.1) || !is_text(right.1) {
        return None;
    }
    let (left_text, right_text) = (inner(left.0, left.1), inner(right.0, right.1));
    if left.1.kind == Kind::Text && right.1.kind == Kind::Text {
        return Some(left_text.cmp(right_text));
    }
    Some(decoded_bytes(left_text).cmp(decoded_bytes(right_text)))
}

/// Whether escaped text (without quotes) says the same as some plain text.
#[must_use]
pub fn equals_escaped(escaped: &[u8], plain: &[u8]) -> bool {
    // An escape is always longer than what it stands for.
    if escaped.len() < plain.len() {
        return false;
    }
    let mut rest = plain;
    for piece in (Pieces { rest: escaped }) {
        let mut buffer = [0; 4];
        match rest.strip_prefix(piece.bytes(&mut buffer)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Appends the text of a string of the payload to the arena, escapes decoded; empty for other values.
pub fn decode(payload: &[u8], raw: Raw, arena: &mut TextArena) -> Span {
    decode_escaped(inner(payload, raw), arena)
}

/// Appends escaped text (without quotes) to the arena, decoded.
pub fn decode_escaped(escaped: &[u8], arena: &mut TextArena) -> Span {
    let mark = arena.mark();
    for piece in (Pieces { rest: escaped }) {
        match piece {
            Piece::Plain(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => arena.push_str(text),
                Err(_) => arena.push(char::REPLACEMENT_CHARACTER),
            },
            Piece::Escape(character) => arena.push(character),
        }
    }
    arena.since(mark)
}

/// Appends a text as a JSON string, quotes included. Only what must be escaped is.
#[inline]
pub fn write(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_inner(out, text);
    out.push(b'"');
}

/// The same without quotes.
#[inline]
pub(super) fn write_inner(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        // Beyond the end the word has zeros, which count as control characters.
        match swar::string_stops(swar::load_padded(bytes, at)) {
            None => at += 8,
            Some(stops) => {
                at += swar::first_mark(stops);
                if at < bytes.len() {
                    out.extend_from_slice(&bytes[copied..at]);
                    write_escape(out, bytes[at]);
                    at += 1;
                    copied = at;
                }
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
}

#[cold]
fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Four hexadecimal digits.
pub(super) fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

fn decoded_bytes(escaped: &[u8]) -> impl Iterator<Item = u8> {
    (Pieces { rest: escaped }).flat_map(|piece| {
        let mut buffer = [0; 4];
        let (plain, escape) = match piece {
            Piece::Plain(bytes) => (bytes, 0),
            Piece::Escape(character) => (&[][..], character.encode_utf8(&mut buffer).len()),
        };
        plain.iter().copied().chain(buffer.into_iter().take(escape))
    })
}

/// A part of escaped text.
enum Piece<'a> {
    Plain(&'a [u8]),
    Escape(char),
}

impl<'a> Piece<'a> {
    fn bytes<'b>(self, buffer: &'b mut [u8; 4]) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Escape(character) => character.encode_utf8(buffer).as_bytes(),
        }
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if *self.rest.first()? != b'\\' {
            let (plain, rest) = self.rest.split_at(memchr::memchr(b'\\', self.rest).unwrap_or(self.rest.len()));
            self.rest = rest;
            return Some(Piece::Plain(plain));
        }
        let (character, length) = match self.rest.get(1) {
            Some(b'u') => self.code_point(),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(other @ (b'"' | b'\\' | b'/')) => (char::from(*other), 2),
            _ => (char::REPLACEMENT_CHARACTER, 1),
        };
        self.rest = self.rest.get(length..).unwrap_or_default();
        Some(Piece::Escape(character))
    }
}

impl Pieces<'_> {
    /// The character of one `\u` escape or of a surrogate pair of them, and the length as written.
    fn code_point(&self) -> (char, usize) {
        let unit = |at: usize| self.rest.get(at..at + 4).and_then(hex4);
        match (unit(2), unit(8)) {
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                let point = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            (Some(single), _) => (char::from_u32(single).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            _ => (char::REPLACEMENT_CHARACTER, 2),
        }
    }
}
