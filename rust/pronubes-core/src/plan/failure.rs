//! How a stage fails.

use std::fmt::Write;

use crate::Reason;
use crate::payload::FieldPath;

/// Why a route cannot do with a message what it promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'p> {
    pub(crate) step: Option<u16>,
    pub(crate) reason: Reason,
    pub(crate) about: About<'p>,
}

/// What a failure is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'p> {
    Nothing,
    Field(&'p FieldPath),
    Expression(&'p str),
    Template(&'p str),
    /// A byte of the payload.
    Byte(u32),
    /// A byte of the JSON that is to be encoded.
    JsonByte(u32),
    /// What whoever failed has told beside.
    Told,
}

impl<'p> Failure<'p> {
    pub(crate) fn new(reason: Reason, about: About<'p>) -> Self {
        Self { step: None, reason, about }
    }

    pub(crate) fn step(number: u16, reason: Reason, about: About<'p>) -> Self {
        Self { step: Some(number), reason, about }
    }

    /// Writes what a person wants to know beside the reason; `told` is what [`About::Told`] means.
    pub(crate) fn describe(&self, told: &str, out: &mut String) {
        // A `String` takes every write.
        let _ = match self.about {
            About::Nothing => Ok(()),
            About::Field(path) => write!(out, "field `{path}`"),
            About::Expression(text) => write!(out, "expression `{text}`"),
            About::Template(text) => write!(out, "topic `{text}`"),
            About::Byte(offset) => write!(out, "at byte {offset}"),
            About::JsonByte(offset) => write!(out, "at byte {offset} of the JSON"),
            About::Told => out.write_str(told),
        };
    }
}
