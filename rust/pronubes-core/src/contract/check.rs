//! What is checked of one field. The quick check and the full pass both come here, so that they cannot differ in a rule.

use regex::Regex;

use super::number::{Number, Range, fault};
use super::quality::State;
use super::spec::{FieldType, NullRule};
use super::text::{Length, OneOf, characters, items};
use super::time::Time;
use crate::Reason;
use crate::payload::{Cell, Kind, Raw, text};

/// The rules of a field.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) kind: FieldType,
    pub(super) is_optional: bool,
    pub(super) null: NullRule,
    pub(super) range: Option<Range>,
    /// What few fields have.
    pub(super) rest: Option<Box<Rest>>,
}

/// Rules that few fields have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    pub(super) one_of: Option<OneOf>,
    pub(super) pattern: Option<Regex>,
    pub(super) length: Option<Length>,
    pub(super) time: Option<Time>,
}

/// A value that is there, as the rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// A cell that holds a number.
    Number(Cell),
    /// A text without escapes.
    Text(&'a [u8]),
    Object,
    Array(Raw),
}

impl<'a> Value<'a> {
    /// The value that stands in a payload; `None` for text with escapes, which somebody has to decode.
    #[inline]
    pub(super) fn of_raw(raw: Raw, payload: &'a [u8]) -> Option<Self> {
        Some(match raw.kind {
            Kind::Null => Self::Null,
            Kind::True => Self::Bool(true),
            Kind::False => Self::Bool(false),
            Kind::Integer | Kind::Decimal => Self::Number(Cell::Raw(raw)),
            Kind::Text => Self::Text(text::inner(payload, raw)),
            Kind::EscapedText => return None,
            Kind::Object => Self::Object,
            Kind::Array => Self::Array(raw),
        })
    }
}

/// What rules need beside the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) payload: &'a [u8],
    pub(super) received_ns: i64,
    pub(super) quality: State,
}

impl Check {
    /// Reports every rule that a value breaks.
    #[inline]
    pub(super) fn faults(&self, value: Value<'_>, around: Around<'_>, report: &mut impl FnMut(Reason)) {
        if matches!(value, Value::Null) {
            let is_fine = match self.null {
                NullRule::Never => false,
                NullRule::Allowed => true,
                NullRule::WhenBad => around.quality == State::Bad,
            };
            if !is_fine {
                report(Reason::ContractNull);
            }
            return;
        }
        if self.null == NullRule::WhenBad && around.quality == State::Bad {
            return report(Reason::ContractNull);
        }
        match value {
            Value::Number(cell) => self.number(cell, around, report),
            Value::Text(text) if matches!(self.kind, FieldType::String | FieldType::Any) => {
                if let Some(rest) = &self.rest {
                    rest.text(text, around, report);
                }
            }
            Value::Bool(value) if matches!(self.kind, FieldType::Boolean | FieldType::Any) => {
                if self.one_of().is_some_and(|one_of| !one_of.has_bool(value)) {
                    report(Reason::ContractEnum);
                }
            }
            Value::Array(array) if matches!(self.kind, FieldType::Array | FieldType::Any) => {
                self.no_scalar(report);
                let length = self.rest.as_ref().and_then(|rest| rest.length);
                if length.is_some_and(|length| !length.holds(items(around.payload, array))) {
                    report(Reason::ContractLength);
                }
            }
            Value::Object if matches!(self.kind, FieldType::Object | FieldType::Any) => self.no_scalar(report),
            _ => report(Reason::ContractType),
        }
    }

    #[inline]
    fn number(&self, cell: Cell, around: Around<'_>, report: &mut impl FnMut(Reason)) {
        if !matches!(self.kind, FieldType::Number | FieldType::Integer | FieldType::Any) {
            return report(Reason::ContractType);
        }
        if self.kind != FieldType::Integer && self.range.is_none() && self.rest.is_none() {
            return;
        }
        let Some(number) = Number::of(cell, around.payload) else { return report(Reason::ContractType) };
        let is_written_as_integer = matches!(cell, Cell::Raw(Raw { kind: Kind::Integer, .. }));
        if self.kind == FieldType::Integer && !is_written_as_integer && !number.is_integer() {
            return report(Reason::ContractType);
        }
        if let Some(reason) = self.range.as_ref().and_then(|range| fault(range, number)) {
            report(reason);
        }
        if let Some(rest) = &self.rest {
            rest.number(number, around, report);
        }
    }

    fn one_of(&self) -> Option<&OneOf> {
        self.rest.as_ref().and_then(|rest| rest.one_of.as_ref())
    }

    /// Objects and arrays are in no enumeration.
    fn no_scalar(&self, report: &mut impl FnMut(Reason)) {
        if self.one_of().is_some() {
            report(Reason::ContractEnum);
        }
    }
}

impl Rest {
    fn number(&self, number: Number, around: Around<'_>, report: &mut impl FnMut(Reason)) {
        if self.one_of.as_ref().is_some_and(|one_of| !one_of.has_number(number)) {
            report(Reason::ContractEnum);
        }
        if let Some(reason) = self.time.and_then(|time| time.fault(number, around.received_ns)) {
            report(reason);
        }
    }

    fn text(&self, text: &[u8], around: Around<'_>, report: &mut impl FnMut(Reason)) {
        if self.one_of.as_ref().is_some_and(|one_of| !one_of.has_text(text)) {
            report(Reason::ContractEnum);
        }
        if self.length.is_some_and(|length| !length.holds(characters(text))) {
            report(Reason::ContractLength);
        }
        if self.pattern.is_none() && self.time.is_none() {
            return;
        }
        // The scan has checked the payload to be UTF-8.
        let text = std::str::from_utf8(text).unwrap_or_default();
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            report(Reason::ContractPattern);
        }
        if let Some(reason) = self.time.and_then(|time| time.fault_text(text, around.received_ns)) {
            report(reason);
        }
    }
}
