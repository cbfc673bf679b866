//! Conditions: comparisons of a field with a constant in one closure, and chains of them without a call in between.

use super::super::contents;
use super::super::functions::order;
use super::super::tree::Pattern;
use super::super::value::{compare, kind_of, no_value, settled, truth};
use super::number::{double_fn, is_number, number_of};
use super::{
    BoolFn, Cell, Comparison, Constant, Literals, Number, Reason, Scope, SlotId, Tree, Type, cell_fn, constant_cell,
    lower as lower_cell,
};
use crate::payload::{Kind, Raw, number};
use std::cmp::Ordering;
use std::collections::HashSet;

/// The code of a part whose value is used as a truth value.
pub(super) fn lower(tree: &Tree, literals: &mut Literals) -> BoolFn {
    match tree {
        Tree::And(parts) => all(tests(parts, literals)),
        Tree::Or(parts) => any(tests(parts, literals)),
        _ => match test(tree, literals) {
            Test::Number { slot, comparison, bound } => {
                Box::new(move |scope| number_test(scope, slot, comparison, bound))
            }
            Test::Text { slot, is_equal, text } => Box::new(move |scope| text_test(scope, slot, is_equal, &text)),
            Test::Has(slot) => Box::new(move |scope| has(scope, slot)),
            Test::Other(code) => code,
        },
    }
}

/// One link of a chain.
enum Test {
    /// `field < 5`
    Number { slot: SlotId, comparison: Comparison, bound: Number },
    /// `field == "text"` or `!=`
    Text { slot: SlotId, is_equal: bool, text: Box<[u8]> },
    /// `has(field)`
    Has(SlotId),
    /// Anything else.
    Other(BoolFn),
}

impl Test {
    #[inline]
    fn run(&self, scope: &mut Scope<'_>) -> Result<bool, Reason> {
        match self {
            Self::Number { slot, comparison, bound } => number_test(scope, *slot, *comparison, *bound),
            Self::Text { slot, is_equal, text } => text_test(scope, *slot, *is_equal, text),
            Self::Has(slot) => has(scope, *slot),
            Self::Other(code) => code(scope),
        }
    }
}

fn tests(parts: &[Tree], literals: &mut Literals) -> Box<[Test]> {
    parts.iter().map(|part| test(part, literals)).collect()
}

/// All hold. As in CEL, one `false` decides, even when another link fails.
fn all(tests: Box<[Test]>) -> BoolFn {
    Box::new(move |scope| decide(&tests, scope, false))
}

/// One holds. As in CEL, one `true` decides, even when another link fails.
fn any(tests: Box<[Test]>) -> BoolFn {
    Box::new(move |scope| decide(&tests, scope, true))
}

