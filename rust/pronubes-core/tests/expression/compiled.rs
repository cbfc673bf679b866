//! One expression on one payload.

use pronubes_core::Reason;
use pronubes_core::expr::{Expr, ExprCompiler, ExprError, Inputs, ParseCache, Vars};
use pronubes_core::message::Meta;
use pronubes_core::payload::{Cell, Limits, Literals, PathSet, PathSetBuilder, Scan, TextArena, scan};
use serde_json::Value;

use super::expression::json;

/// A compiled expression and what belongs to it.
pub struct Compiled {
    pub expr: Expr,
    literals: Literals,
    paths: PathSet,
}

impl Compiled {
    /// Compiles an expression without captures and variables.
    pub fn new(source: &str) -> Result<Self, Vec<ExprError>> {
        let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
        let mut compiler = ExprCompiler {
            captures: &[],
            vars: &Vars::new(),
            allow_key: false,
            paths: &mut paths,
            literals: &mut literals,
            cache: &cache,
        };
        let expr = compiler.compile(source)?;
        Ok(Self { expr, literals, paths: paths.build().expect("few paths") })
    }

    /// Its value on a payload, as JSON.
    pub fn value(&self, payload: &str, arena: &mut TextArena) -> Result<Value, Reason> {
        let mut found = Scan::default();
        scan(
            payload.as_bytes(),
            &self.paths,
            &Limits { keys: 1 << 20, text_bytes: 1 << 20, ..Limits::default() },
            &mut found,
        )
        .expect("the payload is JSON");
        let inputs = Inputs {
            payload: payload.as_bytes(),
            topic: "",
            captures: &[],
            meta: &Meta::default(),
            source: "",
            key: Cell::Missing,
            literals: &self.literals,
            tables: &pronubes_core::tables::Tables::default(),
        };
        let mut scope = inputs.scope(&found.cells, arena);
        let cell = self.expr.eval(&mut scope)?;
        json(cell, &scope)
    }
}
