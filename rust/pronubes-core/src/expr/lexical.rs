//! A look at the letters before the parser sees them: bounds its work and says plainly what the grammar would not.
//!
//! The parser recurses over what it reads and reports foreign characters token by token. This pass runs first: it counts
//! operators and nesting, which bounds every recursion behind it, and it names the mistakes that people make who come
//! from another language (`=`, `and`, `&`). What passes has only characters and strings that CEL knows.

use super::error::ExprError;
use crate::payload::Span;

/// Most bytes in one expression.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most operators, dots and brackets in one expression.
pub const MAX_OPERATORS: usize = 256;
/// Deepest nesting of brackets.
pub const MAX_NESTING: usize = 32;

/// Checks the letters of `source`.
pub(super) fn check(source: &str) -> Result<(), ExprError> {
    if source.len() > MAX_BYTES {
        let at = span(MAX_BYTES, MAX_BYTES);
        return Err(ExprError::new(source, at, "The expression is too long.", format!("at most {MAX_BYTES} bytes")));
    }
    let mut letters = Letters { source, bytes: source.as_bytes(), at: 0, operators: 0, nesting: 0 };
    while letters.at < letters.bytes.len() {
        letters.step()?;
    }
    Ok(())
}

struct Letters<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    operators: usize,
    nesting: usize,
}

