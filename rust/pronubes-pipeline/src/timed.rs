//! Stateful steps: what leaves because time has come, and saving what they remember.

use pronubes_core::{Meta, Restored, StateCursor, StateStats};
use serde::Serialize;

use crate::floor::Courier;
use crate::node::Delivery;
use crate::pipeline::Pipeline;

/// So many keys let go in one call; whoever waits for the node waits no longer than for these.
const KEYS_AT_ONCE: usize = 2_048;
/// Sinks that have far more than they should are asked again after this long.
const PATIENCE_NS: i64 = 10_000_000;

/// A stateful step.
#[derive(Debug, Serialize)]
pub struct StateStatus {
    /// The route.
    pub route: Box<str>,
    /// The verb and its arguments.
    pub step: Box<str>,
    /// Keys that it remembers.
    pub keys: usize,
    /// How many it may.
    pub max_keys: usize,
    /// What they take.
    pub bytes: usize,
    /// Messages of keys for which there was no room.
    pub refused: u64,
}

impl Pipeline {
    /// When stateful steps may let something go.
    pub(crate) fn states_due_ns(&self) -> Option<i64> {
        self.router.next_deadline().map(|due_ns| due_ns.max(self.states_wait_ns)).filter(|due_ns| *due_ns < i64::MAX)
    }

    /// Lets nothing go from now on: no sink would get it, and what is saved has it for the next start.
    pub(crate) fn hold_states(&mut self) {
        self.states_wait_ns = i64::MAX;
    }

    /// Lets go what stateful steps hold back and for which time has come. While a sink is overfull, it waits.
    pub(crate) fn advance_states(&mut self) {
        if self.states_due_ns().is_none_or(|due_ns| due_ns > self.now_ns) {
            return;
        }
        if self.floor.sinks.iter().any(|sink| sink.is_overfull) {
            self.states_wait_ns = self.now_ns + PATIENCE_NS;
            return;
        }
        // Each message that leaves says whose it is.
        let mut courier = Courier::new(&mut self.floor, &self.wiring, 0, Delivery::Volatile, Meta::default());
        self.router.advance(self.now_ns, KEYS_AT_ONCE, &mut courier);
        courier.done();
    }

    /// Whether any step remembers something.
    #[must_use]
    pub fn has_state(&self) -> bool {
        self.router.plan().state_count() > 0
    }

    /// Writes a portion of what stateful steps remember, from a step and key on; where to go on, or nothing when all is written.
    pub fn save_state(&self, at: (usize, usize), limit: usize, out: &mut Vec<u8>) -> Option<(usize, usize)> {
        let next = self.router.save_state(StateCursor { step: at.0, key: at.1 }, limit, out)?;
        Some((next.step, next.key))
    }

    /// Takes a portion that [`Pipeline::save_state`] wrote, perhaps in another process.
    pub fn restore_state(&mut self, portion: &[u8]) -> Restored {
        self.router.restore_state(portion)
    }

    pub(crate) fn state_statuses(&self) -> Vec<StateStatus> {
        let status = |stats: StateStats<'_>| {
            let route: Box<str> = self.router.plan().route_name(stats.route).into();
            let step = stats.identity.strip_prefix(&*route).unwrap_or(stats.identity).trim_start().into();
            let StateStats { keys, max_keys, bytes, refused, .. } = stats;
            StateStatus { route, step, keys, max_keys, bytes, refused }
        };
        self.router.states().map(status).collect()
    }
}
