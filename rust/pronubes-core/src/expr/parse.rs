//! Text to syntax tree, by the `cel` crate's parser. Only this file and its folder name that crate: it is pinned exactly,
//! and the day it is replaced only they change. Its interpreter is not used (measured: 130 ns against 8 ns per expression).

mod unfold;

use super::error::ExprError;
use super::lexical::{self, MAX_NESTING, span};
use super::syntax::{Comparison, Constant, Node, NodeKind, Operator};
use crate::payload::Span;
use cel::common::ast::{CallExpr, Expr as Syntax, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators};
use regex::bytes::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Most expressions, and most patterns, that a [`ParseCache`] remembers; later ones are parsed each time.
const MAX_CACHED: usize = 16_384;
/// Most memory that one compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// What parsing gave: the syntax tree, or all that is wrong with the syntax. Shared by all routes with the same text.
type Parsed = Result<Arc<Node>, Arc<[ExprError]>>;

/// Parsed expressions by their text: ten thousand routes made from one template are parsed once.
#[derive(Debug, Default)]
pub struct ParseCache {
    parsed: RefCell<HashMap<Box<str>, Parsed>>,
    patterns: RefCell<HashMap<Box<str>, Regex>>,
}

impl ParseCache {
    /// The syntax tree of `source`, or all that is wrong with its syntax.
    ///
    /// # Errors
    /// The expression is too long or too deep, or is not CEL.
    pub fn parse(&self, source: &str) -> Parsed {
        if let Some(known) = self.parsed.borrow().get(source) {
            return known.clone();
        }
        let parsed = parse(source).map(Arc::new).map_err(Arc::from);
        let mut cache = self.parsed.borrow_mut();
        if cache.len() < MAX_CACHED {
            cache.insert(source.into(), parsed.clone());
        }
        parsed
    }

    /// The compiled form of a pattern, which all its users share: compiling one takes longer than an expression.
    pub(super) fn pattern(&self, source: &str) -> Result<Regex, regex::Error> {
        if let Some(known) = self.patterns.borrow().get(source) {
            return Ok(known.clone());
        }
        let pattern = RegexBuilder::new(source).size_limit(MAX_PATTERN_BYTES).build()?;
        let mut cache = self.patterns.borrow_mut();
        if cache.len() < MAX_CACHED {
            cache.insert(source.into(), pattern.clone());
        }
        Ok(pattern)
    }

    /// How many patterns it holds.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.patterns.borrow().len()
    }

    /// How many expressions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parsed.borrow().len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Parses `source`.
fn parse(source: &str) -> Result<Node, Vec<ExprError>> {
    lexical::check(source).map_err(|error| vec![error])?;
    let nesting = u16::try_from(MAX_NESTING).unwrap_or(u16::MAX);
    let parser = cel::parser::Parser::new().max_recursion_depth(nesting).enable_ident_escape_syntax(true);
    match parser.parse_with_source_info(source) {
        Ok((tree, positions)) => Ok(Converter { source, positions }.node(tree)),
        Err(errors) => {
            // One mistake makes several messages of the parser; those that follow on the first only confuse.
            let first =
                errors.errors.iter().find(|error| !error.msg.starts_with("Incomplete")).or(errors.errors.first());
            Err(first.map(|error| syntax_error(source, error)).into_iter().collect())
        }
    }
}

fn syntax_error(source: &str, error: &cel::ParseError) -> ExprError {
    let at = token_at(source, error.pos);
    let make = |message: &str, expected: &str| ExprError::new(source, at, message, expected);
    match error.msg.as_str() {
        "invalid int literal" => make("The integer is out of range.", "an integer of 64 bits")
            .hint("Above 9223372036854775807 write `u` behind it (up to 18446744073709551615u), or write a decimal."),
        "invalid uint literal" => make("The integer is out of range.", "an integer up to 18446744073709551615u"),
        "invalid double literal" => make("The number is out of range.", "a number up to 1.7976931348623157e308"),
        "invalid argument to has() macro" => make("`has()` asks for a field.", "`has(payload.NAME)`")
            .hint("A field with an odd name is written with backticks: has(payload.`odd name`)."),
        "argument must be a simple name" => make("A macro's first argument is the name of its variable.", "a name")
            .hint("For example `payload.list.all(x, x > 0)`."),
        text if text.starts_with("reserved identifier") => make("CEL keeps this word for itself.", "another name")
            .hint("A field of this name is written `payload[\"name\"]`."),
        text if text.starts_with("invalid string literal") => {
            make("An escape of the string is no character.", "a Unicode character")
        }
        text if text.contains("Recursion limit") => make(
            "The expression is nested too deep.",
            &format!("at most {MAX_NESTING} levels of brackets, calls and `?:`"),
        ),
        _ if at.is_empty() => make("The expression ends too early.", "a value, a name or a closing bracket"),
        _ => make("The expression is not CEL here.", "an operator, a value or a name"),
    }
}

