//! The keys of a step with their states: a bounded table, and timers for steps that have them.
//!
//! 1. A key is known by 128 bits of its text, not by the text: a step over a million tags takes tens of bytes per tag. Two keys of one
//!    step fall together with a probability of about 1e-27 at a million keys.
//! 2. Timers are lazy: each key is in the heap at most once with a deadline that counts; one that moved on is put back when its
//!    time has come. So a message that only moves a deadline costs nothing, and the heap has no more items than there are keys.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::SourceId;

/// 128 bits that stand for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// Of the parts of a key; none of them has the byte 0xFF, which UTF-8 has not.
    #[inline]
    pub(crate) fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut low = FixedState::with_seed(0x7072_6F6E_7562_6573).build_hasher();
        let mut high = FixedState::with_seed(0x6B65_7973_6B65_7973).build_hasher();
        for part in parts {
            low.write(part);
            low.write_u8(0xFF);
            high.write(part);
            high.write_u8(0xFF);
        }
        Self([low.finish(), high.finish()])
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.0[0]) | u128::from(self.0[1]) << 64).to_le_bytes()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of 128 bits")]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Self([both as u64, (both >> 64) as u64])
    }
}

/// Who a key is, for payloads that leave when time has come: the first message of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) source: SourceId,
    pub(crate) topic: Box<str>,
    /// The key of an exploded member.
    pub(crate) member: Option<Box<str>>,
    /// The topic that a hook gave.
    pub(crate) new_topic: Option<Box<str>>,
}

impl Name {
    fn heap_bytes(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        self.topic.len() + length(&self.member) + length(&self.new_topic)
    }
}

/// A key of a timed step.
#[derive(Debug)]
struct Timed {
    name: Name,
    /// The deadline of its item in the heap; `i64::MAX` where it has none.
    armed_ns: i64,
}

#[derive(Debug)]
struct Entry<S> {
    fingerprint: Fingerprint,
    state: S,
}

/// The keys of a step.
#[derive(Debug)]
pub(super) struct Keys<S> {
    index: HashTable<u32>,
    entries: Vec<Entry<S>>,
    /// Beside `entries`, for timed steps.
    timed: Vec<Timed>,
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

impl<S> Default for Keys<S> {
    fn default() -> Self {
        Self { index: HashTable::new(), entries: Vec::new(), timed: Vec::new(), heap: BinaryHeap::new() }
    }
}

const UNARMED: i64 = i64::MAX;

fn hash_of<S>(entries: &[Entry<S>]) -> impl Fn(&u32) -> u64 + '_ {
    |slot| entries[*slot as usize].fingerprint.0[0]
}

impl<S> Keys<S> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What it takes, without what states hold on the heap.
    pub(super) fn bytes(&self) -> usize {
        // One control byte and a number per bucket.
        let index = self.index.capacity() * 8 / 7 * 5;
        let timed: usize = self.timed.iter().map(|timed| timed.name.heap_bytes()).sum();
        index
            + self.entries.capacity() * size_of::<Entry<S>>()
            + self.timed.capacity() * size_of::<Timed>()
            + self.heap.capacity() * size_of::<Reverse<(i64, u32)>>()
            + timed
    }

    #[inline]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<usize> {
        let is_it = |slot: &u32| self.entries[*slot as usize].fingerprint == fingerprint;
        self.index.find(fingerprint.0[0], is_it).map(|slot| *slot as usize)
    }

    #[inline]
    pub(super) fn state(&self, slot: usize) -> &S {
        &self.entries[slot].state
    }

    #[inline]
    pub(super) fn state_mut(&mut self, slot: usize) -> &mut S {
        &mut self.entries[slot].state
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &S> {
        self.entries.iter().map(|entry| &entry.state)
    }

    pub(super) fn fingerprint(&self, slot: usize) -> Fingerprint {
        self.entries[slot].fingerprint
    }

    pub(super) fn name(&self, slot: usize) -> Option<&Name> {
        self.timed.get(slot).map(|timed| &timed.name)
    }

    /// Adds a key that is not there; timed steps give its name.
    pub(super) fn add(&mut self, fingerprint: Fingerprint, state: S, name: Option<Name>) -> usize {
        let slot = self.entries.len();
        self.entries.push(Entry { fingerprint, state });
        self.timed.extend(name.map(|name| Timed { name, armed_ns: UNARMED }));
        let entries = &self.entries;
        self.index.insert_unique(fingerprint.0[0], u32::try_from(slot).unwrap_or(u32::MAX), hash_of(entries));
        slot
    }

    /// Forgets a key that no item of the heap stands for; the last one takes its slot.
    fn remove(&mut self, slot: usize) {
        let last = self.entries.len() - 1;
        let number = |slot: usize| u32::try_from(slot).unwrap_or(u32::MAX);
        let fingerprint = self.entries[slot].fingerprint;
        if let Ok(found) = self.index.find_entry(fingerprint.0[0], |candidate| *candidate == number(slot)) {
            found.remove();
        }
        if slot != last {
            let moved = self.entries[last].fingerprint;
            if let Some(found) = self.index.find_mut(moved.0[0], |candidate| *candidate == number(last)) {
                *found = number(slot);
            }
        }
        self.entries.swap_remove(slot);
        self.timed.swap_remove(slot);
        // Its item in the heap has the old slot: it gets one with the new.
        if slot != last && self.timed[slot].armed_ns != UNARMED {
            self.heap.push(Reverse((self.timed[slot].armed_ns, number(slot))));
        }
    }

    /// Notes when a key wants to be woken.
    #[inline]
    pub(super) fn arm(&mut self, slot: usize, deadline_ns: i64) {
        let timed = &mut self.timed[slot];
        if deadline_ns >= timed.armed_ns {
            return;
        }
        timed.armed_ns = deadline_ns;
        if self.heap.len() > 2 * self.entries.len() + 64 {
            self.sweep();
        }
        self.heap.push(Reverse((deadline_ns, u32::try_from(slot).unwrap_or(u32::MAX))));
    }

    /// Throws away items that stand for nothing any more.
    fn sweep(&mut self) {
        let timed = &self.timed;
        let stands = |Reverse((deadline, slot)): &Reverse<(i64, u32)>| {
            timed.get(*slot as usize).is_some_and(|timed| timed.armed_ns == *deadline)
        };
        self.heap.retain(stands);
    }

    /// The earliest deadline; it may have moved on since.
    pub(super) fn next_deadline(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes a key off the timers whose deadline lies not behind `now_ns`, as far as the timers know.
    pub(super) fn pop_due(&mut self, now_ns: i64) -> Option<usize> {
        while let Some(Reverse((deadline, slot))) = self.heap.peek().copied()
            && deadline <= now_ns
        {
            self.heap.pop();
            if let Some(timed) = self.timed.get_mut(slot as usize)
                && timed.armed_ns == deadline
            {
                timed.armed_ns = UNARMED;
                return Some(slot as usize);
            }
        }
        None
    }

    /// Forgets a key that [`Keys::pop_due`] gave; its name.
    pub(super) fn forget(&mut self, slot: usize) {
        if slot < self.timed.len() {
            self.remove(slot);
        }
    }
}
