//! `rename`: fields take other names or places.

use serde_json::value::RawValue;

use super::{Argument, Compiled, Example, Op, StepContext, StepDoc};
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "rename",
    summary: "Gives fields other names, or moves them to another object.",
    arguments: &[Argument { name: "", kind: "a map from field to field", text: "The old name and the new one." }],
    rules: &[
        "A field that gets another name in the same object keeps its position. A field that moves to another object goes \
         last there; objects on the way are made, and an object that the move leaves empty goes.",
        "A field that is not there is ignored.",
        "A field that has the new name already is replaced: it goes.",
        "All renames of one step happen at once, so `{a: b, b: a}` exchanges two fields.",
    ],
    example: Example {
        step: r#"{"rename": {"ts": "timestamp_ms", "motor.temp": "temperature"}}"#,
        input: r#"{"ts":1732270000123,"motor":{"temp":60,"rpm":1490}}"#,
        output: r#"{"timestamp_ms":1732270000123,"motor":{"rpm":1490},"temperature":60}"#,
    },
};

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let names: Ordered<String> = context.arguments(&DOC, arguments)?;
    let path = |key: &str| ["rename".into(), key.into()];
    let pairs: Vec<_> =
        names.0.iter().map(|(from, to)| (context.field(from, &path(from)), context.field(to, &path(from)))).collect();
    let pairs: Option<Vec<_>> = pairs.into_iter().map(|(from, to)| Some((from?, to?))).collect();
    let pairs = pairs?;
    context.check_distinct(pairs.iter().map(|(from, _)| from), &["rename".into()]);
    context.check_distinct(pairs.iter().map(|(_, to)| to), &["rename".into()]);
    Some(Compiled::Op(Op::Rename(pairs.into())))
}
