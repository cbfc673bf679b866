//! Macros, list and map literals, and what can be looped over.

use super::{Checker, fold};
use crate::expr::bounds::{MAX_ELEMENTS, MAX_MACROS};
use crate::expr::syntax::{Constant, MacroKind, MacroNode, Node, NodeKind};
use crate::expr::tree::{Macro, Tree, Type};
use crate::payload::FieldPath;

/// The variable of a macro, while its body is checked.
pub(super) struct Local {
    name: Box<str>,
    kind: Type,
}

impl Checker<'_, '_> {
    /// The variable of the innermost macro that has one of this name.
    pub(super) fn local(&self, name: &str) -> Option<Tree> {
        let number = self.locals.iter().rposition(|local| *local.name == *name)?;
        Some(Tree::Local(number, name.into(), self.locals[number].kind))
    }

    /// A part of which the contents are wanted: the whole payload is one too.
    pub(super) fn container(&mut self, node: &Node) -> Tree {
        if matches!(&node.kind, NodeKind::Name(name) if **name == *"payload") {
            return Tree::Slot(self.compiler.paths.add(&FieldPath::root()), "".into());
        }
        self.node(node)
    }

    /// `range.all(name, body)` and its like
    pub(super) fn looped(&mut self, parts: &MacroNode, node: &Node) -> Tree {
        let range = self.range(parts, node);
        if self.locals.len() >= MAX_MACROS {
            let expected = format!("at most {MAX_MACROS} macros inside of each other");
            let error = self.make(node.mark, "The macros are nested too deep.", expected);
            return self.push(error);
        }
        if super::RESERVED.contains(&&*parts.name) {
            let message = format!("`{}` is a variable already.", parts.name);
            let error = self.make(parts.name_at, message, "another name");
            self.errors.push(error);
        }
        let local = self.locals.len();
        self.locals.push(Local { name: parts.name.clone(), kind: range.element() });
        let condition = parts.condition.as_ref().map(|condition| self.wanted(condition, Type::Bool));
        let body = match parts.kind {
            MacroKind::Map => self.node(&parts.body),
            _ => self.wanted(&parts.body, Type::Bool),
        };
        self.locals.pop();
        let looped = Macro { kind: parts.kind, range, name: parts.name.clone(), local, condition, body };
        fold::looped(looped, node.extent)
    }

    fn range(&mut self, parts: &MacroNode, node: &Node) -> Tree {
        let range = self.container(&parts.range);
        if !range.result().can_be_container() {
            let message = format!("`{}` loops over a list, and this is {}.", parts.kind.name(), range.result().name());
            let error = self.make(parts.range.extent, message, "a list or an object");
            return self.push(error);
        }
        if matches!(&range, Tree::List(items) if items.len() > MAX_ELEMENTS) {
            let expected = format!("at most {MAX_ELEMENTS} elements");
            let error = self.make(node.mark, "The list is too long to be looped over.", expected);
            return self.push(error);
        }
        range
    }

    /// `[items]`
    pub(super) fn list(&mut self, items: &[Node], node: &Node) -> Tree {
        let items = items.iter().map(|item| self.node(item)).collect();
        fold::strict(Tree::List(items), node.extent)
    }

    /// `{key: value}`
    pub(super) fn map(&mut self, entries: &[(Node, Node)], node: &Node) -> Tree {
        let mut parts: Vec<Tree> = Vec::with_capacity(entries.len() * 2);
        for (key, value) in entries {
            let key_tree = self.wanted(key, Type::Text);
            let is_again = |other: &[Tree]| matches!(key_tree, Tree::Constant(_)) && other[0] == key_tree;
            if parts.chunks_exact(2).any(is_again) {
                self.error(key.extent, "This key stands twice.", "another key");
            }
            parts.push(key_tree);
            parts.push(self.node(value));
        }
        fold::strict(Tree::Map(parts), node.extent)
    }

    /// `item in list`
    pub(super) fn membership(&mut self, item: &Node, list: &Node, node: &Node) -> Tree {
        let item = self.node(item);
        let tree = self.container(list);
        if !tree.result().can_be_container() {
            let message = format!("Behind `in` stands a list, and this is {}.", tree.result().name());
            let error = self.make(list.extent, message, "a list or an object");
            return self.push(error);
        }
        // A list of constants is compared, or hashed, without being made.
        let constants = match &tree {
            Tree::List(items) => items.iter().map(constant).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        fold::strict(
            match constants {
                Some(constants) => Tree::In(Box::new(item), constants),
                None => Tree::InList(Box::new(item), Box::new(tree)),
            },
            node.extent,
        )
    }
}

fn constant(tree: &Tree) -> Option<Constant> {
    if let Tree::Constant(constant) = tree { Some(constant.clone()) } else { None }
}
