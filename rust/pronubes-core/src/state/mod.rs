//! State: what steps remember between messages, by key.
//!
//! A stateful step is a type that implements [`Keyed`] in the file of its verb; everything else is here once for all of them: which key a
//! message has ([`settings`]), a bounded table of keys ([`keys`]), timers, payloads that leave when time has come ([`Emissions`]), and
//! saving and restoring ([`save`]).
//!
//! Rules:
//! 1. The number of keys of a step is bounded by `max_keys`; what is beyond is passed on or quarantined, and counted.
//! 2. State is per route and step. A reload keeps it where the step still says the same, and so does a restart.
//! 3. Time is an argument. A clock that jumps back never makes a step wait longer than it says; see each step.

mod digest;
mod duration;
mod emissions;
mod held;
mod keyed;
mod keys;
mod known;
mod save;
mod settings;
mod store;

pub(crate) use digest::{digest, digest_bytes};
pub(crate) use duration::duration_ns;
pub(crate) use emissions::Emissions;
pub(crate) use held::Held;
pub(crate) use keyed::{Arrival, Keyed, Late, TooLate, Took};
pub(crate) use keys::{Fingerprint, Name};
pub use save::{Restored, StateCursor};
pub(crate) use save::{read_portion, save_portion};
pub(crate) use settings::WhenFull;
pub(crate) use settings::{AHEAD, BY, By, MAX_KEYS, Settings, TIME, WHEN_FULL, arguments, lasting};
pub(crate) use store::{Key, Step, Store};

use crate::transform::StepDoc;

/// Whether a step remembers something: all that do have a bound on their keys.
pub(crate) fn is_stateful(doc: &StepDoc) -> bool {
    doc.arguments.iter().any(|argument| argument.name == MAX_KEYS.name)
}
