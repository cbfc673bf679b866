//! The members of an object or array of a payload that has been scanned.
//!
//! The scan notes the top-level fields only; `explode` wants those of any container. As all is validated, finding where
//! a value ends takes no more than counting brackets outside of strings. On bytes that were not scanned the iterator
//! ends early and gives no spans outside of the payload.

use super::cell::{Kind, Raw, Span};
use super::text;

/// A member of an object, or an element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Its key without quotes, as written; none for elements.
    pub key: Option<Span>,
    /// Whether the key has escapes.
    pub key_escaped: bool,
    /// Its value.
    pub value: Raw,
}

impl Inside {
    /// Whether its key says `name`.
    #[must_use]
    pub fn is_named(&self, name: &str, payload: &[u8]) -> bool {
        self.key.is_some_and(|key| text::equals_escaped(key.of(payload), name.as_bytes()))
    }
}

/// The members of the object or array `container` of a scanned payload, in their order.
#[must_use]
pub fn members(payload: &[u8], container: Raw) -> Members<'_> {
    let is_object = container.kind == Kind::Object;
    Members { payload, at: container.start as usize + 1, end: container.end as usize, is_object }
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    payload: &'a [u8],
    at: usize,
    end: usize,
    is_object: bool,
}

impl Iterator for Members<'_> {
    type Item = Inside;

    #[inline]
    fn next(&mut self) -> Option<Inside> {
        self.at = skip_to(self.payload, self.at, |byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b','));
        if self.at + 1 >= self.end {
            return None;
        }
        let mut key = None;
        let mut key_escaped = false;
        if self.is_object {
            let end = string_end(self.payload, self.at);
            let written = span(self.at + 1, end - 1);
            key = Some(written);
            key_escaped = memchr::memchr(b'\\', written.of(self.payload)).is_some();
            self.at = skip_to(self.payload, end, |byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b':'));
        }
        let (end, kind) = value_end(self.payload, self.at)?;
        let Span { start, end: raw_end } = span(self.at, end);
        self.at = end;
        Some(Inside { key, key_escaped, value: Raw { start, end: raw_end, kind } })
    }
}

fn skip_to(payload: &[u8], from: usize, is_wanted: impl Fn(u8) -> bool) -> usize {
    let rest = payload.get(from..).unwrap_or_default();
    rest.iter().position(|byte| is_wanted(*byte)).map_or(payload.len(), |distance| from + distance)
}

/// One past the closing quote of the string that begins at `start`.
fn string_end(payload: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        let rest = payload.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return payload.len(),
            Some(distance) if rest[distance] == b'"' => return at + distance + 1,
            Some(distance) => at += distance + 2,
        }
    }
}

fn value_end(payload: &[u8], start: usize) -> Option<(usize, Kind)> {
    let ends = |byte: u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    Some(match payload.get(start)? {
        b'"' => {
            let end = string_end(payload, start);
            let is_escaped = memchr::memchr(b'\\', payload.get(start..end)?).is_some();
            (end, if is_escaped { Kind::EscapedText } else { Kind::Text })
        }
        b'{' => (container_end(payload, start), Kind::Object),
        b'[' => (container_end(payload, start), Kind::Array),
        b't' => (start + 4, Kind::True),
        b'f' => (start + 5, Kind::False),
        b'n' => (start + 4, Kind::Null),
        _ => {
            let end = skip_to(payload, start, ends);
            let is_decimal = payload.get(start..end)?.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
            (end, if is_decimal { Kind::Decimal } else { Kind::Integer })
        }
    })
}

fn container_end(payload: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = payload.get(at) {
        match byte {
            b'"' => {
                at = string_end(payload, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// A range of a payload; payloads are bounded by a `u32` in [`Limits`](super::Limits).
fn span(start: usize, end: usize) -> Span {
    let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: position(start), end: position(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(payload: &str) -> Vec<(String, String, Kind)> {
        let kind = if payload.starts_with('{') { Kind::Object } else { Kind::Array };
        let root = Raw { start: 0, end: u32::try_from(payload.len()).unwrap(), kind };
        let text = |span: Span| span.of_str(payload).to_owned();
        members(payload.as_bytes(), root)
            .map(|inside| (inside.key.map(text).unwrap_or_default(), text(inside.value.span()), inside.value.kind))
            .collect()
    }

    #[test]
    fn members_are_found_with_their_kinds() {
        let payload = r#"{ "a" : 1 ,"b\"]":[1,{"x":"}"}], "c":"q\"," ,"d":null,"e":-1.5e3,"f":{},"g":true,"":false}"#;
        let found = split(payload);
        let values: Vec<_> = found.iter().map(|(key, value, kind)| (key.as_str(), value.as_str(), *kind)).collect();
        assert_eq!(
            values,
            [
                ("a", "1", Kind::Integer),
                ("b\\\"]", r#"[1,{"x":"}"}]"#, Kind::Array),
                ("c", r#""q\",""#, Kind::EscapedText),
                ("d", "null", Kind::Null),
                ("e", "-1.5e3", Kind::Decimal),
                ("f", "{}", Kind::Object),
                ("g", "true", Kind::True),
                ("", "false", Kind::False),
            ]
        );
    }

    #[test]
    fn elements_have_no_key() {
        assert_eq!(split("[]"), []);
        assert_eq!(split("[ ]"), []);
        assert_eq!(split("{ }"), []);
        let values: Vec<_> = split("[1, [2] ,\"x\"]").into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, ["1", "[2]", "\"x\""]);
    }
}
