//! `lookup`: fields from the row of a table.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{bool_in, integral, is_text, not_wanted, number_in, text_in};
use super::{Argument, Compiled, Example, Field, Op, StepContext, StepDoc};
use crate::Reason;
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::expr::Scope;
use crate::payload::{Cell, Kind};
use crate::spec::{Ordered, TableSpec};
use crate::tables::TableId;

pub(super) const DOC: StepDoc = StepDoc {
    verb: "lookup",
    summary: "Gives fields what the row of a table says.",
    arguments: &[
        Argument {
            name: "key",
            kind: "a field, or `{capture: ...}`",
            text: "What is looked up: a field of the payload, or a capture of the route's filter.",
        },
        Argument { name: "table", kind: "a name", text: "The table, as it is called under `tables`." },
        Argument { name: "into", kind: "a map from field to column", text: "The fields, and the columns they get." },
        Argument {
            name: "default",
            kind: "a map from field to value",
            text: "What fields of `into` get when the table has no such key; fields that it does not name are left alone.",
        },
        Argument {
            name: "missing",
            kind: "`quarantine` or `pass`",
            text: "In place of `default`: what becomes of a message whose key is not in the table; `quarantine` when left out.",
        },
    ],
    rules: &[
        "Keys are compared as texts, capital and small letters apart. An integer is looked up by its digits (`42`, and `42.0` too), a \
         truth value as `true` or `false`; `null` and fractions are in no table. An object or array is `wrong_type`.",
        "A key that is not in the table is `not_in_table`, unless `default` or `missing: pass` says otherwise.",
        "An empty cell of a column that is no text, and NULL of a database, become `null`.",
        "The row is found before anything is written, so the key's field may be among those of `into`.",
        "A table that changes is read again while messages flow: each message sees the old rows or the new ones. \
         [How to](../how-to/lookup.md).",
    ],
    example: Example {
        step: r#"{"lookup": {"key": "tag", "table": "assets", "into": {"area": "area", "limit": "max_limit"}}}"#,
        input: r#"{"tag":"P-101","value":21.5}"#,
        output: r#"{"tag":"P-101","value":21.5,"area":"filling","limit":80.5}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    key: KeySpec,
    table: String,
    into: Ordered<String>,
    default: Option<Ordered<serde_json::Value>>,
    missing: Option<Missing>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`key` is a field or `{capture: ...}`")]
enum KeySpec {
    Field(String),
    Capture(CaptureSpec),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaptureSpec {
    capture: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Missing {
    Quarantine,
    Pass,
}

/// A compiled `lookup`.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) key: Key,
    pub(crate) table: TableId,
    /// The fields and their columns.
    pub(crate) into: Box<[(Field, u16)]>,
    pub(crate) miss: Miss,
}

/// What is looked up.
#[derive(Debug)]
pub(crate) enum Key {
    Field(Field),
    /// The n-th capture.
    Capture(usize),
}

/// What becomes of a key that is not in the table.
#[derive(Debug)]
pub(crate) enum Miss {
    Default(Box<[(Field, Cell)]>),
    Quarantine,
    Pass,
}

impl Lookup {
    /// The row for the value of the key's field.
    pub(crate) fn find(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<Option<u32>, Reason> {
        let tables = scope.inputs.tables;
        if is_text(cell) {
            return text_in(cell, scope).map(|key| tables.find(self.table, Some(key)));
        }
        if let Some(value) = bool_in(cell) {
            return Ok(tables.find(self.table, Some(if value { "true" } else { "false" })));
        }
        if matches!(cell, Cell::Null) || matches!(cell, Cell::Raw(raw) if raw.kind == Kind::Null) {
            return Ok(tables.find(self.table, None));
        }
        let number = number_in(cell, scope.inputs.payload);
        let number = number.map_err(|reason| if reason == Reason::WrongType { not_wanted(cell) } else { reason })?;
        let mut digits = itoa::Buffer::new();
        let key = match number {
            Cell::Int(value) => Some(digits.format(value)),
            Cell::UInt(value) => Some(digits.format(value)),
            Cell::Double(value) => integral(value).map(|value| digits.format(value)),
            _ => None,
        };
        Ok(tables.find(self.table, key))
    }

    /// The row for a capture.
    pub(crate) fn find_capture(&self, capture: usize, scope: &Scope<'_>) -> Option<u32> {
        let span = scope.inputs.captures.get(capture);
        scope.inputs.tables.find(self.table, span.map(|span| span.of_str(scope.inputs.topic)))
    }

    /// The fields that it reads and writes.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let key = match &self.key {
            Key::Field(field) => Some(field),
            Key::Capture(_) => None,
        };
        key.into_iter().chain(self.written())
    }

    /// The fields that it writes.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Field> {
        self.into.iter().map(|(field, _)| field)
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { key, table, into, default, missing } = context.arguments(&DOC, arguments)?;
    let path = |key: &str| [PathPart::from("lookup"), key.into()];
    let key = match key {
        KeySpec::Field(field) => context.field(&field, &path("key")).map(Key::Field),
        KeySpec::Capture(CaptureSpec { capture }) => find_capture(&capture, context),
    };
    let found = find_table(&table, context);
    let columns = found.and_then(|(_, spec)| columns(&into, spec, context));
    let miss = match (default, missing) {
        (None, Some(Missing::Pass)) => Some(Miss::Pass),
        (None, _) => Some(Miss::Quarantine),
        (Some(default), None) => defaults(&default, &into, context),
        (Some(_), Some(_)) => {
            let error = SpecError::new("The step says twice what becomes of a key that is not in the table.");
            context.error(&path("missing"), error.expected(arguments.get(), "either `default` or `missing`"));
            None
        }
    };
    let (key, (table, _), into, miss) = (key?, found?, columns?, miss?);
    context.check_distinct(into.iter().map(|(field, _)| field), &path("into"));
    Some(Compiled::Op(Op::Lookup(Box::new(Lookup { key, table, into, miss }))))
}

fn find_capture(name: &str, context: &mut StepContext<'_, '_>) -> Option<Key> {
    let at = context.captures.iter().position(|capture| **capture == *name);
    if at.is_none() {
        let names: Vec<String> = context.captures.iter().map(|capture| format!("`{capture}`")).collect();
        let expected = if names.is_empty() { "a capture (the filter has none)".to_owned() } else { names.join(" or ") };
        let hint = did_you_mean(name, context.captures.iter().map(|capture| &**capture));
        let error = SpecError::new("The filter has no such capture.").expected(name, expected).hint(hint);
        context.error(&["lookup".into(), "key".into(), "capture".into()], error);
    }
    at.map(Key::Capture)
}

fn find_table<'s>(name: &str, context: &mut StepContext<'_, 's>) -> Option<(TableId, &'s TableSpec)> {
    let tables = context.shared.tables;
    let at = tables.iter().position(|table| table.name == name);
    if at.is_none() {
        let names: Vec<String> = tables.iter().map(|table| format!("`{}`", table.name)).collect();
        let expected = if names.is_empty() { "a table (there is none)".to_owned() } else { names.join(" or ") };
        let hint = did_you_mean(name, tables.iter().map(|table| table.name.as_str()));
        let error = SpecError::new("There is no such table.").expected(name, expected).hint(hint);
        context.error(&["lookup".into(), "table".into()], error);
    }
    at.and_then(|at| Some((TableId(u16::try_from(at).ok()?), tables.get(at)?)))
}

fn columns(
    into: &Ordered<String>,
    table: &TableSpec,
    context: &mut StepContext<'_, '_>,
) -> Option<Box<[(Field, u16)]>> {
    if into.0.is_empty() {
        let error = SpecError::new("The step gives no field anything.").expected("", "fields and their columns");
        context.error(&["lookup".into(), "into".into()], error);
        return None;
    }
    let found = into.0.iter().map(|(name, column)| {
        let path: [PathPart; 3] = ["lookup".into(), "into".into(), name.as_str().into()];
        let field = context.field(name, &path);
        let at = table.columns.iter().position(|known| known == column);
        if at.is_none() {
            let names: Vec<String> = table.columns.iter().map(|known| format!("`{known}`")).collect();
            let hint = did_you_mean(column, table.columns.iter().map(String::as_str));
            let error = SpecError::new(format!("The table `{}` has no such column.", table.name));
            context.error(&path, error.expected(column, names.join(" or ")).hint(hint));
        }
        field.zip(at.and_then(|at| u16::try_from(at).ok()))
    });
    found.collect::<Vec<_>>().into_iter().collect()
}

fn defaults(
    default: &Ordered<serde_json::Value>,
    into: &Ordered<String>,
    context: &mut StepContext<'_, '_>,
) -> Option<Miss> {
    let values = default.0.iter().map(|(name, value)| {
        let path: [PathPart; 3] = ["lookup".into(), "default".into(), name.as_str().into()];
        if !into.0.iter().any(|(field, _)| field == name) {
            let names: Vec<String> = into.0.iter().map(|(field, _)| format!("`{field}`")).collect();
            let error = SpecError::new("The field is none of those that the step writes.");
            context.error(&path, error.expected(name, names.join(" or ")));
        }
        if value.is_object() || value.is_array() {
            context.error(&path, SpecError::new("A default is a scalar."));
        }
        context.field(name, &path).map(|field| (field, context.constant(value)))
    });
    values.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(Miss::Default)
}
