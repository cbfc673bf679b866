//! Rules about times: what a field says must be a time, and near enough to the receipt of its message.

use super::number::Number;
use super::spec::{TimeSpec, TimeUnit};
use crate::Reason;
use crate::transform::time::parse;

/// Years 0 to 9999: what lies beyond is another unit than the one declared.
const FIRST_NS: i128 = -62_167_219_200_000_000_000;
const LAST_NS: i128 = 253_402_300_799_999_999_999;

/// A compiled rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    unit: TimeUnit,
    not_after: i128,
    not_before: i128,
}

impl Time {
    pub(super) fn new(spec: &TimeSpec) -> Self {
        let limit = |limit: Option<i64>| limit.map_or(i128::MAX >> 1, i128::from);
        Self { unit: spec.unit, not_after: limit(spec.not_after_ns), not_before: limit(spec.not_before_ns) }
    }

    /// The rule that a number breaks.
    #[inline]
    pub(super) fn fault(&self, number: Number, received_ns: i64) -> Option<Reason> {
        self.fault_at(self.of_number(number), received_ns)
    }

    /// The rule that a text breaks.
    pub(super) fn fault_text(&self, text: &str, received_ns: i64) -> Option<Reason> {
        self.fault_at(self.of_text(text), received_ns)
    }

    #[inline]
    fn fault_at(&self, ns: Option<i128>, received_ns: i64) -> Option<Reason> {
        let Some(ns) = ns.filter(|ns| (FIRST_NS..=LAST_NS).contains(ns)) else {
            return Some(Reason::ContractTimeInvalid);
        };
        let ahead = ns - i128::from(received_ns);
        if ahead > self.not_after {
            Some(Reason::ContractTimeFuture)
        } else if -ahead > self.not_before {
            Some(Reason::ContractTimeOld)
        } else {
            None
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "saturates; units are small")]
    fn of_number(&self, number: Number) -> Option<i128> {
        let unit: i64 = match self.unit {
            TimeUnit::S => 1_000_000_000,
            TimeUnit::Ms => 1_000_000,
            TimeUnit::Us => 1_000,
            TimeUnit::Ns => 1,
            TimeUnit::Rfc3339 => return None,
        };
        match number {
            Number::Int(value) => value.checked_mul(i128::from(unit)),
            Number::Double(value) => Some((value * unit as f64).round() as i128),
        }
    }

    fn of_text(&self, text: &str) -> Option<i128> {
        if self.unit == TimeUnit::Rfc3339 && is_rfc3339(text) { parse(text) } else { None }
    }

    /// What is expected of a field, for `contract_time_invalid`.
    pub(super) const fn described(&self) -> &'static str {
        match self.unit {
            TimeUnit::S => "seconds since 1970, up to the year 9999",
            TimeUnit::Ms => "milliseconds since 1970, up to the year 9999",
            TimeUnit::Us => "microseconds since 1970, up to the year 9999",
            TimeUnit::Ns => "nanoseconds since 1970, up to the year 9999",
            TimeUnit::Rfc3339 => "a time such as `2024-11-22T07:06:40.123Z`",
        }
    }

    /// How far from the receipt a time may lie, for the two other reasons.
    pub(super) fn limit(&self, reason: Reason) -> String {
        let (limit, side) = match reason {
            Reason::ContractTimeFuture => (self.not_after, "after"),
            _ => (self.not_before, "before"),
        };
        format!("at most {} s {side} the message was received", seconds(limit))
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(ns: i128) -> f64 {
    ns as f64 / 1e9
}

/// The engine reads a little more than RFC 3339 §5.6 allows: a comma before the fraction and offsets without colon.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_offset = bytes.len() >= 25 && matches!(bytes.get(bytes.len() - 6..), Some([b'+' | b'-', _, _, b':', _, _]));
    let has_zone = matches!(bytes.last(), Some(b'Z' | b'z')) || has_offset;
    has_zone && !bytes.contains(&b',')
}
