//! Numbers as contracts compare them: integers exactly, everything else as the nearest double.
//!
//! An integer beyond 128 bits counts as the nearest double, and what is beyond the doubles as an infinity: `1e400` is a
//! number, lies above every range and has a verdict like any other. `-0` is zero.

use crate::Reason;
use crate::payload::{Cell, Kind, Raw, number};

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Double(f64),
}

impl Number {
    /// The number in a cell; none where it is another value.
    #[inline]
    pub(super) fn of(cell: Cell, payload: &[u8]) -> Option<Self> {
        match cell {
            Cell::Raw(raw) => Self::of_raw(raw, payload),
            Cell::Int(value) => Some(Self::Int(i128::from(value))),
            Cell::UInt(value) => Some(Self::Int(i128::from(value))),
            Cell::Double(value) => Some(Self::Double(value)),
            _ => None,
        }
    }

    /// The number that stands in a payload.
    #[inline(always)]
    pub(super) fn of_raw(raw: Raw, payload: &[u8]) -> Option<Self> {
        match raw.kind {
            Kind::Integer => Some(match number::short_int(payload, raw) {
                Some(value) => Self::Int(i128::from(value)),
                None => long_integer(raw.span().of(payload)),
            }),
            Kind::Decimal => {
                let value = number::read_f64(payload, raw);
                Some(Self::Double(value.unwrap_or_else(|_| beyond(raw.span().of(payload)))))
            }
            _ => None,
        }
    }

    /// A number of a specification.
    pub(super) fn of_json(value: &serde_json::Number) -> Self {
        let integer = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        integer.map_or_else(|| Self::Double(value.as_f64().unwrap_or_default()), Self::Int)
    }

    /// Whether it has no fraction. What is beyond the doubles has no value that one could ask.
    #[inline]
    pub(super) fn is_integer(self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Double(value) => value.is_finite() && value.fract() == 0.0,
        }
    }

    /// The same number in the one form that equal numbers share.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the condition")]
    pub(super) fn normal(self) -> Self {
        match self {
            Self::Double(value) if value.fract() == 0.0 && value.abs() < 1e30 => Self::Int(value as i128),
            other => other,
        }
    }
}

#[cold]
fn long_integer(text: &[u8]) -> Number {
    match std::str::from_utf8(text).map(str::parse) {
        Ok(Ok(value)) => Number::Int(value),
        _ => Number::Double(number::parse_f64(text).unwrap_or_else(|_| beyond(text))),
    }
}

#[cold]
fn beyond(text: &[u8]) -> f64 {
    if text.first() == Some(&b'-') { f64::NEG_INFINITY } else { f64::INFINITY }
}

/// A range with both ends in it, in two forms: what an integer and what a double must lie between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    ints: (i128, i128),
    doubles: (f64, f64),
}

impl Range {
    pub(super) fn new(low: Option<Number>, high: Option<Number>) -> Self {
        let (low_int, low_double) = low.map_or((i128::MIN, f64::NEG_INFINITY), lowest);
        let (high_int, high_double) = high.map_or((i128::MAX, f64::INFINITY), highest);
        Self { ints: (low_int, high_int), doubles: (low_double, high_double) }
    }

    /// Whether no number, or no integer, lies in it.
    pub(super) fn is_empty(&self, of_integers: bool) -> bool {
        let has_integer = self.ints.0 <= self.ints.1;
        let has_double = self.doubles.0 <= self.doubles.1;
        !(has_integer || (has_double && !of_integers))
    }

    #[inline]
    pub(super) fn holds(&self, number: Number) -> bool {
        match number {
            Number::Int(value) => self.ints.0 <= value && value <= self.ints.1,
            Number::Double(value) => self.doubles.0 <= value && value <= self.doubles.1,
        }
    }
}

/// The least integer and the least double that are not below a bound.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding is what is handled here")]
fn lowest(bound: Number) -> (i128, f64) {
    match bound {
        Number::Int(value) => {
            let near = value as f64;
            (value, if (near as i128) < value { near.next_up() } else { near })
        }
        Number::Double(value) => (value.ceil() as i128, value),
    }
}

/// The greatest integer and the greatest double that are not above a bound.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding is what is handled here")]
fn highest(bound: Number) -> (i128, f64) {
    match bound {
        Number::Int(value) => {
            let near = value as f64;
            (value, if (near as i128) > value { near.next_down() } else { near })
        }
        Number::Double(value) => (value.floor() as i128, value),
    }
}

/// The rule of a range that a number breaks.
#[inline]
pub(super) fn fault(range: &Range, number: Number) -> Option<Reason> {
    if range.holds(number) { None } else { Some(Reason::ContractRange) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_exactly_whatever_their_length_and_place() {
        for digits in 1..=38 {
            for text in ["1234567890".repeat(4), "9".repeat(40), format!("1{}", "0".repeat(40))] {
                for sign in ["", "-"] {
                    let text = format!("{sign}{}", &text[..digits]);
                    let expected: i128 = text.parse().expect("at most 38 digits");
                    for (before, behind) in [("", ""), ("[", "]"), (r#"{"v":"#, r#","t":9999999999999999}"#)] {
                        let payload = format!("{before}{text}{behind}");
                        let end = before.len() + text.len();
                        let raw = Raw { start: before.len() as u32, end: end as u32, kind: Kind::Integer };
                        let read = Number::of_raw(raw, payload.as_bytes());
                        assert_eq!(read, Some(Number::Int(expected)), "{payload}");
                    }
                }
            }
        }
    }
}
