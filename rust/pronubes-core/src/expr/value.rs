//! Values at run time: how cells are read as numbers, texts and truth values, and how they compare.
//!
//! The rules: integers and doubles are one kind, *number*, and compare exactly; values of different kinds are unequal
//! and have no order; a missing field and a key that stands twice are reasons wherever they are touched.

use super::functions;
use super::scope::Scope;
use super::syntax::{Comparison, Operator};
use crate::payload::{Cell, Kind, Raw, Span, number, text};
use crate::reason::Reason;
use std::cmp::Ordering;

/// Most bytes in a text that an expression makes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Up to here every integer is a double.
const EXACT: u64 = 1 << 53;

/// A number as expressions see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// Above [`i64::MAX`].
    UInt(u64),
    /// Finite.
    Double(f64),
}

impl Number {
    /// The number in a cell.
    #[inline]
    pub(super) fn of(cell: Cell, payload: &[u8]) -> Result<Self, Reason> {
        match cell {
            Cell::Raw(raw) => Self::of_raw(raw, payload),
            Cell::Int(value) => Ok(Self::Int(value)),
            Cell::UInt(value) => Ok(Self::UInt(value)),
            Cell::Double(value) => Ok(Self::Double(value)),
            other => Err(no_value(other)),
        }
    }

    #[inline]
    fn of_raw(raw: Raw, payload: &[u8]) -> Result<Self, Reason> {
        let text = raw.span().of(payload);
        match raw.kind {
            Kind::Integer => integer(text),
            Kind::Decimal => number::parse_f64(text).map(Self::Double),
            _ => Err(Reason::WrongType),
        }
    }

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "promotion to double rounds to the nearest")]
    pub(super) const fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::UInt(value) => value as f64,
            Self::Double(value) => value,
        }
    }

    #[inline]
    pub(super) const fn cell(self) -> Cell {
        match self {
            Self::Int(value) => Cell::Int(value),
            Self::UInt(value) => Cell::UInt(value),
            Self::Double(value) => Cell::Double(value),
        }
    }

    /// The exact order of two numbers; doubles are finite, so there always is one.
    #[inline]
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            (Self::Double(left), Self::Double(right)) => order_doubles(left, right),
            (Self::Int(left), Self::Double(right)) if left.unsigned_abs() <= EXACT => {
                order_doubles(self.to_f64(), right)
            }
            (Self::Double(left), Self::Int(right)) if right.unsigned_abs() <= EXACT => {
                order_doubles(left, other.to_f64())
            }
            (Self::Double(left), _) => order_exactly(other.wide(), left).reverse(),
            (_, Self::Double(right)) => order_exactly(self.wide(), right),
            _ => self.wide().cmp(&other.wide()),
        }
    }

    /// The integer; for doubles the part before the point, which the callers have bounded.
    #[expect(clippy::cast_possible_truncation, reason = "the callers have bounded the double")]
    const fn wide(self) -> i128 {
        match self {
            Self::Int(value) => value as i128,
            Self::UInt(value) => value as i128,
            Self::Double(value) => value as i128,
        }
    }

    /// The integer part as an integer of 64 bits.
    pub(super) fn truncated(self) -> Result<Self, Reason> {
        match self {
            Self::Double(value) if value.abs() >= 2e19 => Err(Reason::NumberOutOfRange),
            Self::Double(_) => fit(self.wide()).map_err(|_| Reason::NumberOutOfRange),
            integer => Ok(integer),
        }
    }
}

#[inline]
fn order_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

/// The order of an integer of 64 bits and a double.
fn order_exactly(integer: i128, double: f64) -> Ordering {
    if double.abs() >= 2e19 {
        return if double > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    let whole = Number::Double(double).wide();
    integer.cmp(&whole).then_with(|| order_doubles(0.0, double.fract()))
}

/// The number that a wide integer is, where 64 bits hold it.
fn fit(wide: i128) -> Result<Number, Reason> {
    i64::try_from(wide)
        .map(Number::Int)
        .or_else(|_| u64::try_from(wide).map(Number::UInt))
        .map_err(|_| Reason::IntegerOverflow)
}

/// The integer that JSON number text without fraction and exponent is.
#[inline]
fn integer(text: &[u8]) -> Result<Number, Reason> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    if digits.len() <= 18 {
        let value = digits.iter().fold(0, |value: i64, digit| value * 10 + i64::from(digit.wrapping_sub(b'0')));
        return Ok(Number::Int(if is_negative { -value } else { value }));
    }
    Number::of(number::parse_int(text)?, b"")
}

