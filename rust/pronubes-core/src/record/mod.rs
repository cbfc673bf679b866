//! The record: what is known about one value, and how payloads say it.
//!
//! A value alone says little. With it belong how good it is (the whole OPC UA status), when it was true at the source,
//! when it came in, its unit, and where it comes from. Structured sources hand records in; payloads are records in some
//! [`Shape`]. The rules are those of i3X and OPC UA: null needs a quality that is bad or says that there is no data; what
//! is missing stays missing, and an unknown quality is refused, because whoever guesses here lies to a plant.

mod form;
mod names;
mod shape;
mod spec;
mod status;

pub use form::{QualityForm, TimeForm};
pub(crate) use shape::{Form, Place};
pub use shape::{Member, Shape};
pub use spec::{FieldsSpec, FormedSpec, ShapeSpec};
pub use status::{Severity, StatusCode};

use crate::Reason;
use crate::payload::{number, text};

/// A value as JSON will have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// There is none.
    Null,
    /// A finite number.
    F64(f64),
    /// An integer.
    I64(i64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// JSON as it was written; not `null`.
    Written(&'a [u8]),
}

impl Value<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            // JSON cannot say infinities and NaN; `Record::check` refuses them.
            Self::F64(value) if value.is_finite() => number::write_f64(out, value).unwrap_or_default(),
            Self::Null | Self::F64(_) => out.extend_from_slice(b"null"),
            Self::I64(value) => number::write_int(out, value),
            Self::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Self::Text(value) => text::write(out, value),
            Self::Written(json) => out.extend_from_slice(json),
        }
    }
}

/// A text as JSON will have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Plain.
    Plain(&'a str),
    /// A JSON string as it was written, quotes included.
    Written(&'a [u8]),
}

impl Text<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Plain(plain) => text::write(out, plain),
            Self::Written(json) => out.extend_from_slice(json),
        }
    }
}

/// One value with what is known about it. What is not known is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// The value.
    pub value: Value<'a>,
    /// How good it is.
    pub status: Option<StatusCode>,
    /// When it was true at the source, in nanoseconds since 1970 UTC.
    pub time_ns: Option<i64>,
    /// When it came in.
    pub received_ns: Option<i64>,
    /// Its unit, a UCUM code.
    pub unit: Option<Text<'a>>,
    /// Where it comes from.
    pub origin: Option<Text<'a>>,
}

impl Record<'_> {
    /// Whether the rules of quality hold.
    ///
    /// # Errors
    /// `null_not_bad` where there is no value and the quality does not say why; `not_finite` for what is no number.
    pub fn check(&self) -> Result<(), Reason> {
        match self.value {
            Value::Null if !self.is_nothing() => Err(Reason::NullNotBad),
            Value::F64(value) if !value.is_finite() => Err(Reason::NotFinite),
            _ => Ok(()),
        }
    }

    /// Appends all that is known, whatever the rules say: for people who look at what was refused.
    pub fn write_refused(&self, out: &mut Vec<u8>) {
        if let Some(shape) = Shape::named("record") {
            shape.write_refused(self, out);
        }
    }

    /// Whether the quality says that there is no value to use.
    pub(crate) fn is_nothing(&self) -> bool {
        self.status.is_some_and(StatusCode::may_be_null)
    }
}
