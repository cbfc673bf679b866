//! Constant folding. A constant part is evaluated by the code that it would be lowered to, so that a constant and a
//! field of the same value cannot give different results. A part that fails stays in the tree as such: it is an error
//! only if the whole expression cannot do without it (`vars.n == 0 ? 0.0 : 1 / vars.n` is fine).

use crate::expr::lower;
use crate::expr::scope::{Inputs, Scope};
use crate::expr::syntax::Constant;
use crate::expr::tree::{Macro, Tree};
use crate::message::Meta;
use crate::payload::{Cell, Literals, Span, TextArena};
use crate::reason::Reason;

/// Folds an operation that needs all its operands.
pub(super) fn strict(tree: Tree, at: Span) -> Tree {
    let mut is_constant = true;
    let mut failed = None;
    tree.visit(&mut |operand| match operand {
        Tree::Fails(reason, at) => failed = failed.or(Some((*reason, *at))),
        operand => is_constant = is_constant && operand.is_constant(),
    });
    match failed {
        Some((reason, at)) => Tree::Fails(reason, at),
        None if is_constant && !tree.is_constant() => evaluate(&tree).unwrap_or_else(|reason| Tree::Fails(reason, at)),
        None => tree,
    }
}

/// Folds a macro: one over constants, with a body that reads nothing of a message. A body that always fails is no
/// failure of the whole: the list may be empty.
pub(super) fn looped(looped: Macro, at: Span) -> Tree {
    if let Tree::Fails(reason, at) = looped.range {
        return Tree::Fails(reason, at);
    }
    let is_constant = looped.range.is_constant();
    let local = looped.local;
    let tree = Tree::Macro(Box::new(looped));
    if !is_constant || tree.is_open(local) {
        return tree;
    }
    evaluate(&tree).unwrap_or_else(|reason| Tree::Fails(reason, at))
}

/// `left && right` (decided by `false`) or `left || right` (decided by `true`), as one chain with the constants folded.
pub(super) fn chain(parts: [Tree; 2], decisive: bool) -> Tree {
    let mut links: Vec<Tree> = Vec::new();
    for part in parts {
        match part {
            Tree::And(inner) if !decisive => links.extend(inner),
            Tree::Or(inner) if decisive => links.extend(inner),
            other => links.push(other),
        }
    }
    if links.iter().any(|link| *link == Tree::Constant(Constant::Bool(decisive))) {
        return Tree::Constant(Constant::Bool(decisive));
    }
    links.retain(|link| *link != Tree::Constant(Constant::Bool(!decisive)));
    if links.iter().all(|link| matches!(link, Tree::Fails(..))) {
        return links.into_iter().next().unwrap_or(Tree::Constant(Constant::Bool(!decisive)));
    }
    // A single link stays a chain: `true && payload.x` asks for a truth value, `payload.x` alone does not.
    if decisive { Tree::Or(links) } else { Tree::And(links) }
}

/// `condition ? then : otherwise`
pub(super) fn conditional(condition: Tree, then: Tree, otherwise: Tree) -> Tree {
    match condition {
        Tree::Constant(Constant::Bool(value)) => {
            if value {
                then
            } else {
                otherwise
            }
        }
        Tree::Fails(..) => condition,
        _ => Tree::Conditional(Box::new([condition, then, otherwise])),
    }
}

/// The value of a tree that reads nothing of a message.
fn evaluate(tree: &Tree) -> Result<Tree, Reason> {
    let mut literals = Literals::default();
    let code = lower::lower(tree, &mut literals);
    let mut text = TextArena::default();
    let inputs = Inputs {
        payload: b"",
        topic: "",
        captures: &[],
        meta: &Meta::default(),
        source: "",
        key: Cell::Missing,
        literals: &literals,
        tables: &crate::tables::Tables::default(),
    };
    let mut scope = inputs.scope(&[], &mut text);
    let cell = code.eval(&mut scope)?;
    constant(cell, &scope)
}

/// The constant that a cell without a message is; lists nest no deeper than the expression.
fn constant(cell: Cell, scope: &Scope<'_>) -> Result<Tree, Reason> {
    let all = |cells: &[Cell]| cells.iter().map(|cell| constant(*cell, scope)).collect::<Result<Vec<_>, _>>();
    Ok(Tree::Constant(match cell {
        Cell::Null => Constant::Null,
        Cell::Bool(value) => Constant::Bool(value),
        Cell::Int(value) => Constant::Int(value),
        Cell::UInt(value) => Constant::UInt(value),
        Cell::Double(value) => Constant::Double(value),
        Cell::Time(seconds, nanos) => Constant::Time(seconds, nanos),
        Cell::Duration(ns) => Constant::Duration(ns),
        Cell::List(span) => return all(scope.text.cells(span)).map(Tree::List),
        Cell::Map(span) => return all(scope.text.cells(span)).map(Tree::Map),
        cell => Constant::Text(scope.str(cell)?.into()),
    }))
}
