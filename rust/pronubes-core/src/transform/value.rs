//! Steps that make one value of one value, and how they read cells.

use super::cast::Cast;
use super::clamp::Clamp;
use super::conversion::Conversion;
use super::map::Map;
use super::round::Round;
use super::scale::Scale;
use super::timestamp::Timestamp;
use crate::Reason;
use crate::expr::Scope;
use crate::payload::{Cell, Kind, number, text};

/// What becomes of one value.
#[derive(Debug)]
pub(crate) enum ValueOp {
    Scale(Scale),
    Convert(Conversion),
    Cast(Cast),
    Round(Round),
    Clamp(Clamp),
    Map(Box<Map>),
    Timestamp(Timestamp),
}

impl ValueOp {
    /// The new value for a value.
    #[inline]
    pub(crate) fn apply(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        match self {
            Self::Scale(op) => op.apply(cell, scope.inputs.payload),
            Self::Convert(op) => op.apply(cell, scope.inputs.payload),
            Self::Cast(op) => op.apply(cell, scope),
            Self::Round(op) => op.apply(cell, scope),
            Self::Clamp(op) => op.apply(cell, scope),
            Self::Map(op) => op.apply(cell, scope),
            Self::Timestamp(op) => op.apply(cell, scope),
        }
    }
}

/// The number in a cell: [`Cell::Int`], [`Cell::UInt`] or [`Cell::Double`].
#[inline]
pub(crate) fn number_in(cell: Cell, payload: &[u8]) -> Result<Cell, Reason> {
    match cell {
        Cell::Raw(raw) => number::read(payload, raw),
        Cell::Int(_) | Cell::UInt(_) | Cell::Double(_) => Ok(cell),
        other => Err(not_wanted(other)),
    }
}

/// The number in a cell as a double.
#[inline]
pub(crate) fn double_in(cell: Cell, payload: &[u8]) -> Result<f64, Reason> {
    match cell {
        Cell::Raw(raw) => number::read_f64(payload, raw),
        Cell::Double(value) => Ok(value),
        other => number_in(other, payload).map(to_double),
    }
}

/// A number cell as a double, rounded to the nearest.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "promotion to double rounds to the nearest")]
pub(crate) const fn to_double(number: Cell) -> f64 {
    match number {
        Cell::Int(value) => value as f64,
        Cell::UInt(value) => value as f64,
        Cell::Double(value) => value,
        _ => f64::NAN,
    }
}

/// The double, unless JSON cannot say it.
#[inline]
pub(super) const fn finite(value: f64) -> Result<Cell, Reason> {
    if value.is_finite() { Ok(Cell::Double(value)) } else { Err(Reason::NotFinite) }
}

/// The integer as a cell, where 64 bits hold it.
pub(super) fn integer(value: i128) -> Result<Cell, Reason> {
    i64::try_from(value)
        .map(Cell::Int)
        .or_else(|_| u64::try_from(value).map(Cell::UInt))
        .map_err(|_| Reason::IntegerOverflow)
}

/// The integer that a double is, if it is one that doubles hold exactly.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked before")]
pub(super) fn integral(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

/// The text in a cell; escapes are decoded into the arena.
pub(crate) fn text_in<'s>(cell: Cell, scope: &'s mut Scope<'_>) -> Result<&'s str, Reason> {
    match cell {
        Cell::Raw(raw) if raw.kind == Kind::Text => text::plain(scope.inputs.payload, raw).ok_or(Reason::InvalidUtf8),
        Cell::Raw(raw) if raw.kind == Kind::EscapedText => {
            let span = text::decode(scope.inputs.payload, raw, scope.text);
            Ok(scope.text.get(span))
        }
        Cell::Text(span) => Ok(scope.text.get(span)),
        Cell::Topic(span) => Ok(span.of_str(scope.inputs.topic)),
        Cell::Literal(id) if scope.inputs.literals.get(id).is_some_and(|literal| literal.kind == Kind::Text) => {
            Ok(scope.inputs.literals.text(id))
        }
        other => Err(not_wanted(other)),
    }
}

/// Whether a cell holds text.
pub(crate) const fn is_text(cell: Cell) -> bool {
    match cell {
        Cell::Raw(raw) => matches!(raw.kind, Kind::Text | Kind::EscapedText),
        Cell::Text(_) | Cell::Topic(_) | Cell::Literal(_) => true,
        _ => false,
    }
}

/// The truth value in a cell, if it is one.
pub(super) const fn bool_in(cell: Cell) -> Option<bool> {
    match cell {
        Cell::Bool(value) => Some(value),
        Cell::Raw(raw) => match raw.kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Why a cell cannot be used: because there is nothing, or because it is something else.
pub(crate) const fn not_wanted(cell: Cell) -> Reason {
    match cell {
        Cell::Missing => Reason::MissingField,
        Cell::Duplicate => Reason::DuplicateKey,
        _ => Reason::WrongType,
    }
}
