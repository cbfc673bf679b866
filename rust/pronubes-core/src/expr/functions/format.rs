//! `text.format([values])`: the clauses of CEL's extension library.

use std::fmt::Write;

use super::super::contents::Elements;
use super::super::scope::Scope;
use super::super::value::{MAX_TEXT, Number, ValueKind, kind_of, push, settled, truth};
use super::text::copied;
use super::time;
use crate::payload::{Cell, Kind, Raw, Span, TextArena, text};
use crate::reason::Reason;

/// Most digits behind the point.
const MAX_PRECISION: usize = 64;
/// Digits behind the point where a clause does not say.
const PRECISION: usize = 6;

/// How a value is written.
#[derive(Clone, Copy)]
enum Clause {
    Percent,
    Text,
    Decimal,
    Fixed(usize),
    Scientific(usize),
    Binary,
    Octal,
    Hex { is_upper: bool },
}

/// The clause that a text begins with, behind its `%`, and its length.
fn clause(text: &str) -> Option<(Clause, usize)> {
    let (precision, length) = match text.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            (Some(rest.get(..digits)?.parse().ok().filter(|precision| *precision <= MAX_PRECISION)?), digits + 1)
        }
        None => (None, 0),
    };
    let clause = match (*text.as_bytes().get(length)?, precision) {
        (b'f', precision) => Clause::Fixed(precision.unwrap_or(PRECISION)),
        (b'e', precision) => Clause::Scientific(precision.unwrap_or(PRECISION)),
        (_, Some(_)) => return None,
        (b'%', _) => Clause::Percent,
        (b's', _) => Clause::Text,
        (b'd', _) => Clause::Decimal,
        (b'b', _) => Clause::Binary,
        (b'o', _) => Clause::Octal,
        (b'x', _) => Clause::Hex { is_upper: false },
        (b'X', _) => Clause::Hex { is_upper: true },
        _ => return None,
    };
    Some((clause, length + 1))
}

/// Whether a constant format can be read.
pub(super) fn check(format: &str) -> Result<(), String> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let Some((_, length)) = clause(&rest[at + 1..]) else {
            return Err(format!("`{}` is no clause of a format.", rest[at..].chars().take(4).collect::<String>()));
        };
        rest = &rest[at + 1 + length..];
    }
    Ok(())
}

pub(super) fn format(format: Cell, values: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if kind_of(values)? != ValueKind::Array {
        return Err(Reason::WrongType);
    }
    let mut rest = copied(format, scope)?;
    let mut values = Elements::of(values, scope)?;
    let mark = scope.text.mark();
    loop {
        let text = scope.text.get(rest);
        let (plain, found) = match text.find('%') {
            Some(at) => (at, Some(clause(&text[at + 1..]).ok_or(Reason::InvalidConversion)?)),
            None => (text.len(), None),
        };
        let end = rest.start + u32::try_from(plain).unwrap_or_default();
        scope.text.push_again(Span { start: rest.start, end });
        if let Some((clause, length)) = found {
            rest.start = end + 1 + u32::try_from(length).unwrap_or_default();
            write_clause(clause, &mut values, scope)?;
        }
        if scope.text.since(mark).len() > MAX_TEXT {
            return Err(Reason::TextTooLong);
        }
        scope.text.spend(1);
        scope.check_room()?;
        if found.is_none() {
            return Ok(Cell::Text(scope.text.since(mark)));
        }
    }
}

fn write_clause(clause: Clause, values: &mut Elements<'_>, scope: &mut Scope<'_>) -> Result<(), Reason> {
    if matches!(clause, Clause::Percent) {
        scope.text.push('%');
        return Ok(());
    }
    let value = values.next(scope).ok_or(Reason::InvalidConversion)?;
    let payload = scope.inputs.payload;
    match clause {
        Clause::Text => return show(value, scope),
        Clause::Fixed(digits) => {
            written(scope.text, format_args!("{:.*}", digits, Number::of(value, payload)?.to_f64()))
        }
        Clause::Scientific(digits) => scientific(Number::of(value, payload)?.to_f64(), digits, scope.text),
        Clause::Hex { is_upper } if kind_of(value)? == ValueKind::Text => return hex_text(value, is_upper, scope),
        Clause::Binary if kind_of(value)? == ValueKind::Bool => {
            scope.text.push(if truth(value)? { '1' } else { '0' });
        }
        clause => integer(clause, Number::of(value, payload)?, scope.text)?,
    }
    Ok(())
}

