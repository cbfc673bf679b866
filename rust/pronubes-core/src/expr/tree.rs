//! The checked tree of an expression: names resolved to slots and captures, constants folded. It is what is lowered to
//! code, and it is kept beside the code so that `explain` and tests can show what the code does.

use super::functions::Function;
use super::syntax::{Comparison, Constant, Operator};
use crate::payload::{SlotId, Span};
use crate::reason::Reason;
use std::fmt;

/// What is known about the type of a value when the configuration is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing is known.
    Any,
    /// `null`
    Null,
    /// A truth value.
    Bool,
    /// An integer.
    Int,
    /// A double.
    Double,
    /// An integer or a double.
    Number,
    /// A text.
    Text,
}

impl Type {
    /// Whether it is certainly a number.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Number)
    }

    /// Whether a value of this type can be where `wanted` is asked for.
    #[must_use]
    pub fn can_be(self, wanted: Self) -> bool {
        self == wanted || self == Self::Any || wanted == Self::Any || (self.is_number() && wanted.is_number())
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Int => "an integer",
            Self::Double | Self::Number => "a number",
            Self::Text => "a text",
        }
    }
}

/// A member of `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaField {
    /// `meta.source`
    Source,
    /// `meta.qos`
    Qos,
    /// `meta.retain`
    Retain,
    /// `meta.received_ms`
    ReceivedMs,
    /// `meta.received_ns`
    ReceivedNs,
    /// `meta.source_ms`
    SourceMs,
    /// `meta.source_ns`
    SourceNs,
}

impl MetaField {
    /// Every member with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("source", Self::Source),
        ("qos", Self::Qos),
        ("retain", Self::Retain),
        ("received_ms", Self::ReceivedMs),
        ("received_ns", Self::ReceivedNs),
        ("source_ms", Self::SourceMs),
        ("source_ns", Self::SourceNs),
    ];

    const fn result(self) -> Type {
        match self {
            Self::Source => Type::Text,
            Self::Retain => Type::Bool,
            _ => Type::Int,
        }
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

/// A part of a checked expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A constant.
    Constant(Constant),
    /// A constant part that fails whenever it is evaluated; where it stands.
    Fails(Reason, Span),
    /// A field of the payload.
    Slot(SlotId, Box<str>),
    /// Whether a field of the payload is there.
    Has(SlotId, Box<str>),
    /// Whether the source gave a time.
    HasSourceTime,
    /// `topic`
    Topic,
    /// A capture of the route's filter.
    Capture(usize, Box<str>),
    /// `key`
    Key,
    /// A member of `meta`.
    Meta(MetaField),
    /// `!part`
    Not(Box<Tree>),
    /// `-part`
    Negate(Box<Tree>),
    /// All of them hold.
    And(Vec<Tree>),
    /// At least one of them holds.
    Or(Vec<Tree>),
    /// `condition ? then : otherwise`
    Conditional(Box<[Tree; 3]>),
    /// A comparison.
    Compare(Comparison, Box<Tree>, Box<Tree>),
    /// Arithmetic, or joined texts.
    Arithmetic(Operator, Box<Tree>, Box<Tree>),
    /// The value is one of the constants.
    In(Box<Tree>, Vec<Constant>),
    /// A function of the table.
    Call(&'static Function, Vec<Tree>),
    /// The text has a match of the pattern.
    Matches(Box<Tree>, Pattern),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(pub(super) regex::bytes::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Constant {
    /// Its type.
    #[must_use]
    pub const fn result(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::UInt(_) => Type::Int,
            Self::Double(_) => Type::Double,
            Self::Text(_) => Type::Text,
        }
    }
}

impl Tree {
    /// What is known about the type of its value.
    #[must_use]
    pub fn result(&self) -> Type {
        match self {
            Self::Constant(constant) => constant.result(),
            Self::Fails(..) | Self::Slot(..) | Self::Key => Type::Any,
            Self::Topic | Self::Capture(..) => Type::Text,
            Self::Meta(field) => field.result(),
            Self::Has(..) | Self::HasSourceTime | Self::Not(_) | Self::And(_) | Self::Or(_) => Type::Bool,
            Self::Compare(..) | Self::In(..) | Self::Matches(..) => Type::Bool,
            Self::Negate(part) => match part.result() {
                Type::Any => Type::Number,
                known => known,
            },
            Self::Conditional(parts) => match (parts[1].result(), parts[2].result()) {
                (left, right) if left == right => left,
                (left, right) if left.is_number() && right.is_number() => Type::Number,
                _ => Type::Any,
            },
            Self::Arithmetic(operator, left, right) => arithmetic_result(*operator, left.result(), right.result()),
            Self::Call(function, _) => function.gives,
        }
    }

    /// Every slot that it reads, each once, in the order of their first use.
    pub(super) fn collect_slots(&self, slots: &mut Vec<SlotId>) {
        match self {
            Self::Slot(slot, _) | Self::Has(slot, _) if !slots.contains(slot) => slots.push(*slot),
            Self::Not(part) | Self::Negate(part) | Self::In(part, _) | Self::Matches(part, _) => {
                part.collect_slots(slots)
            }
            Self::And(parts) | Self::Or(parts) | Self::Call(_, parts) => {
                parts.iter().for_each(|part| part.collect_slots(slots));
            }
            Self::Conditional(parts) => parts.iter().for_each(|part| part.collect_slots(slots)),
            Self::Compare(_, left, right) | Self::Arithmetic(_, left, right) => {
                left.collect_slots(slots);
                right.collect_slots(slots);
            }
            _ => {}
        }
    }
}

fn arithmetic_result(operator: Operator, left: Type, right: Type) -> Type {
    match operator {
        Operator::Divide => Type::Double,
        Operator::DivideWhole | Operator::Remainder => Type::Int,
        Operator::Add if left == Type::Text || right == Type::Text => Type::Text,
        Operator::Add if left == Type::Any && right == Type::Any => Type::Any,
        _ if left == Type::Double || right == Type::Double => Type::Double,
        _ if left == Type::Int && right == Type::Int => Type::Int,
        _ => Type::Number,
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Int(value) => write!(formatter, "{value}"),
            Self::UInt(value) => write!(formatter, "{value}u"),
            Self::Double(value) => write!(formatter, "{value:?}"),
            Self::Text(value) => write!(formatter, "{}", serde_json::Value::from(&**value)),
        }
    }
}

/// CEL with all brackets; fields show their path, a part that always fails its reason.
impl fmt::Display for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(constant) => write!(formatter, "{constant}"),
            Self::Fails(reason, _) => write!(formatter, "<{reason}>"),
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
        }
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
