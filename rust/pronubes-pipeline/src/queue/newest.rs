//! Which message of a queue is the newest of its topic. Kept only while a queue with [`super::Policy::KeepLatest`] is overloaded.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::fifo::{Place, Queue};

#[derive(Debug)]
struct Entry {
    hash: u64,
    place: Place,
}

/// What a topic in the index costs at most, the table's free places included.
const ENTRY_COST: usize = 2 * (size_of::<Entry>() + 1);

/// The newest message of each topic that waits.
#[derive(Debug)]
pub(super) struct Newest {
    table: HashTable<Entry>,
    hasher: RandomState,
    is_on: bool,
    /// Messages before this place leave as they are. Without it a topic that changes faster than the queue drains would be
    /// moved to the end for ever, and never leave.
    frozen: Place,
    next_frozen: Option<Place>,
}

impl Default for Newest {
    fn default() -> Self {
        let (table, hasher) = (HashTable::new(), RandomState::default());
        Self { table, hasher, is_on: false, frozen: Place::START, next_frozen: None }
    }
}

impl Newest {
    /// Whether the queue is overloaded.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// What the index takes.
    pub(super) fn bytes(&self) -> usize {
        self.table.len() * ENTRY_COST
    }

    /// An empty index; the queue is overloaded, and nothing is frozen.
    pub(super) fn start(&mut self) {
        self.table.clear();
        self.frozen = Place::START;
        self.is_on = true;
    }

    /// The overload is over.
    pub(super) fn stop(&mut self) {
        self.table.clear();
        self.is_on = false;
    }

    /// The message at `place` is the newest of its topic now; the place of the one that was.
    pub(super) fn note(&mut self, queue: &Queue, place: Place) -> Option<Place> {
        let topic = queue.topic(place)?;
        let hash = self.hasher.hash_one(topic);
        let is_same = |entry: &Entry| entry.hash == hash && queue.topic(entry.place) == Some(topic);
        if let Some(entry) = self.table.find_mut(hash, is_same) {
            return Some(std::mem::replace(&mut entry.place, place));
        }
        self.table.insert_unique(hash, Entry { hash, place }, |entry| entry.hash);
        None
    }

    /// The same for a message that came before all others: it is the newest of its topic only if it is the only one.
    pub(super) fn note_older(&mut self, queue: &Queue, place: Place) -> bool {
        let former = self.note(queue, place);
        if let Some(former) = former {
            self.note(queue, former);
        }
        former.is_none()
    }

    /// The message at `place` leaves.
    pub(super) fn forget(&mut self, queue: &Queue, place: Place) {
        let Some(topic) = queue.topic(place).filter(|_| self.is_on) else { return };
        if let Ok(entry) = self.table.find_entry(self.hasher.hash_one(topic), |entry| entry.place == place) {
            entry.remove();
        }
    }

    /// Whether the message at `place` leaves as it is.
    pub(super) fn is_frozen(&self, place: Place) -> bool {
        place < self.frozen
    }

    /// Messages before `place` leave as they are.
    pub(super) fn freeze(&mut self, place: Place) {
        self.frozen = self.frozen.max(place);
    }

    /// A message was moved by [`Queue::rewrite`], which moves them in order.
    pub(super) fn moved(&mut self, topic: &[u8], from: Place, to: Place) {
        if !self.is_frozen(from) && self.next_frozen.is_none() {
            self.next_frozen = Some(to);
        }
        if let Some(entry) = self.table.find_mut(self.hasher.hash_one(topic), |entry| entry.place == from) {
            entry.place = to;
        }
    }

    /// All were moved; `end` lies behind the last.
    pub(super) fn all_moved(&mut self, end: Place) {
        let next = self.next_frozen.take().unwrap_or(end);
        if self.frozen > Place::START {
            self.frozen = next;
        }
    }
}
