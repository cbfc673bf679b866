//! Names: variables, fields of the payload, members of `meta` and `vars`, and `has()`.

use super::{Checker, constant_of, fold};
use crate::expr::error::nearest;
use crate::expr::syntax::{Constant, Node, NodeKind};
use crate::expr::tree::{MetaField, Tree, Type};
use crate::payload::FieldPath;

/// The names that captures may not take.
pub const RESERVED: [&str; 5] = ["payload", "topic", "meta", "vars", "key"];

/// What a chain of members leads to.
enum Reached {
    /// A field of the payload; none of its segments for the whole.
    Field(Vec<Box<str>>),
    /// Another value.
    Value(Tree),
}

impl Checker<'_, '_> {
    /// A variable that stands alone.
    pub(super) fn name(&mut self, name: &str, node: &Node) -> Tree {
        if let Some(local) = self.local(name) {
            return local;
        }
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
        if self.root(node) == Some("meta") {
            return match self.only_member(node, "meta") {
                Some(name) => self.meta(&name, node),
                None => self.already_wrong(node),
            };
        }
        match self.reach(node) {
            Reached::Field(segments) => match self.path(&segments, node) {
                Some(path) => Tree::Slot(self.compiler.paths.add(&path), path.to_string().into()),
                None => self.already_wrong(node),
            },
            Reached::Value(tree) => tree,
        }
    }

    /// `has(a.b)`
    pub(super) fn has(&mut self, node: &Node) -> Tree {
        let NodeKind::Field { of, name, .. } = &node.kind else { return self.already_wrong(node) };
        match self.root(node) {
            Some("meta") => match self.only_member(node, "meta").map(|name| self.meta(&name, node)) {
                Some(Tree::Meta(MetaField::SourceMs | MetaField::SourceNs)) => Tree::HasSourceTime,
                Some(Tree::Meta(_)) => Tree::Constant(Constant::Bool(true)),
                _ => self.already_wrong(node),
            },
            Some("vars") if matches!(of.kind, NodeKind::Name(_)) => {
                Tree::Constant(Constant::Bool(self.compiler.vars.contains_key(&**name)))
            }
            _ => match self.reach_of(of) {
                Reached::Field(mut segments) => {
                    segments.push(name.clone());
                    match self.path(&segments, node) {
                        Some(path) => Tree::Has(self.compiler.paths.add(&path), path.to_string().into()),
                        None => self.already_wrong(node),
                    }
                }
                Reached::Value(Tree::Fails(reason, at)) => Tree::Fails(reason, at),
                Reached::Value(tree) if tree.result().can_be(Type::Map) => {
                    fold::strict(Tree::HasMember(Box::new(tree), name.clone()), node.extent)
                }
                Reached::Value(_) => {
                    let error = self.make(node.extent, "`has()` asks for a field.", "`has(payload.NAME)`");
                    self.push(error)
                }
            },
        }
    }

    /// What a chain of members leads to.
    fn reach(&mut self, node: &Node) -> Reached {
        match &node.kind {
            NodeKind::Field { of, .. } if self.is_vars(of) => Reached::Value(self.vars_member(node)),
            NodeKind::Index { of, index } if self.is_vars(of) && is_text(index) => {
                Reached::Value(self.vars_member(node))
            }
            NodeKind::Field { of, name, .. } => match self.reach_of(of) {
                Reached::Field(mut segments) => {
                    segments.push(name.clone());
                    Reached::Field(segments)
                }
                Reached::Value(tree) => Reached::Value(self.dynamic_member(tree, name, node)),
            },
            NodeKind::Index { of, index } => {
                let reached = self.reach_of(of);
                self.reach_index(reached, index, of, node)
            }
            _ => Reached::Value(self.node(node)),
        }
    }

    fn reach_of(&mut self, of: &Node) -> Reached {
        match &of.kind {
            NodeKind::Name(name) if **name == *"payload" => Reached::Field(Vec::new()),
            _ => self.reach(of),
        }
    }

    fn reach_index(&mut self, reached: Reached, index: &Node, of: &Node, node: &Node) -> Reached {
        let before = self.errors.len();
        let tree = self.node(index);
        if self.errors.len() > before {
            return Reached::Value(self.already_wrong(node));
        }
        let base = match reached {
            Reached::Field(mut segments) => match tree {
                Tree::Constant(Constant::Text(key)) => {
                    segments.push(key);
                    return Reached::Field(segments);
                }
                Tree::Constant(Constant::Int(number)) if number >= 0 => {
                    segments.push(number.to_string().into());
                    return Reached::Field(segments);
                }
                Tree::Constant(_) => {
                    self.error(
                        index.extent,
                        "A field is named by a text, or by its number.",
                        "a text, or an index from 0",
                    );
                    return Reached::Value(self.already_wrong(node));
                }
                _ => match self.path(&segments, of) {
                    Some(path) => Tree::Slot(self.compiler.paths.add(&path), path.to_string().into()),
                    None => self.already_wrong(node),
                },
            },
            Reached::Value(base) => base,
        };
        if matches!(base, Tree::Fails(..)) {
            return Reached::Value(base);
        }
        let (of_kind, kind) = (base.result(), tree.result());
        if !of_kind.can_be_container() || !(kind.can_be(Type::Int) || kind.can_be(Type::Text)) {
            let message = format!("{} has no member of this kind.", super::capital(of_kind.name()));
            let error = self.make(node.extent, message, "a list and a number, or an object and a text");
            return Reached::Value(self.push(error));
        }
        Reached::Value(fold::strict(Tree::Index(Box::new(base), Box::new(tree)), node.extent))
    }

    /// A member of a value that is no field of the payload.
    fn dynamic_member(&mut self, of: Tree, name: &str, node: &Node) -> Tree {
        if matches!(of, Tree::Fails(..)) {
            return of;
        }
        if !of.result().can_be(Type::Map) {
            let message = format!("{} has no members.", super::capital(of.result().name()));
            let error = self.make(node.extent, message, "an object");
            return self.push(error);
        }
        fold::strict(Tree::Member(Box::new(of), name.into()), node.extent)
    }

    fn is_vars(&self, node: &Node) -> bool {
        matches!(&node.kind, NodeKind::Name(name) if **name == *"vars") && self.local("vars").is_none()
    }

    fn vars_member(&mut self, node: &Node) -> Tree {
        match self.only_member(node, "vars") {
            Some(name) => self.variable(&name, node),
            None => self.already_wrong(node),
        }
    }

    /// The path of some segments.
    fn path(&mut self, segments: &[Box<str>], node: &Node) -> Option<FieldPath> {
        FieldPath::from_segments(segments)
            .map_err(|error| self.error(node.extent, error.to_string(), "a shorter path"))
            .ok()
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
                return constant;
            }
            let message = format!("The variable `{name}` holds a number that is out of range.");
            let error = self.make(node.extent, message, "numbers of 64 bits");
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

    /// The variable that a chain of members begins with, unless it is one of a macro.
    fn root<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match &innermost(node).kind {
            NodeKind::Name(name) if self.local(name).is_none() => Some(name),
            _ => None,
        }
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

fn is_text(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Constant(Constant::Text(_)))
}
