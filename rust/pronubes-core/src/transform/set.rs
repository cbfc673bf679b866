//! `set`: fields get constants.

use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "set",
    summary: "Gives fields constant values.",
    arguments: &[Argument { name: "", kind: "a map from field to value", text: "The fields and what they get." }],
    rules: &[
        "A field that is there is replaced where it stands; a new one goes last. Objects on the way to a new one are made.",
        "Values are scalars, lists or maps. For results of expressions there is `compute`.",
    ],
    example: Example {
        step: r#"{"set": {"unit": "[degF]", "source.plc": 7}}"#,
        input: r#"{"unit":"K","value":21.5}"#,
        output: r#"{"unit":"[degF]","value":21.5,"source":{"plc":7}}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let values: Ordered<serde_json::Value> = context.arguments(&DOC, arguments)?;
    let mut fields = Vec::with_capacity(values.0.len());
    for (name, value) in &values.0 {
        let field = context.field(name, &["set".into(), name.as_str().into()]);
        let constant = context.constant(value);
        fields.extend(field.map(|field| (field, constant)));
    }
    context.check_distinct(fields.iter().map(|(field, _)| field), &["set".into()]);
    (fields.len() == values.0.len()).then(|| Compiled::Op(Op::Set(fields.into())))
}
