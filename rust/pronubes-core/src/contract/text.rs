//! Rules about texts, lists of values and lengths.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::number::Number;
use crate::payload::{Raw, members};

/// What a compiled pattern may take. Matching takes time linear in the text, whatever the pattern.
const PATTERN_BYTES: usize = 256 << 10;

/// Up to here a list of texts is walked rather than searched.
const FEW: usize = 8;

/// A pattern that a whole text must match.
///
/// # Errors
/// Why it cannot be compiled, in one line.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| {
        let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
        built.map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!("The compiled pattern would take more than {limit} bytes."),
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        })
    };
    // Alone first: `a)|(b` is no pattern, and within the brackets it would be one.
    build(pattern)?;
    build(&format!("\\A(?:{pattern})\\z"))
}

/// How long something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Length {
    pub(super) fn holds(self, length: usize) -> bool {
        u64::try_from(length).is_ok_and(|length| self.least <= length && length <= self.most)
    }
}

/// Items of an array of a payload.
pub(super) fn items(payload: &[u8], array: Raw) -> usize {
    members(payload, array).count()
}

/// Characters of a text, by Unicode code points.
pub(super) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// A list of scalars, with a search that stays cheap for long lists.
#[derive(Clone, Debug, Default)]
pub(super) struct OneOf {
    texts: Vec<Box<str>>,
    integers: Vec<i128>,
    doubles: Vec<f64>,
    has: [bool; 2],
}

impl OneOf {
    /// The list; objects and arrays are left out, which the compiler has reported.
    pub(super) fn new(values: &[Value]) -> Self {
        let mut list = Self::default();
        for value in values {
            match value {
                Value::String(text) => list.texts.push(text.as_str().into()),
                Value::Number(number) => match Number::of_json(number).normal() {
                    Number::Int(value) => list.integers.push(value),
                    Number::Double(value) => list.doubles.push(value),
                },
                Value::Bool(value) => list.has[usize::from(*value)] = true,
                // `null` is the matter of `null`.
                Value::Null | Value::Object(_) | Value::Array(_) => {}
            }
        }
        list.texts.sort_unstable();
        list.integers.sort_unstable();
        list
    }

    pub(super) fn has_text(&self, text: &[u8]) -> bool {
        // Texts of other lengths cost one comparison of two numbers.
        if self.texts.len() <= FEW {
            return self.texts.iter().any(|known| known.as_bytes() == text);
        }
        self.texts.binary_search_by(|known| known.as_bytes().cmp(text)).is_ok()
    }

    pub(super) fn has_number(&self, number: Number) -> bool {
        match number.normal() {
            Number::Int(value) => self.integers.binary_search(&value).is_ok(),
            Number::Double(value) => self.doubles.contains(&value),
        }
    }

    pub(super) fn has_bool(&self, value: bool) -> bool {
        self.has[usize::from(value)]
    }
}
