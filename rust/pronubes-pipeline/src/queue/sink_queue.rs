//! What waits for a sink: a queue with a size, and a policy for when the sink does not keep up.
//!
//! Only what waits here is ever dropped: messages on their way to a broker and batches with Python are not here. Each drop is counted by
//! its reason. A dropped message's hold, which configurations do not allow beside a policy that drops, is kept for
//! [`SinkQueue::release_dropped`], so that no source waits for ever.
//!
//! `keep_latest`: above half of its size the queue is *overloaded*, until it is empty. It then holds the newest value of every topic, at the
//! place where that value came in: an older one leaves its place. What waits when the queue begins to leave (or when all that
//! waited then has left) is frozen: it leaves as it is, and newer values queue behind it. So a topic that changes all the time gets its
//! turn as well.

use std::sync::Arc;

use super::fifo::{Queue, cost};
use super::load::Load;
use super::newest::Newest;
use super::policy::{DropReason, Drops, Gate, Policy};
use super::segment::{Item, SegmentLimits};
use crate::names::Names;
use crate::settle::{Hold, Settle};

/// A sink's queue.
#[derive(Debug)]
pub struct SinkQueue {
    queue: Queue,
    policy: Policy,
    gate: Gate,
    newest: Newest,
    drops: Drops,
    dropped_holds: Vec<Hold>,
}

impl SinkQueue {
    /// An empty queue of so many bytes.
    #[must_use]
    pub fn new(policy: Policy, bytes: usize, limits: SegmentLimits, names: &Arc<Names>) -> Self {
        Self {
            queue: Queue::new(limits, Arc::clone(names)),
            policy,
            gate: Gate::new(bytes),
            newest: Newest::default(),
            drops: Drops::default(),
            dropped_holds: Vec::new(),
        }
    }

    /// What happens when it is full.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// What it dropped.
    #[must_use]
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Another policy and size, for what waits as well.
    pub fn reconfigure(&mut self, policy: Policy, bytes: usize) {
        self.gate = Gate::new(bytes);
        if policy != Policy::KeepLatest && self.policy == Policy::KeepLatest {
            self.newest.stop();
            self.rewrite();
        }
        self.policy = policy;
        self.enforce();
    }

