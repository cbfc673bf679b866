//! The newest value per topic as a sink.

use super::SinkCounters;
use crate::latest::Latest;
use crate::queue::{DropReason, Item};

/// The newest value per topic as a sink: whatever comes is taken at once.
#[derive(Debug)]
pub struct LatestSink {
    /// The values.
    pub latest: Latest,
    /// The ledger.
    pub counters: SinkCounters,
}

impl LatestSink {
    /// An empty one.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { latest: Latest::new(bytes), counters: SinkCounters::default() }
    }

    /// Takes a message from a route.
    pub fn accept(&mut self, item: &Item<'_>) {
        self.counters.emitted += 1;
        if self.latest.put(item) {
            self.counters.delivered += 1;
        } else {
            self.counters.drop(DropReason::MemoryFull, 1);
        }
    }
}
