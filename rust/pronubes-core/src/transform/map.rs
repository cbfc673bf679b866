//! `map`: a value by a table, or the bits of a number as fields.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{bool_in, integral, is_text, not_wanted, number_in, text_in};
use super::{Argument, Compiled, Example, Field, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::expr::Scope;
use crate::payload::{Cell, Kind};
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "map",
    summary: "Replaces a value by what a table says, or makes fields of the bits of an integer.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The value that is looked up." },
        Argument { name: "values", kind: "a map from value to value", text: "The table; or `bits`." },
        Argument {
            name: "default",
            kind: "a value",
            text: "What a value gets that is not in the table; none when left out.",
        },
        Argument { name: "to", kind: "a field", text: "Where the result goes; `field` when left out." },
        Argument { name: "bits", kind: "a map from bit (0 to 63) to field", text: "The fields that get the bits." },
    ],
    rules: &[
        "The keys of the table are texts, integers, `true`, `false` and `null`; `21.0` counts as the integer 21.",
        "A value that is not in the table is `not_in_map` when there is no `default`.",
        "With `bits`, each named bit of the integer becomes a truth value; the integer itself stays. Negative integers count \
         in two's complement.",
    ],
    example: Example {
        step: r#"{"map": {"field": "state", "values": {"0": "STOPPED", "1": "RUNNING"}, "default": "UNKNOWN"}}"#,
        input: r#"{"state":1}"#,
        output: r#"{"state":"RUNNING"}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    values: Option<Ordered<serde_json::Value>>,
    #[serde(default, deserialize_with = "present")]
    default: Option<serde_json::Value>,
    to: Option<String>,
    bits: Option<Ordered<String>>,
}

/// A `null` that is written down is a value.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// A compiled table.
#[derive(Debug)]
pub(crate) struct Map {
    by_text: HashMap<Box<str>, Cell, foldhash::fast::RandomState>,
    by_integer: HashMap<i64, Cell, foldhash::fast::RandomState>,
    default: Option<Cell>,
}

impl Map {
    pub(super) fn apply(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        self.find(cell, scope)?.or(self.default).ok_or(Reason::NotInMap)
    }

    fn find(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<Option<Cell>, Reason> {
        if let Some(value) = bool_in(cell) {
            return Ok(self.by_text.get(if value { "true" } else { "false" }).copied());
        }
        if is_text(cell) {
            return text_in(cell, scope).map(|text| self.by_text.get(text).copied());
        }
        if matches!(cell, Cell::Null) || matches!(cell, Cell::Raw(raw) if raw.kind == Kind::Null) {
            return Ok(self.by_text.get("null").copied());
        }
        match number_in(cell, scope.inputs.payload)
            .map_err(|reason| if reason == Reason::WrongType { not_wanted(cell) } else { reason })?
        {
            Cell::Int(value) => Ok(self.by_integer.get(&value).copied()),
            Cell::Double(value) => Ok(integral(value).and_then(|value| self.by_integer.get(&value).copied())),
            _ => Ok(None),
        }
    }
}

/// The bits of an integer.
pub(crate) fn bits_of(cell: Cell, payload: &[u8]) -> Result<u64, Reason> {
    match number_in(cell, payload)? {
        Cell::Int(value) => Ok(value.cast_unsigned()),
        Cell::UInt(value) => Ok(value),
        Cell::Double(value) => integral(value).map(i64::cast_unsigned).ok_or(Reason::WrongType),
        other => Err(not_wanted(other)),
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, values, default, to, bits } = context.arguments(&DOC, arguments)?;
    let path = |key: &str| [PathPart::from("map"), key.into()];
    let field = context.field(&field, &path("field"))?;
    match (values, bits) {
        (Some(values), None) => {
            let into = match to {
                Some(to) => context.field(&to, &path("to"))?,
                None => field.clone(),
            };
            let op = ValueOp::Map(Box::new(table(&values, default.as_ref(), context)));
            Some(Compiled::Op(Op::Value { field, into, op }))
        }
        (None, Some(bits)) if default.is_none() && to.is_none() => compile_bits(field, &bits, context),
        _ => {
            let expected = "either `values` (with `default` and `to` if wanted) or `bits`";
            let error = SpecError::new("The step has no table, or more than it can use.");
            context.error(&["map".into()], error.expected(arguments.get(), expected));
            None
        }
    }
}

fn table(
    values: &Ordered<serde_json::Value>,
    default: Option<&serde_json::Value>,
    context: &mut StepContext<'_, '_>,
) -> Map {
    let mut map = Map { by_text: HashMap::default(), by_integer: HashMap::default(), default: None };
    map.default = default.map(|value| context.constant(value));
    let is_composite = |value: &serde_json::Value| value.is_object() || value.is_array();
    if default.is_some_and(is_composite) {
        context.error(&["map".into(), "default".into()], SpecError::new("The table gives scalars only."));
    }
    for (key, value) in &values.0 {
        let cell = context.constant(value);
        if is_composite(value) {
            let path = ["map".into(), "values".into(), key.as_str().into()];
            context.error(&path, SpecError::new("The table gives scalars only."));
        }
        if let Ok(integer) = key.parse::<i64>() {
            map.by_integer.insert(integer, cell);
        }
        if map.by_text.insert(key.as_str().into(), cell).is_some() {
            let path = ["map".into(), "values".into(), key.as_str().into()];
            context.error(&path, SpecError::new("The key stands twice.").expected(key, "each key once"));
        }
    }
    map
}

fn compile_bits(field: Field, bits: &Ordered<String>, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let mut fields = Vec::with_capacity(bits.0.len());
    for (key, name) in &bits.0 {
        let path: [PathPart; 3] = ["map".into(), "bits".into(), key.as_str().into()];
        let bit = key.parse::<u8>().ok().filter(|bit| *bit < 64);
        if bit.is_none() {
            context.error(&path, SpecError::new("There is no such bit.").expected(key, "a bit from 0 to 63"));
        }
        let into = context.field(name, &path);
        fields.extend(bit.zip(into));
    }
    context.check_distinct(fields.iter().map(|(_, into)| into).chain([&field]), &["map".into(), "bits".into()]);
    (fields.len() == bits.0.len()).then(|| Compiled::Op(Op::Bits { field, bits: fields.into() }))
}
