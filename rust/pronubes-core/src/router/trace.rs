//! Looking on while a route runs: nothing for `route`, everything for `explain`, counts for coverage.

use crate::contract::{Contract, Role, Violation};
use crate::expr::Expr;
use crate::matcher::RouteId;
use crate::outcome::HookId;
use crate::{Reason, SinkId};

/// What a run tells whoever looks on.
pub(super) trait Trace {
    /// Whether anybody looks on; where not, what only the trace needs is not made.
    const IS_ON: bool;
    /// Whether the run is only looked at: nothing is remembered.
    const LOOKS_ONLY: bool = false;

    /// A route begins with a message, or goes on with one behind a hook or a stateful step.
    fn begin(&mut self, route: RouteId, is_message: bool) {
        let _ = (route, is_message);
    }

    /// A step has begun that may end without another word: one that takes a payload apart.
    fn began(&mut self, number: u16) {
        let _ = number;
    }

    /// The route could not go on.
    fn failed(&mut self, step: Option<u16>) {
        let _ = step;
    }

    /// The route's condition.
    fn gate(&mut self, condition: &Expr, holds: Result<bool, Reason>);

    /// A step with the payload behind it, and whether its condition held.
    fn step(&mut self, number: u16, held: bool, payload: &[u8]);

    /// The table that the step just told of has looked at, and the line of its row.
    fn row(&mut self, table: &str, line: Option<u32>);

    /// A stateful step kept the message to itself.
    fn absorbed(&mut self, number: u16);

    /// The steps that follow are about one member of an exploded payload.
    fn member(&mut self, key: &str, payload: &[u8]);

    /// The route goes on in Python.
    fn hook(&mut self, number: u16, hook: HookId);

    /// A contract was judged.
    fn verdict(&mut self, contract: &Contract, role: Role, violations: Vec<Violation>);

    /// A message leaves for a target of the route.
    fn emit(&mut self, target: usize, sink: SinkId, topic: &[u8], payload: &[u8]);
}

/// Nobody looks on.
#[derive(Debug)]
pub(super) struct Unwatched;

impl Trace for Unwatched {
    const IS_ON: bool = false;

    #[inline]
    fn gate(&mut self, _: &Expr, _: Result<bool, Reason>) {}

    #[inline]
    fn step(&mut self, _: u16, _: bool, _: &[u8]) {}

    #[inline]
    fn row(&mut self, _: &str, _: Option<u32>) {}

    #[inline]
    fn absorbed(&mut self, _: u16) {}

    #[inline]
    fn member(&mut self, _: &str, _: &[u8]) {}

    #[inline]
    fn hook(&mut self, _: u16, _: HookId) {}

    #[inline]
    fn verdict(&mut self, _: &Contract, _: Role, _: Vec<Violation>) {}

    #[inline]
    fn emit(&mut self, _: usize, _: SinkId, _: &[u8], _: &[u8]) {}
}