/// `decisive` if one link gives it; else the first failure, if there is one; else the opposite.
#[inline]
fn decide(tests: &[Test], scope: &mut Scope<'_>, decisive: bool) -> Result<bool, Reason> {
    let mut failure = None;
    for test in tests {
        match test.run(scope) {
            Ok(value) if value == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    failure.map_or(Ok(!decisive), Err)
}

fn test(tree: &Tree, literals: &mut Literals) -> Test {
    match tree {
        Tree::Has(slot, _) => Test::Has(*slot),
        Tree::Compare(comparison, left, right) => comparison_test(*comparison, left, right, literals),
        Tree::And(_) | Tree::Or(_) => Test::Other(lower(tree, literals)),
        Tree::HasSourceTime => Test::Other(Box::new(|scope| Ok(scope.inputs.meta.source_ns.is_some()))),
        Tree::Not(part) => {
            let part = lower(part, literals);
            Test::Other(Box::new(move |scope| part(scope).map(|value| !value)))
        }
        Tree::In(part, constants) => Test::Other(membership(part, constants, literals)),
        Tree::InList(part, list) => {
            let (part, list) = (cell_fn(part, literals), cell_fn(list, literals));
            Test::Other(Box::new(move |scope| {
                let (part, list) = (part(scope)?, list(scope)?);
                contents::contains(part, list, scope)
            }))
        }
        Tree::HasMember(part, name) => {
            let (part, name) = (cell_fn(part, literals), name.clone());
            Test::Other(Box::new(move |scope| match part(scope) {
                Ok(cell) => contents::member(cell, &name, scope).map(|found| found.is_some()),
                Err(Reason::MissingField) => Ok(false),
                Err(reason) => Err(reason),
            }))
        }
        Tree::Matches(part, pattern) => Test::Other(matches(part, pattern, literals)),
        other => Test::Other(match lower_cell(other, literals) {
            super::Code::Bool(code) => code,
            code => Box::new(move |scope| truth(code.eval(scope)?)),
        }),
    }
}

fn comparison_test(comparison: Comparison, left: &Tree, right: &Tree, literals: &mut Literals) -> Test {
    if let (Tree::Constant(_), Tree::Slot(..)) = (left, right) {
        return comparison_test(comparison.mirrored(), right, left, literals);
    }
    if let (Tree::Slot(slot, _), Tree::Constant(constant)) = (left, right) {
        if let Some(bound) = number_of(constant) {
            return Test::Number { slot: *slot, comparison, bound };
        }
        if let Constant::Text(text) = constant
            && comparison.is_equality()
        {
            let is_equal = comparison == Comparison::Equal;
            return Test::Text { slot: *slot, is_equal, text: text.as_bytes().into() };
        }
    }
    if left.result() == Type::Double
        && right.result().is_number()
        && !matches!(right.result(), Type::Int | Type::Number)
    {
        let (left, right) = (double_fn(left, literals), double_fn(right, literals));
        return Test::Other(Box::new(move |scope| {
            let (left, right) = (left(scope)?, right(scope)?);
            Ok(comparison.holds(left.partial_cmp(&right).unwrap_or(Ordering::Equal)))
        }));
    }
    let (left, right) = (cell_fn(left, literals), cell_fn(right, literals));
    Test::Other(Box::new(move |scope| {
        let (left, right) = (left(scope)?, right(scope)?);
        compare(comparison, left, right, scope)
    }))
}

#[inline]
fn has(scope: &Scope<'_>, slot: SlotId) -> Result<bool, Reason> {
    match scope.cell(slot) {
        Cell::Missing => Ok(false),
        Cell::Duplicate => Err(Reason::DuplicateKey),
        _ => Ok(true),
    }
}

#[inline]
fn number_test(scope: &Scope<'_>, slot: SlotId, comparison: Comparison, bound: Number) -> Result<bool, Reason> {
    let cell = scope.cell(slot);
    // The common pair needs no exact order: a field with a point against a bound with one.
    if let (Cell::Raw(raw @ Raw { kind: Kind::Decimal, .. }), Number::Double(bound)) = (cell, bound) {
        let value = number::read_f64(scope.inputs.payload, raw)?;
        return Ok(comparison.holds(value.partial_cmp(&bound).unwrap_or(Ordering::Equal)));
    }
    if is_number(cell) {
        return Ok(comparison.holds(Number::of(cell, scope.inputs.payload)?.order(bound)));
    }
    unequal(cell, comparison)
}

#[inline]
fn text_test(scope: &mut Scope<'_>, slot: SlotId, is_equal: bool, text: &[u8]) -> Result<bool, Reason> {
    let cell = scope.cell(slot);
    if let Cell::Raw(Raw { kind: Kind::Text, start, end }) = cell {
        let quoted = crate::payload::Span { start, end }.of(scope.inputs.payload);
        let same = quoted.len() == text.len() + 2 && quoted.get(1..=text.len()) == Some(text);
        return Ok(same == is_equal);
    }
    match settled(cell, scope) {
        Ok(settled) => Ok((scope.bytes(settled) == text) == is_equal),
        Err(Reason::WrongType) => Ok(!is_equal),
        Err(reason) => Err(reason),
    }
}

/// What a comparison with a value of another kind gives.
#[cold]
fn unequal(cell: Cell, comparison: Comparison) -> Result<bool, Reason> {
    kind_of(cell)?;
    match comparison {
        Comparison::Equal => Ok(false),
        Comparison::NotEqual => Ok(true),
        _ => Err(Reason::WrongType),
    }
}

/// `part in [constants]`; texts are hashed where there are many.
fn membership(part: &Tree, constants: &[Constant], literals: &mut Literals) -> BoolFn {
    const HASH_FROM: usize = 16;
    let part = cell_fn(part, literals);
    let texts: Vec<Box<[u8]>> = constants
        .iter()
        .filter_map(|constant| if let Constant::Text(text) = constant { Some(text.as_bytes().into()) } else { None })
        .collect();
    let numbers: Box<[Number]> = constants.iter().filter_map(number_of).collect();
    let bools: Box<[bool]> = constants
        .iter()
        .filter_map(|constant| if let Constant::Bool(value) = constant { Some(*value) } else { None })
        .collect();
    let is_time = |constant: &&Constant| matches!(constant, Constant::Time(..) | Constant::Duration(_));
    let times: Box<[Cell]> =
        constants.iter().filter(is_time).map(|constant| constant_cell(constant, literals)).collect();
    let has_null = constants.contains(&Constant::Null);
    let hashed: Option<HashSet<Box<[u8]>>> = (texts.len() >= HASH_FROM).then(|| texts.iter().cloned().collect());
    Box::new(move |scope| {
        use super::super::value::ValueKind;
        let cell = part(scope)?;
        Ok(match kind_of(cell)? {
            ValueKind::Null => has_null,
            ValueKind::Bool => bools.contains(&truth(cell)?),
            ValueKind::Number if numbers.is_empty() => false,
            ValueKind::Number => {
                let number = Number::of(cell, scope.inputs.payload)?;
                numbers.iter().any(|constant| number.order(*constant).is_eq())
            }
            ValueKind::Text => {
                let text = settled(cell, scope)?;
                let text = scope.bytes(text);
                hashed.as_ref().map_or_else(|| texts.iter().any(|known| **known == *text), |known| known.contains(text))
            }
            ValueKind::Time | ValueKind::Duration => {
                times.iter().any(|time| order(cell, *time).is_some_and(std::cmp::Ordering::is_eq))
            }
            ValueKind::Object | ValueKind::Array | ValueKind::Composite => false,
        })
    })
}

fn matches(part: &Tree, pattern: &Pattern, literals: &mut Literals) -> BoolFn {
    let (part, pattern) = (cell_fn(part, literals), pattern.0.clone());
    Box::new(move |scope| {
        let cell = part(scope)?;
        let text = settled(cell, scope).map_err(|_| no_value(cell))?;
        Ok(pattern.is_match(scope.bytes(text)))
    })
}