/// The token at a line and a column in characters, both from 1, as the parser counts them.
fn token_at(source: &str, (line, column): (isize, isize)) -> Span {
    let skipped = usize::try_from(line - 1).unwrap_or_default();
    let start_of_line: usize = source.split_inclusive('\n').take(skipped).map(str::len).sum();
    let columns = usize::try_from(column - 1).unwrap_or_default();
    let rest = &source[start_of_line..];
    let start = start_of_line + rest.char_indices().nth(columns).map_or(rest.len(), |(offset, _)| offset);
    let token = &source[start..];
    let is_word = |character: &char| character.is_alphanumeric() || *character == '_';
    let word: usize = token.chars().take_while(is_word).map(char::len_utf8).sum();
    let length = if word > 0 { word } else { token.chars().next().map_or(0, char::len_utf8) };
    span(start, start + length)
}

struct Converter<'a> {
    source: &'a str,
    positions: SourceInfo,
}

impl Converter<'_> {
    fn node(&self, parsed: IdedExpr) -> Node {
        let token = self.token(parsed.id);
        let leaf = |kind| Node { kind, extent: token, mark: token };
        match parsed.expr {
            Syntax::Literal(literal) => leaf(literal_kind(literal)),
            Syntax::Ident(name) => leaf(NodeKind::Name(name.into())),
            Syntax::Select(select) => self.field(select, token),
            Syntax::Call(call) => self.call(call, token),
            Syntax::List(list) => {
                let items: Vec<Node> = list.elements.into_iter().map(|item| self.node(item)).collect();
                let end = items.last().map_or(token.end, |item| item.extent.end);
                let extent = Span { start: token.start, end: self.closed(end, b']') };
                Node { kind: NodeKind::List(items), extent, mark: token }
            }
            Syntax::Map(map) => self.map(map, token),
            Syntax::Struct(_) => leaf(NodeKind::Unsupported("a message literal".into())),
            Syntax::Comprehension(comprehension) => self.comprehension(*comprehension, token),
            Syntax::Unspecified => leaf(NodeKind::Unsupported("this".into())),
        }
    }

    fn field(&self, select: SelectExpr, token: Span) -> Node {
        let of = self.node(*select.operand);
        // The position of `has(a.b)` is its bracket; the name is found behind the operand.
        let dot = if select.test { self.skip_space(of.extent.end) } else { token.start };
        let start = self.skip_space(dot + 1);
        let bytes = &self.source.as_bytes()[start as usize..];
        let quotes = u32::from(bytes.first() == Some(&b'`')) * 2;
        let end = start + u32::try_from(select.field.len()).unwrap_or_default() + quotes;
        let name = Span { start, end };
        let mark = if name.of(self.source.as_bytes()).is_empty() { token } else { name };
        let begin = if select.test { self.word_before(token.start).start } else { of.extent.start };
        let end = if select.test { self.closed(mark.end, b')') } else { mark.end };
        let kind = NodeKind::Field { of: Box::new(of), name: select.field.into(), is_test: select.test };
        Node { kind, extent: Span { start: begin, end }, mark }
    }

    fn call(&self, call: CallExpr, token: Span) -> Node {
        let name = call.func_name;
        let receiver = call.target.map(|target| Box::new(self.node(*target)));
        let mut arguments: Vec<Node> = call.args.into_iter().map(|argument| self.node(argument)).collect();
        if receiver.is_none() && (name.starts_with(['_', '!', '-', '@']) || name == operators::CONDITIONAL) {
            let start = arguments.iter().map(|node| node.extent.start).fold(token.start, u32::min);
            let end = arguments.iter().map(|node| node.extent.end).fold(token.end, u32::max);
            let end = if name == operators::INDEX { self.closed(end, b']') } else { end };
            let kind = operator_kind(&name, &mut arguments);
            if let Some(kind) = kind {
                return Node { kind, extent: Span { start, end }, mark: token };
            }
        }
        let mark = self.word_before(token.start);
        let start = receiver.as_ref().map_or(mark.start, |node| node.extent.start);
        let end = self.closed(arguments.last().map_or(token.end, |node| node.extent.end), b')');
        let kind = NodeKind::Call { name: name.into(), receiver, arguments };
        Node { kind, extent: Span { start, end }, mark }
    }

    /// The token of a node; the crate's ranges include their last byte.
    fn token(&self, id: u64) -> Span {
        let (start, last) = self.positions.offset_for(id).unwrap_or_default();
        let limit = u32::try_from(self.source.len()).unwrap_or(u32::MAX);
        Span { start: start.min(limit), end: last.saturating_add(1).clamp(start.min(limit), limit) }
    }

    /// The name that ends before `end`, white space aside.
    fn word_before(&self, end: u32) -> Span {
        let before = self.source.get(..end as usize).unwrap_or_default().trim_end();
        let is_word = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
        let length = before.chars().rev().take_while(is_word).count();
        span(before.len() - length, before.len())
    }

    fn skip_space(&self, from: u32) -> u32 {
        let rest = self.source.as_bytes().get(from as usize..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        (from as usize + spaces).min(self.source.len()).try_into().unwrap_or(from)
    }

    /// `end`, or the place behind the closing bracket that follows it.
    fn closed(&self, end: u32, bracket: u8) -> u32 {
        let next = self.skip_space(end);
        if self.source.as_bytes().get(next as usize) == Some(&bracket) { next + 1 } else { end }
    }
}

