//! The checked tree of an expression: names resolved to slots and captures, constants folded. It is what is lowered to
//! code, and it is kept beside the code so that `explain` and tests can show what the code does.

use super::functions::Function;
use super::syntax::{Comparison, Constant, MacroKind, Operator};
use crate::payload::{SlotId, Span};
use crate::reason::Reason;

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
    /// A list.
    List,
    /// An object.
    Map,
    /// A point in time.
    Time,
    /// A span of time.
    Duration,
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

    /// Whether it can be looped over.
    #[must_use]
    pub const fn can_be_container(self) -> bool {
        matches!(self, Self::Any | Self::List | Self::Map)
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
            Self::List => "a list",
            Self::Map => "an object",
            Self::Time => "a time",
            Self::Duration => "a duration",
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

    pub(super) const fn result(self) -> Type {
        match self {
            Self::Source => Type::Text,
            Self::Retain => Type::Bool,
            _ => Type::Int,
        }
    }

    pub(super) fn name(self) -> &'static str {
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
    /// `[a, b]`
    List(Vec<Tree>),
    /// `{"a": b}`: keys and values by turns.
    Map(Vec<Tree>),
    /// The variable of a macro: its number among those around it, its name and what is known about its type.
    Local(usize, Box<str>, Type),
    /// A macro.
    Macro(Box<Macro>),
    /// A member of an object, by a constant name.
    Member(Box<Tree>, Box<str>),
    /// Whether an object has that member.
    HasMember(Box<Tree>, Box<str>),
    /// An element of a list by its number, or a member of an object by its name.
    Index(Box<Tree>, Box<Tree>),
    /// The value is an element of the list, or a key of the object.
    InList(Box<Tree>, Box<Tree>),
}

/// A loop over a list, or over the keys of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// What it gives.
    pub kind: MacroKind,
    /// What it loops over.
    pub range: Tree,
    /// The name of its variable.
    pub name: Box<str>,
    /// The number of its variable among those around it.
    pub local: usize,
    /// The condition of `map` with three arguments.
    pub condition: Option<Tree>,
    /// What is evaluated for each element.
    pub body: Tree,
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
            Self::Time(..) => Type::Time,
            Self::Duration(_) => Type::Duration,
        }
    }
}

impl Tree {
    /// What is known about the type of its value.
    #[must_use]
    pub fn result(&self) -> Type {
        match self {
            Self::Constant(constant) => constant.result(),
            Self::Fails(..) | Self::Slot(..) | Self::Key | Self::Member(..) | Self::Index(..) => Type::Any,
            Self::Topic | Self::Capture(..) => Type::Text,
            Self::Meta(field) => field.result(),
            Self::Has(..) | Self::HasSourceTime | Self::Not(_) | Self::And(_) | Self::Or(_) => Type::Bool,
            Self::Compare(..) | Self::In(..) | Self::Matches(..) => Type::Bool,
            Self::HasMember(..) | Self::InList(..) => Type::Bool,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Local(_, _, kind) => *kind,
            Self::Macro(looped) if looped.kind.gives_list() => Type::List,
            Self::Macro(_) => Type::Bool,
            Self::Negate(part) => match part.result() {
                Type::Any => Type::Number,
                known => known,
            },
            Self::Conditional(parts) => match (parts[1].result(), parts[2].result()) {
                (left, right) if left == right => left,
                (left, right) if left.is_number() && right.is_number() => Type::Number,
                _ => Type::Any,
            },
            Self::Arithmetic(Operator::Subtract, left, right) if left.may_be_time() => {
                difference_result(left.result(), right)
            }
            Self::Arithmetic(operator, left, right) => arithmetic_result(*operator, left.result(), right.result()),
            Self::Call(function, _) => function.gives,
        }
    }

    /// What is known about the elements of its value, where that is a list, or its keys, where that is an object.
    #[must_use]
    pub fn element(&self) -> Type {
        match self {
            Self::List(items) => {
                let mut kinds = items.iter().map(Self::result);
                let first = kinds.next().unwrap_or(Type::Any);
                if kinds.all(|kind| kind == first) { first } else { Type::Any }
            }
            Self::Map(_) => Type::Text,
            Self::Macro(looped) if looped.kind == MacroKind::Map => looped.body.result(),
            Self::Macro(looped) if looped.kind == MacroKind::Filter => looped.range.element(),
            _ => Type::Any,
        }
    }

