//! Calls: known functions, their number of arguments, their types, and patterns.

use super::{Checker, fold};
use crate::expr::error::{ExprError, nearest};
use crate::expr::functions::{CallStyle, Function};
use crate::expr::syntax::{Constant, MacroKind, Node, NodeKind};
use crate::expr::tree::{Pattern, Tree, Type};

/// Functions of CEL that are no part of the subset.
const OF_CEL: [&str; 4] = ["type", "dyn", "bytes", "uint"];

/// The libraries whose functions are called by their name: `math.abs(x)`.
const LIBRARIES: [&str; 2] = ["math", "strings"];

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, name: &str, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        if name == "matches" {
            return self.matches(receiver, arguments, node);
        }
        if let Some(library) = self.library(receiver) {
            let full = format!("{library}.{name}");
            return match Function::find(&full) {
                Some(function) => self.known(function, None, arguments, node),
                None => self.unknown_function(&full, None, arguments, node),
            };
        }
        match Function::find(name) {
            Some(function) => self.known(function, receiver, arguments, node),
            None => self.unknown_function(name, receiver, arguments, node),
        }
    }

    /// The library that a receiver names.
    fn library(&self, receiver: Option<&Node>) -> Option<&'static str> {
        let NodeKind::Name(name) = &receiver?.kind else { return None };
        let is_variable = self.local(name).is_some() || self.compiler.captures.contains(name);
        LIBRARIES.into_iter().find(|library| **library == **name && !is_variable)
    }

    fn known(&mut self, function: &'static Function, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        let is_wrong_style = match function.style {
            CallStyle::Global => receiver.is_some(),
            CallStyle::Receiver => receiver.is_none(),
            CallStyle::Both => false,
        };
        let parts: Vec<&Node> = receiver.into_iter().chain(arguments).collect();
        let (fewest, most) = function.arity();
        if is_wrong_style || parts.len() < fewest || parts.len() > most {
            let message = format!("`{}` is not called like this.", function.name);
            let error = self.make(node.extent, message, usage(function));
            parts.into_iter().for_each(|part| {
                self.node(part);
            });
            return self.push(error);
        }
        let trees: Vec<Tree> =
            parts.iter().enumerate().map(|(number, part)| self.argument(part, function.takes(number))).collect();
        if let Some((number, check)) = function.constant
            && let Some(Tree::Constant(Constant::Text(text))) = trees.get(number)
            && let Err(message) = check(text)
        {
            let error = self.make(parts[number].extent, message, "one that is known");
            return self.push(error);
        }
        fold::strict(Tree::Call(function, trees), node.extent)
    }

    /// An argument, which must be able to be of one of these types.
    fn argument(&mut self, part: &Node, types: &[Type]) -> Tree {
        if let [wanted] = *types {
            return self.wanted(part, wanted);
        }
        let tree = if types.contains(&Type::Map) { self.container(part) } else { self.node(part) };
        if types.iter().any(|wanted| tree.result().can_be(*wanted)) {
            return tree;
        }
        let names: Vec<&str> = types.iter().map(|wanted| wanted.name()).collect();
        let expected = match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
            names => names.join(", "),
        };
        let error = self.make(part.extent, format!("This is {}.", tree.result().name()), expected);
        self.push(error)
    }

    fn unknown_function(&mut self, name: &str, receiver: Option<&Node>, arguments: &[Node], node: &Node) -> Tree {
        let macros = MacroKind::ALL.map(MacroKind::name);
        if macros.contains(&name) {
            let error = self.make(node.extent, format!("`{name}` is not called like this."), macro_usage(name));
            return self.push(error);
        }
        let known = Function::all().map(|function| function.name).chain(["matches", "has"]).chain(macros);
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

/// How a function is called, with words for its arguments.
fn usage(function: &Function) -> String {
    let (fewest, most) = function.arity();
    let word = |number: usize| match function.takes(number) {
        [Type::Text] => "text",
        [Type::Number] => "number",
        [Type::List] => "list",
        [Type::Time] | [Type::Time, _] => "time",
        _ => "value",
    };
    let list = |from: usize, count: usize| (from..count).map(word).collect::<Vec<_>>().join(", ");
    let form = |count: usize| match function.style {
        CallStyle::Receiver => format!("`{}.{}({})`", word(0), function.name, list(1, count)),
        CallStyle::Both => {
            let (name, value) = (function.name, word(0));
            format!("`{name}({value})` or `{value}.{name}()`")
        }
        CallStyle::Global => format!("`{}({})`", function.name, list(0, count)),
    };
    match most {
        most if most == fewest => form(fewest),
        most if most > function.takes.len() => format!("{}, up to {most} values", form(fewest)),
        most => format!("{} or {}", form(fewest), form(most)),
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
