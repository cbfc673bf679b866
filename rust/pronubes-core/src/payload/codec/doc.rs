//! What the reference page says about a codec.

use serde::Serialize;

use super::Schemas;
use crate::spec::Ordered;
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
    /// The schema that they name.
    pub schema: Option<ExampleSchema>,
    /// The payload, in hexadecimal digits.
    pub payload: &'static str,
    /// The JSON.
    pub json: &'static str,
}

/// A schema that an example uses.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ExampleSchema {
    /// What its file is called.
    pub name: &'static str,
    /// The file.
    pub source: &'static str,
    /// The descriptor set that it is compiled to, as base64.
    pub set: &'static str,
}

impl CodecExample {
    /// The schemas that its arguments name.
    #[must_use]
    pub fn schemas(&self) -> Schemas {
        let set = |schema: ExampleSchema| (schema.name.to_owned(), schema.set.to_owned());
        Schemas::new(&Ordered(self.schema.into_iter().map(set).collect()))
    }
}
