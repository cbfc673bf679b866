//! Calls: known functions, their number of arguments, their types, and patterns.

use super::{Checker, fold};
use crate::expr::error::{ExprError, nearest};
use crate::expr::functions::{CallStyle, FUNCTIONS, Function};
use crate::expr::syntax::{Constant, MacroKind, Node, NodeKind};
use crate::expr::tree::{Pattern, Tree, Type};

/// Functions and macros of CEL that are no part of the subset.
const OF_CEL: [&str; 16] = [
    "timestamp",
    "duration",
    "type",
    "dyn",
    "bytes",
    "uint",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
];

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, name: &str, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        if name == "matches" {
            return self.matches(receiver, arguments, node);
        }
        let Some(function) = Function::find(name) else {
            return self.unknown_function(name, receiver, arguments, node);
        };
        let is_wrong_style = match function.style {
            CallStyle::Global => receiver.is_some(),
            CallStyle::Receiver => receiver.is_none(),
            CallStyle::Both => false,
        };
        let parts: Vec<&Node> = receiver.into_iter().chain(arguments).collect();
        let (fewest, most) = function.arity();
        if is_wrong_style || parts.len() < fewest || parts.len() > most {
            let message = format!("`{name}` is not called like this.");
            let error = self.make(node.extent, message, usage(function));
            parts.into_iter().for_each(|part| {
                self.node(part);
            });
            return self.push(error);
        }
        if name == "size" {
            return self.size(function, parts[0], node);
        }
        let parts = parts.into_iter().map(|part| self.wanted(part, function.takes)).collect();
        fold::strict(Tree::Call(function, parts), node.extent)
    }

    /// `size()` takes what has a length.
    fn size(&mut self, function: &'static Function, part: &Node, node: &Node) -> Tree {
        let tree = self.container(part);
        if !tree.result().can_be_container() && tree.result() != Type::Text {
            let message = format!("This is {}.", tree.result().name());
            let error = self.make(part.extent, message, "a text, a list or an object");
            return self.push(error);
        }
        fold::strict(Tree::Call(function, vec![tree]), node.extent)
    }

    fn unknown_function(&mut self, name: &str, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        let macros = MacroKind::ALL.map(MacroKind::name);
        if macros.contains(&name) {
            let error = self.make(node.extent, format!("`{name}` is not called like this."), macro_usage(name));
            return self.push(error);
        }
        let known = FUNCTIONS.iter().map(|function| function.name).chain(["matches", "has"]).chain(macros);
        let error = if OF_CEL.contains(&name) {
            let message = format!("CEL has the function `{name}`, the expressions of pronubes have not.");
            self.make(node.mark, message, "a function of the reference")
        } else {
            let expected = known.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let error = self.make(node.mark, format!("There is no function `{name}`."), expected);
            match nearest(name, known) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error,
            }
        };
        let tree = self.push(error);
        // The variable of a misspelled macro is no mistake of its own: only what cannot be meant so is looked at.
        let is_macro = |argument: &Node| receiver.is_some() && matches!(argument.kind, NodeKind::Name(_));
        let has_variable = arguments.len() > 1 && arguments.first().is_some_and(is_macro);
        if !OF_CEL.contains(&name) && !has_variable {
            receiver.into_iter().chain(arguments).for_each(|part| {
                self.node(part);
            });
        }
        tree
    }

    fn matches(&mut self, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        let parts: Vec<&Node> = receiver.into_iter().chain(arguments).collect();
        let [text, pattern] = parts.as_slice() else {
            let error = self.make(node.extent, "`matches` is not called like this.", "`text.matches(\"pattern\")`");
            return self.push(error);
        };
        let tree = self.wanted(text, Type::Text);
        let before = self.errors.len();
        let Tree::Constant(Constant::Text(source)) = self.node(pattern) else {
            let error = self.make(pattern.extent, "A pattern is a constant text.", "`\"...\"`");
            return if self.errors.len() > before { tree } else { self.push(error) };
        };
        match self.compiler.cache.pattern(&source) {
            Ok(compiled) => fold::strict(Tree::Matches(Box::new(tree), Pattern(compiled)), node.extent),
            Err(error) => {
                let error = pattern_error(self.source, pattern, &source, &error);
                self.push(error)
            }
        }
    }
}

fn macro_usage(name: &str) -> String {
    let forms = format!("`list.{name}(x, ...)`");
    if name == MacroKind::Map.name() { format!("{forms} or `list.map(x, condition, ...)`") } else { forms }
}

fn usage(function: &Function) -> String {
    let name = function.name;
    match (function.style, function.arity()) {
        (CallStyle::Global, (1, _)) => format!("`{name}(value)`"),
        (CallStyle::Global, (_, most)) => format!("`{name}(first, second)`, up to {most} values"),
        (CallStyle::Both, _) => format!("`{name}(text)` or `text.{name}()`"),
        (CallStyle::Receiver, (1, _)) => format!("`text.{name}()`"),
        (CallStyle::Receiver, _) => format!("`text.{name}(\"part\")`"),
    }
}

fn pattern_error(source: &str, node: &Node, pattern: &str, error: &regex::Error) -> ExprError {
    let make = |message: String| ExprError::new(source, node.extent, message, "a pattern of RE2's syntax");
    if let regex::Error::CompiledTooBig(limit) = error {
        return make(format!("The pattern needs more than {limit} bytes.")).hint("Repeat less, for example `{1,10}`.");
    }
    let detail = regex_detail(error);
    let error = make(format!("The pattern `{pattern}` cannot be read: {detail}."));
    if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") {
        return error.hint(
            "Look-ahead, look-behind and back references do not exist here: they cannot be matched in linear time.",
        );
    }
    error
}

/// The last line of the crate's explanation, which names the fault.
fn regex_detail(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error:").trim().to_owned()
}
