//! `clamp`: a number within bounds.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{number_in, to_double};
use super::{Argument, Compiled, Example, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::error::SpecError;
use crate::expr::Scope;
use crate::payload::Cell;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "clamp",
    summary: "Brings a number within bounds.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The number." },
        Argument { name: "min", kind: "a number", text: "The smallest value; none when left out." },
        Argument { name: "max", kind: "a number", text: "The largest value; none when left out." },
    ],
    rules: &[
        "A number within the bounds stays as it is written.",
        "A number beyond them becomes the bound; a double becomes a double (`-3.5` with `min: 0` becomes `0.0`).",
    ],
    example: Example {
        step: r#"{"clamp": {"field": "value", "min": 0, "max": 100}}"#,
        input: r#"{"value":104}"#,
        output: r#"{"value":100}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    min: Option<serde_json::Number>,
    max: Option<serde_json::Number>,
}

/// A compiled `clamp`.
#[derive(Debug)]
pub(crate) struct Clamp {
    min: Option<Cell>,
    max: Option<Cell>,
}

impl Clamp {
    pub(super) fn apply(&self, cell: Cell, scope: &Scope<'_>) -> Result<Cell, Reason> {
        let number = number_in(cell, scope.inputs.payload)?;
        let bound = match (self.min, self.max) {
            (Some(min), _) if is_less(number, min) => min,
            (_, Some(max)) if is_less(max, number) => max,
            _ => return Ok(cell),
        };
        Ok(if matches!(number, Cell::Double(_)) { Cell::Double(to_double(bound)) } else { bound })
    }
}

/// Integers compare as integers, everything else as doubles.
fn is_less(left: Cell, right: Cell) -> bool {
    match (wide(left), wide(right)) {
        (Some(left), Some(right)) => left < right,
        _ => to_double(left) < to_double(right),
    }
}

fn wide(number: Cell) -> Option<i128> {
    match number {
        Cell::Int(value) => Some(i128::from(value)),
        Cell::UInt(value) => Some(i128::from(value)),
        _ => None,
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, min, max } = context.arguments(&DOC, arguments)?;
    let mut bound = |number: Option<serde_json::Number>| number.map(|n| context.constant(&n.into()));
    let op = Clamp { min: bound(min), max: bound(max) };
    let found = arguments.get();
    match (op.min, op.max) {
        (None, None) => {
            let error = SpecError::new("The step has no bound.").expected(found, "`min`, `max` or both");
            context.error(&["clamp".into()], error);
        }
        (Some(min), Some(max)) if is_less(max, min) => {
            let error = SpecError::new("The bounds leave no number.").expected(found, "a `min` not above `max`");
            context.error(&["clamp".into()], error);
        }
        _ => {}
    }
    let field = context.field(&field, &["clamp".into(), "field".into()])?;
    Some(Compiled::Op(Op::Value { into: field.clone(), field, op: ValueOp::Clamp(op) }))
}