/// Why a cell that is not what was wanted is not: because there is nothing, or because it is something else.
#[inline]
pub(super) const fn no_value(cell: Cell) -> Reason {
    match cell {
        Cell::Missing => Reason::MissingField,
        Cell::Duplicate => Reason::DuplicateKey,
        _ => Reason::WrongType,
    }
}

/// The truth value in a cell.
#[inline]
pub(super) const fn truth(cell: Cell) -> Result<bool, Reason> {
    match cell {
        Cell::Bool(value) => Ok(value),
        Cell::Raw(Raw { kind: Kind::True, .. }) => Ok(true),
        Cell::Raw(Raw { kind: Kind::False, .. }) => Ok(false),
        other => Err(no_value(other)),
    }
}

/// The double in a cell, integers promoted.
#[inline]
pub(super) fn double(cell: Cell, payload: &[u8]) -> Result<f64, Reason> {
    match cell {
        Cell::Raw(raw) if raw.kind == Kind::Decimal => number::read_f64(payload, raw),
        other => Number::of(other, payload).map(Number::to_f64),
    }
}

/// `value`, unless it is infinite or not a number.
#[inline]
pub(super) const fn finite(value: f64) -> Result<f64, Reason> {
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

/// The kinds of values that expressions tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Null,
    Bool,
    Number,
    Text,
    Object,
    Array,
    Composite,
    Time,
    Duration,
}

/// What kind of value a cell holds.
#[inline]
pub(super) const fn kind_of(cell: Cell) -> Result<ValueKind, Reason> {
    Ok(match cell {
        Cell::Missing | Cell::Duplicate => return Err(no_value(cell)),
        Cell::Raw(raw) => match raw.kind {
            Kind::Null => ValueKind::Null,
            Kind::True | Kind::False => ValueKind::Bool,
            Kind::Integer | Kind::Decimal => ValueKind::Number,
            Kind::Text | Kind::EscapedText => ValueKind::Text,
            Kind::Object => ValueKind::Object,
            Kind::Array => ValueKind::Array,
        },
        Cell::Null => ValueKind::Null,
        Cell::Bool(_) => ValueKind::Bool,
        Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) => ValueKind::Number,
        Cell::Text(_) | Cell::Topic(_) | Cell::Literal(_) => ValueKind::Text,
        Cell::Composite => ValueKind::Composite,
        Cell::List(_) => ValueKind::Array,
        Cell::Map(_) => ValueKind::Object,
        Cell::Time(..) => ValueKind::Time,
        Cell::Duration(_) => ValueKind::Duration,
    })
}

/// A text cell whose bytes can be read: escapes are decoded into the arena. Its length is counted as work.
#[inline]
pub(super) fn settled(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    match cell {
        Cell::Topic(_) | Cell::Literal(_) => Ok(cell),
        Cell::Raw(Raw { kind: Kind::Text, start, end }) | Cell::Text(Span { start, end }) => {
            scope.spend_bytes((end - start) as usize);
            Ok(cell)
        }
        Cell::Raw(raw) if raw.kind == Kind::EscapedText => Ok(decoded(raw, scope)),
        other => Err(no_value(other)),
    }
}

#[cold]
fn decoded(raw: Raw, scope: &mut Scope<'_>) -> Cell {
    scope.spend_bytes(raw.span().len());
    Cell::Text(text::decode(scope.inputs.payload, raw, scope.text))
}

/// Whether a comparison holds between two cells.
pub(super) fn compare(comparison: Comparison, left: Cell, right: Cell, scope: &mut Scope<'_>) -> Result<bool, Reason> {
    let kinds = (kind_of(left)?, kind_of(right)?);
    let ordering = match kinds {
        (ValueKind::Number, ValueKind::Number) => {
            Number::of(left, scope.inputs.payload)?.order(Number::of(right, scope.inputs.payload)?)
        }
        (ValueKind::Text, ValueKind::Text) => {
            let (left, right) = (settled(left, scope)?, settled(right, scope)?);
            scope.bytes(left).cmp(scope.bytes(right))
        }
        (ValueKind::Bool, ValueKind::Bool) => truth(left)?.cmp(&truth(right)?),
        (ValueKind::Time, ValueKind::Time) | (ValueKind::Duration, ValueKind::Duration) => {
            functions::order(left, right).unwrap_or(Ordering::Equal)
        }
        (ValueKind::Null, ValueKind::Null) if comparison.is_equality() => Ordering::Equal,
        (ValueKind::Array, ValueKind::Array) if comparison.is_equality() => {
            let is_equal = super::contents::equal_lists(left, right, scope)?;
            return Ok(is_equal == (comparison == Comparison::Equal));
        }
        (ValueKind::Object | ValueKind::Array | ValueKind::Composite, _) if kinds.0 == kinds.1 => {
            return Err(Reason::WrongType);
        }
        _ if comparison.is_equality() => return Ok(comparison == Comparison::NotEqual),
        _ => return Err(Reason::WrongType),
    };
    Ok(comparison.holds(ordering))
}

