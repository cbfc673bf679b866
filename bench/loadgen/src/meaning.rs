//! Whether two JSON payloads mean the same: key order, white space and the spelling of numbers do not count.

use serde_json::{Number, Value};

/// Floats may differ by this share: routers differ in the last digit, not in the fourth.
const TOLERANCE: f64 = 1e-9;

/// Compares what came back with what was expected; where `expected` holds the number `base`, `found` must hold `id`.
pub(crate) fn same(expected: &Value, found: &Value, base: u64, id: u64) -> bool {
    match (expected, found) {
        (Value::Number(expected), Value::Number(found)) => same_number(expected, found, base, id),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(one, other)| same(one, other, base, id))
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(key, one)| found.get(key).is_some_and(|other| same(one, other, base, id)))
        }
        _ => expected == found,
    }
}

fn same_number(expected: &Number, found: &Number, base: u64, id: u64) -> bool {
    if expected.as_u64() == Some(base) {
        return found.as_u64() == Some(id);
    }
    if expected == found {
        return true;
    }
    match (expected.as_f64(), found.as_f64()) {
        (Some(one), Some(other)) if expected.is_f64() || found.is_f64() => {
            (one - other).abs() <= TOLERANCE * one.abs().max(other.abs())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meaning_counts_and_spelling_does_not() {
        let cases = [
            (r#"{"a": 1, "b": [true, null]}"#, r#"{"b":[true,null],"a":1.0}"#, true),
            (r#"{"a": 70.466}"#, r#"{"a": 70.46600000000001}"#, true),
            (r#"{"a": 70.466}"#, r#"{"a": 70.467}"#, false),
            (r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#, false),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false),
            (r#"{"a": 1}"#, r#"{"a": "1"}"#, false),
            (r#"{"t": 1700000000007}"#, r#"{"t": 1700003000007}"#, true),
            (r#"{"t": 1700000000007}"#, r#"{"t": 1700000000007}"#, false),
        ];
        for (expected, found, verdict) in cases {
            let [one, other] = [expected, found].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(same(&one, &other, 1_700_000_000_007, 1_700_003_000_007), verdict, "{expected} {found}");
        }
    }
}
