//! `decode`: a payload in another format becomes JSON.

use serde_json::value::RawValue;

use super::{Compiled, Example, StepContext, StepDoc};
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::payload::codec::{self, Codec};
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "decode",
    summary: "Reads a payload that is not JSON; the steps behind it see JSON.",
    arguments: codec::ARGUMENTS,
    rules: &[
        "A codec without arguments is named alone: `decode: cbor`. [Codecs](codecs.md) has their arguments and rules.",
        "It stands first, or behind `python` or another `decode`; its `where` cannot read the payload.",
        "When the first step is `decode`, the route's `where` and `expect` are about the decoded payload. A `where` that reads no \
         payload is judged before it.",
        "The limits of payloads hold for the JSON too, and are checked while it is written.",
        "A payload that cannot be decoded goes to quarantine; the detail names the byte.",
    ],
    example: Example {
        step: r#"{"decode": {"scalar": {"type": "utf8", "field": "barcode"}}}"#,
        input: "4006381333931",
        output: r#"{"barcode":"4006381333931"}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    codec_of(&DOC, arguments, context).map(Compiled::Decode)
}

/// The codec that a step names: `cbor`, or `{cbor: {...}}`.
pub(super) fn codec_of(doc: &StepDoc, raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Codec> {
    let nothing = serde_json::value::to_raw_value(&()).ok()?;
    let (name, arguments) = match serde_json::from_str::<String>(raw.get()) {
        Ok(name) => (name, nothing),
        Err(_) => {
            let mut named = context.arguments::<Ordered<Box<RawValue>>>(doc, raw)?.0;
            let one = named.pop().filter(|_| named.is_empty());
            let Some(one) = one else {
                let error = SpecError::new(format!("`{}` names one codec.", doc.verb));
                context.error(&[doc.verb.into()], error.expected(raw.get(), "one codec, as in `decode: cbor`"));
                return None;
            };
            one
        }
    };
    match Codec::compile(&name, &arguments, context.shared.schemas) {
        Some(Ok(codec)) => Some(codec),
        Some(Err(error)) => {
            let mut path = vec![PathPart::from(doc.verb), name.as_str().into()];
            path.extend((!error.argument.is_empty()).then(|| error.argument.into()));
            context.error(&path, SpecError::new(error.message).expected(error.found, error.expected));
            None
        }
        None => {
            let names: Vec<&str> = codec::docs().map(|codec| codec.name).collect();
            let expected: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let error = SpecError::new("There is no such codec.").expected(&name, expected.join(", "));
            context.error(&[doc.verb.into()], error.hint(did_you_mean(&name, names)));
            None
        }
    }
}
