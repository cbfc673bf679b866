//! Macros: bounded loops over the elements of a list or the keys of an object.
//!
//! 1. The bounds are asked for each element (`bounds.rs`); what exceeds them ends the whole expression.
//! 2. What a condition made for an element is forgotten at once; what a `map` gave stays until the message is done.
//! 3. `all` and `exists` are chains of `&&` and `||`: one element can decide although another failed.

use super::super::bounds::MAX_ELEMENTS;
use super::super::contents::Elements;
use super::super::tree::Macro;
use super::condition;
use super::{BoolFn, Cell, CellFn, Code, Literals, Reason, Scope, cell_fn};
use crate::expr::syntax::MacroKind;
use std::ops::ControlFlow;

/// The code of a macro.
pub(super) fn lower(looped: &Macro, literals: &mut Literals) -> Code {
    let parts = looped.body.parts().saturating_add(looped.condition.as_ref().map_or(0, |part| part.parts()));
    let frame = Loop { range: cell_fn(&looped.range, literals), local: looped.local, steps: parts };
    match looped.kind {
        MacroKind::All => Code::Bool(decided(frame, condition::lower(&looped.body, literals), false)),
        MacroKind::Exists => Code::Bool(decided(frame, condition::lower(&looped.body, literals), true)),
        MacroKind::ExistsOne => Code::Bool(single(frame, condition::lower(&looped.body, literals))),
        MacroKind::Filter => Code::Cell(filter(frame, condition::lower(&looped.body, literals))),
        MacroKind::Map => {
            let condition = looped.condition.as_ref().map(|part| condition::lower(part, literals));
            Code::Cell(map(frame, condition, cell_fn(&looped.body, literals)))
        }
    }
}

/// What all macros have.
struct Loop {
    range: CellFn,
    /// The number of its variable.
    local: usize,
    /// What one element costs.
    steps: u32,
}

impl Loop {
    /// Shows each element, in order, until the visitor has had enough.
    #[inline]
    fn each(
        &self,
        scope: &mut Scope<'_>,
        mut visit: impl FnMut(&mut Scope<'_>, Cell) -> Result<ControlFlow<()>, Reason>,
    ) -> Result<(), Reason> {
        let range = (self.range)(scope)?;
        let mut elements = Elements::of(range, scope)?;
        let mut count = 0;
        while let Some(element) = elements.next(scope) {
            count += 1;
            scope.check_bounds(self.steps)?;
            if count > MAX_ELEMENTS {
                return Err(Reason::ExpressionLimit);
            }
            scope.text.set_local(self.local, element);
            if visit(scope, element)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The list of what the visitor appends.
    #[inline]
    fn gather(
        &self,
        scope: &mut Scope<'_>,
        mut visit: impl FnMut(&mut Scope<'_>, Cell) -> Result<(), Reason>,
    ) -> Result<Cell, Reason> {
        let begun = scope.text.begin_list();
        let outcome = self.each(scope, |scope, element| visit(scope, element).map(ControlFlow::Continue));
        match outcome {
            Ok(()) => Ok(Cell::List(scope.text.end_list(begun))),
            Err(reason) => {
                scope.text.drop_list(begun);
                Err(reason)
            }
        }
    }
}

/// A condition for one element; what it made is forgotten.
#[inline]
fn holds(condition: &BoolFn, scope: &mut Scope<'_>) -> Result<bool, Reason> {
    let mark = scope.text.state();
    let result = condition(scope);
    scope.text.back_to(mark);
    result
}

/// `all` (decided by one `false`) and `exists` (decided by one `true`).
fn decided(frame: Loop, body: BoolFn, decisive: bool) -> BoolFn {
    Box::new(move |scope| {
        let (mut is_decided, mut failure) = (false, None);
        frame.each(scope, |scope, _| {
            match holds(&body, scope) {
                Ok(value) if value == decisive => {
                    is_decided = true;
                    return Ok(ControlFlow::Break(()));
                }
                Ok(_) => {}
                Err(Reason::ExpressionLimit) => return Err(Reason::ExpressionLimit),
                Err(reason) => failure = failure.or(Some(reason)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if is_decided { Ok(decisive) } else { failure.map_or(Ok(!decisive), Err) }
    })
}

/// `exists_one`: every failure is one of the whole.
fn single(frame: Loop, body: BoolFn) -> BoolFn {
    Box::new(move |scope| {
        let mut count = 0_usize;
        frame.each(scope, |scope, _| {
            count += usize::from(holds(&body, scope)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count == 1)
    })
}

fn filter(frame: Loop, body: BoolFn) -> CellFn {
    Box::new(move |scope| {
        frame.gather(scope, |scope, element| {
            if holds(&body, scope)? {
                scope.text.push_element(element);
            }
            Ok(())
        })
    })
}

fn map(frame: Loop, condition: Option<BoolFn>, body: CellFn) -> CellFn {
    Box::new(move |scope| {
        frame.gather(scope, |scope, _| {
            if let Some(condition) = &condition
                && !holds(condition, scope)?
            {
                return Ok(());
            }
            let mark = scope.text.state();
            let cell = body(scope)?;
            scope.text.keep_only(cell, mark);
            scope.text.push_element(cell);
            Ok(())
        })
    })
}
