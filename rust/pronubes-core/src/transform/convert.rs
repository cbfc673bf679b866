//! `convert`: a number in another unit.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::text_in;
use super::{Argument, Compiled, Conversion, Example, Field, Op, StepContext, StepDoc, ValueOp};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::expr::Scope;
use crate::payload::Cell;
use crate::spec::Ordered;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "convert",
    summary: "Gives a number in another unit.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The number." },
        Argument {
            name: "from",
            kind: "a UCUM code, or `{field: ...}`",
            text: "The unit that it has, or the field that says so. When left out, the unit that the contract under `expect` \
                   gives the field.",
        },
        Argument { name: "to", kind: "a UCUM code", text: "The unit that it gets." },
        Argument {
            name: "units",
            kind: "a list of UCUM codes, or a map from text to code",
            text: "With `from: {field: ...}`: what may stand in that field.",
        },
        Argument {
            name: "unit_field",
            kind: "a field",
            text: "The field that gets the code of the new unit; with `from: {field: ...}` that one when left out, else none.",
        },
    ],
    rules: &[
        "Whether one unit can become the other is checked when the configuration is loaded: by dimension, with angles and \
         counts apart (`/min` is no `rad/s`).",
        "`Cel`, `[degF]` and `[degRe]` have zeros of their own, which count: 100 `Cel` are 212.0 `[degF]`. A difference of \
         temperatures is in `K`.",
        "Logarithmic and arbitrary units (`dB`, `[pH]`, `[iU]`) are refused.",
        "The result is the double nearest to the exact result: `273.16` K are `0.01` Cel. A number with an exponent, or so \
         long that the exact result would need more than 53 bits on the way, is first read as a double.",
        "Integers stay integers where factor and offset are integers (`3` km are `3000` m); the same unit leaves the number \
         as it is written.",
        "A text in the unit's field that is not under `units` is `unknown_unit`.",
    ],
    example: Example {
        step: r#"{"convert": {"field": "value", "from": "[degF]", "to": "Cel", "unit_field": "unit"}}"#,
        input: r#"{"value":212,"unit":"[degF]"}"#,
        output: r#"{"value":100.0,"unit":"Cel"}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    from: Option<From>,
    to: String,
    units: Option<Units>,
    unit_field: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`from` is a code or `{field: ...}`")]
enum From {
    Unit(String),
    Named(NamedIn),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedIn {
    field: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`units` is a list of codes or a map from text to code")]
enum Units {
    Codes(Vec<String>),
    Texts(Ordered<String>),
}

/// A compiled `convert` that does more than to convert one value.
#[derive(Debug)]
pub(crate) struct Convert {
    /// The number.
    pub(crate) field: Field,
    pub(crate) by: By,
    /// The field that gets the name of the unit, and the name.
    pub(crate) unit: Option<(Field, Cell)>,
}

/// Which conversion it is.
#[derive(Debug)]
pub(crate) enum By {
    /// Always the same.
    Fixed(Conversion),
    /// What a field says.
    Named(Field, Names),
}

/// Conversions by what stands in the field.
#[derive(Debug)]
pub(crate) struct Names(HashMap<Box<str>, Conversion, foldhash::fast::RandomState>);

impl Names {
    /// The conversion that a text names.
    pub(crate) fn find(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<&Conversion, Reason> {
        self.0.get(text_in(cell, scope)?).ok_or(Reason::UnknownUnit)
    }
}

impl Convert {
    /// The fields that it touches.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let named = match &self.by {
            By::Fixed(_) => None,
            By::Named(field, _) => Some(field),
        };
        [Some(&self.field), named, self.unit.as_ref().map(|(field, _)| field)].into_iter().flatten()
    }

    /// What the units measure.
    pub(crate) fn dimension(&self) -> Option<[i32; 7]> {
        match &self.by {
            By::Fixed(conversion) => conversion.dimension(),
            By::Named(_, names) => names.0.values().next().and_then(Conversion::dimension),
        }
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, from, to, units, unit_field } = context.arguments(&DOC, arguments)?;
    let path = |key: &str| [PathPart::from("convert"), key.into()];
    let into = unit_field.as_deref().or(match &from {
        Some(From::Named(named)) => Some(&named.field),
        _ => None,
    });
    let at = if unit_field.is_some() { "unit_field" } else { "from" };
    let unit = match into {
        Some(into) => Some((context.field(into, &path(at))?, context.constant(&to.as_str().into()))),
        None => None,
    };
    let field = context.field(&field, &path("field"))?;
    let by = match (from, units) {
        (Some(From::Unit(from)), None) => By::Fixed(find(&from, &to, context, &path("from"))?),
        (Some(From::Named(named)), Some(units)) => {
            By::Named(context.field(&named.field, &path("from"))?, names(units, &to, context)?)
        }
        _ => {
            let error = SpecError::new("The step does not say from which unit.");
            let expected = "`from` with a unit, or `from` with a `field` and the `units` that may stand there";
            context.error(&["convert".into()], error.expected(arguments.get(), expected));
            return None;
        }
    };
    let convert = Convert { field, by, unit };
    context
        .check_distinct([&convert.field].into_iter().chain(convert.unit.iter().map(|(unit, _)| unit)), &path("field"));
    Some(Compiled::Op(match convert {
        Convert { field, by: By::Fixed(conversion), unit: None } => {
            Op::Value { into: field.clone(), field, op: ValueOp::Convert(conversion) }
        }
        convert => Op::Convert(Box::new(convert)),
    }))
}

fn names(units: Units, to: &str, context: &mut StepContext<'_, '_>) -> Option<Names> {
    let pairs = match units {
        Units::Codes(codes) => codes.into_iter().map(|code| (code.clone(), code)).collect(),
        Units::Texts(texts) => texts.0,
    };
    let path = |text: &str| [PathPart::from("convert"), "units".into(), text.into()];
    let found: Vec<_> = pairs
        .into_iter()
        .map(|(text, code)| Some((text.as_str().into(), find(&code, to, context, &path(&text))?)))
        .collect();
    if found.is_empty() {
        let error = SpecError::new("The step knows no unit.").expected("", "the units that may stand in the field");
        context.error(&["convert".into(), "units".into()], error);
        return None;
    }
    found.into_iter().collect::<Option<_>>().map(Names)
}

fn find(from: &str, to: &str, context: &mut StepContext<'_, '_>, path: &[PathPart]) -> Option<Conversion> {
    let found = context.shared.conversions.find(from, to);
    if found.is_none() {
        let error = SpecError::new("The specification does not say how this unit becomes the other.");
        context.error(path, error.expected(format!("{from} to {to}"), "a pair of `conversions`"));
    }
    found
}
