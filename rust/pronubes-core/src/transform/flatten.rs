//! `flatten`: nested objects become fields with joined names.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "flatten",
    summary: "Makes fields of the members of nested objects, with joined names.",
    arguments: &[
        Argument { name: "separator", kind: "a text", text: "What joins the names; `_` when left out." },
        Argument { name: "field", kind: "a field", text: "The object to flatten; the whole payload when left out." },
    ],
    rules: &[
        "The new fields stand where the object stood, in its order. Arrays and empty objects stay as they are.",
        "With `field`, only that object is flattened; a value that is no object stays. It must be there.",
        "A joined name that the object has already is `field_exists`.",
    ],
    example: Example {
        step: r#"{"flatten": {"separator": "_"}}"#,
        input: r#"{"id":7,"motor":{"temp":60,"phase":{"a":1.5}}}"#,
        output: r#"{"id":7,"motor_temp":60,"motor_phase_a":1.5}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default = "underscore")]
    separator: String,
    field: Option<String>,
}

fn underscore() -> String {
    "_".to_owned()
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { separator, field } = context.arguments(&DOC, arguments)?;
    let field = match field {
        Some(field) => Some(context.field(&field, &["flatten".into(), "field".into()])?),
        None => None,
    };
    Some(Compiled::Op(Op::Flatten { field, separator: separator.into() }))
}