    /// New names for what comes from now on.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.queue.rename(names);
    }

    /// Whether the sources are to be held up; `extra` bytes are out of the queue and not done.
    pub fn update_gate(&mut self, extra: usize) -> bool {
        self.policy == Policy::Block && self.gate.update(self.queue.bytes() + extra)
    }

    /// Whether it is far above the size at which it holds up its sources.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.policy == Policy::Block && self.queue.bytes() > 2 * self.gate.high()
    }

    /// The end: takes the messages out that nobody waits for and that `takes` takes; how many.
    pub fn extract(&mut self, takes: &mut impl FnMut(&Item<'_>) -> bool) -> u64 {
        self.newest.stop();
        self.queue.extract(takes)
    }

    /// Puts a message at the end, or drops one.
    #[inline]
    pub fn push(&mut self, item: &Item<'_>, hold: Option<Hold>, now_ns: i64) {
        if self.policy == Policy::Block {
            return self.queue.push(item, hold, now_ns);
        }
        self.push_or_drop(item, hold, now_ns);
    }

    fn push_or_drop(&mut self, item: &Item<'_>, hold: Option<Hold>, now_ns: i64) {
        let full = self.queue.bytes() + cost(item.topic.len() + item.payload.len()) > self.gate.high();
        if self.policy == Policy::DropNewest && full && !self.queue.is_empty() {
            return self.count(DropReason::DropNewest, hold);
        }
        self.queue.push(item, hold, now_ns);
        if self.newest.is_on()
            && let Some(place) = self.queue.last_place()
            && let Some(former) = self.newest.note(&self.queue, place)
            && !self.newest.is_frozen(former)
        {
            let hold = self.queue.remove(former);
            self.count(DropReason::Replaced, hold);
        }
        self.enforce();
    }

    fn count(&mut self, reason: DropReason, hold: Option<Hold>) {
        self.drops.add(reason, 1);
        self.dropped_holds.extend(hold);
    }

    /// Brings what waits back below the size. A single message may be larger than the whole queue.
    fn enforce(&mut self) {
        match self.policy {
            Policy::Block | Policy::DropNewest => {}
            Policy::DropOldest => self.make_room(),
            Policy::KeepLatest => {
                if !self.newest.is_on() && self.queue.bytes() > self.mark() {
                    self.replace_all();
                }
                if self.size() > self.gate.high() {
                    if self.newest.is_frozen(self.queue.front_place()) {
                        self.replace_all();
                    }
                    self.make_room();
                }
                if self.queue.dead_bytes() > self.gate.high() / 2 {
                    self.rewrite();
                }
            }
        }
    }

    fn make_room(&mut self) {
        while self.size() > self.gate.high() && self.queue.len() > 1 {
            self.newest.forget(&self.queue, self.queue.front_place());
            let hold = self.queue.pop();
            self.count(DropReason::DropOldest, hold);
        }
    }

    /// Bytes of what waits, with the index of the topics.
    fn size(&self) -> usize {
        self.queue.bytes() + self.newest.bytes()
    }

    /// Above it values are replaced; what waits may be frozen only below, so that it is followed by as much at least.
    fn mark(&self) -> usize {
        self.gate.high() / 2
    }

    /// Overload: of each topic only the newest value stays.
    fn replace_all(&mut self) {
        self.newest.start();
        let mut next = self.queue.next_place(self.queue.front_place());
        while let Some(place) = next {
            if let Some(former) = self.newest.note(&self.queue, place) {
                let hold = self.queue.remove(former);
                self.count(DropReason::Replaced, hold);
            }
            next = self.queue.next_place(place.next());
        }
    }

    fn rewrite(&mut self) {
        let newest = &mut self.newest;
        self.queue.rewrite(|topic, from, to| newest.moved(topic, from, to));
        newest.all_moved(self.queue.end_place());
    }

    /// Puts messages back to the front, in order; they were taken before everything that waits now. They leave once more as they are, but for
    /// those of which a newer value waits.
    pub fn put_back(&mut self, load: Load) {
        let is_empty = load.holds.is_empty();
        self.queue.put_back(load);
        if is_empty || !self.newest.is_on() {
            return;
        }
        self.newest.freeze(self.queue.behind_front());
        // From the newest to the oldest, so that of two values of a topic the newer one stays.
        for row in (0..self.queue.front_rows()).rev() {
            let place = self.queue.front_row(row);
            if !self.newest.note_older(&self.queue, place) {
                let hold = self.queue.remove(place);
                self.count(DropReason::Replaced, hold);
            }
        }
    }

    /// Takes the message at the front away; who waits for it.
    #[inline]
    pub fn pop(&mut self) -> Option<Hold> {
        if !self.newest.is_on() {
            return self.queue.pop();
        }
        self.newest.forget(&self.queue, self.queue.front_place());
        let hold = self.queue.pop();
        self.has_left();
        hold
    }

    /// Takes the first segment.
    pub fn take(&mut self) -> Option<Load> {
        if !self.newest.is_on() {
            return self.queue.take();
        }
        if self.queue.dead_bytes() > self.queue.bytes() {
            self.rewrite();
        }
        let mut next = self.queue.next_in_front(self.queue.front_place());
        while let Some(place) = next {
            self.newest.forget(&self.queue, place);
            next = self.queue.next_in_front(place.next());
        }
        let load = self.queue.take();
        self.has_left();
        load
    }

    fn has_left(&mut self) {
        if self.queue.is_empty() {
            self.newest.stop();
        } else if !self.newest.is_frozen(self.queue.front_place()) && self.queue.bytes() <= self.mark() {
            self.newest.freeze(self.queue.end_place());
        }
    }

    /// Releases the holds of what was dropped.
    pub fn release_dropped<M: Copy>(&mut self, settle: &mut Settle<M>) {
        for hold in self.dropped_holds.drain(..) {
            settle.release(hold);
        }
    }
}

/// What the queue below knows.
impl SinkQueue {
    /// Whether nothing waits.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Number of messages, by its counter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Bytes of memory of all that waits, of what is gone and not given back, and of the index of topics.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.size() + self.queue.dead_bytes()
    }

    /// Number of messages, by walking.
    #[must_use]
    pub fn walk(&self) -> usize {
        self.queue.walk()
    }

    /// When the message at the front came in.
    #[must_use]
    pub fn oldest_ns(&self) -> Option<i64> {
        self.queue.oldest_ns()
    }

    /// Whether the first segment is full.
    #[must_use]
    pub fn has_full_segment(&self) -> bool {
        self.queue.has_full_segment()
    }

    /// The message at the front.
    #[must_use]
    pub fn front(&self) -> Option<Item<'_>> {
        self.queue.front()
    }

    /// Who waits for the message at the front.
    pub fn front_hold(&mut self) -> Option<&mut Option<Hold>> {
        self.queue.front_hold()
    }

    /// Whether the message at the front was queued under the present names.
    #[must_use]
    pub fn is_front_current(&self) -> bool {
        self.queue.is_front_current()
    }
}
