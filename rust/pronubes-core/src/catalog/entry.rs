//! What is kept of one name, and the list of all of them with its index of changes.

use std::collections::BinaryHeap;

use super::budget::Budget;
use super::slab::{Block, Class};
use crate::matcher::TopicPlace;

/// Entries per block of the change index.
const CHANGE_BLOCK: usize = 64;
/// Entries per piece of the list: it grows without moving what is there.
const PIECE: usize = 1024;
const PIECE_BYTES: usize = PIECE * (size_of::<Entry>() + size_of::<u64>()) + PIECE / CHANGE_BLOCK * size_of::<u64>();

/// Over how many seconds rates are averaged.
const RATE_SECONDS: f32 = 30.0;
/// Messages nearer to each other than this count as if they were so far apart.
const LEAST_SECONDS: f32 = 0.000_1;

/// What is kept of one name. A name without messages (`count` is 0) is known and not shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) time_ns: i64,
    pub(super) first_ns: i64,
    pub(super) count: u64,
    /// Whose name it is: a hash of the topic it is made of; 0 when it is nobody's.
    pub(super) origin: u64,
    pub(super) place: TopicPlace,
    /// Where origin and payload lie.
    block: u32,
    /// The length of the newest payload, kept or not.
    pub(super) payload_length: u32,
    pub(super) violations: u32,
    pub(super) route: u32,
    rate: f32,
    pub(super) source: u16,
    /// The length of the origin in the block; 0 when it is the name itself.
    pub(super) origin_length: u16,
    class: Class,
    has_block: bool,
    /// Whether the block has the newest payload.
    pub(super) has_payload: bool,
    /// Whether the name fits the namespace for its route and source.
    pub(super) is_judged: bool,
    /// Whether a reload took its route away.
    pub(super) is_orphan: bool,
}

impl Entry {
    pub(super) fn new(place: TopicPlace) -> Self {
        Self {
            time_ns: 0,
            first_ns: 0,
            count: 0,
            origin: 0,
            place,
            block: 0,
            payload_length: 0,
            violations: 0,
            route: 0,
            rate: 0.0,
            source: 0,
            origin_length: 0,
            class: Class(0),
            has_block: false,
            has_payload: false,
            is_judged: false,
            is_orphan: false,
        }
    }

    /// The same, with its name elsewhere.
    pub(super) fn moved(&self, place: TopicPlace) -> Self {
        Self { place, ..*self }
    }

    pub(super) fn block(&self) -> Option<Block> {
        self.has_block.then_some(Block { at: self.block, class: self.class })
    }

    pub(super) fn set_block(&mut self, block: Option<Block>) {
        self.has_block = block.is_some();
        if let Some(Block { at, class }) = block {
            (self.block, self.class) = (at, class);
        }
    }

    /// Counts a message.
    ///
    /// The rate is an average whose weights fall with age; while the name is younger than the time of averaging it is
    /// the plain mean. For messages that come evenly it is exact whatever their distance.
    #[inline]
    pub(super) fn count(&mut self, now_ns: i64) {
        self.count += 1;
        if self.count == 1 {
            self.first_ns = now_ns;
        } else {
            let apart = seconds(self.time_ns, now_ns).max(LEAST_SECONDS);
            let window = seconds(self.first_ns, self.time_ns).min(RATE_SECONDS);
            self.rate = self.rate.mul_add(window, 1.0) / (apart + window);
        }
        self.time_ns = now_ns;
    }

    /// Messages per second as seen at a time: it falls once the next message is overdue.
    pub(super) fn rate(&self, now_ns: i64) -> f64 {
        if self.rate <= 0.0 {
            return 0.0;
        }
        let overdue = (seconds(self.time_ns, now_ns) - 1.0 / self.rate).max(0.0);
        f64::from(self.rate * RATE_SECONDS / (overdue + RATE_SECONDS))
    }
}

/// Seconds from one time to a later one.
fn seconds(from_ns: i64, to_ns: i64) -> f32 {
    to_ns.saturating_sub(from_ns).max(0) as f32 * 1e-9
}

