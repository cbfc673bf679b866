//! Taps: copies of what comes in or of what leaves the routes, for `subscribe`, for looking and for recordings. A tap holds nothing up: what
//! does not fit is dropped and counted.

use std::sync::Arc;

use pronubes_core::topic::{TopicError, topic_matches, validate_filter};

use crate::batch::Batch;
use crate::names::Names;
use crate::queue::{Item, Queue, SegmentLimits};

/// Where a tap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What sources hand in, as it comes, whether a route takes it or not.
    In,
    /// What leaves the routes.
    Out,
}

#[derive(Debug)]
struct Tap {
    id: u64,
    side: Side,
    filter: Box<str>,
    queue: Queue,
    limit: usize,
    dropped: u64,
    next_batch: u64,
    is_announced: bool,
}

/// The open taps.
#[derive(Debug, Default)]
pub struct Taps {
    taps: Vec<Tap>,
    next_id: u64,
    /// Whether some tap wants what comes in: asked once per message.
    pub has_inputs: bool,
    has_outputs: bool,
    /// The topic of the present message's target before.
    last_topic: Vec<u8>,
}

impl Taps {
    /// Opens a tap on an MQTT filter.
    ///
    /// # Errors
    /// The filter is not valid.
    pub fn open(&mut self, filter: &str, side: Side, limit: usize, names: &Arc<Names>) -> Result<u64, TopicError> {
        validate_filter(filter)?;
        self.next_id += 1;
        let queue = Queue::new(SegmentLimits::default(), Arc::clone(names));
        let id = self.next_id;
        let filter = filter.into();
        self.taps.push(Tap { id, side, filter, queue, limit, dropped: 0, next_batch: 1, is_announced: false });
        self.count();
        Ok(id)
    }

    /// Ends a tap; how many messages it dropped.
    pub fn close(&mut self, id: u64) -> Option<u64> {
        let at = self.taps.iter().position(|tap| tap.id == id)?;
        let tap = self.taps.swap_remove(at);
        self.count();
        Some(tap.dropped)
    }

    /// How many messages a tap dropped so far.
    #[must_use]
    pub fn dropped(&self, id: u64) -> Option<u64> {
        self.taps.iter().find(|tap| tap.id == id).map(|tap| tap.dropped)
    }

    fn count(&mut self) {
        self.has_inputs = self.taps.iter().any(|tap| tap.side == Side::In);
        self.has_outputs = self.taps.iter().any(|tap| tap.side == Side::Out);
    }

    /// Offers what comes in. To be called while [`Self::has_inputs`] only.
    #[cold]
    pub fn offer_input(&mut self, item: &Item<'_>) {
        self.taps.iter_mut().filter(|tap| tap.side == Side::In).for_each(|tap| tap.offer(item));
    }

    /// Offers what leaves a route for its n-th target: once per topic, however many sinks get it. Free when no tap is open.
    #[inline]
    pub fn offer(&mut self, item: &Item<'_>, target: u16) {
        if !self.has_outputs || (target > 0 && self.last_topic == item.topic) {
            return;
        }
        self.last_topic.clear();
        self.last_topic.extend_from_slice(item.topic);
        self.taps.iter_mut().filter(|tap| tap.side == Side::Out).for_each(|tap| tap.offer(item));
    }

    /// What a tap copied since the last call: nothing for an unknown one, an inner nothing when there is nothing.
    pub fn take(&mut self, id: u64) -> Option<Option<Batch>> {
        let tap = self.taps.iter_mut().find(|tap| tap.id == id)?;
        tap.is_announced = false;
        Some(tap.queue.take().map(|load| {
            tap.next_batch += 1;
            Batch::new(tap.next_batch - 1, Arc::new(load.segment))
        }))
    }

    /// Calls with each tap that has something and was not named since the last [`Taps::take`].
    pub fn announce(&mut self, mut on_ready: impl FnMut(u64)) {
        for tap in self.taps.iter_mut().filter(|tap| !tap.is_announced && !tap.queue.is_empty()) {
            tap.is_announced = true;
            on_ready(tap.id);
        }
    }

    /// New names for what comes from now on.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.taps.iter_mut().for_each(|tap| tap.queue.rename(names));
    }
}

impl Tap {
    fn offer(&mut self, item: &Item<'_>) {
        let topic = std::str::from_utf8(item.topic).unwrap_or_default();
        if !topic_matches(&self.filter, topic).unwrap_or(false) {
            return;
        }
        if self.queue.bytes() > self.limit {
            self.dropped += 1;
            return;
        }
        self.queue.push(item, None, item.meta.received_ns);
    }
}
