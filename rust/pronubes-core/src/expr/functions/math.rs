//! Numbers: CEL's extension library `math`, and the short names of what is used most.

use super::super::contents::Elements;
use super::super::scope::Scope;
use super::super::tree::Type;
use super::super::value::{Number, ValueKind, arithmetic, finite, kind_of, negated};
use super::{Action, Function, LIST, Library, NUMBER, NUMBER_OR_LIST};
use crate::expr::syntax::Operator;
use crate::payload::Cell;
use crate::reason::Reason;

pub(super) const FUNCTIONS: &[Function] = &[
    number("abs", Action::One(abs)),
    number("floor", Action::One(floor)),
    number("ceil", Action::One(ceil)),
    number("round", Action::One(round)),
    number("min", Action::Fold(|left, right, scope| extreme(left, right, scope, false))).many(2),
    number("max", Action::Fold(|left, right, scope| extreme(left, right, scope, true))).many(2),
    Function::new(Library::Pronubes, "sum", &[LIST], Type::Number, Action::One(sum)).method(),
    math("math.abs", Type::Number, Action::One(abs)),
    math("math.ceil", Type::Number, Action::One(ceil)),
    math("math.floor", Type::Number, Action::One(floor)),
    math("math.round", Type::Number, Action::One(round)),
    math("math.trunc", Type::Number, Action::One(|cell, scope| rounded(cell, scope, f64::trunc))),
    math("math.sign", Type::Number, Action::One(sign)),
    math("math.sqrt", Type::Double, Action::One(sqrt)),
    math("math.isNaN", Type::Bool, Action::One(|cell, scope| is_number(cell, scope, false))),
    math("math.isInf", Type::Bool, Action::One(|cell, scope| is_number(cell, scope, false))),
    math("math.isFinite", Type::Bool, Action::One(|cell, scope| is_number(cell, scope, true))),
    outer("math.greatest", |values, scope| outermost(values, scope, true)),
    outer("math.least", |values, scope| outermost(values, scope, false)),
    both("math.bitAnd", |left, right, scope| bitwise(left, right, scope, |left, right| left & right)),
    both("math.bitOr", |left, right, scope| bitwise(left, right, scope, |left, right| left | right)),
    both("math.bitXor", |left, right, scope| bitwise(left, right, scope, |left, right| left ^ right)),
    math("math.bitNot", Type::Int, Action::One(bit_not)),
    both("math.bitShiftLeft", |bits, by, scope| shifted(bits, by, scope, u64::checked_shl)),
    both("math.bitShiftRight", |bits, by, scope| shifted(bits, by, scope, u64::checked_shr)),
];

const fn number(name: &'static str, action: Action) -> Function {
    Function::new(Library::Pronubes, name, &[NUMBER], Type::Number, action)
}

const fn math(name: &'static str, gives: Type, action: Action) -> Function {
    Function::new(Library::Math, name, &[NUMBER], gives, action)
}

const fn outer(name: &'static str, action: fn(&[Cell], &mut Scope<'_>) -> Result<Cell, Reason>) -> Function {
    Function::new(Library::Math, name, &[NUMBER_OR_LIST], Type::Number, Action::Some(action)).many(1)
}

const fn both(name: &'static str, action: fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>) -> Function {
    Function::new(Library::Math, name, &[NUMBER, NUMBER], Type::Int, Action::Two(action))
}

fn abs(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let number = Number::of(cell, scope.inputs.payload)?;
    let is_negative = number.order(Number::Int(0)).is_lt();
    (if is_negative { negated(number) } else { Ok(number) }).map(Number::cell)
}

fn floor(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    rounded(cell, scope, f64::floor)
}

fn ceil(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    rounded(cell, scope, f64::ceil)
}

fn round(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    rounded(cell, scope, f64::round)
}

/// A double made whole; integers are whole already.
fn rounded(cell: Cell, scope: &Scope<'_>, round: fn(f64) -> f64) -> Result<Cell, Reason> {
    Ok(match Number::of(cell, scope.inputs.payload)? {
        Number::Double(value) => Cell::Double(round(value)),
        integer => integer.cell(),
    })
}

fn sign(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    Ok(match Number::of(cell, scope.inputs.payload)? {
        Number::Double(0.0) => Cell::Double(0.0),
        Number::Double(value) => Cell::Double(value.signum()),
        Number::Int(value) => Cell::Int(value.signum()),
        Number::UInt(_) => Cell::Int(1),
    })
}

