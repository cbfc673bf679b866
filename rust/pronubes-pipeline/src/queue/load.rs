//! A segment with what its messages' sources wait for, and which of its messages are gone already.

use super::segment::{Item, Record, Segment};
use crate::settle::Hold;

/// A segment on its way, with what the sources wait for.
#[derive(Debug, Default)]
pub struct Load {
    /// The messages.
    pub segment: Segment,
    /// One per message: whom to tell.
    pub holds: Vec<Option<Hold>>,
    /// When the first message came in.
    pub since_ns: i64,
    /// The first row that is not gone.
    pub(super) head: usize,
    /// Rows that are gone though rows before them are not: a bit each, and nothing as long as there is none.
    dead: Vec<u64>,
    /// What those rows take.
    pub(super) dead_bytes: usize,
}

impl Load {
    /// An empty load for messages of `like` that are to be handed out once more.
    #[must_use]
    pub fn like(like: &Segment, since_ns: i64) -> Self {
        Self { segment: Segment::named(&like.names), since_ns, ..Self::default() }
    }

    /// Adds a message.
    pub fn push(&mut self, item: &Item<'_>, hold: Option<Hold>) {
        self.segment.push(item);
        self.holds.push(hold);
    }

    /// Number of rows, those that are gone included.
    pub(super) fn rows(&self) -> usize {
        self.holds.len()
    }

    /// Whether every row behind the head is still there.
    pub(super) fn is_whole(&self) -> bool {
        self.dead.is_empty()
    }

    pub(super) fn is_alive(&self, row: usize) -> bool {
        let is_dead = self.dead.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1);
        row >= self.head && row < self.rows() && !is_dead
    }

    /// The record of a row that is not gone.
    pub(super) fn alive(&self, row: usize) -> Option<&Record> {
        self.segment.records.get(row).filter(|_| self.is_alive(row))
    }

    /// Number of rows that are not gone, by walking.
    pub(super) fn walk(&self) -> usize {
        if self.is_whole() {
            return self.rows() - self.head;
        }
        (self.head..self.rows()).filter(|row| self.is_alive(*row)).count()
    }

    /// A row goes; `cost` is what it takes as long as the load is here.
    pub(super) fn bury(&mut self, row: usize, cost: usize) {
        let word = row / 64;
        if self.dead.len() <= word {
            self.dead.resize(word + 1, 0);
        }
        self.dead[word] |= 1 << (row % 64);
        self.dead_bytes += cost;
    }

    /// Moves the head to the next row that is not gone.
    pub(super) fn skip_dead(&mut self) {
        while self.head < self.rows() && !self.is_alive(self.head) {
            self.head += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.segment.clear();
        self.holds.clear();
        self.head = 0;
        self.dead.clear();
        self.dead_bytes = 0;
    }
}
