//! `nest`: fields move into an object.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "nest",
    summary: "Moves fields into an object.",
    arguments: &[
        Argument { name: "into", kind: "a field", text: "The object; it is made if it is not there." },
        Argument { name: "fields", kind: "a list of fields", text: "What moves." },
    ],
    rules: &[
        "The fields keep their last name and go last in the object, in the order of the list; one that the object has already \
         is replaced.",
        "A field that is not there is ignored; if none is there, no object is made.",
        "If `into` is there and is no object, the message is `field_exists`.",
    ],
    example: Example {
        step: r#"{"nest": {"into": "motor", "fields": ["temp", "rpm"]}}"#,
        input: r#"{"id":7,"temp":60,"rpm":1490}"#,
        output: r#"{"id":7,"motor":{"temp":60,"rpm":1490}}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    into: String,
    fields: Vec<String>,
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { into, fields } = context.arguments(&DOC, arguments)?;
    let into = context.field(&into, &["nest".into(), "into".into()]);
    let fields = context.fields(&fields, &["nest".into(), "fields".into()]);
    let (into, fields) = into.zip(fields)?;
    context.check_distinct(fields.iter().chain([&into]), &["nest".into()]);
    Some(Compiled::Op(Op::Nest { into, fields }))
}
