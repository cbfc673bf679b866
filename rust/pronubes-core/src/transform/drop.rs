//! `drop`: the named fields go.

use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "drop",
    summary: "Drops the named fields.",
    arguments: &[Argument { name: "", kind: "a list of fields", text: "The fields that go." }],
    rules: &["A field that is not there is ignored.", "An object whose last field is dropped stays as `{}`."],
    example: Example {
        step: r#"{"drop": ["quality", "motor.rpm"]}"#,
        input: r#"{"value":21.5,"quality":"GOOD","motor":{"temp":60,"rpm":1490}}"#,
        output: r#"{"value":21.5,"motor":{"temp":60}}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let names: Vec<String> = context.arguments(&DOC, arguments)?;
    let fields = context.fields(&names, &["drop".into()])?;
    context.check_distinct(&fields, &["drop".into()]);
    Some(Compiled::Op(Op::Drop(fields)))
}
