//! A queue from which Python takes batches and confirms them, one at a time, so that order holds.

use std::sync::Arc;

use super::SinkCounters;
use crate::names::Names;
use crate::queue::{Item, Load, Policy, Segment, SegmentLimits, SinkQueue};
use crate::settle::{Hold, Settle};

/// A batch that Python has.
#[derive(Debug)]
struct Out {
    id: u64,
    segment: Arc<Segment>,
    holds: Vec<Option<Hold>>,
    since_ns: i64,
}

/// Why a confirmation makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmError {
    /// There is no such batch.
    UnknownBatch,
    /// A row number lies outside of the batch, or a row is named twice.
    InvalidRow,
}

/// A queue that Python empties in batches.
#[derive(Debug)]
pub struct BatchSink {
    pub(crate) counters: SinkCounters,
    queue: SinkQueue,
    linger_ns: i64,
    out: Option<Out>,
    next_id: u64,
    is_announced: bool,
}

impl BatchSink {
    /// An empty sink.
    #[must_use]
    pub fn new(policy: Policy, queue_bytes: usize, limits: SegmentLimits, linger_ns: i64, names: &Arc<Names>) -> Self {
        Self {
            counters: SinkCounters::default(),
            queue: SinkQueue::new(policy, queue_bytes, limits, names),
            linger_ns,
            out: None,
            next_id: 1,
            is_announced: false,
        }
    }

    /// Takes a message from a route.
    pub fn accept(&mut self, item: &Item<'_>, hold: Option<Hold>) {
        self.counters.emitted += 1;
        self.queue.push(item, hold, item.meta.received_ns);
    }

    /// Whether a batch can be taken: none is out, and one is full or old enough.
    #[must_use]
    pub fn is_ready(&self, now_ns: i64) -> bool {
        self.out.is_none() && (self.queue.has_full_segment() || self.deadline_ns().is_some_and(|at| at <= now_ns))
    }

    /// When what waits becomes a batch by its age.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<i64> {
        self.queue.oldest_ns().filter(|_| self.out.is_none()).map(|oldest| oldest + self.linger_ns)
    }

    /// The same, unless that batch was announced already.
    #[must_use]
    pub fn unannounced_deadline_ns(&self) -> Option<i64> {
        self.deadline_ns().filter(|_| !self.is_announced)
    }

    /// Like [`BatchSink::is_ready`], but says so only once per batch.
    pub fn announce(&mut self, now_ns: i64) -> bool {
        let is_new = !self.is_announced && self.is_ready(now_ns);
        self.is_announced |= is_new;
        is_new
    }

    /// Takes the next batch, with its number; `force` takes one that is not ready by size or age.
    pub fn take(&mut self, now_ns: i64, force: bool) -> Option<(u64, Arc<Segment>)> {
        if self.out.is_some() || !(force || self.is_ready(now_ns)) {
            return None;
        }
        let load = self.queue.take()?;
        self.is_announced = false;
        let (id, segment) = (self.next_id, Arc::new(load.segment));
        self.next_id += 1;
        self.out = Some(Out { id, segment: Arc::clone(&segment), holds: load.holds, since_ns: load.since_ns });
        Some((id, segment))
    }

    /// The sink has the batch, except for the rows named. Refused rows go to `on_refused`, rows to retry to the front of the queue.
    ///
    /// # Errors
    /// The confirmation makes no sense; nothing has changed then.
    pub fn confirm<M: Copy>(
        &mut self,
        id: u64,
        refused: &[(usize, String)],
        retry: &[usize],
        settle: &mut Settle<M>,
        on_refused: &mut impl FnMut(&Item<'_>, &str, Option<Hold>),
    ) -> Result<(), ConfirmError> {
        let out = self.out.as_ref().filter(|out| out.id == id).ok_or(ConfirmError::UnknownBatch)?;
        let verdicts = verdicts(out.holds.len(), refused, retry)?;
        let Some(out) = self.out.take() else { return Err(ConfirmError::UnknownBatch) };
        let mut again = Load::like(&out.segment, out.since_ns);
        for (row, hold) in out.holds.into_iter().enumerate() {
            match verdicts.get(row).copied().unwrap_or(Verdict::Delivered) {
                Verdict::Delivered => {
                    self.counters.delivered += 1;
                    if let Some(hold) = hold {
                        settle.release(hold);
                    }
                }
                Verdict::Retry => again.push(&out.segment.item(&out.segment.records()[row]), hold),
                Verdict::Refused(at) => {
                    self.counters.quarantined += 1;
                    on_refused(&out.segment.item(&out.segment.records()[row]), &refused[at].1, hold);
                }
            }
        }
        self.queue.put_back(again);
        Ok(())
    }

    /// The ledger.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        self.counters.with(self.queue.drops())
    }

    /// What happens when its queue is full.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.queue.policy()
    }

    /// Tells those who wait for messages that its queue dropped.
    pub fn release_dropped<M: Copy>(&mut self, settle: &mut Settle<M>) {
        self.queue.release_dropped(settle);
    }

    /// Takes the messages out of the queue that nobody waits for and that `takes` takes; how many.
    pub fn extract(&mut self, takes: &mut impl FnMut(&Item<'_>) -> bool) -> u64 {
        self.queue.extract(takes)
    }

    /// Whether its sources are to be held up.
    pub fn update_gate(&mut self) -> bool {
        let out = self.out.as_ref().map_or(0, |out| out.segment.size());
        self.queue.update_gate(out)
    }

    /// Whether it is far above its high mark.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.queue.is_overfull()
    }

    /// When the oldest message of the queue came in.
    #[must_use]
    pub fn oldest_ns(&self) -> Option<i64> {
        self.queue.oldest_ns()
    }

    /// Bytes that wait in the queue.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Messages inside: waiting or with Python.
    #[must_use]
    pub fn walk(&self) -> u64 {
        (self.queue.walk() + self.out.as_ref().map_or(0, |out| out.holds.len())) as u64
    }

    /// New names for what comes from now on.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.queue.rename(names);
    }

    /// Another policy, size and linger time; segments keep the size they were begun with.
    pub fn reconfigure(&mut self, policy: Policy, queue_bytes: usize, linger_ns: i64) {
        self.queue.reconfigure(policy, queue_bytes);
        self.linger_ns = linger_ns;
    }
}

#[derive(Clone, Copy)]
enum Verdict {
    Delivered,
    Retry,
    Refused(usize),
}

/// One verdict per row, or none at all when every row was delivered.
fn verdicts(rows: usize, refused: &[(usize, String)], retry: &[usize]) -> Result<Vec<Verdict>, ConfirmError> {
    if refused.is_empty() && retry.is_empty() {
        return Ok(Vec::new());
    }
    let mut verdicts = vec![Verdict::Delivered; rows];
    let named = refused.iter().enumerate().map(|(at, (row, _))| (*row, Verdict::Refused(at)));
    for (row, verdict) in named.chain(retry.iter().map(|row| (*row, Verdict::Retry))) {
        match verdicts.get_mut(row) {
            Some(place @ Verdict::Delivered) => *place = verdict,
            _ => return Err(ConfirmError::InvalidRow),
        }
    }
    Ok(verdicts)
}
