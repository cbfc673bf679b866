//! Names with characters that the namespace does not allow, written with those it does: `oven 1` becomes `oven_x0020_1`.
//!
//! The manner is that of ISO/IEC 9075-14 for names: `_xHHHH_`, or six digits beyond U+FFFF. It can be undone, so two names never
//! become one. For that, a `_` that could be read as the beginning of an escape is escaped itself.

/// What is before the digits of an escape.
const MARK: &str = "_x";

/// Appends `level` to `out` with every character that `is_legal` refuses escaped. A level that is legal stays as it is, unless
/// it looks as if something in it were escaped.
pub(super) fn escape_level(level: &str, is_legal: impl Fn(char) -> bool, is_lower: bool, out: &mut String) {
    if level.chars().all(&is_legal) && !contains_escape(level) {
        out.push_str(level);
        return;
    }
    for (at, character) in level.char_indices() {
        let starts_mark = level.get(at..).is_some_and(|rest| rest.starts_with(MARK));
        if is_legal(character) && !starts_mark {
            out.push(character);
        } else {
            push_escape(character, is_lower, out);
        }
    }
}

fn push_escape(character: char, is_lower: bool, out: &mut String) {
    use std::fmt::Write as _;
    let code = u32::from(character);
    // A `String` takes every write.
    let _ = match (code > 0xFFFF, is_lower) {
        (false, false) => write!(out, "_x{code:04X}_"),
        (false, true) => write!(out, "_x{code:04x}_"),
        (true, false) => write!(out, "_x{code:06X}_"),
        (true, true) => write!(out, "_x{code:06x}_"),
    };
}

/// The name as it was before [`Namespace::escape`](super::Namespace::escape).
///
/// ```
/// assert_eq!(pronubes_core::namespace::unescape("acme/oven_x0020_1"), "acme/oven 1");
/// ```
#[must_use]
pub fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find(MARK) {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        match read_escape(escape) {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('_');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether something in a text looks escaped.
fn contains_escape(text: &str) -> bool {
    text.match_indices(MARK).any(|(at, _)| text.get(at..).is_some_and(|rest| read_escape(rest).is_some()))
}

/// The character that an escape at the start of a text stands for, and what follows.
fn read_escape(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.strip_prefix(MARK)?.split_once('_')?;
    let is_beyond = digits.len() == 6;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !(is_beyond || digits.len() == 4) {
        return None;
    }
    let code = u32::from_str_radix(digits, 16).ok().filter(|code| is_beyond == (*code > 0xFFFF))?;
    char::from_u32(code).map(|character| (character, after))
}
