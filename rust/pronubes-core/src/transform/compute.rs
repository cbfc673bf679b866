//! `compute`: fields get the results of expressions.

use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};
use crate::error::PathPart;
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "compute",
    summary: "Gives fields the results of expressions.",
    arguments: &[Argument { name: "", kind: "a map from field to expression", text: "The fields and what they get." }],
    rules: &[
        "All expressions of one step see the payload as the step found it.",
        "A field that is there is replaced where it stands; a new one goes last.",
        "A field alone is an expression too: it copies the value as it is written, objects and arrays included.",
    ],
    example: Example {
        step: r#"{"compute": {"hot": "payload.value > 80.0", "temp": "payload.motor.temp"}}"#,
        input: r#"{"value":98.6,"motor":{"temp":60}}"#,
        output: r#"{"value":98.6,"motor":{"temp":60},"hot":true,"temp":60}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let sources: Ordered<String> = context.arguments(&DOC, arguments)?;
    let mut fields = Vec::with_capacity(sources.0.len());
    for (name, source) in &sources.0 {
        let path: [PathPart; 2] = ["compute".into(), name.as_str().into()];
        let (field, expression) = (context.field(name, &path), context.expression(source, &path));
        fields.extend(field.zip(expression));
    }
    context.check_distinct(fields.iter().map(|(field, _)| field), &["compute".into()]);
    (fields.len() == sources.0.len()).then(|| Compiled::Op(Op::Compute(fields.into())))
}
