//! Stateful steps against oracles that recompute everything from the whole history; and saved states: a router that goes on from them does
//! what one does that never stopped.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;

#[path = "keyed/debounce.rs"]
mod debounce;
#[path = "keyed/harness.rs"]
mod harness;
#[path = "keyed/stale.rs"]
mod stale;
#[path = "keyed/swinging_door.rs"]
mod swinging_door;
#[path = "keyed/window.rs"]
mod window;
