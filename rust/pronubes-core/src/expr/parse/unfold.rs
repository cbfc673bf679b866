//! Macros back from what the parser makes of them. It unfolds `list.all(x, ...)` into a fold with an accumulator; that is
//! recognised here by its shape, because a loop with a meaning of its own can stop early, be bounded and be explained.

use super::Converter;
use crate::expr::lexical::span;
use crate::expr::syntax::{MacroKind, MacroNode, Node, NodeKind};
use crate::payload::Span;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr as Syntax, IdedExpr, LiteralValue, MapExpr, operators};

/// What is evaluated for each element: a condition, where there is one, and what it gives.
type Parts = (MacroKind, Option<IdedExpr>, IdedExpr);

impl Converter<'_> {
    /// The macro that a comprehension was.
    pub(super) fn comprehension(&self, found: ComprehensionExpr, token: Span) -> Node {
        let mark = self.word_before(token.start);
        let name: Box<str> = found.iter_var.as_str().into();
        let range = self.node(found.iter_range);
        let is_variable = |node: &IdedExpr| matches!(&node.expr, Syntax::Ident(ident) if **ident == *name);
        let unfolded = parts(&found.accu_init.expr, found.loop_step, is_variable);
        let (Some((kind, condition, body)), None) = (unfolded, found.iter_var2) else {
            let what = format!("the macro `{}`", mark.of_str(self.source));
            return Node { kind: NodeKind::Unsupported(what.into()), extent: mark, mark };
        };
        let start = self.skip_space(self.skip_space(mark.end) + 1) as usize;
        let name_at = span(start, (start + name.len()).min(self.source.len()));
        let (condition, body) = (condition.map(|condition| self.node(condition)), self.node(body));
        let extent = Span { start: range.extent.start, end: self.closed(body.extent.end, b')') };
        let kind = NodeKind::Macro(Box::new(MacroNode { kind, range, name, name_at, condition, body }));
        Node { kind, extent, mark }
    }

    /// A map literal.
    pub(super) fn map(&self, map: MapExpr, token: Span) -> Node {
        let mut end = token.end;
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in map.entries {
            let EntryExpr::MapEntry(entry) = entry.expr else { continue };
            let (key, value) = (self.node(entry.key), self.node(entry.value));
            end = value.extent.end;
            entries.push((key, value));
        }
        let extent = Span { start: token.start, end: self.closed(end, b'}') };
        Node { kind: NodeKind::Map(entries), extent, mark: token }
    }
}

/// The parts of a macro by how its accumulator begins and goes on.
fn parts(begin: &Syntax, step: IdedExpr, is_variable: impl Fn(&IdedExpr) -> bool) -> Option<Parts> {
    match begin {
        Syntax::Literal(LiteralValue::Boolean(value)) => {
            let kind = if *value.inner() { MacroKind::All } else { MacroKind::Exists };
            let [_, body] = operands(step)?.1.try_into().ok()?;
            Some((kind, None, body))
        }
        Syntax::Literal(LiteralValue::Int(_)) => {
            let [body, _, _] = operands(step)?.1.try_into().ok()?;
            Some((MacroKind::ExistsOne, None, body))
        }
        Syntax::List(_) => {
            let (name, parts) = operands(step)?;
            if name != operators::CONDITIONAL {
                return Some((MacroKind::Map, None, appended(parts)?));
            }
            let [condition, then, _] = parts.try_into().ok()?;
            let body = appended(operands(then)?.1)?;
            // `filter(x, ...)` is `map(x, ..., x)`.
            Some(if is_variable(&body) {
                (MacroKind::Filter, None, condition)
            } else {
                (MacroKind::Map, Some(condition), body)
            })
        }
        _ => None,
    }
}

fn operands(node: IdedExpr) -> Option<(String, Vec<IdedExpr>)> {
    if let Syntax::Call(call) = node.expr { Some((call.func_name, call.args)) } else { None }
}

/// What `accumulator + [item]` appends.
fn appended(parts: Vec<IdedExpr>) -> Option<IdedExpr> {
    match parts.into_iter().nth(1)?.expr {
        Syntax::List(list) => list.elements.into_iter().next(),
        _ => None,
    }
}
