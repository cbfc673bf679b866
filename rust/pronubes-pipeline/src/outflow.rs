//! The batch plane's way out: batches for sinks, hooks, taps and the quarantine's writer, and what they say about them.

use pronubes_core::Reason;
use pronubes_core::topic::TopicError;

use crate::batch::Batch;
use crate::floor::{Floor, SinkKind};
use crate::latest::Latest;
use crate::pipeline::Pipeline;
use crate::quarantine::Fault;
use crate::sink::{BatchSink, ConfirmError};
use crate::tap::Side;

impl Pipeline {
    fn batch_sink(
        &mut self,
        name: &str,
    ) -> Option<(&mut BatchSink, &mut crate::settle::Settle<u64>, &mut crate::quarantine::Quarantine)> {
        let Floor { sinks, settle, quarantine, .. } = &mut self.floor;
        let mut found = sinks.iter_mut().filter(|sink| !sink.is_gone && *sink.name == *name);
        let sink = found.find_map(|sink| match &mut sink.kind {
            SinkKind::Batch(sink) => Some(sink),
            SinkKind::Mqtt { .. } | SinkKind::Latest(_) => None,
        })?;
        Some((sink, settle, quarantine))
    }

    /// The next batch of a batch sink: nothing when there is no such sink, an inner nothing when no batch is ready.
    pub fn take(&mut self, sink: &str, now_ns: i64, force: bool) -> Option<Option<Batch>> {
        self.now_ns = now_ns;
        let (sink, ..) = self.batch_sink(sink)?;
        Some(sink.take(now_ns, force).map(|(id, segment)| Batch::new(id, segment)))
    }

    /// A sink has a batch, but for the rows named.
    ///
    /// # Errors
    /// The confirmation makes no sense; nothing has changed then.
    pub fn confirm(
        &mut self,
        sink: &str,
        batch: u64,
        refused: &[(usize, String)],
        retry: &[usize],
        now_ns: i64,
    ) -> Result<(), ConfirmError> {
        self.now_ns = now_ns;
        let name = sink;
        let (sink, settle, quarantine) = self.batch_sink(name).ok_or(ConfirmError::UnknownBatch)?;
        sink.confirm(batch, refused, retry, settle, &mut |item, words, hold| {
            quarantine.push(&Fault::of_item(item, name, Reason::SinkRefused, words), hold);
        })
    }

    /// Hooks of the present plan: number and `module:function`.
    #[must_use]
    pub fn hooks(&self) -> Vec<(u32, &str)> {
        let is_present = |(_, hook): &(usize, &crate::floor::Hook)| hook.generation == self.generation;
        let hooks = self.floor.hooks.iter().enumerate().filter(is_present);
        hooks.map(|(number, hook)| (number as u32, &*hook.name)).collect()
    }

    /// The oldest plan that has rows in hooks: only its batches go out, so that a reload does not change the order.
    fn hook_generation(&self) -> Option<u32> {
        self.floor.hooks.iter().filter(|hook| !hook.queue.is_empty()).map(|hook| hook.generation).min()
    }

    pub(crate) fn announce_hooks(&mut self) {
        let Some(oldest) = self.hook_generation() else { return };
        for (number, hook) in self.floor.hooks.iter_mut().enumerate() {
            if hook.generation == oldest && hook.queue.announce() {
                self.notes.ready_hooks.push(number as u32);
            }
        }
    }

    /// The next batch for a hook: nothing when there is no such hook (any more), an inner nothing when no batch is
    /// ready.
    pub fn take_hook(&mut self, hook: u32) -> Option<Option<Batch>> {
        let oldest = self.hook_generation();
        let hook = self.floor.hooks.get_mut(hook as usize).filter(|hook| !hook.is_gone)?;
        if oldest.is_some_and(|oldest| oldest < hook.generation) {
            return Some(None);
        }
        Some(hook.queue.take())
    }

    /// They are written; false when there is no such batch.
    pub fn confirm_quarantine(&mut self, batch: u64, now_ns: i64) -> bool {
        self.now_ns = now_ns;
        let Some(holds) = self.floor.quarantine.confirm(batch) else { return false };
        holds.into_iter().for_each(|hold| self.floor.settle.release(hold));
        true
    }

    /// They could not be written and are handed out again; false when there is no such batch.
    pub fn retry_quarantine(&mut self, batch: u64) -> bool {
        self.floor.quarantine.retry(batch)
    }

    /// Opens a tap on an MQTT filter.
    ///
    /// # Errors
    /// The filter is not valid.
    pub fn open_tap(&mut self, filter: &str, side: Side, queue_bytes: usize) -> Result<u64, TopicError> {
        self.floor.taps.open(filter, side, queue_bytes, &self.floor.names)
    }

    /// How many messages a tap dropped so far; nothing when there is no such tap.
    #[must_use]
    pub fn tap_dropped(&self, tap: u64) -> Option<u64> {
        self.floor.taps.dropped(tap)
    }

    /// What a tap copied: nothing when there is no such tap, an inner nothing when it has nothing.
    pub fn take_tap(&mut self, tap: u64) -> Option<Option<Batch>> {
        self.floor.taps.take(tap)
    }

    /// Ends a tap; how many messages it dropped.
    pub fn close_tap(&mut self, tap: u64) -> Option<u64> {
        self.floor.taps.close(tap)
    }

    /// The values of a latest sink.
    pub fn latest(&mut self, sink: &str) -> Option<&mut Latest> {
        let mut found = self.floor.sinks.iter_mut().filter(|candidate| !candidate.is_gone && *candidate.name == *sink);
        found.find_map(|sink| match &mut sink.kind {
            SinkKind::Latest(sink) => Some(&mut sink.latest),
            SinkKind::Mqtt { .. } | SinkKind::Batch(_) => None,
        })
    }
}