    /// Whether it is a constant, or a list or object of constants.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::List(items) | Self::Map(items) => items.iter().all(Self::is_constant),
            _ => false,
        }
    }

    /// Whether its value depends on the message, or on variables of macros with a number below `from`.
    pub(super) fn is_open(&self, from: usize) -> bool {
        let mut is_open = match self {
            Self::Slot(..) | Self::Has(..) | Self::HasSourceTime | Self::Topic | Self::Capture(..) => true,
            Self::Key | Self::Meta(_) => true,
            Self::Local(number, ..) => *number < from,
            _ => false,
        };
        self.visit(&mut |part| is_open = is_open || part.is_open(from));
        is_open
    }

    /// Whether its value may be a time or a duration, which payloads have none of.
    #[must_use]
    pub fn may_be_time(&self) -> bool {
        match self.result() {
            Type::Time | Type::Duration => true,
            // It can also come in by a variable of a macro.
            Type::Any => self.makes_time() || self.has_any(&|part| matches!(part, Self::Local(..))),
            _ => false,
        }
    }

    /// Whether a time or a duration comes about anywhere.
    pub(super) fn makes_time(&self) -> bool {
        self.has_any(&|part| matches!(part.result(), Type::Time | Type::Duration))
    }

    /// Whether its value may be a list, an object or a time that it makes: what a payload has of them is written already.
    pub(super) fn makes_contents(&self) -> bool {
        let makes = |part: &Self| {
            let is_made =
                matches!(part, Self::Call(..) | Self::Arithmetic(..) | Self::List(_) | Self::Map(_) | Self::Macro(_));
            is_made && matches!(part.result(), Type::List | Type::Map)
        };
        let can_be = matches!(self.result(), Type::List | Type::Map | Type::Time | Type::Duration | Type::Any);
        can_be && (self.makes_time() || self.has_any(&makes))
    }

    fn has_any(&self, is_it: &dyn Fn(&Self) -> bool) -> bool {
        let mut has_any = is_it(self);
        self.visit(&mut |part| has_any = has_any || part.has_any(is_it));
        has_any
    }

    /// Whether it has a macro anywhere.
    pub(super) fn has_macro(&self) -> bool {
        self.has_any(&|part| matches!(part, Self::Macro(_)))
    }

    /// Of how many parts it consists.
    pub(super) fn parts(&self) -> u32 {
        let mut count = 1_u32;
        self.visit(&mut |part| count = count.saturating_add(part.parts()));
        count
    }

    /// Shows the parts right below it, in the order of the text.
    pub fn visit<'t>(&'t self, each: &mut dyn FnMut(&'t Self)) {
        match self {
            Self::Not(part) | Self::Negate(part) | Self::In(part, _) | Self::Matches(part, _) => each(part),
            Self::Member(part, _) | Self::HasMember(part, _) => each(part),
            Self::And(parts) | Self::Or(parts) | Self::Call(_, parts) | Self::List(parts) | Self::Map(parts) => {
                parts.iter().for_each(each);
            }
            Self::Conditional(parts) => parts.iter().for_each(each),
            Self::Compare(_, left, right) | Self::Arithmetic(_, left, right) => {
                each(left);
                each(right);
            }
            Self::Index(left, right) | Self::InList(left, right) => {
                each(left);
                each(right);
            }
            Self::Macro(looped) => {
                each(&looped.range);
                looped.condition.iter().for_each(&mut *each);
                each(&looped.body);
            }
            Self::Constant(_) | Self::Fails(..) | Self::Slot(..) | Self::Has(..) | Self::HasSourceTime => {}
            Self::Topic | Self::Capture(..) | Self::Key | Self::Meta(_) | Self::Local(..) => {}
        }
    }

    /// Every slot that it reads, each once, in the order of their first use.
    pub(super) fn collect_slots(&self, slots: &mut Vec<SlotId>) {
        match self {
            Self::Slot(slot, _) | Self::Has(slot, _) if !slots.contains(slot) => slots.push(*slot),
            other => other.visit(&mut |part| part.collect_slots(slots)),
        }
    }
}

/// What `left - right` gives where the left side may be a time or a duration.
fn difference_result(left: Type, right: &Tree) -> Type {
    match (left, right.result()) {
        (Type::Time, Type::Time) | (Type::Duration, _) => Type::Duration,
        (Type::Time, Type::Duration) => Type::Time,
        (Type::Any, kind) if kind.is_number() || !right.may_be_time() => Type::Number,
        _ => Type::Any,
    }
}

fn arithmetic_result(operator: Operator, left: Type, right: Type) -> Type {
    match operator {
        Operator::Divide => Type::Double,
        Operator::DivideWhole | Operator::Remainder => Type::Int,
        Operator::Add if left == Type::Text || right == Type::Text => Type::Text,
        Operator::Add if left == Type::List || right == Type::List => Type::List,
        Operator::Add if left == Type::Time || right == Type::Time => Type::Time,
        Operator::Add if left == Type::Duration && right == Type::Duration => Type::Duration,
        Operator::Add if left == Type::Duration || right == Type::Duration => Type::Any,
        Operator::Add if left == Type::Any && right == Type::Any => Type::Any,
        _ if left == Type::Double || right == Type::Double => Type::Double,
        _ if left == Type::Int && right == Type::Int => Type::Int,
        _ => Type::Number,
    }
}
