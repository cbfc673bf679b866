//! The functions of expressions: one table, read by the checker, by the lowering and by the documentation test.
//!
//! A function is pure, its cost is bounded by the text it is given, and it allocates nothing: what it makes goes to the
//! message's text arena. `has()` and `matches()` are not here: the checker handles them, because they look at the
//! expression and not at a value.

use super::contents::count;
use super::scope::Scope;
use super::tree::Type;
use super::value::{Number, ValueKind, kind_of, settled, truth};
use crate::payload::{Cell, Kind, Raw};
use crate::reason::Reason;

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStyle {
    /// `name(value)`
    Global,
    /// `value.name()`
    Receiver,
    /// Either.
    Both,
}

/// What a function does.
#[derive(Clone, Copy)]
pub(super) enum Action {
    One(fn(Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
    Two(fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
    /// Any number of arguments from two, two at a time.
    Fold(fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
}

/// A function that expressions can call.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub style: CallStyle,
    /// What its arguments must be, the receiver first.
    pub takes: Type,
    /// What it gives.
    pub gives: Type,
    /// Whether it is part of CEL's standard library.
    pub is_standard: bool,
    pub(super) action: Action,
}

impl Function {
    /// The function of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// Fewest and most arguments, the receiver counted.
    #[must_use]
    pub const fn arity(&self) -> (usize, usize) {
        match self.action {
            Action::One(_) => (1, 1),
            Action::Two(_) => (2, 2),
            Action::Fold(_) => (2, 16),
        }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn function(name: &'static str, style: CallStyle, takes: Type, gives: Type, action: Action) -> Function {
    Function { name, style, takes, gives, is_standard: true, action }
}

const fn extension(name: &'static str, style: CallStyle, takes: Type, gives: Type, action: Action) -> Function {
    Function { name, style, takes, gives, is_standard: false, action }
}

/// Every function.
pub const FUNCTIONS: &[Function] = &[
    function("int", CallStyle::Global, Type::Any, Type::Int, Action::One(int)),
    function("double", CallStyle::Global, Type::Any, Type::Double, Action::One(double)),
    function("string", CallStyle::Global, Type::Any, Type::Text, Action::One(string)),
    function("bool", CallStyle::Global, Type::Any, Type::Bool, Action::One(bool)),
    function("size", CallStyle::Both, Type::Any, Type::Int, Action::One(size)),
    function("startsWith", CallStyle::Receiver, Type::Text, Type::Bool, Action::Two(starts_with)),
    function("endsWith", CallStyle::Receiver, Type::Text, Type::Bool, Action::Two(ends_with)),
    function("contains", CallStyle::Receiver, Type::Text, Type::Bool, Action::Two(contains)),
    extension("lowerAscii", CallStyle::Receiver, Type::Text, Type::Text, Action::One(lower_ascii)),
    extension("upperAscii", CallStyle::Receiver, Type::Text, Type::Text, Action::One(upper_ascii)),
    extension("trim", CallStyle::Receiver, Type::Text, Type::Text, Action::One(trim)),
    extension("abs", CallStyle::Global, Type::Number, Type::Number, Action::One(abs)),
    extension(
        "floor",
        CallStyle::Global,
        Type::Number,
        Type::Number,
        Action::One(|cell, scope| rounded(cell, scope, f64::floor)),
    ),
    extension(
        "ceil",
        CallStyle::Global,
        Type::Number,
        Type::Number,
        Action::One(|cell, scope| rounded(cell, scope, f64::ceil)),
    ),
    extension(
        "round",
        CallStyle::Global,
        Type::Number,
        Type::Number,
        Action::One(|cell, scope| rounded(cell, scope, f64::round)),
    ),
    extension(
        "min",
        CallStyle::Global,
        Type::Number,
        Type::Number,
        Action::Fold(|left, right, scope| extreme(left, right, scope, false)),
    ),
    extension(
        "max",
        CallStyle::Global,
        Type::Number,
        Type::Number,
        Action::Fold(|left, right, scope| extreme(left, right, scope, true)),
    ),
];

fn int(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
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

fn double(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let Ok(text) = settled(cell, scope) else {
        return super::value::double(cell, scope.inputs.payload).map(Cell::Double);
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

fn starts_with(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(scope.bytes(text).starts_with(scope.bytes(part))))
}

fn ends_with(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(scope.bytes(text).ends_with(scope.bytes(part))))
}

fn contains(text: Cell, part: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (text, part) = (settled(text, scope)?, settled(part, scope)?);
    Ok(Cell::Bool(memchr::memmem::find(scope.bytes(text), scope.bytes(part)).is_some()))
}

fn lower_ascii(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    mapped(cell, scope, |character| character.to_ascii_lowercase())
}

fn upper_ascii(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    mapped(cell, scope, |character| character.to_ascii_uppercase())
}

/// The text with each character replaced.
fn mapped(cell: Cell, scope: &mut Scope<'_>, change: fn(char) -> char) -> Result<Cell, Reason> {
    let mut rest = copied(cell, scope)?;
    let mark = scope.text.mark();
    while let Some(character) = scope.text.get(rest).chars().next() {
        scope.text.push(change(character));
        rest.start += u32::try_from(character.len_utf8()).unwrap_or(1);
    }
    Ok(Cell::Text(scope.text.since(mark)))
}

/// The text without white space around it.
fn trim(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let copy = copied(cell, scope)?;
    let text = scope.text.get(copy);
    let before = text.len() - text.trim_start().len();
    let length = text.trim().len();
    let start = copy.start + u32::try_from(before).unwrap_or_default();
    let end = start + u32::try_from(length).unwrap_or_default();
    Ok(Cell::Text(crate::payload::Span { start, end }))
}

/// The text in the arena.
fn copied(cell: Cell, scope: &mut Scope<'_>) -> Result<crate::payload::Span, Reason> {
    let text = settled(cell, scope)?;
    if let Cell::Text(span) = text {
        return Ok(span);
    }
    let mark = scope.text.mark();
    super::value::push(text, scope)?;
    Ok(scope.text.since(mark))
}

fn abs(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let number = Number::of(cell, scope.inputs.payload)?;
    let is_negative = number.order(Number::Int(0)).is_lt();
    (if is_negative { super::value::negated(number) } else { Ok(number) }).map(Number::cell)
}

/// A double made whole; integers are whole already.
fn rounded(cell: Cell, scope: &Scope<'_>, round: fn(f64) -> f64) -> Result<Cell, Reason> {
    Ok(match Number::of(cell, scope.inputs.payload)? {
        Number::Double(value) => Cell::Double(round(value)),
        integer => integer.cell(),
    })
}

fn extreme(left: Cell, right: Cell, scope: &Scope<'_>, is_largest: bool) -> Result<Cell, Reason> {
    let (left, right) = (Number::of(left, scope.inputs.payload)?, Number::of(right, scope.inputs.payload)?);
    let ordering = left.order(right);
    let takes_right = if is_largest { ordering.is_lt() } else { ordering.is_gt() };
    Ok(if takes_right { right } else { left }.cell())
}
