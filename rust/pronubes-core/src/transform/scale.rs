//! `scale`: `value * factor + offset`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{double_in, finite, integer, number_in};
use super::{Argument, Compiled, Example, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::error::SpecError;
use crate::payload::Cell;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "scale",
    summary: "Multiplies a number by a factor and adds an offset.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The number." },
        Argument { name: "factor", kind: "a number", text: "What it is multiplied by; 1 when left out." },
        Argument { name: "offset", kind: "a number", text: "What is added; 0 when left out." },
    ],
    rules: &[
        "The result is a double (`21` becomes `69.8`, `20` becomes `68.0`), unless number, factor and offset are all integers: \
         then it is an exact integer, and beyond 64 bits it is `integer_overflow`.",
    ],
    example: Example {
        step: r#"{"scale": {"field": "value", "factor": 1.8, "offset": 32}}"#,
        input: r#"{"value":21.5}"#,
        output: r#"{"value":70.7}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    factor: Option<serde_json::Number>,
    offset: Option<serde_json::Number>,
}

/// A compiled `scale`.
#[derive(Debug)]
pub(crate) struct Scale {
    factor: f64,
    offset: f64,
    /// Both as integers, where they are.
    whole: Option<(i64, i64)>,
}

impl Scale {
    #[inline]
    pub(crate) fn apply(&self, cell: Cell, payload: &[u8]) -> Result<Cell, Reason> {
        if let Some((factor, offset)) = self.whole {
            let value = match number_in(cell, payload)? {
                Cell::Int(value) => i128::from(value),
                Cell::UInt(value) => i128::from(value),
                Cell::Double(value) => return finite(value * self.factor + self.offset),
                _ => return Err(Reason::WrongType),
            };
            return integer(value * i128::from(factor) + i128::from(offset));
        }
        finite(double_in(cell, payload)? * self.factor + self.offset)
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, factor, offset } = context.arguments(&DOC, arguments)?;
    if factor.is_none() && offset.is_none() {
        let error =
            SpecError::new("The step scales by nothing.").expected(arguments.get(), "`factor`, `offset` or both");
        context.error(&["scale".into()], error);
    }
    let whole = |number: &Option<serde_json::Number>, default| number.as_ref().map_or(Some(default), |n| n.as_i64());
    let double = |number: &Option<serde_json::Number>, default| number.as_ref().map_or(Some(default), |n| n.as_f64());
    let op = Scale {
        factor: double(&factor, 1.0)?,
        offset: double(&offset, 0.0)?,
        whole: whole(&factor, 1).zip(whole(&offset, 0)),
    };
    let field = context.field(&field, &["scale".into(), "field".into()])?;
    Some(Compiled::Op(Op::Value { into: field.clone(), field, op: ValueOp::Scale(op) }))
}
