//! Durations as people write them: `500ms`, `10s`, `15m`, `1h`, `1d`.

use crate::error::{PathPart, SpecError};
use crate::transform::StepContext;

const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("min", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// The nanoseconds of a duration above zero.
fn parse(text: &str) -> Option<i64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let ns = match number.parse::<i64>() {
        Ok(number) => number.checked_mul(*unit_ns)?,
        Err(_) => fraction(number.parse().ok()?, *unit_ns)?,
    };
    (1..=MOST_NS).contains(&ns).then_some(ns)
}

/// A hundred years, so that sums with times of day stay within 64 bits.
const MOST_NS: i64 = 36_525 * 86_400 * 1_000_000_000;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bounded; a fraction is rounded to the nanosecond"
)]
fn fraction(number: f64, unit_ns: i64) -> Option<i64> {
    let ns = number * unit_ns as f64;
    (ns.is_finite() && ns <= MOST_NS as f64).then_some(ns.round() as i64)
}

/// Reads a duration; what is wrong with it is noted.
pub(crate) fn duration_ns(text: &str, path: &[PathPart], context: &mut StepContext<'_, '_>) -> Option<i64> {
    let ns = parse(text);
    if ns.is_none() {
        let error = SpecError::new("That is no duration.")
            .expected(text, "a number above 0 with `us`, `ms`, `s`, `m`, `h` or `d`, as in `500ms`");
        context.error(path, error);
    }
    ns
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations() {
        let cases = [
            ("500ms", Some(500_000_000)),
            ("10s", Some(10_000_000_000)),
            ("1.5 m", Some(90_000_000_000)),
            ("1h", Some(3_600_000_000_000)),
            ("1d", Some(86_400_000_000_000)),
            ("0s", None),
            ("-1s", None),
            ("10", None),
            ("", None),
            ("1e3s", None),
            ("99999999999d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
