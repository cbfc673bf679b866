//! Names: variables, fields of the payload, members of `meta` and `vars`, and `has()`.

use super::{Checker, constant_of};
use crate::expr::error::nearest;
use crate::expr::syntax::{Constant, Node, NodeKind};
use crate::expr::tree::{MetaField, Tree};
use crate::payload::FieldPath;

/// The names that captures may not take.
pub const RESERVED: [&str; 5] = ["payload", "topic", "meta", "vars", "key"];

impl Checker<'_, '_> {
    /// A variable that stands alone.
    pub(super) fn name(&mut self, name: &str, node: &Node) -> Tree {
        if let Some(number) = self.compiler.captures.iter().position(|capture| **capture == *name) {
            return Tree::Capture(number, name.into());
        }
        let (message, expected) = match name {
            "topic" => return Tree::Topic,
            "key" if self.compiler.allow_key => return Tree::Key,
            "key" => ("`key` exists only in the step `explode`.", "another variable"),
            "payload" => ("The whole payload is no value of an expression.", "one of its fields: `payload.NAME`"),
            "meta" => ("`meta` alone is no value.", "one of its members, for example `meta.qos`"),
            "vars" => ("`vars` alone is no value.", "one of its members: `vars.NAME`"),
            _ => return self.unknown_name(name, node),
        };
        let error = self.make(node.extent, message, expected);
        self.push(error)
    }

    fn unknown_name(&mut self, name: &str, node: &Node) -> Tree {
        let captures = self.compiler.captures.iter().map(AsRef::as_ref);
        let known: Vec<&str> = ["payload", "topic", "meta", "vars"].into_iter().chain(captures).collect();
        let expected = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint = nearest(name, known.iter().copied()).map_or_else(
            || format!("A field of the payload is written `payload.{name}`, a text `\"{name}\"`."),
            |near| format!("Did you mean `{near}`?"),
        );
        let error = self.make(node.extent, format!("There is no variable `{name}`."), expected).hint(hint);
        self.push(error)
    }

    /// `a.b` or `a[b]`
    pub(super) fn member(&mut self, node: &Node) -> Tree {
        match root(node) {
            Some("payload") => match self.path(node) {
                Some(path) => Tree::Slot(self.compiler.paths.add(&path), path.to_string().into()),
                None => self.already_wrong(node),
            },
            Some("meta") => match self.only_member(node, "meta") {
                Some(name) => self.meta(&name, node),
                None => self.already_wrong(node),
            },
            Some("vars") => match self.only_member(node, "vars") {
                Some(name) => self.variable(&name, node),
                None => self.already_wrong(node),
            },
            _ => {
                let of = innermost(node);
                let before = self.errors.len();
                self.node(of);
                if self.errors.len() > before {
                    return self.already_wrong(node);
                }
                let error = self.make(node.extent, "Only `payload`, `meta` and `vars` have members.", "a value");
                self.push(error)
            }
        }
    }

    /// `has(a.b)`
    pub(super) fn has(&mut self, node: &Node) -> Tree {
        match root(node) {
            Some("payload") => match self.path(node) {
                Some(path) => Tree::Has(self.compiler.paths.add(&path), path.to_string().into()),
                None => self.already_wrong(node),
            },
            Some("meta") => match self.only_member(node, "meta").map(|name| self.meta(&name, node)) {
                Some(Tree::Meta(MetaField::SourceMs | MetaField::SourceNs)) => Tree::HasSourceTime,
                Some(Tree::Meta(_)) => Tree::Constant(Constant::Bool(true)),
                _ => self.already_wrong(node),
            },
            Some("vars") => match self.only_member(node, "vars") {
                Some(name) => Tree::Constant(Constant::Bool(self.compiler.vars.contains_key(&*name))),
                None => self.already_wrong(node),
            },
            _ => {
                let error = self.make(node.extent, "`has()` asks for a field.", "`has(payload.NAME)`");
                self.push(error)
            }
        }
    }

