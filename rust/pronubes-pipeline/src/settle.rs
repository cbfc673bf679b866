//! Settling: when may a source forget a message?
//!
//! One token per input message of a source that wants acknowledgement (one per batch for batch sources, whose position is
//! what they acknowledge). Each target that must confirm has a [`Hold`] on the token; when the last hold is released the token is
//! settled, and settled tokens leave in arrival order. Delivery classes change only who has a hold and when it is released.
//!
//! A sink that a log stands behind has tokens too, in rings of its own ([`ring`]): their marks are numbers of records, and what
//! drains moves the sink's position in the log.
//!
//! Rules of this file:
//! 1. A token settles only through [`Settle::release`] and [`Settle::fail`], never because time has passed.
//! 2. A [`Hold`] that is dropped without either is not silently lost: it is noted, and [`Settle::collect_lost`] fails its token.
//! 3. Tokens of a connection that ended are void ([`Settle::void`]); late releases of them change nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::num::NonZeroU64;

thread_local! {
    /// Holds dropped unresolved on this thread. A thread-local list because `Drop` has no other way to the owner, and
    /// because every call into a pipeline ends on the thread it began on, where the list is collected.
    static LOST: RefCell<Vec<NonZeroU64>> = const { RefCell::new(Vec::new()) };
}

const SEQUENCE_BITS: u32 = 48;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;

/// A ring of tokens, by number: those of a source, or those with which a sink tells a log how far it has come.
pub mod ring {
    /// How many sources or sinks there may be.
    pub const MAX_SLOTS: usize = 1 << 14;

    /// The messages of a source.
    #[must_use]
    pub const fn source(slot: u16) -> u16 {
        slot * 4
    }

    /// What a sink got at once of the durable log.
    #[must_use]
    pub const fn live(slot: u16) -> u16 {
        slot * 4 + 1
    }

    /// What a sink got later out of the durable log.
    #[must_use]
    pub const fn replay(slot: u16) -> u16 {
        slot * 4 + 2
    }

    /// What a sink got later out of the log of what was spilled.
    #[must_use]
    pub const fn spill(slot: u16) -> u16 {
        slot * 4 + 3
    }
}

/// One target's promise on a token. Give it to [`Settle::release`] or [`Settle::fail`]; eight bytes, also as an option.
#[must_use = "a hold that is dropped fails its message"]
#[derive(Debug, PartialEq, Eq)]
pub struct Hold(NonZeroU64);

impl Hold {
    /// The hold as a number, for whoever can only carry numbers (an MQTT session). [`Hold::from_tag`] is the way back.
    #[must_use]
    pub fn into_tag(self) -> u64 {
        let tag = self.0.get();
        std::mem::forget(self);
        tag
    }

    /// The hold of a number from [`Hold::into_tag`]; nothing for 0, which stands for "nobody waits".
    pub fn from_tag(tag: u64) -> Option<Self> {
        NonZeroU64::new(tag).map(Self)
    }

    fn slot(&self) -> usize {
        (self.0.get() >> SEQUENCE_BITS) as usize
    }

    fn sequence(&self) -> u64 {
        self.0.get() & SEQUENCE_MASK
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // During the end of a thread the list may be gone; then the pipeline is gone too.
        let _ = LOST.try_with(|lost| lost.borrow_mut().push(self.0));
    }
}

/// How a settled token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Every target has it (or a route ended it by its rules).
    Done,
    /// Some target lost it: the source has to send it again.
    Failed,
}

#[derive(Clone, Copy, Debug)]
struct Entry<M> {
    holds: u32,
    has_failed: bool,
    mark: M,
}

/// The tokens of one source, oldest first.
#[derive(Debug)]
struct Ring<M> {
    /// Sequence number of the first entry; numbers are never used twice, so that late releases are recognised.
    base: u64,
    entries: VecDeque<Entry<M>>,
    /// Whether the first entry may have settled since the last drain.
    is_dirty: bool,
    has_failed: bool,
}

/// The tokens of all sources; `M` is what a source needs to acknowledge with (a packet's handle, a position).
#[derive(Debug)]
pub struct Settle<M> {
    rings: Vec<Ring<M>>,
}

impl<M> Default for Settle<M> {
    fn default() -> Self {
        Self { rings: Vec::new() }
    }
}

impl<M: Copy> Settle<M> {
    /// Makes room for the sources below `slots`.
    pub fn ensure(&mut self, slots: usize) {
        while self.rings.len() < slots {
            self.rings.push(Ring { base: 1, entries: VecDeque::new(), is_dirty: false, has_failed: false });
        }
    }

    /// A token for a message that arrived. `mark` comes back when it settles. The hold is
    /// the arrival's own: release it when the message has been handed to all its targets.
    pub fn open(&mut self, slot: u16, mark: M) -> Hold {
        self.ensure(usize::from(slot) + 1);
        let ring = &mut self.rings[usize::from(slot)];
        let sequence = (ring.base + ring.entries.len() as u64) & SEQUENCE_MASK;
        ring.entries.push_back(Entry { holds: 1, has_failed: false, mark });
        Hold(NonZeroU64::new((u64::from(slot) << SEQUENCE_BITS) | sequence).expect("sequence numbers begin with 1"))
    }

