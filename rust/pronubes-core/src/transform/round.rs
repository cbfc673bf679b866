//! `round`: a number with fewer digits.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::number_in;
use super::{Argument, Compiled, Example, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::error::SpecError;
use crate::expr::Scope;
use crate::payload::Cell;

const MAX_DIGITS: u8 = 15;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "round",
    summary: "Rounds a number to some digits behind the point.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The number." },
        Argument { name: "digits", kind: "an integer from 0 to 15", text: "Digits behind the point; 0 when left out." },
    ],
    rules: &[
        "Halves go away from zero. A double stays a double: `21.5` becomes `22.0`; for an integer there is `cast`.",
        "Integers stay as they are written.",
    ],
    example: Example {
        step: r#"{"round": {"field": "value", "digits": 1}}"#,
        input: r#"{"value":21.374}"#,
        output: r#"{"value":21.4}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    #[serde(default)]
    digits: u8,
}

/// A compiled `round`.
#[derive(Debug)]
pub(crate) struct Round {
    /// Ten to the power of the digits: exact up to 22 digits.
    power: f64,
}

impl Round {
    pub(super) fn apply(&self, cell: Cell, scope: &Scope<'_>) -> Result<Cell, Reason> {
        let Cell::Double(value) = number_in(cell, scope.inputs.payload)? else {
            return Ok(cell);
        };
        let rounded = (value * self.power).round() / self.power;
        // Numbers so large that the product is infinite have no digits behind the point.
        Ok(if rounded.is_finite() { Cell::Double(rounded) } else { cell })
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, digits } = context.arguments(&DOC, arguments)?;
    if digits > MAX_DIGITS {
        let error = SpecError::new("A double has no more than 15 exact digits.");
        context.error(&["round".into(), "digits".into()], error.expected(digits.to_string(), "0 to 15"));
        return None;
    }
    let field = context.field(&field, &["round".into(), "field".into()])?;
    let op = Round { power: 10_f64.powi(i32::from(digits)) };
    Some(Compiled::Op(Op::Value { into: field.clone(), field, op: ValueOp::Round(op) }))
}
