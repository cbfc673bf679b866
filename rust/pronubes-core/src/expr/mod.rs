//! Expressions: a documented subset of CEL (Common Expression Language), compiled to closures.
//!
//! *What*: `where:` and `compute:` of the configuration. An expression is parsed ([`ParseCache`]), checked as far as
//! types are known, its constants are folded, and it is lowered to code that reads cells and allocates nothing.
//! *Why so*: CEL is known from Kubernetes, its loops are bounded, and its cost is known when the configuration is loaded; closures
//! are an order of magnitude faster than the parser crate's interpreter. *Refuses*: whatever is not in the subset is an
//! error with a position when the configuration is loaded, never a surprise at run time.
//!
//! The subset and its differences from CEL: `docs/reference/expressions.md`.

mod bounds;
mod check;
mod contents;
mod error;
mod functions;
mod lexical;
mod lower;
mod parse;
mod print;
mod scope;
mod syntax;
mod tree;
mod value;

pub use bounds::{MAX_ELEMENTS, MAX_MACROS, MAX_STEPS, MAX_WRITTEN};
pub use check::RESERVED;
pub use error::ExprError;
pub use functions::{CallStyle, Function, Library};
pub use lexical::{MAX_BYTES, MAX_NESTING, MAX_OPERATORS};
pub use parse::ParseCache;
pub use scope::{Inputs, Scope};
pub use syntax::{Comparison, Constant, MacroKind, Operator};
pub use tree::{Macro, MetaField, Pattern, Tree, Type};

use crate::payload::{Cell, Literals, PathSetBuilder, SlotId};
use crate::reason::Reason;
use std::collections::BTreeMap;

/// The variables of the configuration.
pub type Vars = BTreeMap<String, serde_json::Value>;

/// Compiles the expressions of one route.
///
/// # Examples
///
/// ```
/// use pronubes_core::expr::{ExprCompiler, Inputs, ParseCache, Vars};
/// use pronubes_core::message::Meta;
/// use pronubes_core::payload::{Cell, Literals, PathSetBuilder, TextArena};
/// use pronubes_core::tables::Tables;
///
/// let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
/// let mut compiler = ExprCompiler {
///     captures: &["area".into()],
///     vars: &Vars::from([("limit".into(), 80.into())]),
///     allow_key: false,
///     paths: &mut paths,
///     literals: &mut literals,
///     cache: &cache,
/// };
/// let hot = compiler.compile("payload.value * 1.8 + 32 > vars.limit").unwrap();
///
/// let mut text = TextArena::default();
/// let inputs = Inputs {
///     payload: b"", topic: "a/t1", captures: &[], meta: &Meta::default(), source: "plc",
///     key: Cell::Missing, literals: &literals, tables: &Tables::default(),
/// };
/// assert_eq!(hot.eval_bool(&mut inputs.scope(&[Cell::Int(30)], &mut text)), Ok(true));
/// ```
#[derive(Debug)]
pub struct ExprCompiler<'a> {
    /// The captures of the route's filter, in the order of the spans that the scope will have.
    pub captures: &'a [Box<str>],
    /// The variables that `vars.NAME` names.
    pub vars: &'a Vars,
    /// Whether `key` is a variable: in the step `explode` only.
    pub allow_key: bool,
    /// Takes the fields that the expressions name.
    pub paths: &'a mut PathSetBuilder,
    /// Takes the texts of the expressions.
    pub literals: &'a mut Literals,
    /// What has been parsed already.
    pub cache: &'a ParseCache,
}

impl ExprCompiler<'_> {
    /// Compiles one expression.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of its text; one error where it is not CEL at all.
    pub fn compile(&mut self, source: &str) -> Result<Expr, Vec<ExprError>> {
        let syntax = self.cache.parse(source).map_err(|errors| errors.to_vec())?;
        let tree = check::check(source, &syntax, self)?;
        let code = lower::whole(&tree, self.literals);
        let mut slots = Vec::new();
        tree.collect_slots(&mut slots);
        Ok(Expr { text: source.into(), code, tree, slots: slots.into() })
    }
}

/// A compiled expression.
pub struct Expr {
    text: Box<str>,
    tree: Tree,
    slots: Box<[SlotId]>,
    code: lower::Code,
}

impl Expr {
    /// Its value for one message. A field alone gives the cell as it is, objects and arrays included.
    ///
    /// # Errors
    /// The reason why it has no value for this message.
    #[inline]
    pub fn eval(&self, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
        self.code.eval(scope)
    }

    /// Its value for one message, as a condition.
    ///
    /// # Errors
    /// The reason why it has no value, or that it is no truth value.
    #[inline]
    pub fn eval_bool(&self, scope: &mut Scope<'_>) -> Result<bool, Reason> {
        self.code.eval_bool(scope)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it was compiled from: names resolved, constants folded. Prints as CEL with all brackets.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The fields that it reads.
    #[must_use]
    pub fn slots(&self) -> &[SlotId] {
        &self.slots
    }

    /// Its value where it is the same for every message.
    #[must_use]
    pub const fn constant(&self) -> Option<&Constant> {
        if let Tree::Constant(constant) = &self.tree { Some(constant) } else { None }
    }

    /// Whether its value is the same for every message.
    #[must_use]
    pub const fn is_constant(&self) -> bool {
        self.constant().is_some()
    }
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Expr").field("text", &self.text).field("tree", &self.tree.to_string()).finish()
    }
}
