//! The functions of expressions: one table, read by the checker, by the lowering and by the documentation test.
//!
//! A function is pure, its cost is bounded by what it is given, and it allocates nothing: what it makes goes to the
//! message's arena. `has()` and `matches()` are not here: the checker handles them, because they look at the expression
//! and not at a value. One file per library.

mod convert;
mod format;
mod math;
mod text;
mod time;

use super::scope::Scope;
use super::tree::Type;
use crate::payload::Cell;
use crate::reason::Reason;

pub(super) use time::{difference, order, push as push_time, sum, text as time_text};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStyle {
    /// `name(value)`
    Global,
    /// `value.name()`
    Receiver,
    /// Either.
    Both,
}

/// Where a function comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// CEL's standard definitions.
    Standard,
    /// CEL's extension library of texts.
    Strings,
    /// CEL's extension library of numbers.
    Math,
    /// Nowhere else.
    Pronubes,
}

type Values<'a> = &'a [Cell];

/// What a function does.
#[derive(Clone, Copy)]
pub(super) enum Action {
    One(fn(Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
    Two(fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
    /// As many as the function takes; fewer where some are optional.
    Some(fn(Values<'_>, &mut Scope<'_>) -> Result<Cell, Reason>),
    /// Any number of arguments, two at a time.
    Fold(fn(Cell, Cell, &mut Scope<'_>) -> Result<Cell, Reason>),
}

/// The types that an argument may have.
pub(super) type Types = &'static [Type];

/// What is said about a constant argument that can never be right.
pub(super) type CheckConstant = fn(&str) -> Result<(), String>;

/// A function that expressions can call.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name, with that of its library where it has one: `math.abs`.
    pub name: &'static str,
    /// How it is called.
    pub style: CallStyle,
    /// What it gives.
    pub gives: Type,
    /// Where it comes from.
    pub library: Library,
    /// What its arguments must be, the receiver first; the last repeats.
    pub(super) takes: &'static [Types],
    /// The fewest and the most arguments, the receiver counted.
    pub(super) arity: (usize, usize),
    /// The argument that has to be right at load where it is a constant text.
    pub(super) constant: Option<(usize, CheckConstant)>,
    pub(super) action: Action,
}

/// Most arguments of a function that takes any number.
pub(super) const MANY: usize = 16;

impl Function {
    /// The function of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|function| function.name == name)
    }

    /// Every function.
    pub fn all() -> impl Iterator<Item = &'static Self> + Clone {
        [convert::FUNCTIONS, text::FUNCTIONS, math::FUNCTIONS, time::FUNCTIONS].into_iter().flatten()
    }

    /// Fewest and most arguments, the receiver counted.
    #[must_use]
    pub const fn arity(&self) -> (usize, usize) {
        self.arity
    }

    /// What the argument of this number must be.
    pub(super) fn takes(&self, argument: usize) -> Types {
        self.takes.get(argument).or(self.takes.last()).copied().unwrap_or(ANY)
    }

    const fn new(library: Library, name: &'static str, takes: &'static [Types], gives: Type, action: Action) -> Self {
        let (style, count) = (CallStyle::Global, takes.len());
        Self { name, style, gives, library, takes, arity: (count, count), constant: None, action }
    }

    const fn method(mut self) -> Self {
        self.style = CallStyle::Receiver;
        self
    }

    const fn either(mut self) -> Self {
        self.style = CallStyle::Both;
        self
    }

    /// The last arguments may be left out.
    const fn from(mut self, fewest: usize) -> Self {
        self.arity.0 = fewest;
        self
    }

    /// Any number of arguments from `fewest`.
    const fn many(mut self, fewest: usize) -> Self {
        self.arity = (fewest, MANY);
        self
    }

    const fn checked(mut self, argument: usize, check: CheckConstant) -> Self {
        self.constant = Some((argument, check));
        self
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const ANY: Types = &[Type::Any];
const TEXT: Types = &[Type::Text];
const NUMBER: Types = &[Type::Number];
const LIST: Types = &[Type::List];
const WHEN: Types = &[Type::Time, Type::Duration];
const SIZED: Types = &[Type::Text, Type::List, Type::Map];
const NUMBER_OR_LIST: Types = &[Type::Number, Type::List];