    /// The path that a chain of members below `payload` is.
    fn path(&mut self, node: &Node) -> Option<FieldPath> {
        let before = self.errors.len();
        let mut segments = Vec::new();
        let mut part = node;
        loop {
            match &part.kind {
                NodeKind::Field { of, name, .. } => {
                    segments.push(name.clone());
                    part = of;
                }
                NodeKind::Index { of, index } => {
                    segments.extend(self.index(index));
                    part = of;
                }
                _ => break,
            }
        }
        if self.errors.len() > before {
            return None;
        }
        segments.reverse();
        FieldPath::from_segments(&segments)
            .map_err(|error| self.error(node.extent, error.to_string(), "a shorter path"))
            .ok()
    }

    /// The segment that stands in brackets.
    fn index(&mut self, index: &Node) -> Option<Box<str>> {
        let before = self.errors.len();
        match self.node(index) {
            Tree::Constant(Constant::Text(key)) => return Some(key),
            Tree::Constant(Constant::Int(number)) if number >= 0 => return Some(number.to_string().into()),
            _ if self.errors.len() > before => return None,
            _ => {}
        }
        self.error(index.extent, "A field is named by a constant.", "a text, or an index from 0");
        None
    }

    /// The name in `meta.name` or `vars.name`; longer chains are errors.
    fn only_member(&mut self, node: &Node, of: &str) -> Option<Box<str>> {
        let (parent, name) = match &node.kind {
            NodeKind::Field { of, name, .. } => (of, Some(name.clone())),
            NodeKind::Index { of, index } => match &index.kind {
                NodeKind::Constant(Constant::Text(name)) => (of, Some(name.clone())),
                _ => (of, None),
            },
            _ => return None,
        };
        if name.is_none() || !matches!(parent.kind, NodeKind::Name(_)) {
            let message = format!("The members of `{of}` are single values.");
            self.error(node.extent, message, format!("`{of}.NAME`"));
            return None;
        }
        name
    }

    fn meta(&mut self, name: &str, node: &Node) -> Tree {
        if let Some((_, field)) = MetaField::ALL.iter().find(|(known, _)| *known == name) {
            return Tree::Meta(*field);
        }
        let known = MetaField::ALL.iter().map(|(known, _)| *known);
        let expected = known.clone().map(|name| format!("`meta.{name}`")).collect::<Vec<_>>().join(", ");
        let mut error = self.make(node.mark, format!("There is no `meta.{name}`."), expected);
        if let Some(near) = nearest(name, known) {
            error = error.hint(format!("Did you mean `meta.{near}`?"));
        }
        self.push(error)
    }

    fn variable(&mut self, name: &str, node: &Node) -> Tree {
        let vars = self.compiler.vars;
        if let Some(value) = vars.get(name) {
            if let Some(constant) = constant_of(value) {
                return Tree::Constant(constant);
            }
            let message = format!("The variable `{name}` is a list or a map.");
            let error = self.make(node.extent, message, "a variable that is a single value");
            return self.push(error);
        }
        let expected = match vars.len() {
            0 => "a variable of `vars:`, which is empty".to_owned(),
            _ => vars.keys().take(8).map(|name| format!("`vars.{name}`")).collect::<Vec<_>>().join(", "),
        };
        let mut error = self.make(node.mark, format!("There is no variable `{name}` in `vars:`."), expected);
        if let Some(near) = nearest(name, vars.keys().map(String::as_str)) {
            error = error.hint(format!("Did you mean `vars.{near}`?"));
        }
        self.push(error)
    }

    /// Stands for a part whose error has been noted.
    #[expect(clippy::unused_self, reason = "reads as the other ways to end a check")]
    fn already_wrong(&self, node: &Node) -> Tree {
        Tree::Fails(crate::reason::Reason::WrongType, node.extent)
    }
}

/// The part that a chain of members begins with.
fn innermost(node: &Node) -> &Node {
    match &node.kind {
        NodeKind::Field { of, .. } | NodeKind::Index { of, .. } => innermost(of),
        _ => node,
    }
}

/// The variable that a chain of members begins with.
fn root(node: &Node) -> Option<&str> {
    if let NodeKind::Name(name) = &innermost(node).kind { Some(name) } else { None }
}
