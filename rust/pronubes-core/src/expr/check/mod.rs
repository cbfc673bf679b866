//! Syntax tree to checked tree: resolves names, checks types as far as they are known, folds constants. All errors of an
//! expression are collected; a faulty part counts as "any value", so that one mistake makes one message.

mod calls;
mod fold;
mod macros;
mod names;

pub use names::RESERVED;

use super::ExprCompiler;
use super::error::ExprError;
use super::syntax::{Comparison, Constant, Node, NodeKind, Operator};
use super::tree::{Tree, Type};
use crate::payload::Span;
use crate::reason::Reason;

/// Checks `node`, the syntax tree of `source`.
pub(super) fn check(source: &str, node: &Node, compiler: &mut ExprCompiler<'_>) -> Result<Tree, Vec<ExprError>> {
    let mut checker = Checker { source, compiler, errors: Vec::new(), locals: Vec::new() };
    let tree = checker.node(node);
    if checker.errors.is_empty()
        && let Tree::Fails(reason, at) = tree
    {
        checker.error(at, format!("This part always fails: {}", reason.text()), "a value");
    }
    if checker.errors.is_empty() {
        return Ok(tree);
    }
    checker.errors.sort_by_key(|error| (error.offset, error.length));
    Err(checker.errors)
}

struct Checker<'a, 'b> {
    source: &'a str,
    compiler: &'a mut ExprCompiler<'b>,
    errors: Vec<ExprError>,
    /// The variables of the macros around the part that is checked.
    locals: Vec<macros::Local>,
}

impl Checker<'_, '_> {
    fn node(&mut self, node: &Node) -> Tree {
        match &node.kind {
            NodeKind::Constant(constant) => Tree::Constant(constant.clone()),
            NodeKind::Name(name) => self.name(name, node),
            NodeKind::Field { is_test: true, .. } => self.has(node),
            NodeKind::Field { .. } | NodeKind::Index { .. } => self.member(node),
            NodeKind::Call { name, receiver, arguments } => self.call(name, receiver.as_deref(), arguments, node),
            NodeKind::Not(part) => {
                let part = self.wanted(part, Type::Bool);
                fold::strict(Tree::Not(Box::new(part)), node.extent)
            }
            NodeKind::Negate(part) => {
                let part = self.wanted(part, Type::Number);
                fold::strict(Tree::Negate(Box::new(part)), node.extent)
            }
            NodeKind::And(left, right) => {
                let parts = [self.wanted(left, Type::Bool), self.wanted(right, Type::Bool)];
                fold::chain(parts, false)
            }
            NodeKind::Or(left, right) => {
                let parts = [self.wanted(left, Type::Bool), self.wanted(right, Type::Bool)];
                fold::chain(parts, true)
            }
            NodeKind::Conditional(condition, then, otherwise) => {
                let condition = self.wanted(condition, Type::Bool);
                fold::conditional(condition, self.node(then), self.node(otherwise))
            }
            NodeKind::Compare(comparison, left, right) => self.compare(*comparison, left, right, node),
            NodeKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, node),
            NodeKind::In(item, list) => self.membership(item, list, node),
            NodeKind::List(items) => self.list(items, node),
            NodeKind::Map(entries) => self.map(entries, node),
            NodeKind::Macro(parts) => self.looped(parts, node),
            NodeKind::Unsupported(what) => {
                let message = format!("CEL has {what}, the expressions of pronubes have not.");
                let error = self.make(node.extent, message, "fields, operators and the functions of the reference");
                self.push(error)
            }
        }
    }

    /// The part, which must be able to be of this type.
    fn wanted(&mut self, node: &Node, wanted: Type) -> Tree {
        let tree = self.node(node);
        if tree.result().can_be(wanted) {
            return tree;
        }
        let message = format!("This is {}.", tree.result().name());
        let mut error = self.make(node.extent, message, wanted.name());
        if wanted == Type::Bool {
            error = error.hint("Compare it with something, for example `!= 0`.");
        } else if wanted == Type::Number && tree.result() == Type::Text {
            error = error.hint("A text becomes a number by `double(...)` or `int(...)`.");
        }
        self.push(error)
    }

    fn compare(&mut self, comparison: Comparison, left: &Node, right: &Node, node: &Node) -> Tree {
        let sides = (self.node(left), self.node(right));
        let types = (sides.0.result(), sides.1.result());
        let is_known = types.0 != Type::Any && types.1 != Type::Any;
        let has_null = types.0 == Type::Null || types.1 == Type::Null;
        if comparison.is_equality() && is_known && !has_null && !types.0.can_be(types.1) {
            let always = if comparison == Comparison::Equal { "never equal" } else { "always different" };
            let message = format!("{} and {} are {always}.", capital(types.0.name()), types.1.name());
            let error = self.make(right.extent, message, types.0.name());
            return self.push(error);
        }
        let has_order = |kind: Type| !matches!(kind, Type::Null | Type::List | Type::Map);
        let can_order = has_order(types.0) && has_order(types.1) && (!is_known || types.0.can_be(types.1));
        if !comparison.is_equality() && !can_order {
            let message = format!("{} and {} have no order.", capital(types.0.name()), types.1.name());
            let error = self.make(node.extent, message, "two numbers, two texts or two truth values");
            return self.push(error);
        }
        fold::strict(Tree::Compare(comparison, Box::new(sides.0), Box::new(sides.1)), node.extent)
    }

    fn arithmetic(&mut self, operator: Operator, left: &Node, right: &Node, node: &Node) -> Tree {
        let is_whole = operator == Operator::Divide && is_int_call(left) && is_int_call(right);
        let operator = if is_whole { Operator::DivideWhole } else { operator };
        let sides = if matches!(operator, Operator::Add | Operator::Subtract) {
            (self.node(left), self.node(right))
        } else {
            (self.wanted(left, Type::Number), self.wanted(right, Type::Number))
        };
        let types = (sides.0.result(), sides.1.result());
        if !combinable(operator, types.0, types.1) {
            let symbol = operator.symbol();
            let message = format!("`{symbol}` cannot take {} and {}.", types.0.name(), types.1.name());
            let expected =
                if operator == Operator::Add { "two numbers, texts, lists or times" } else { "two numbers or times" };
            let mut error = self.make(node.extent, message, expected);
            if types.0 == Type::Text || types.1 == Type::Text {
                error = error.hint("A number becomes a text by `string(...)`.");
            }
            return self.push(error);
        }
        if operator == Operator::Remainder && (types.0 == Type::Double || types.1 == Type::Double) {
            let error = self.make(node.extent, "`%` is for integers.", "two integers");
            return self.push(error.hint("A number becomes an integer by `int(...)`."));
        }
        fold::strict(Tree::Arithmetic(operator, Box::new(sides.0), Box::new(sides.1)), node.extent)
    }

    fn make(&self, at: Span, message: impl Into<String>, expected: impl Into<String>) -> ExprError {
        ExprError::new(self.source, at, message, expected)
    }

    fn error(&mut self, at: Span, message: impl Into<String>, expected: impl Into<String>) {
        let error = self.make(at, message, expected);
        self.errors.push(error);
    }

    /// Notes an error; what stands for the faulty part has any type, so that nothing else is said about it.
    fn push(&mut self, error: ExprError) -> Tree {
        let at = super::lexical::span(error.offset, error.offset + error.length);
        self.errors.push(error);
        Tree::Fails(Reason::WrongType, at)
    }
}

