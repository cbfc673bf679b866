//! `timestamp`: times from one format to another.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{is_text, not_wanted, number_in, text_in};
use super::{Argument, Compiled, Example, Op, StepContext, StepDoc, ValueOp, time};
use crate::Reason;
use crate::error::SpecError;
use crate::expr::Scope;
use crate::payload::{Cell, Kind};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "timestamp",
    summary: "Reads a time in one format and writes it in another.",
    arguments: &[
        Argument { name: "field", kind: "a field", text: "The time." },
        Argument {
            name: "from",
            kind: "`iso8601`, `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `source` or `received`",
            text: "How it is written. `source` is the time that the source gave, `received` when pronubes received the \
                   message; the field is then only written.",
        },
        Argument {
            name: "to",
            kind: "`iso8601`, `unix_s`, `unix_ms`, `unix_us` or `unix_ns`",
            text: "How it is to be written.",
        },
        Argument { name: "into", kind: "a field", text: "Where the result goes; `field` when left out." },
    ],
    rules: &[
        "ISO 8601 means `2024-11-22T07:06:40.123Z` with `Z` or an offset; a text without either is `invalid_timestamp`.",
        "Unix times are written as integers; what is finer than the unit is cut off (towards the past). They may be read \
         with a fraction, or as text.",
        "`from: source` is `missing_field` where the source gave no time.",
    ],
    example: Example {
        step: r#"{"timestamp": {"field": "ts", "from": "iso8601", "to": "unix_ms"}}"#,
        input: r#"{"ts":"2024-11-22T08:06:40.123+01:00"}"#,
        output: r#"{"ts":1732259200123}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    from: Format,
    to: Format,
    into: Option<String>,
}

/// How a time is written, or where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Iso8601,
    UnixS,
    UnixMs,
    UnixUs,
    UnixNs,
    Source,
    Received,
}

impl Format {
    /// Nanoseconds in the unit.
    const fn unit(self) -> i128 {
        match self {
            Self::UnixS => 1_000_000_000,
            Self::UnixMs => 1_000_000,
            Self::UnixUs => 1_000,
            _ => 1,
        }
    }
}

/// A compiled `timestamp`.
#[derive(Debug)]
pub(crate) struct Timestamp {
    from: Format,
    to: Format,
}

impl Timestamp {
    /// Whether it reads the field at all.
    pub(crate) fn reads(&self) -> bool {
        !matches!(self.from, Format::Source | Format::Received)
    }

    pub(super) fn apply(&self, cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        let ns = match self.from {
            Format::Source => i128::from(scope.inputs.meta.source_ns.ok_or(Reason::MissingField)?),
            Format::Received => i128::from(scope.inputs.meta.received_ns),
            Format::Iso8601 if is_text(cell) => time::parse(text_in(cell, scope)?).ok_or(Reason::InvalidTimestamp)?,
            Format::Iso8601 => return Err(not_wanted(cell)),
            unix => read_unix(cell, unix.unit(), scope)?,
        };
        if self.to == Format::Iso8601 {
            let mark = scope.text.mark();
            time::write(ns, &mut |part| scope.text.push_str(part)).ok_or(Reason::InvalidTimestamp)?;
            return Ok(Cell::Text(scope.text.since(mark)));
        }
        let value = ns.div_euclid(self.to.unit());
        i64::try_from(value).map(Cell::Int).map_err(|_| Reason::InvalidTimestamp)
    }
}

/// A number of units since 1970 in nanoseconds, exactly where it is written in the payload.
pub(crate) fn read_unix(cell: Cell, unit: i128, scope: &mut Scope<'_>) -> Result<i128, Reason> {
    if is_text(cell) {
        let text = text_in(cell, scope)?;
        return decimal(text.as_bytes(), unit).ok_or(Reason::InvalidTimestamp);
    }
    if let Cell::Raw(raw) = cell
        && raw.kind == Kind::Decimal
        && let Some(ns) = decimal(raw.span().of(scope.inputs.payload), unit)
    {
        return Ok(ns);
    }
    match number_in(cell, scope.inputs.payload)? {
        Cell::Int(value) => Ok(i128::from(value) * unit),
        Cell::UInt(value) => Ok(i128::from(value) * unit),
        Cell::Double(value) => from_double(value, unit),
        other => Err(not_wanted(other)),
    }
}

/// A double that an earlier step made, or one with an exponent.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "bounded; units are small")]
fn from_double(value: f64, unit: i128) -> Result<i128, Reason> {
    if value.abs() >= 1e19 {
        return Err(Reason::InvalidTimestamp);
    }
    let whole = value.floor();
    Ok(whole as i128 * unit + ((value - whole) * unit as f64).round() as i128)
}

/// Decimal text without exponent; digits beyond nine behind the point are cut off.
fn decimal(text: &[u8], unit: i128) -> Option<i128> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (digits.get(..point)?, digits.get(point + 1..)?),
        None => (digits, &b"0"[..]),
    };
    if whole.is_empty() || whole.len() > 20 || fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let whole = whole
        .iter()
        .try_fold(0_i128, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i128::from(byte - b'0')))?;
    let fraction = time::fraction_ns(fraction.get(..fraction.len().min(9))?)?;
    let ns = whole * unit + i128::from(fraction) * unit / 1_000_000_000;
    Some(if is_negative { -ns } else { ns })
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { field, from, to, into } = context.arguments(&DOC, arguments)?;
    if matches!(to, Format::Source | Format::Received) {
        let error = SpecError::new("A time cannot be written to the source.");
        let expected = "`iso8601`, `unix_s`, `unix_ms`, `unix_us` or `unix_ns`";
        context.error(&["timestamp".into(), "to".into()], error.expected(arguments.get(), expected));
    }
    let field = context.field(&field, &["timestamp".into(), "field".into()])?;
    let into = match into {
        Some(into) => context.field(&into, &["timestamp".into(), "into".into()])?,
        None => field.clone(),
    };
    Some(Compiled::Op(Op::Value { field, into, op: ValueOp::Timestamp(Timestamp { from, to }) }))
}
