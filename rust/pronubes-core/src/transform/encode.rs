//! `encode`: the payload leaves in another format.

use serde_json::value::RawValue;

use super::decode::codec_of;
use super::{Compiled, Example, StepContext, StepDoc};
use crate::payload::codec;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "encode",
    summary: "Writes the payload in another format than JSON.",
    arguments: codec::ARGUMENTS,
    rules: &[
        "It is the last step: behind it there is no JSON to read.",
        "The route's `contract` is judged on the JSON before it, and `{payload.x}` in topics reads that JSON.",
        "A value that the format cannot say sends the message to quarantine; the detail names the byte of the JSON.",
    ],
    example: Example { step: r#"{"encode": {"scalar": {"type": "hex"}}}"#, input: r#"{"value":"3231"}"#, output: "21" },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    codec_of(&DOC, arguments, context).map(Compiled::Encode)
}
