//! `keep`: only the named fields stay.

use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "keep",
    summary: "Keeps the named fields and drops all others.",
    arguments: &[Argument { name: "", kind: "a list of fields", text: "The fields that stay." }],
    rules: &[
        "The fields keep the order and the nesting that they have in the payload.",
        "A field that is not there is ignored; an object of which nothing stays goes too.",
    ],
    example: Example {
        step: r#"{"keep": ["value", "motor.temp"]}"#,
        input: r#"{"id":7,"value":21.5,"motor":{"temp":60,"rpm":1490}}"#,
        output: r#"{"value":21.5,"motor":{"temp":60}}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let names: Vec<String> = context.arguments(&DOC, arguments)?;
    let fields = context.fields(&names, &["keep".into()])?;
    context.check_distinct(&fields, &["keep".into()]);
    Some(Compiled::Op(Op::Keep(fields)))
}