fn integer(clause: Clause, number: Number, out: &mut TextArena) -> Result<(), Reason> {
    let (sign, size) = match number {
        Number::Int(value) => (if value < 0 { "-" } else { "" }, value.unsigned_abs()),
        Number::UInt(value) => ("", value),
        Number::Double(_) => return Err(Reason::WrongType),
    };
    out.push_str(sign);
    match clause {
        Clause::Binary => written(out, format_args!("{size:b}")),
        Clause::Octal => written(out, format_args!("{size:o}")),
        Clause::Hex { is_upper: true } => written(out, format_args!("{size:X}")),
        Clause::Hex { is_upper: false } => written(out, format_args!("{size:x}")),
        _ => written(out, format_args!("{size}")),
    }
    Ok(())
}

/// The bytes of a text, two digits each.
fn hex_text(value: Cell, is_upper: bool, scope: &mut Scope<'_>) -> Result<(), Reason> {
    let mark = scope.text.mark();
    show(value, scope)?;
    if scope.text.since(mark).len() > MAX_TEXT / 2 {
        return Err(Reason::TextTooLong);
    }
    let digits = if is_upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let digit = |half: u8| char::from(digits[usize::from(half)]);
    scope.text.rewrite_since(mark, |text, out| {
        out.extend(text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    });
    Ok(())
}

/// `1.5e+03`: with a sign and at least two digits of exponent.
fn scientific(value: f64, digits: usize, out: &mut TextArena) {
    let mut buffer = Buffer { bytes: [0; 96], length: 0 };
    // The buffer holds what the largest precision needs.
    let _ = write!(buffer, "{value:.digits$e}");
    let text = std::str::from_utf8(&buffer.bytes[..buffer.length]).unwrap_or_default();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    out.push_str(mantissa);
    out.push('e');
    out.push(sign);
    if exponent.len() < 2 {
        out.push('0');
    }
    out.push_str(exponent);
}

struct Buffer {
    bytes: [u8; 96],
    length: usize,
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let place = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

struct Out<'a>(&'a mut TextArena);

impl Write for Out<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.push_str(text);
        Ok(())
    }
}

fn written(out: &mut TextArena, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = Out(out).write_fmt(arguments);
}

/// Any value as a person reads it; lists and objects nest no deeper than payloads and expressions do.
fn show(value: Cell, scope: &mut Scope<'_>) -> Result<(), Reason> {
    match kind_of(value)? {
        ValueKind::Null => scope.text.push_str("null"),
        ValueKind::Bool => scope.text.push_str(if truth(value)? { "true" } else { "false" }),
        ValueKind::Number => match value {
            Cell::Raw(raw) => {
                let text = std::str::from_utf8(raw.span().of(scope.inputs.payload)).map_err(|_| Reason::InvalidUtf8)?;
                scope.text.push_str(text);
            }
            Cell::Double(value) => scope.text.push_str(zmij::Buffer::new().format_finite(value)),
            other => integer(Clause::Decimal, Number::of(other, b"")?, scope.text)?,
        },
        ValueKind::Text => match value {
            // Decoding appends, which is what is wanted.
            Cell::Raw(raw @ Raw { kind: Kind::EscapedText, .. }) => {
                scope.spend_bytes(raw.span().len());
                text::decode(scope.inputs.payload, raw, scope.text);
            }
            other => {
                let text = settled(other, scope)?;
                push(text, scope)?;
            }
        },
        ValueKind::Time | ValueKind::Duration => time::push(value, scope.text)?,
        ValueKind::Array => show_all(value, scope)?,
        ValueKind::Object | ValueKind::Composite => return Err(Reason::WrongType),
    }
    Ok(())
}

fn show_all(list: Cell, scope: &mut Scope<'_>) -> Result<(), Reason> {
    let mut elements = Elements::of(list, scope)?;
    scope.text.push('[');
    let mut is_first = true;
    while let Some(element) = elements.next(scope) {
        if !is_first {
            scope.text.push_str(", ");
        }
        is_first = false;
        scope.text.spend(1);
        scope.check_room()?;
        show(element, scope)?;
    }
    scope.text.push(']');
    Ok(())
}