/// `left operator right` on two numbers.
#[inline]
pub(super) fn arithmetic(operator: Operator, left: Number, right: Number) -> Result<Number, Reason> {
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let small = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            _ => None,
        };
        if let Some(value) = small {
            return Ok(Number::Int(value));
        }
    }
    if operator != Operator::Divide && !is_double(left) && !is_double(right) {
        return arithmetic_wide(operator, left.wide(), right.wide());
    }
    let (left, right) = (left.to_f64(), right.to_f64());
    finite(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::DivideWhole | Operator::Remainder => return Err(Reason::WrongType),
    })
    .map(Number::Double)
}

fn arithmetic_wide(operator: Operator, left: i128, right: i128) -> Result<Number, Reason> {
    let wide = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ if right == 0 => return Err(Reason::DivisionByZero),
        Operator::Remainder => left.checked_rem(right),
        Operator::Divide | Operator::DivideWhole => left.checked_div(right),
    };
    wide.ok_or(Reason::IntegerOverflow).and_then(fit)
}

const fn is_double(number: Number) -> bool {
    matches!(number, Number::Double(_))
}

/// The number with the other sign.
pub(super) fn negated(number: Number) -> Result<Number, Reason> {
    match number {
        Number::Double(value) => Ok(Number::Double(-value)),
        integer => fit(-integer.wide()),
    }
}

/// Two texts joined, in the arena.
pub(super) fn joined(left: Cell, right: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (left, right) = (settled(left, scope)?, settled(right, scope)?);
    if scope.bytes(left).len() + scope.bytes(right).len() > MAX_TEXT {
        return Err(Reason::TextTooLong);
    }
    let mark = scope.text.mark();
    push(left, scope)?;
    push(right, scope)?;
    scope.check_room()?;
    Ok(Cell::Text(scope.text.since(mark)))
}

/// Appends the text of a settled cell to the arena.
pub(super) fn push(cell: Cell, scope: &mut Scope<'_>) -> Result<(), Reason> {
    match cell {
        Cell::Text(span) => scope.text.push_again(span),
        Cell::Topic(span) => scope.text.push_str(span.of_str(scope.inputs.topic)),
        Cell::Literal(id) => scope.text.push_str(scope.inputs.literals.text(id)),
        Cell::Raw(raw) => {
            let text =
                crate::payload::Span { start: raw.start + 1, end: raw.end.saturating_sub(1) }.of(scope.inputs.payload);
            scope.text.push_str(std::str::from_utf8(text).map_err(|_| Reason::InvalidUtf8)?);
        }
        other => return Err(no_value(other)),
    }
    Ok(())
}

/// `left + right`: numbers and times are added, texts and lists joined.
#[inline]
pub(super) fn sum(left: Cell, right: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    match (kind_of(left)?, kind_of(right)?) {
        (ValueKind::Text, ValueKind::Text) => joined(left, right, scope),
        (ValueKind::Array, ValueKind::Array) => super::contents::joined(left, right, scope),
        (ValueKind::Time | ValueKind::Duration, _) | (_, ValueKind::Time | ValueKind::Duration) => {
            functions::sum(left, right)
        }
        _ => {
            let (left, right) = (Number::of(left, scope.inputs.payload)?, Number::of(right, scope.inputs.payload)?);
            arithmetic(Operator::Add, left, right).map(Number::cell)
        }
    }
}

/// `left - right`, where a side may be a time.
pub(super) fn difference(left: Cell, right: Cell, scope: &Scope<'_>) -> Result<Cell, Reason> {
    match (kind_of(left)?, kind_of(right)?) {
        (ValueKind::Time | ValueKind::Duration, _) | (_, ValueKind::Time | ValueKind::Duration) => {
            functions::difference(left, right)
        }
        _ => {
            let (left, right) = (Number::of(left, scope.inputs.payload)?, Number::of(right, scope.inputs.payload)?);
            arithmetic(Operator::Subtract, left, right).map(Number::cell)
        }
    }
}