    /// One more hold on the token of `hold`.
    pub fn hold(&mut self, hold: &Hold) -> Hold {
        if let Some(entry) = self.entry(hold) {
            entry.holds += 1;
        }
        Hold(hold.0)
    }

    /// The mark of the token of `hold`, if it is open and one of this source.
    #[must_use]
    pub fn mark(&self, slot: u16, hold: &Hold) -> Option<M> {
        let ring = self.rings.get(hold.slot()).filter(|_| hold.slot() == usize::from(slot))?;
        let index = hold.sequence().checked_sub(ring.base)?;
        ring.entries.get(usize::try_from(index).ok()?).map(|entry| entry.mark)
    }

    /// A target has it.
    #[inline]
    pub fn release(&mut self, hold: Hold) {
        self.resolve(hold, false);
    }

    /// A target lost it: the token's fate is [`Fate::Failed`].
    pub fn fail(&mut self, hold: Hold) {
        self.resolve(hold, true);
    }

    fn resolve(&mut self, hold: Hold, is_failure: bool) {
        let (slot, sequence) = (hold.slot(), hold.sequence());
        std::mem::forget(hold);
        let Some(ring) = self.rings.get_mut(slot) else { return };
        let Some(index) = sequence.checked_sub(ring.base) else { return };
        let Some(entry) = ring.entries.get_mut(index as usize) else { return };
        entry.holds = entry.holds.saturating_sub(1);
        if is_failure {
            entry.has_failed = true;
            ring.has_failed = true;
        }
        ring.is_dirty |= index == 0 && entry.holds == 0;
    }

    fn entry(&mut self, hold: &Hold) -> Option<&mut Entry<M>> {
        let ring = self.rings.get_mut(hold.slot())?;
        let index = hold.sequence().checked_sub(ring.base)?;
        ring.entries.get_mut(index as usize)
    }

    /// Fails the tokens of holds that were dropped unresolved on this thread; how many there were. Each is a defect.
    pub fn collect_lost(&mut self) -> usize {
        if LOST.with(|lost| lost.borrow().is_empty()) {
            return 0;
        }
        let lost = LOST.with(RefCell::take);
        let count = lost.len();
        for number in lost {
            self.resolve(Hold(number), true);
        }
        count
    }

    /// Whether [`Settle::drain`] may have something for this source.
    #[must_use]
    pub fn is_dirty(&self, slot: u16) -> bool {
        self.rings.get(usize::from(slot)).is_some_and(|ring| ring.is_dirty)
    }

    /// Whether a token of this source failed since the last [`Settle::void`] or drain of it.
    #[must_use]
    pub fn has_failed(&self, slot: u16) -> bool {
        self.rings.get(usize::from(slot)).is_some_and(|ring| ring.has_failed)
    }

    /// Takes the settled tokens from the front, in arrival order, and stops at the first that is not settled.
    pub fn drain(&mut self, slot: u16, mut on_settled: impl FnMut(M, Fate)) {
        let Some(ring) = self.rings.get_mut(usize::from(slot)) else { return };
        ring.is_dirty = false;
        let settled = ring.entries.iter().take_while(|entry| entry.holds == 0).count();
        for entry in ring.entries.drain(..settled) {
            on_settled(entry.mark, if entry.has_failed { Fate::Failed } else { Fate::Done });
        }
        ring.base += settled as u64;
        if ring.has_failed {
            ring.has_failed = ring.entries.iter().any(|entry| entry.has_failed);
        }
    }

    /// Voids all tokens of a source: its connection ended and it will send again what was not acknowledged.
    pub fn void(&mut self, slot: u16) {
        if let Some(ring) = self.rings.get_mut(usize::from(slot)) {
            ring.base += ring.entries.len() as u64;
            ring.entries.clear();
            ring.is_dirty = false;
            ring.has_failed = false;
        }
    }

    /// The mark of the oldest token that is open.
    #[must_use]
    pub fn oldest(&self, slot: u16) -> Option<M> {
        self.rings.get(usize::from(slot))?.entries.front().map(|entry| entry.mark)
    }

    /// The number of the oldest token that is open; no other token of this ring ever has it.
    #[must_use]
    pub fn oldest_number(&self, slot: u16) -> Option<u64> {
        let ring = self.rings.get(usize::from(slot))?;
        (!ring.entries.is_empty()).then_some(ring.base)
    }

    /// How many tokens of a source are open: messages that are not acknowledged yet.
    #[must_use]
    pub fn open_tokens(&self, slot: u16) -> usize {
        self.rings.get(usize::from(slot)).map_or(0, |ring| ring.entries.len())
    }

    /// Whether no source has an open token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rings.iter().all(|ring| ring.entries.is_empty())
    }
}
