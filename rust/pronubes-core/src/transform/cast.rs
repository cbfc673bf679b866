//! `cast`: a value of another type.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{bool_in, double_in, is_text, not_wanted, number_in, text_in, to_double};
use super::{Argument, Compiled, Example, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::expr::Scope;
use crate::payload::{Cell, Kind, number};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "cast",
    summary: "Makes a value an integer, a double, a text or a truth value.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The value." },
        Argument { name: "type", kind: "`int`, `double`, `string` or `bool`", text: "What it becomes." },
    ],
    rules: &[
        "To `int`: doubles lose what is behind the point; texts must be an integer (`\"42\"`); truth values become 1 and 0.",
        "To `double`: texts must be a JSON number; truth values become 1.0 and 0.0.",
        "To `string`: numbers and truth values keep their text.",
        "To `bool`: 0 is false, every other number true; the texts are `\"true\"` and `\"false\"`.",
        "A text that cannot be read is `invalid_conversion`; null, objects and arrays are `wrong_type`.",
    ],
    example: Example {
        step: r#"{"cast": {"field": "value", "type": "int"}}"#,
        input: r#"{"value":"42"}"#,
        output: r#"{"value":42}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    #[serde(rename = "type")]
    to: Cast,
}

/// A compiled `cast`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cast {
    Int,
    Double,
    String,
    Bool,
}

impl Cast {
    pub(super) fn apply(self, cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        match self {
            Self::Int => to_int(cell, scope),
            Self::Double => to_double_cell(cell, scope),
            Self::String => to_text(cell, scope),
            Self::Bool => to_bool(cell, scope),
        }
    }
}

fn to_int(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if let Some(value) = bool_in(cell) {
        return Ok(Cell::Int(i64::from(value)));
    }
    if is_text(cell) {
        let text = text_in(cell, scope)?;
        return match number::kind_of(text.as_bytes()) {
            Some(Kind::Integer) => number::parse_int(text.as_bytes()),
            _ => Err(Reason::InvalidConversion),
        };
    }
    match number_in(cell, scope.inputs.payload)? {
        Cell::Double(value) => whole(value.trunc()),
        integer => Ok(integer),
    }
}

/// An integral double as an integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are checked before")]
fn whole(value: f64) -> Result<Cell, Reason> {
    const I64_END: f64 = 9_223_372_036_854_775_808.0;
    const U64_END: f64 = 18_446_744_073_709_551_616.0;
    if (-I64_END..I64_END).contains(&value) {
        Ok(Cell::Int(value as i64))
    } else if (0.0..U64_END).contains(&value) {
        Ok(Cell::UInt(value as u64))
    } else {
        Err(Reason::NumberOutOfRange)
    }
}

fn to_double_cell(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if let Some(value) = bool_in(cell) {
        return Ok(Cell::Double(f64::from(u8::from(value))));
    }
    if is_text(cell) {
        let text = text_in(cell, scope)?;
        number::kind_of(text.as_bytes()).ok_or(Reason::InvalidConversion)?;
        return number::parse_f64(text.as_bytes()).map(Cell::Double);
    }
    double_in(cell, scope.inputs.payload).map(Cell::Double)
}

fn to_text(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if is_text(cell) {
        return Ok(cell);
    }
    let mark = scope.text.mark();
    match cell {
        Cell::Raw(raw) if matches!(raw.kind, Kind::Integer | Kind::Decimal | Kind::True | Kind::False) => {
            let text = std::str::from_utf8(raw.span().of(scope.inputs.payload)).map_err(|_| Reason::InvalidUtf8)?;
            scope.text.push_str(text);
        }
        Cell::Bool(value) => scope.text.push_str(if value { "true" } else { "false" }),
        Cell::Int(value) => scope.text.push_str(itoa::Buffer::new().format(value)),
        Cell::UInt(value) => scope.text.push_str(itoa::Buffer::new().format(value)),
        Cell::Double(value) => scope.text.push_str(zmij::Buffer::new().format_finite(value)),
        other => return Err(not_wanted(other)),
    }
    Ok(Cell::Text(scope.text.since(mark)))
}

fn to_bool(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if let Some(value) = bool_in(cell) {
        return Ok(Cell::Bool(value));
    }
    if is_text(cell) {
        return match text_in(cell, scope)? {
            "true" => Ok(Cell::Bool(true)),
            "false" => Ok(Cell::Bool(false)),
            _ => Err(Reason::InvalidConversion),
        };
    }
    number_in(cell, scope.inputs.payload).map(|number| Cell::Bool(to_double(number) != 0.0))
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, to } = context.arguments(&DOC, arguments)?;
    let field = context.field(&field, &["cast".into(), "field".into()])?;
    Some(Compiled::Op(Op::Value { into: field.clone(), field, op: ValueOp::Cast(to) }))
}
