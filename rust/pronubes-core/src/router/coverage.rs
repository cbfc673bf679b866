//! What of the routes was run: counts per route, condition, step and target, for tests of configurations.
//!
//! Nothing of it exists on a router that was not asked for it: the runs that count are compiled beside those that do not.

use serde::Serialize;

use super::trace::Trace;
use crate::contract::{Contract, Role, Violation};
use crate::expr::Expr;
use crate::matcher::RouteId;
use crate::outcome::HookId;
use crate::{Reason, SinkId};

/// What of the routes was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// By [`RouteId`].
    pub routes: Vec<RouteCoverage>,
    /// The route that runs.
    #[serde(skip)]
    current: usize,
}

/// What of a route was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteCoverage {
    /// Messages whose topic it wants.
    pub matched: u64,
    /// How often its condition was true.
    pub held: u64,
    /// How often its condition was false.
    pub not_held: u64,
    /// Its steps, as far as one was come to.
    pub steps: Vec<StepCoverage>,
    /// Messages for each target, as far as one got any.
    pub targets: Vec<u64>,
    /// How often `expect` was kept, and violated.
    pub expect: [u64; 2],
    /// How often `contract` was kept, and violated.
    pub contract: [u64; 2],
}

/// What became of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepCoverage {
    /// How often it ran.
    pub ran: u64,
    /// How often its condition was false.
    pub skipped: u64,
}

impl Coverage {
    /// Nothing was run yet.
    #[must_use]
    pub(super) fn new(routes: usize) -> Self {
        Self { routes: vec![RouteCoverage::default(); routes], current: 0 }
    }

    fn route(&mut self) -> &mut RouteCoverage {
        if self.routes.len() <= self.current {
            self.routes.resize_with(self.current + 1, RouteCoverage::default);
        }
        &mut self.routes[self.current]
    }

    fn count_step(&mut self, number: u16, held: bool) {
        let step = grown(&mut self.route().steps, usize::from(number));
        *(if held { &mut step.ran } else { &mut step.skipped }) += 1;
    }
}

/// The item at a place, which is made where the list ends before it.
fn grown<I: Clone + Default>(items: &mut Vec<I>, place: usize) -> &mut I {
    if items.len() <= place {
        items.resize(place + 1, I::default());
    }
    &mut items[place]
}

impl Trace for Coverage {
    const IS_ON: bool = true;

    fn begin(&mut self, route: RouteId, is_message: bool) {
        self.current = route.0 as usize;
        self.route().matched += u64::from(is_message);
    }

    fn gate(&mut self, _: &Expr, holds: Result<bool, Reason>) {
        match holds {
            Ok(true) => self.route().held += 1,
            Ok(false) => self.route().not_held += 1,
            Err(_) => {}
        }
    }

    fn began(&mut self, number: u16) {
        self.count_step(number, true);
    }

    fn failed(&mut self, step: Option<u16>) {
        if let Some(number) = step {
            self.count_step(number, true);
        }
    }

    fn step(&mut self, number: u16, held: bool, _: &[u8]) {
        self.count_step(number, held);
    }

    fn row(&mut self, _: &str, _: Option<u32>) {}

    fn absorbed(&mut self, number: u16) {
        self.count_step(number, true);
    }

    fn member(&mut self, _: &str, _: &[u8]) {}

    fn hook(&mut self, number: u16, _: HookId) {
        self.count_step(number, true);
    }

    fn verdict(&mut self, _: &Contract, role: Role, violations: Vec<Violation>) {
        let route = self.route();
        let counts = if role == Role::Expect { &mut route.expect } else { &mut route.contract };
        counts[usize::from(!violations.is_empty())] += 1;
    }

    fn emit(&mut self, target: usize, _: SinkId, _: &[u8], _: &[u8]) {
        *grown(&mut self.route().targets, target) += 1;
    }
}
