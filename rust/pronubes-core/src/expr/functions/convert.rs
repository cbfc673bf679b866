//! Conversions, and `size()`.

use super::super::contents::count;
use super::super::scope::Scope;
use super::super::tree::Type;
use super::super::value::{self, Number, ValueKind, kind_of, settled, truth};
use super::{ANY, Action, Function, Library, SIZED, TEXT, time};
use crate::payload::{Cell, Kind, Raw};
use crate::reason::Reason;

pub(super) const FUNCTIONS: &[Function] = &[
    standard("int", Type::Int, Action::Some(int)).from(1).checked(1, time::check_unit),
    standard("double", Type::Double, Action::Some(double)).from(1).checked(1, time::check_unit),
    Function::new(Library::Standard, "string", &[ANY], Type::Text, Action::One(string)),
    Function::new(Library::Standard, "bool", &[ANY], Type::Bool, Action::One(bool)),
    Function::new(Library::Standard, "size", &[SIZED], Type::Int, Action::One(size)).either(),
];

const fn standard(name: &'static str, gives: Type, action: Action) -> Function {
    Function::new(Library::Standard, name, &[ANY, TEXT], gives, action)
}

fn int(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let cell = match *values {
        [when, unit] => return time::whole(when, unit, scope),
        [Cell::Time(seconds, _)] => return Ok(Cell::Int(seconds)),
        [cell] => cell,
        _ => return Err(Reason::WrongType),
    };
    let Ok(text) = settled(cell, scope) else {
        return Number::of(cell, scope.inputs.payload)?.truncated().map(Number::cell);
    };
    let text = scope.str(text)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::InvalidConversion);
    }
    text.parse::<i64>()
        .map(Cell::Int)
        .or_else(|_| text.parse::<u64>().map(Cell::UInt))
        .map_err(|_| Reason::NumberOutOfRange)
}

fn double(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let cell = match *values {
        [when, unit] => return time::fractional(when, unit, scope),
        [cell] => cell,
        _ => return Err(Reason::WrongType),
    };
    let Ok(text) = settled(cell, scope) else {
        return value::double(cell, scope.inputs.payload).map(Cell::Double);
    };
    let text = scope.str(text)?;
    // Rust also reads `inf`, `nan` and their like, which are no values here.
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Err(Reason::InvalidConversion);
    }
    let value = text.parse::<f64>().map_err(|_| Reason::InvalidConversion)?;
    if value.is_finite() { Ok(Cell::Double(value)) } else { Err(Reason::NumberOutOfRange) }
}

fn string(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let mark = scope.text.mark();
    match cell {
        Cell::Int(value) => scope.text.push_str(itoa::Buffer::new().format(value)),
        Cell::UInt(value) => scope.text.push_str(itoa::Buffer::new().format(value)),
        Cell::Double(value) => scope.text.push_str(zmij::Buffer::new().format_finite(value)),
        Cell::Raw(Raw { kind: Kind::Integer | Kind::Decimal, start, end }) => {
            let text = crate::payload::Span { start, end }.of(scope.inputs.payload);
            scope.text.push_str(std::str::from_utf8(text).map_err(|_| Reason::InvalidUtf8)?);
        }
        Cell::Time(..) | Cell::Duration(_) => return time::text(cell, scope),
        _ => match truth(cell) {
            Ok(value) => scope.text.push_str(if value { "true" } else { "false" }),
            Err(_) => return settled(cell, scope),
        },
    }
    Ok(Cell::Text(scope.text.since(mark)))
}

fn bool(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let Ok(text) = settled(cell, scope) else { return truth(cell).map(Cell::Bool) };
    match scope.bytes(text) {
        b"true" | b"True" | b"TRUE" | b"t" | b"1" => Ok(Cell::Bool(true)),
        b"false" | b"False" | b"FALSE" | b"f" | b"0" => Ok(Cell::Bool(false)),
        _ => Err(Reason::InvalidConversion),
    }
}

/// Characters of a text, as CEL counts them: Unicode code points; elements of a list, members of an object.
fn size(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if matches!(kind_of(cell)?, ValueKind::Array | ValueKind::Object) {
        let count = count(cell, scope)?;
        return i64::try_from(count).map(Cell::Int).map_err(|_| Reason::IntegerOverflow);
    }
    let text = settled(cell, scope)?;
    let characters = scope.bytes(text).iter().filter(|byte| (**byte as i8) >= -0x40).count();
    i64::try_from(characters).map(Cell::Int).map_err(|_| Reason::IntegerOverflow)
}