fn literal_kind(literal: LiteralValue) -> NodeKind {
    NodeKind::Constant(match literal {
        LiteralValue::Null => Constant::Null,
        LiteralValue::Boolean(value) => Constant::Bool(*value.inner()),
        LiteralValue::Int(value) => Constant::Int(*value.inner()),
        LiteralValue::UInt(value) => {
            i64::try_from(*value.inner()).map_or(Constant::UInt(*value.inner()), Constant::Int)
        }
        LiteralValue::Double(value) => Constant::Double(*value.inner()),
        LiteralValue::String(value) => Constant::Text(value.inner().into()),
        LiteralValue::Bytes(_) => return NodeKind::Unsupported("a bytes literal".into()),
    })
}

/// What the crate's operator names mean; takes the operands only when it knows the operator.
fn operator_kind(name: &str, operands: &mut Vec<Node>) -> Option<NodeKind> {
    let mut boxed = || (!operands.is_empty()).then(|| Box::new(operands.remove(0)));
    let compare = |comparison, left, right| NodeKind::Compare(comparison, left, right);
    let arithmetic = |operator, left, right| NodeKind::Arithmetic(operator, left, right);
    Some(match name {
        operators::LOGICAL_NOT => NodeKind::Not(boxed()?),
        operators::NEGATE => NodeKind::Negate(boxed()?),
        operators::LOGICAL_AND => NodeKind::And(boxed()?, boxed()?),
        operators::LOGICAL_OR => NodeKind::Or(boxed()?, boxed()?),
        operators::CONDITIONAL => NodeKind::Conditional(boxed()?, boxed()?, boxed()?),
        operators::IN => NodeKind::In(boxed()?, boxed()?),
        operators::INDEX => NodeKind::Index { of: boxed()?, index: boxed()? },
        operators::EQUALS => compare(Comparison::Equal, boxed()?, boxed()?),
        operators::NOT_EQUALS => compare(Comparison::NotEqual, boxed()?, boxed()?),
        operators::LESS => compare(Comparison::Less, boxed()?, boxed()?),
        operators::LESS_EQUALS => compare(Comparison::LessEqual, boxed()?, boxed()?),
        operators::GREATER => compare(Comparison::Greater, boxed()?, boxed()?),
        operators::GREATER_EQUALS => compare(Comparison::GreaterEqual, boxed()?, boxed()?),
        operators::ADD => arithmetic(Operator::Add, boxed()?, boxed()?),
        operators::SUBSTRACT => arithmetic(Operator::Subtract, boxed()?, boxed()?),
        operators::MULTIPLY => arithmetic(Operator::Multiply, boxed()?, boxed()?),
        operators::DIVIDE => arithmetic(Operator::Divide, boxed()?, boxed()?),
        operators::MODULO => arithmetic(Operator::Remainder, boxed()?, boxed()?),
        _ => return None,
    })
}
