//! Sinks: where messages end up. Three kinds, one ledger.
//!
//! * [`MqttSink`]: a session; what the window or the transport does not take now waits in its queue.
//! * [`BatchSink`]: a queue from which Python takes batches and confirms them, one at a time, so that order holds.
//! * [`LatestSink`]: the newest value per topic; takes everything at once.
//!
//! A message that a sink will never take comes back as a [`Refusal`]; the pipeline puts it into the quarantine.

mod batch;
mod latest;
mod mqtt;

pub use batch::{BatchSink, ConfirmError};
pub use latest::LatestSink;
pub use mqtt::MqttSink;

use pronubes_core::Reason;
use serde::Serialize;

use crate::queue::{DropReason, Drops};
use crate::settle::Hold;

/// A sink's ledger: emitted = delivered + dropped + quarantined + buffered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkCounters {
    /// Messages that routes sent here.
    pub emitted: u64,
    /// Messages that the other side has.
    pub delivered: u64,
    /// Messages lost, counted.
    pub dropped: u64,
    /// The same by reason.
    pub drops: Drops,
    /// Messages that the other side refused for good.
    pub quarantined: u64,
}

impl SinkCounters {
    pub(crate) fn drop(&mut self, reason: DropReason, messages: u64) {
        self.dropped += messages;
        self.drops.add(reason, messages);
    }

    /// With what the sink's queue dropped.
    fn with(mut self, drops: &Drops) -> Self {
        self.dropped += drops.total();
        self.drops.merge(drops);
        self
    }
}

/// A message that a sink will never take.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The sink's own words.
    pub detail: &'static str,
    /// Who waits for it.
    pub hold: Option<Hold>,
}
