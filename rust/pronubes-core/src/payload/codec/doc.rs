//! What the reference page says about a codec.

use serde::Serialize;

use crate::transform::Argument;

/// The documentation of a codec. Its example is run by a test, in both directions.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CodecDoc {
    /// Its name in `decode` and `encode`.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Its arguments.
    pub arguments: &'static [Argument],
    /// What a user has to know beyond that, one rule each.
    pub rules: &'static [&'static str],
    /// How it looks.
    pub example: CodecExample,
}

/// A payload and the JSON that it is decoded to, and that is encoded to it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CodecExample {
    /// The arguments as JSON.
    pub arguments: &'static str,
    /// The payload, in hexadecimal digits.
    pub payload: &'static str,
    /// The JSON.
    pub json: &'static str,
}
