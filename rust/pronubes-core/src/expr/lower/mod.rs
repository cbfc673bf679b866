//! Checked tree to code: boxed closures, with a form of its own for truth values and for doubles, and one closure for
//! each of the shapes that configurations are full of (`field * k + c`, `field < k`, `field == "text"`, and their `&&`).
//!
//! Closures were measured against a byte code: 8 ns against 30 ns for `value * 1.8 + 32.0`, with simpler code.

mod condition;
mod looping;
mod number;

use super::contents;
use super::functions::{Action, Function};
use super::scope::Scope;
use super::syntax::{Comparison, Constant, Operator};
use super::tree::{MetaField, Tree, Type};
use super::value::{self, Number, truth};
use crate::payload::{Cell, Literals, SlotId, Span};
use crate::reason::Reason;

pub(super) type CellFn = Box<dyn Fn(&mut Scope<'_>) -> Result<Cell, Reason> + Send + Sync>;
pub(super) type BoolFn = Box<dyn Fn(&mut Scope<'_>) -> Result<bool, Reason> + Send + Sync>;
pub(super) type DoubleFn = Box<dyn Fn(&mut Scope<'_>) -> Result<f64, Reason> + Send + Sync>;

type NumberFn = Box<dyn Fn(&mut Scope<'_>) -> Result<Number, Reason> + Send + Sync>;

/// Code, in the form that is natural to it.
pub(super) enum Code {
    Constant(Cell),
    Slot(SlotId),
    Bool(BoolFn),
    Double(DoubleFn),
    Cell(CellFn),
}

impl Code {
    #[inline]
    pub(super) fn eval(&self, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        match self {
            Self::Constant(cell) => Ok(*cell),
            Self::Slot(slot) => present(scope.cell(*slot)),
            Self::Bool(code) => code(scope).map(Cell::Bool),
            Self::Double(code) => code(scope).map(Cell::Double),
            Self::Cell(code) => code(scope),
        }
    }

    #[inline]
    pub(super) fn eval_bool(&self, scope: &mut Scope<'_>) -> Result<bool, Reason> {
        match self {
            Self::Bool(code) => code(scope),
            other => truth(other.eval(scope)?).map_err(|_| Reason::ConditionNotBool),
        }
    }
}

/// The code of a whole expression: what its macros do is counted from here on, and what it makes is fit to be written.
pub(super) fn whole(tree: &Tree, literals: &mut Literals) -> Code {
    let code = lower(tree, literals);
    let (has_macro, makes_contents) = (tree.has_macro(), tree.makes_contents());
    match code {
        Code::Bool(code) if has_macro => Code::Bool(Box::new(move |scope| {
            scope.text.begin_steps();
            code(scope)
        })),
        code if has_macro || makes_contents => Code::Cell(Box::new(move |scope| {
            scope.text.begin_steps();
            let cell = code.eval(scope)?;
            if makes_contents { contents::finished(cell, scope) } else { Ok(cell) }
        })),
        code => code,
    }
}

/// The code of `tree`; its texts become literals.
pub(super) fn lower(tree: &Tree, literals: &mut Literals) -> Code {
    match tree {
        Tree::Constant(constant) => Code::Constant(constant_cell(constant, literals)),
        Tree::Fails(reason, _) => {
            let reason = *reason;
            Code::Cell(Box::new(move |_| Err(reason)))
        }
        Tree::Slot(slot, _) => Code::Slot(*slot),
        Tree::Key => Code::Cell(Box::new(|scope| present(scope.inputs.key))),
        Tree::Topic => Code::Cell(Box::new(|scope| {
            Ok(Cell::Topic(Span { start: 0, end: u32::try_from(scope.inputs.topic.len()).unwrap_or(u32::MAX) }))
        })),
        Tree::Capture(number, _) => {
            let number = *number;
            Code::Cell(Box::new(move |scope| {
                scope.inputs.captures.get(number).copied().map(Cell::Topic).ok_or(Reason::MissingField)
            }))
        }
        Tree::Meta(field) => meta(*field),
        Tree::Negate(_) | Tree::Arithmetic(..) => number::lower(tree, literals),
        Tree::Conditional(parts) => conditional(parts, tree.result(), literals),
        Tree::Call(function, parts) => call(function, parts, literals),
        Tree::Has(..)
        | Tree::HasSourceTime
        | Tree::Not(_)
        | Tree::And(_)
        | Tree::Or(_)
        | Tree::Compare(..)
        | Tree::In(..)
        | Tree::InList(..)
        | Tree::HasMember(..)
        | Tree::Matches(..) => Code::Bool(condition::lower(tree, literals)),
        Tree::Macro(looped) => looping::lower(looped, literals),
        Tree::List(parts) => Code::Cell(list(parts, literals, Cell::List)),
        Tree::Map(parts) => Code::Cell(map(parts, literals)),
        Tree::Local(number, ..) => {
            let number = *number;
            Code::Cell(Box::new(move |scope| Ok(scope.text.local(number))))
        }
        Tree::Member(part, name) => {
            let (part, name) = (cell_fn(part, literals), name.clone());
            Code::Cell(Box::new(move |scope| {
                let cell = part(scope)?;
                contents::member(cell, &name, scope)?.ok_or(Reason::MissingField)
            }))
        }
        Tree::Index(part, index) => {
            let (part, index) = (cell_fn(part, literals), cell_fn(index, literals));
            Code::Cell(Box::new(move |scope| {
                let (part, index) = (part(scope)?, index(scope)?);
                contents::at(part, index, scope)
            }))
        }
    }
}

/// The cell of a constant.
pub(super) fn constant_cell(constant: &Constant, literals: &mut Literals) -> Cell {
    match constant {
        Constant::Null => Cell::Null,
        Constant::Bool(value) => Cell::Bool(*value),
        Constant::Int(value) => Cell::Int(*value),
        Constant::UInt(value) => Cell::UInt(*value),
        Constant::Double(value) => Cell::Double(*value),
        Constant::Text(text) => Cell::Literal(literals.add_text(text)),
        Constant::Time(seconds, nanos) => Cell::Time(*seconds, *nanos),
        Constant::Duration(ns) => Cell::Duration(*ns),
    }
}

/// `[a, b]`, or what stands between the brackets of `{a: b}`.
fn list(parts: &[Tree], literals: &mut Literals, wrap: fn(Span) -> Cell) -> CellFn {
    let constants: Option<Box<[Cell]>> = parts
        .iter()
        .map(|part| match part {
            Tree::Constant(constant) => Some(constant_cell(constant, literals)),
            _ => None,
        })
        .collect();
    if let Some(cells) = constants {
        return Box::new(move |scope| Ok(wrap(scope.text.push_list(&cells))));
    }
    let parts: Box<[CellFn]> = parts.iter().map(|part| cell_fn(part, literals)).collect();
    Box::new(move |scope| {
        let begun = scope.text.begin_list();
        for part in &parts {
            match part(scope) {
                Ok(cell) => scope.text.push_element(cell),
                Err(reason) => {
                    scope.text.drop_list(begun);
                    return Err(reason);
                }
            }
        }
        Ok(wrap(scope.text.end_list(begun)))
    })
}

/// `{a: b}`; keys are texts, each once.
fn map(parts: &[Tree], literals: &mut Literals) -> CellFn {
    let made = list(parts, literals, Cell::Map);
    Box::new(move |scope| {
        let cell = made(scope)?;
        contents::settle_keys(cell, scope)?;
        Ok(cell)
    })
}

fn cell_fn(tree: &Tree, literals: &mut Literals) -> CellFn {
    match lower(tree, literals) {
        Code::Cell(code) => code,
        Code::Slot(slot) => Box::new(move |scope| present(scope.cell(slot))),
        Code::Constant(cell) => Box::new(move |_| Ok(cell)),
        Code::Bool(code) => Box::new(move |scope| code(scope).map(Cell::Bool)),
        Code::Double(code) => Box::new(move |scope| code(scope).map(Cell::Double)),
    }
}

#[inline]
fn present(cell: Cell) -> Result<Cell, Reason> {
    match cell {
        Cell::Missing | Cell::Duplicate => Err(value::no_value(cell)),
        cell => Ok(cell),
    }
}

fn meta(field: MetaField) -> Code {
    const NANOS_PER_MILLI: i64 = 1_000_000;
    Code::Cell(match field {
        MetaField::Source => Box::new(|scope| {
            let mark = scope.text.mark();
            scope.text.push_str(scope.inputs.source);
            Ok(Cell::Text(scope.text.since(mark)))
        }),
        MetaField::Qos => Box::new(|scope| Ok(Cell::Int(i64::from(scope.inputs.meta.qos)))),
        MetaField::Retain => Box::new(|scope| Ok(Cell::Bool(scope.inputs.meta.retain))),
        MetaField::ReceivedNs => Box::new(|scope| Ok(Cell::Int(scope.inputs.meta.received_ns))),
        MetaField::ReceivedMs => {
            Box::new(|scope| Ok(Cell::Int(scope.inputs.meta.received_ns.div_euclid(NANOS_PER_MILLI))))
        }
        MetaField::SourceNs => Box::new(|scope| source_ns(scope).map(Cell::Int)),
        MetaField::SourceMs => {
            Box::new(|scope| source_ns(scope).map(|nanos| Cell::Int(nanos.div_euclid(NANOS_PER_MILLI))))
        }
    })
}

fn source_ns(scope: &Scope<'_>) -> Result<i64, Reason> {
    scope.inputs.meta.source_ns.ok_or(Reason::MissingField)
}

fn conditional(parts: &[Tree; 3], result: Type, literals: &mut Literals) -> Code {
    let condition = condition::lower(&parts[0], literals);
    match result {
        Type::Bool => {
            let (then, otherwise) = (condition::lower(&parts[1], literals), condition::lower(&parts[2], literals));
            Code::Bool(Box::new(move |scope| if condition(scope)? { then(scope) } else { otherwise(scope) }))
        }
        Type::Double => {
            let (then, otherwise) = (number::double_fn(&parts[1], literals), number::double_fn(&parts[2], literals));
            Code::Double(Box::new(move |scope| if condition(scope)? { then(scope) } else { otherwise(scope) }))
        }
        _ => {
            let (then, otherwise) = (cell_fn(&parts[1], literals), cell_fn(&parts[2], literals));
            Code::Cell(Box::new(move |scope| if condition(scope)? { then(scope) } else { otherwise(scope) }))
        }
    }
}

fn call(function: &Function, parts: &[Tree], literals: &mut Literals) -> Code {
    let mut arguments: Vec<CellFn> = parts.iter().map(|part| cell_fn(part, literals)).collect();
    let first = arguments.remove(0);
    Code::Cell(match function.action {
        Action::One(action) => Box::new(move |scope| {
            let cell = first(scope)?;
            action(cell, scope)
        }),
        Action::Some(action) => {
            arguments.insert(0, first);
            some(action, arguments.into())
        }
        Action::Two(action) | Action::Fold(action) => {
            let rest = arguments.into_boxed_slice();
            Box::new(move |scope| {
                let mut result = first(scope)?;
                for argument in &rest {
                    let next = argument(scope)?;
                    result = action(result, next, scope)?;
                }
                Ok(result)
            })
        }
    })
}

/// A call of a function that takes its arguments at once.
fn some(action: fn(&[Cell], &mut Scope<'_>) -> Result<Cell, Reason>, arguments: Box<[CellFn]>) -> CellFn {
    Box::new(move |scope| {
        let mut values = [Cell::Missing; super::functions::MANY];
        for (value, argument) in values.iter_mut().zip(&arguments) {
            *value = argument(scope)?;
        }
        action(&values[..arguments.len().min(values.len())], scope)
    })
}
