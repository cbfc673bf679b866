//! What a stateful step is.

use std::fmt::Debug;

use crate::Reason;
use crate::expr::Scope;
use crate::payload::Cell;
use crate::transform::{Field, double_in};

/// A message at a stateful step.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// The payload as the steps so far left it.
    pub(crate) payload: &'a [u8],
    /// The values of the step's fields, and everything else that an expression sees.
    pub(crate) scope: Scope<'a>,
    /// When it was received, in nanoseconds since 1970 UTC.
    pub(crate) now_ns: i64,
    /// When it happened: by the step's `time` field, else as the source said it, else when it was received.
    pub(crate) time_ns: i64,
    /// Whether it says itself when it happened.
    pub(crate) has_time: bool,
    /// The time that the message itself has as its source's.
    pub(crate) source_ns: Option<i64>,
}

impl Arrival<'_> {
    /// The value of a field.
    #[inline]
    pub(crate) fn cell(&self, field: &Field) -> Cell {
        self.scope.cell(field.slot)
    }

    /// Whether it is older than the newest before it, as far as that one can be believed: a time that lies ahead of the clock is wrong,
    /// and would keep all others out until the clock is there. Devices may be ahead by a little.
    pub(crate) fn is_behind(&self, newest_ns: i64) -> bool {
        let ahead_ns = if self.has_time { AHEAD_NS } else { 0 };
        self.time_ns < newest_ns && newest_ns <= self.now_ns.saturating_add(ahead_ns)
    }

    /// The number in a field.
    #[inline]
    pub(crate) fn number(&self, field: &Field) -> Result<f64, Reason> {
        double_in(self.cell(field), self.scope.inputs.payload)
    }
}

/// So far ahead a device's clock may be.
const AHEAD_NS: i64 = 60 * 1_000_000_000;

/// What becomes of a message at a stateful step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Took {
    /// It goes on as it is.
    Pass,
    /// The step keeps it to itself; what it lets go instead is among the emissions.
    Absorb,
}

/// What becomes of a message whose time is not later than that of the newest before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Late {
    /// It goes on and changes nothing.
    #[default]
    Pass,
    /// It is absorbed.
    Drop,
    /// It is quarantined as `late`.
    Quarantine,
}

impl Late {
    pub(crate) fn take(self) -> Result<Took, Reason> {
        match self {
            Self::Pass => Ok(Took::Pass),
            Self::Drop => Ok(Took::Absorb),
            Self::Quarantine => Err(Reason::Late),
        }
    }
}

/// The same where what leaves is another thing than what came, so that a message cannot pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TooLate {
    /// It is quarantined as `late`.
    #[default]
    Quarantine,
    /// It is absorbed.
    Drop,
}

impl TooLate {
    pub(crate) fn take(self) -> Result<Took, Reason> {
        match self {
            Self::Quarantine => Late::Quarantine.take(),
            Self::Drop => Late::Drop.take(),
        }
    }
}

/// A stateful step: what it does with a message, and when time has come, given the state of its key.
pub(crate) trait Keyed: Debug + Send + Sync + 'static {
    /// What is remembered by key. The default is that of a key that was never seen.
    type State: Default + Clone + Debug + Send;

    /// Whether it lets payloads go when time has come. Only then are the names of keys kept.
    const IS_TIMED: bool = false;

    /// Whether keys are forgotten of which nothing is left to remember ([`Keyed::is_idle`]).
    const FORGETS: bool = false;

    /// Whether what leaves has other fields than what came.
    const RESHAPES: bool = false;

    /// The fields that it reads from each message.
    fn fields(&self) -> Vec<&Field>;

    /// Takes a message. When it fails, the state is as it was.
    fn take(&self, state: &mut Self::State, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason>;

    /// When it wants to be woken for a key, in nanoseconds since 1970 UTC.
    fn deadline(&self, _state: &Self::State) -> Option<i64> {
        None
    }

    /// Time has come for a key.
    fn due(&self, _state: &mut Self::State, _now_ns: i64, _out: &mut Emissions) {}

    /// Whether there is nothing left to remember of a key behind [`Keyed::due`]. Asked of steps that forget.
    fn is_idle(&self, _state: &Self::State) -> bool {
        false
    }

    /// What the state holds on the heap, in bytes.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }

    /// Writes a state.
    fn save(&self, state: &Self::State, out: &mut Vec<u8>);

    /// Reads what [`Keyed::save`] wrote, by the same arguments of the step.
    fn restore(&self, bytes: &[u8]) -> Option<Self::State>;
}

use super::Emissions;
