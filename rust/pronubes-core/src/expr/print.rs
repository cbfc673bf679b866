//! Checked trees as text, for `explain`, tests and error messages.

use super::syntax::Constant;
use super::tree::{Macro, Tree};
use crate::payload::{Cell, TextArena};
use std::fmt;

impl fmt::Display for Constant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Int(value) => write!(formatter, "{value}"),
            Self::UInt(value) => write!(formatter, "{value}u"),
            Self::Double(value) => write!(formatter, "{value:?}"),
            Self::Text(value) => write!(formatter, "{}", serde_json::Value::from(&**value)),
            Self::Time(seconds, nanos) => {
                write!(formatter, "timestamp(\"{}\")", written(Cell::Time(*seconds, *nanos)))
            }
            Self::Duration(ns) => write!(formatter, "duration(\"{}\")", written(Cell::Duration(*ns))),
        }
    }
}

/// The text of a time or a duration.
fn written(cell: Cell) -> String {
    let mut arena = TextArena::default();
    // A constant time is one that has a text.
    let _ = super::functions::push_time(cell, &mut arena);
    arena.get(arena.since(0)).to_owned()
}

/// CEL with all brackets; fields show their path, a part that always fails its reason.
impl fmt::Display for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(constant) => write!(formatter, "{constant}"),
            Self::Fails(reason, _) => write!(formatter, "<{reason}>"),
            Self::Slot(_, path) if path.is_empty() => formatter.write_str("payload"),
            Self::Slot(_, path) => write!(formatter, "payload.{path}"),
            Self::Has(_, path) => write!(formatter, "has(payload.{path})"),
            Self::HasSourceTime => formatter.write_str("has(meta.source_ns)"),
            Self::Topic => formatter.write_str("topic"),
            Self::Capture(_, name) => formatter.write_str(name),
            Self::Key => formatter.write_str("key"),
            Self::Meta(field) => write!(formatter, "meta.{}", field.name()),
            Self::Not(part) => write!(formatter, "!{part}"),
            Self::Negate(part) => write!(formatter, "-{part}"),
            Self::And(parts) => list(formatter, "(", parts, " && ", ")"),
            Self::Or(parts) => list(formatter, "(", parts, " || ", ")"),
            Self::Conditional(parts) => write!(formatter, "({} ? {} : {})", parts[0], parts[1], parts[2]),
            Self::Compare(comparison, left, right) => write!(formatter, "({left} {} {right})", comparison.symbol()),
            Self::Arithmetic(operator, left, right) => write!(formatter, "({left} {} {right})", operator.symbol()),
            Self::In(part, constants) => {
                write!(formatter, "({part} in ")?;
                list(formatter, "[", constants, ", ", "])")
            }
            Self::Call(function, parts) => {
                formatter.write_str(function.name)?;
                list(formatter, "(", parts, ", ", ")")
            }
            Self::Matches(part, pattern) => {
                write!(formatter, "matches({part}, {})", serde_json::Value::from(pattern.0.as_str()))
            }
            Self::List(parts) => list(formatter, "[", parts, ", ", "]"),
            Self::Map(parts) => {
                formatter.write_str("{")?;
                for (number, pair) in parts.chunks_exact(2).enumerate() {
                    write!(formatter, "{}{}: {}", if number > 0 { ", " } else { "" }, pair[0], pair[1])?;
                }
                formatter.write_str("}")
            }
            Self::Local(_, name, _) => formatter.write_str(name),
            Self::Macro(looped) => write!(formatter, "{looped}"),
            Self::Member(part, name) => write!(formatter, "{part}[{}]", serde_json::Value::from(&**name)),
            Self::HasMember(part, name) => write!(formatter, "has({part}.`{name}`)"),
            Self::Index(part, index) => write!(formatter, "{part}[{index}]"),
            Self::InList(part, list) => write!(formatter, "({part} in {list})"),
        }
    }
}

impl fmt::Display for Macro {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}({}, ", self.range, self.kind.name(), self.name)?;
        self.condition.iter().try_for_each(|condition| write!(formatter, "{condition}, "))?;
        write!(formatter, "{})", self.body)
    }
}

fn list<T: fmt::Display>(
    formatter: &mut fmt::Formatter<'_>,
    open: &str,
    parts: &[T],
    between: &str,
    close: &str,
) -> fmt::Result {
    formatter.write_str(open)?;
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            formatter.write_str(between)?;
        }
        write!(formatter, "{part}")?;
    }
    formatter.write_str(close)
}