/// Of a negative number there is none: that is `not_finite`.
fn sqrt(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    finite(Number::of(cell, scope.inputs.payload)?.to_f64().sqrt()).map(Cell::Double)
}

/// Every number is finite here: what would not be is a failure where it comes about.
fn is_number(cell: Cell, scope: &Scope<'_>, answer: bool) -> Result<Cell, Reason> {
    Number::of(cell, scope.inputs.payload).map(|_| Cell::Bool(answer))
}

fn extreme(left: Cell, right: Cell, scope: &Scope<'_>, is_largest: bool) -> Result<Cell, Reason> {
    let (left, right) = (Number::of(left, scope.inputs.payload)?, Number::of(right, scope.inputs.payload)?);
    let ordering = left.order(right);
    let takes_right = if is_largest { ordering.is_lt() } else { ordering.is_gt() };
    Ok(if takes_right { right } else { left }.cell())
}

/// The outermost of some numbers, or of one list of numbers.
fn outermost(values: &[Cell], scope: &mut Scope<'_>, is_largest: bool) -> Result<Cell, Reason> {
    let mut found = None;
    let mut take = |cell: Cell, scope: &Scope<'_>| {
        let next = match found {
            None => Number::of(cell, scope.inputs.payload)?.cell(),
            Some(found) => extreme(found, cell, scope, is_largest)?,
        };
        found = Some(next);
        Ok::<(), Reason>(())
    };
    match *values {
        [list] if kind_of(list)? == ValueKind::Array => {
            let mut elements = Elements::of(list, scope)?;
            while let Some(element) = elements.next(scope) {
                scope.text.spend(1);
                take(element, scope)?;
            }
        }
        _ => values.iter().try_for_each(|value| take(*value, scope))?,
    }
    found.ok_or(Reason::MissingField)
}

/// The sum of the numbers of a list; 0 of none.
fn sum(list: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    if kind_of(list)? != ValueKind::Array {
        return Err(Reason::WrongType);
    }
    let mut elements = Elements::of(list, scope)?;
    let mut sum = Number::Int(0);
    while let Some(element) = elements.next(scope) {
        scope.text.spend(1);
        sum = arithmetic(Operator::Add, sum, Number::of(element, scope.inputs.payload)?)?;
    }
    Ok(sum.cell())
}

/// The 64 bits of an integer in two's complement, and whether only an unsigned integer has them.
fn bits(cell: Cell, scope: &Scope<'_>) -> Result<(u64, bool), Reason> {
    match Number::of(cell, scope.inputs.payload)? {
        Number::Int(value) => Ok((value.cast_unsigned(), false)),
        Number::UInt(value) => Ok((value, true)),
        Number::Double(_) => Err(Reason::WrongType),
    }
}

fn of_bits(bits: u64, is_unsigned: bool) -> Cell {
    match i64::try_from(bits) {
        Err(_) if is_unsigned => Cell::UInt(bits),
        _ => Cell::Int(bits.cast_signed()),
    }
}

fn bitwise(left: Cell, right: Cell, scope: &Scope<'_>, combine: fn(u64, u64) -> u64) -> Result<Cell, Reason> {
    let (left, right) = (bits(left, scope)?, bits(right, scope)?);
    Ok(of_bits(combine(left.0, right.0), left.1 || right.1))
}

fn bit_not(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let (bits, is_unsigned) = bits(cell, scope)?;
    Ok(of_bits(!bits, is_unsigned))
}

/// Bits that fall out are gone, zeros come in; by 64 or more nothing is left.
fn shifted(cell: Cell, by: Cell, scope: &Scope<'_>, shift: fn(u64, u32) -> Option<u64>) -> Result<Cell, Reason> {
    let (bits, is_unsigned) = bits(cell, scope)?;
    let by = match Number::of(by, scope.inputs.payload)? {
        Number::Int(by) if by < 0 => return Err(Reason::NumberOutOfRange),
        Number::Int(by) => u32::try_from(by).unwrap_or(u32::MAX),
        Number::UInt(_) => u32::MAX,
        Number::Double(_) => return Err(Reason::WrongType),
    };
    Ok(of_bits(shift(bits, by).unwrap_or(0), is_unsigned))
}
