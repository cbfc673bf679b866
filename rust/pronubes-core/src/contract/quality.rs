//! The quality of a message: what its code says, and when a value may be `null`.

use super::check::Value;
use super::number::Number;
use super::text::OneOf;

/// What a quality says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Also: there is none.
    Good,
    Uncertain,
    Bad,
    /// A code that the contract does not list.
    Unknown,
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(super) struct Quality {
    /// The path as written.
    pub(super) name: Box<str>,
    pub(super) good: OneOf,
    pub(super) uncertain: OneOf,
    pub(super) bad: OneOf,
    /// The codes, for people.
    pub(super) described: Box<str>,
}

impl Quality {
    /// What a code says.
    pub(super) fn state(&self, value: Value<'_>, payload: &[u8]) -> State {
        let is_in = |list: &OneOf| match value {
            Value::Text(text) => list.has_text(text),
            Value::Number(cell) => Number::of(cell, payload).is_some_and(|number| list.has_number(number)),
            Value::Bool(value) => list.has_bool(value),
            // Whether a quality is known is never unknown itself (i3X: quality is never null).
            Value::Null | Value::Object | Value::Array(_) => false,
        };
        if is_in(&self.good) {
            State::Good
        } else if is_in(&self.uncertain) {
            State::Uncertain
        } else if is_in(&self.bad) {
            State::Bad
        } else {
            State::Unknown
        }
    }
}