impl Letters<'_> {
    fn step(&mut self) -> Result<(), ExprError> {
        match self.bytes[self.at] {
            b'"' | b'\'' => self.string(false),
            b'/' if self.next_is(b'/') => {
                self.at += self.bytes[self.at..].iter().take_while(|byte| **byte != b'\n').count();
                Ok(())
            }
            b'`' => self.quoted_name(),
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => self.word(),
            b'0'..=b'9' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                self.at += 1;
                Ok(())
            }
            byte => self.operator(byte),
        }
    }

    fn operator(&mut self, byte: u8) -> Result<(), ExprError> {
        let single = span(self.at, self.at + 1);
        match byte {
            b'=' | b'&' | b'|' if self.next_is(byte) => self.at += 1,
            b'!' | b'<' | b'>' if self.next_is(b'=') => self.at += 1,
            b'=' => return Err(self.foreign(single, "==", "One `=` is no comparison.")),
            b'&' => return Err(self.foreign(single, "&&", "Bits cannot be combined.")),
            b'|' => return Err(self.foreign(single, "||", "Bits cannot be combined.")),
            b'(' | b'[' | b'{' => self.nesting += 1,
            b')' | b']' | b'}' => self.nesting = self.nesting.saturating_sub(1),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' | b'?' | b':' | b'.' => {}
            _ => {
                let length = self.source[self.at..].chars().next().map_or(1, char::len_utf8);
                let at = span(self.at, self.at + length);
                return Err(ExprError::new(
                    self.source,
                    at,
                    "CEL does not know this character.",
                    "an operator, a name or a value",
                )
                .hint("A field with such a name is written `payload[\"name\"]`."));
            }
        }
        self.at += 1;
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            let expected = format!("at most {MAX_OPERATORS} operators, dots and brackets");
            return Err(ExprError::new(self.source, single, "The expression has too many parts.", expected)
                .hint("Split it over several `compute` steps."));
        }
        if self.nesting > MAX_NESTING {
            let expected = format!("at most {MAX_NESTING} levels");
            return Err(ExprError::new(self.source, single, "The brackets are nested too deep.", expected));
        }
        Ok(())
    }

    /// A word, or the prefix of a string (`r"..."`, `b"..."`).
    fn word(&mut self) -> Result<(), ExprError> {
        let start = self.at;
        self.at += self.bytes[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let word = &self.source[start..self.at];
        let is_string = matches!(self.bytes.get(self.at), Some(b'"' | b'\''));
        if is_string && word.len() <= 2 && word.bytes().all(|byte| matches!(byte, b'r' | b'R' | b'b' | b'B')) {
            return self.string(word.bytes().any(|byte| matches!(byte, b'r' | b'R')));
        }
        let instead = match word {
            "and" | "AND" => "&&",
            "or" | "OR" => "||",
            "not" | "NOT" if !self.bytes[self.at..].starts_with(b"(") => "!",
            _ => return Ok(()),
        };
        let before = self.source[..start].trim_end();
        if before.ends_with(['.', '(', '[', ',']) || (instead != "!" && before.is_empty()) {
            return Ok(());
        }
        Err(self.foreign(span(start, self.at), instead, "CEL writes this operator with signs."))
    }

    fn quoted_name(&mut self) -> Result<(), ExprError> {
        let start = self.at;
        let allowed = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'.' | b'-' | b'/' | b' ');
        let length = self.bytes[start + 1..].iter().take_while(allowed).count();
        self.at = start + length + 2;
        if length == 0 || self.bytes.get(start + length + 1) != Some(&b'`') {
            let at = span(start, (start + length + 1).min(self.bytes.len()));
            let expected = "letters, digits, `_`, `.`, `-`, `/` and spaces between two backticks";
            return Err(ExprError::new(self.source, at, "The quoted name does not end.", expected)
                .hint("Other names are written `payload[\"name\"]`."));
        }
        Ok(())
    }

    fn string(&mut self, is_raw: bool) -> Result<(), ExprError> {
        let (start, quote) = (self.at, self.bytes[self.at]);
        let is_long = self.bytes[start..].starts_with(&[quote; 3]);
        let closing: &[u8] = if is_long { &[quote; 3] } else { &[quote] };
        self.at += closing.len();
        loop {
            let rest = &self.bytes[self.at..];
            if rest.starts_with(closing) {
                self.at += closing.len();
                return Ok(());
            }
            match rest.first() {
                None => break,
                Some(b'\n' | b'\r') if !is_long => break,
                Some(b'\\') if !is_raw => self.at += self.escape()?,
                Some(_) => self.at += 1,
            }
        }
        let at = span(start, self.at);
        Err(ExprError::new(self.source, at, "The string that starts here does not end.", "a closing quote"))
    }

    /// The length of the escape at the current place (CEL specification, "String and Bytes Values").
    fn escape(&self) -> Result<usize, ExprError> {
        let rest = &self.bytes[self.at + 1..];
        let digits = |from: usize, count: usize, radix: u32| {
            rest.get(from..from + count).is_some_and(|text| text.iter().all(|byte| char::from(*byte).is_digit(radix)))
        };
        let length = match rest.first() {
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'\'' | b'"' | b'`' | b'?') => Some(2),
            Some(b'x' | b'X') if digits(1, 2, 16) => Some(4),
            Some(b'u') if digits(1, 4, 16) => Some(6),
            Some(b'U') if digits(1, 8, 16) => Some(10),
            Some(b'0'..=b'3') if digits(0, 3, 8) => Some(4),
            _ => None,
        };
        length.ok_or_else(|| {
            let width = 1 + self.source[self.at + 1..].chars().next().map_or(0, char::len_utf8);
            let at = span(self.at, self.at + width);
            ExprError::new(self.source, at, "CEL does not know this escape.", r#"one of \\ \" \' \n \r \t \xHH \uHHHH"#)
                .hint("In a pattern write `r\"...\"`: there a backslash is a backslash.")
        })
    }

    fn next_is(&self, byte: u8) -> bool {
        self.bytes.get(self.at + 1) == Some(&byte)
    }

    fn foreign(&self, at: Span, instead: &str, message: &str) -> ExprError {
        ExprError::new(self.source, at, message, format!("`{instead}`")).hint(format!("Write `{instead}`."))
    }
}

/// A span; expressions are far shorter than 4 GiB.
pub(super) fn span(start: usize, end: usize) -> Span {
    Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
}
