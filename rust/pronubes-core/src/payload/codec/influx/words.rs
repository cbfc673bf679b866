//! Names, text and numbers as lines have them.

use crate::Reason;
use crate::payload::{Cell, number};

/// What has a meaning of its own in measurements, in other names and tags, and between quotes.
pub(super) const MEASUREMENT: &[u8] = b", ";
pub(super) const NAME: &[u8] = b", =";
pub(super) const TEXT: &[u8] = b"\"\\";

/// Appends text with a backslash before each of `escaped`.
pub(super) fn escape(out: &mut Vec<u8>, text: &[u8], escaped: &[u8]) {
    for byte in text {
        if escaped.contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
}

/// What is written, without the backslashes that stand before one of `escaped`.
pub(super) fn unescape(written: &[u8], escaped: &[u8], text: &mut Vec<u8>) {
    text.clear();
    let mut rest = written;
    while let Some(stop) = memchr::memchr(b'\\', rest) {
        let (plain, behind) = rest.split_at(stop);
        text.extend_from_slice(plain);
        let skipped = usize::from(behind.get(1).is_some_and(|next| escaped.contains(next)));
        let (kept, behind) = behind.split_at(behind.len().min(skipped + 1));
        text.extend_from_slice(kept.get(skipped..).unwrap_or_default());
        rest = behind;
    }
    text.extend_from_slice(rest);
}

/// The integer that digits say, between -2^63 and 2^64 - 1.
pub(super) fn integer(digits: &[u8]) -> Result<i128, Reason> {
    match number::parse_int(digits) {
        Ok(Cell::Int(value)) => Ok(value.into()),
        Ok(Cell::UInt(value)) => Ok(value.into()),
        Err(Reason::NumberOutOfRange) => Err(Reason::NumberOutOfRange),
        _ => Err(Reason::InvalidInflux),
    }
}

pub(super) fn signed(value: i128) -> Result<i128, Reason> {
    if value > i64::MAX.into() { Err(Reason::NumberOutOfRange) } else { Ok(value) }
}

/// A number with or without point and exponent; `.5` and `5.` are some.
pub(super) fn float(written: &[u8]) -> Result<f64, Reason> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = written.strip_prefix(b"-").unwrap_or(written);
    let whole = digits(rest);
    rest = rest.get(whole..).unwrap_or_default();
    let mut fraction = 0;
    if let Some(behind) = rest.strip_prefix(b".") {
        fraction = digits(behind);
        rest = behind.get(fraction..).unwrap_or_default();
    }
    if let [b'e' | b'E', behind @ ..] = rest {
        let behind = if let [b'+' | b'-', behind @ ..] = behind { behind } else { behind };
        rest = behind.get(digits(behind)..).unwrap_or_default();
        if behind.is_empty() {
            return Err(Reason::InvalidInflux);
        }
    }
    if whole + fraction == 0 || !rest.is_empty() {
        return Err(Reason::InvalidInflux);
    }
    if let Ok(value) = number::parse_f64(written) {
        return Ok(value);
    }
    let text = std::str::from_utf8(written).map_err(|_| Reason::InvalidInflux)?;
    let value: f64 = text.parse().map_err(|_| Reason::InvalidInflux)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NumberOutOfRange) }
}