/// All entries, by number.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pieces: Vec<Vec<Entry>>,
    /// The newest change of each entry: beside the entries, because whoever asks for changes reads all of these.
    sequences: Vec<Vec<u64>>,
    /// The newest change of each [`CHANGE_BLOCK`] entries.
    newest: Vec<u64>,
    count: usize,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        self.pieces.len() * PIECE_BYTES
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Entry> {
        self.pieces.get(number as usize / PIECE)?.get(number as usize % PIECE)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.pieces.get_mut(number as usize / PIECE)?.get_mut(number as usize % PIECE)
    }

    /// The newest change of an entry.
    pub(super) fn sequence(&self, number: u32) -> u64 {
        let piece = self.sequences.get(number as usize / PIECE);
        piece.and_then(|piece| piece.get(number as usize % PIECE)).copied().unwrap_or_default()
    }

    /// Notes that an entry has changed.
    #[inline]
    pub(super) fn changed(&mut self, number: u32, sequence: u64) {
        let piece = self.sequences.get_mut(number as usize / PIECE);
        if let Some(place) = piece.and_then(|piece| piece.get_mut(number as usize % PIECE)) {
            *place = sequence;
        }
        if let Some(newest) = self.newest.get_mut(number as usize / CHANGE_BLOCK) {
            *newest = sequence;
        }
    }

    /// Forgets the changes of entries without messages.
    pub(super) fn forget_changes(&mut self) {
        for (entries, sequences) in self.pieces.iter().zip(&mut self.sequences) {
            let gone = entries.iter().zip(sequences).filter(|(entry, _)| entry.count == 0);
            gone.for_each(|(_, sequence)| *sequence = 0);
        }
    }

    /// Makes room for one more.
    pub(super) fn reserve(&mut self, budget: &mut Budget) -> Option<()> {
        if self.count < self.pieces.len() * PIECE {
            return Some(());
        }
        budget.take(PIECE_BYTES)?;
        self.pieces.push(Vec::with_capacity(PIECE));
        self.sequences.push(vec![0; PIECE]);
        self.newest.resize(self.pieces.len() * PIECE / CHANGE_BLOCK, 0);
        Some(())
    }

    /// Adds an entry for which there is room.
    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(piece) = self.pieces.get_mut(self.count / PIECE) {
            piece.push(entry);
            self.count += 1;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.pieces.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.pieces.iter_mut().flatten()
    }

    /// Numbers and sequences of the oldest `limit` changes after `since`, in their order, and whether there are more.
    pub(super) fn changed_since(&self, since: u64, limit: usize) -> (Vec<(u64, u32)>, bool) {
        let mut oldest = BinaryHeap::with_capacity(limit + 1);
        let mut has_more = false;
        for block in (0..).zip(&self.newest).filter(|(_, newest)| **newest > since).map(|(block, _)| block) {
            let start: usize = block * CHANGE_BLOCK;
            let piece = self.sequences.get(start / PIECE).map(Vec::as_slice).unwrap_or_default();
            for (number, sequence) in (start..).zip(piece.iter().skip(start % PIECE).take(CHANGE_BLOCK)) {
                let is_older = || oldest.len() < limit || oldest.peek().is_some_and(|(newest, _)| sequence < newest);
                if *sequence <= since {
                    continue;
                }
                if !is_older() {
                    has_more = true;
                    continue;
                }
                oldest.push((*sequence, u32::try_from(number).unwrap_or(u32::MAX)));
                if oldest.len() > limit {
                    oldest.pop();
                    has_more = true;
                }
            }
        }
        (oldest.into_sorted_vec(), has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(times: impl IntoIterator<Item = f64>) -> f64 {
        let mut entry = Entry::new(TopicPlace(0));
        times.into_iter().for_each(|time| entry.count((time * 1e9) as i64));
        entry.rate(entry.time_ns)
    }

    #[test]
    fn an_even_rate_is_told_exactly() {
        for apart in [0.01, 1.0, 60.0, 3600.0] {
            let told = rate((0..500).map(|number| f64::from(number) * apart));
            assert!((told * apart - 1.0).abs() < 0.01, "every {apart} s: {told}");
        }
        assert_eq!(rate([5.0]), 0.0, "one message has no rate");
    }

    #[test]
    fn messages_in_bursts_count_about_as_many_as_they_are() {
        let told = rate((0..100_000).map(|number| f64::from(number / 100)));
        assert!((90.0..=110.0).contains(&told), "{told}");
    }

    #[test]
    fn a_rate_falls_when_messages_stay_away() {
        let mut entry = Entry::new(TopicPlace(0));
        (0..100).for_each(|number| entry.count(number * 1_000_000_000));
        let at = |second: i64| entry.rate(second * 1_000_000_000);
        assert!((at(99) - 1.0).abs() < 0.01 && (at(100) - 1.0).abs() < 0.01);
        assert!(at(130) < 0.55 && at(400) < 0.1);
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 80, "{}", size_of::<Entry>());
    }
}