fn is_int_call(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Call { name, receiver: None, .. } if **name == *"int")
}

/// Whether `+` or `-` may get these; the other operators have looked at each side by itself.
fn combinable(operator: Operator, left: Type, right: Type) -> bool {
    use Type::{Any, Duration, List, Text, Time};
    let is_time = |kind: Type| matches!(kind, Time | Duration | Any);
    match (operator, left, right) {
        (Operator::Add, Any | Text, Any | Text) | (Operator::Add, Any | List, Any | List) => true,
        (Operator::Add, Time, Time) | (Operator::Subtract, Duration, Time) => false,
        (Operator::Add | Operator::Subtract, left, right) => {
            let is_number = |kind: Type| kind.is_number() || kind == Any;
            (is_number(left) && is_number(right)) || (is_time(left) && is_time(right))
        }
        _ => true,
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// The constant that a value of the configuration is.
fn constant_of(value: &serde_json::Value) -> Option<Tree> {
    Some(Tree::Constant(match value {
        serde_json::Value::Null => Constant::Null,
        serde_json::Value::Bool(value) => Constant::Bool(*value),
        serde_json::Value::String(text) => Constant::Text(text.as_str().into()),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Constant::Int)
            .or_else(|| number.as_u64().map(Constant::UInt))
            .or_else(|| number.as_f64().filter(|value| value.is_finite()).map(Constant::Double))?,
        serde_json::Value::Array(items) => return items.iter().map(constant_of).collect::<Option<_>>().map(Tree::List),
        serde_json::Value::Object(entries) => {
            let pair = |(key, value): (&String, &serde_json::Value)| {
                Some([Tree::Constant(Constant::Text(key.as_str().into())), constant_of(value)?])
            };
            let pairs = entries.iter().map(pair).collect::<Option<Vec<_>>>()?;
            return Some(Tree::Map(pairs.into_iter().flatten().collect()));
        }
    }))
}
