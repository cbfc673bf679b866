//! Messages in order of arrival, in segments. The queue refuses nothing by itself: its owner looks at [`Queue::bytes`].
//!
//! Rules of this file:
//! 1. The row at the front is not gone: [`Queue::advance`] runs after everything that may change that.
//! 2. Rows in the middle go by a mark ([`Queue::remove`]); their bytes are given back with their segment, or by [`Queue::rewrite`].
//! 3. Segments are numbered without gaps, so that a [`Place`] is found at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::load::Load;
use super::segment::{Item, Record, SegmentLimits};
use crate::names::Names;
use crate::settle::Hold;

/// How many emptied segments are kept for reuse.
const SPARE: usize = 4;

/// Where a message lies. Places ascend in the order of the queue; that of a message changes in [`Queue::rewrite`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    load: u64,
    row: u32,
}

impl Place {
    /// Before everything.
    pub(super) const START: Self = Self { load: 0, row: 0 };

    /// Right behind a message.
    pub(super) fn next(self) -> Self {
        Self { row: self.row + 1, ..self }
    }
}

/// Messages in order of arrival.
#[derive(Debug)]
pub struct Queue {
    loads: VecDeque<Load>,
    /// The number of the first segment; what is put back gets lower ones.
    first: u64,
    spare: Vec<Load>,
    limits: SegmentLimits,
    names: Arc<Names>,
    bytes: usize,
    dead_bytes: usize,
    len: usize,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: SegmentLimits, names: Arc<Names>) -> Self {
        let (loads, spare) = (VecDeque::new(), Vec::new());
        Self { loads, first: 1 << 62, spare, limits, names, bytes: 0, dead_bytes: 0, len: 0 }
    }

    /// New names for what comes from now on; what is queued keeps the names it came with.
    pub fn rename(&mut self, names: &Arc<Names>) {
        self.names = Arc::clone(names);
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of topics, payloads and records: what the marks are measured by.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same of messages that are gone and whose memory is not given back yet.
    pub(super) fn dead_bytes(&self) -> usize {
        self.dead_bytes
    }

    /// Number of messages, by walking the segments: for the ledger, which trusts no counter.
    #[must_use]
    pub fn walk(&self) -> usize {
        self.loads.iter().map(Load::walk).sum()
    }

    /// When the message at the front came in.
    #[must_use]
    pub fn oldest_ns(&self) -> Option<i64> {
        self.loads.front().map(|load| load.since_ns)
    }

    /// Whether the first segment is full, so that waiting for more is of no use.
    #[must_use]
    pub fn has_full_segment(&self) -> bool {
        self.loads.len() > 1 || self.loads.front().is_some_and(|load| self.is_full(load))
    }

    fn is_full(&self, load: &Load) -> bool {
        load.segment.len() >= self.limits.rows || load.segment.size() >= self.limits.bytes
    }

    /// Puts a message at the end.
    pub fn push(&mut self, item: &Item<'_>, hold: Option<Hold>, now_ns: i64) {
        let needs_segment = match self.loads.back() {
            None => true,
            Some(load) => self.is_full(load) || !Arc::ptr_eq(&load.segment.names, &self.names),
        };
        if needs_segment {
            let names = Arc::clone(&self.names);
            self.begin(&names, now_ns);
        }
        let load = self.loads.back_mut().expect("a segment was just made sure of");
        load.push(item, hold);
        self.len += 1;
        self.bytes += cost(item.topic.len() + item.payload.len());
    }

    fn begin(&mut self, names: &Arc<Names>, now_ns: i64) {
        let mut load = self.spare.pop().unwrap_or_default();
        load.since_ns = now_ns;
        if !Arc::ptr_eq(&load.segment.names, names) {
            load.segment.names = Arc::clone(names);
        }
        self.loads.push_back(load);
    }

    /// Puts messages back to the front, in order; they were taken before everything that is queued now.
    pub fn put_back(&mut self, load: Load) {
        if load.holds.is_empty() {
            return self.recycle(load);
        }
        self.len += load.rows();
        self.bytes += load.segment.size() + load.rows() * RECORD_COST;
        self.loads.push_front(load);
        self.first -= 1;
    }

    /// The message at the front.
    #[must_use]
    pub fn front(&self) -> Option<Item<'_>> {
        let load = self.loads.front()?;
        load.segment.records.get(load.head).map(|record| load.segment.item(record))
    }

    /// Whether the message at the front was queued under the present names.
    #[must_use]
    pub fn is_front_current(&self) -> bool {
        self.loads.front().is_some_and(|load| Arc::ptr_eq(&load.segment.names, &self.names))
    }

    /// Who waits for the message at the front.
    pub fn front_hold(&mut self) -> Option<&mut Option<Hold>> {
        let load = self.loads.front_mut()?;
        load.holds.get_mut(load.head)
    }

    /// Takes the message at the front away; who waits for it.
    pub fn pop(&mut self) -> Option<Hold> {
        let load = self.loads.front_mut()?;
        let record = load.segment.records.get(load.head)?;
        let hold = load.holds[load.head].take();
        load.head += 1;
        self.len -= 1;
        self.bytes -= cost_of(record);
        if load.head == load.holds.len() || !load.is_whole() {
            self.advance();
        }
        hold
    }

    /// Lets segments go at the front of which nothing is left.
    fn advance(&mut self) {
        while let Some(load) = self.loads.front_mut() {
            load.skip_dead();
            if load.head < load.rows() {
                return;
            }
            if let Some(load) = self.pop_load() {
                self.recycle(load);
            }
        }
    }

    fn pop_load(&mut self) -> Option<Load> {
        let load = self.loads.pop_front()?;
        self.first += 1;
        self.dead_bytes -= load.dead_bytes;
        Some(load)
    }

    /// Takes the first segment. What was taken from it before is not in it any more.
    pub fn take(&mut self) -> Option<Load> {
        let mut load = self.pop_load()?;
        if load.head > 0 || !load.is_whole() {
            load = self.without_gone(load);
        }
        self.len -= load.rows();
        self.bytes -= load.segment.size() + load.rows() * RECORD_COST;
        self.advance();
        Some(load)
    }

    /// Takes the messages out that nobody waits for and that `takes` takes; how many.
    pub(super) fn extract(&mut self, takes: &mut impl FnMut(&Item<'_>) -> bool) -> u64 {
        let mut taken = 0;
        let mut rest = Vec::new();
        while let Some(mut load) = self.take() {
            let mut kept = Load::like(&load.segment, load.since_ns);
            for row in 0..load.rows() {
                let Some(record) = load.alive(row).copied() else { continue };
                let hold = load.holds[row].take();
                let item = load.segment.item(&record);
                if hold.is_none() && takes(&item) {
                    taken += 1;
                } else {
                    kept.push(&item, hold);
                }
            }
            rest.push(kept);
        }
        rest.into_iter().rev().for_each(|load| self.put_back(load));
        taken
    }

    /// A copy without the rows that are gone: few queues are emptied in more than one way, so this hardly ever happens.
    fn without_gone(&mut self, mut load: Load) -> Load {
        let mut rest = self.spare.pop().unwrap_or_default();
        rest.since_ns = load.since_ns;
        rest.segment.names = Arc::clone(&load.segment.names);
        for row in load.head..load.rows() {
            let Some(record) = load.alive(row).copied() else { continue };
            let hold = load.holds[row].take();
            rest.push(&load.segment.item(&record), hold);
        }
        self.recycle(load);
        rest
    }

    /// Gives an emptied segment's memory back for reuse.
    pub fn recycle(&mut self, mut load: Load) {
        if self.spare.len() < SPARE && load.segment.bytes.capacity() <= 4 * self.limits.bytes.max(1024) {
            load.clear();
            self.spare.push(load);
        }
    }
}

/// Places: for who removes messages from the middle.
impl Queue {
    fn load(&self, place: Place) -> Option<&Load> {
        self.loads.get(usize::try_from(place.load.checked_sub(self.first)?).ok()?)
    }

    /// The topic of the message at a place.
    pub(super) fn topic(&self, place: Place) -> Option<&[u8]> {
        let load = self.load(place)?;
        load.alive(place.row as usize).map(|record| record.topic.of(&load.segment.bytes))
    }

    /// Where the message at the front lies; without one, where the next will.
    pub(super) fn front_place(&self) -> Place {
        // Segments have far fewer rows than 2^32: their bytes are counted by 32-bit numbers.
        Place { load: self.first, row: self.loads.front().map_or(0, |load| load.head as u32) }
    }

    /// Where the message that came last lies.
    pub(super) fn last_place(&self) -> Option<Place> {
        let row = self.loads.back()?.rows().checked_sub(1)?;
        Some(Place { load: self.first + self.loads.len() as u64 - 1, row: row as u32 })
    }

    /// Behind everything that waits now, before everything that comes.
    pub(super) fn end_place(&self) -> Place {
        self.last_place().map_or(self.front_place(), Place::next)
    }

    /// The first message at or behind a place.
    pub(super) fn next_place(&self, from: Place) -> Option<Place> {
        let mut place = from.max(self.front_place());
        while let Some(load) = self.load(place) {
            let found = (place.row as usize..load.rows()).find(|row| load.is_alive(*row));
            if let Some(row) = found {
                return Some(Place { row: row as u32, ..place });
            }
            place = Place { load: place.load + 1, row: 0 };
        }
        None
    }

    /// The same within the first segment.
    pub(super) fn next_in_front(&self, from: Place) -> Option<Place> {
        self.next_place(from).filter(|place| place.load == self.first)
    }

    /// Number of rows of the first segment, those that are gone included.
    pub(super) fn front_rows(&self) -> u32 {
        self.loads.front().map_or(0, Load::rows) as u32
    }

    /// Behind the first segment, before the second.
    pub(super) fn behind_front(&self) -> Place {
        Place { load: self.first + 1, row: 0 }
    }

    /// The place of a row of the first segment.
    pub(super) fn front_row(&self, row: u32) -> Place {
        Place { load: self.first, row }
    }

    /// Takes a message away, wherever it lies; who waits for it.
    pub(super) fn remove(&mut self, place: Place) -> Option<Hold> {
        let index = usize::try_from(place.load.checked_sub(self.first)?).ok()?;
        let (load, row) = (self.loads.get_mut(index)?, place.row as usize);
        let cost = cost_of(load.alive(row)?);
        let hold = load.holds[row].take();
        load.bury(row, cost);
        self.len -= 1;
        self.bytes -= cost;
        self.dead_bytes += cost;
        if index == 0 {
            self.advance();
        }
        hold
    }

    /// Copies all messages to fresh segments, so that the memory of those that are gone is given back. `on_moved` gets each topic
    /// with the old and the new place.
    pub(super) fn rewrite(&mut self, mut on_moved: impl FnMut(&[u8], Place, Place)) {
        let mut is_first = true;
        for _ in 0..self.loads.len() {
            let number = self.first;
            let Some(mut old) = self.pop_load() else { return };
            for row in old.head..old.rows() {
                let Some(record) = old.alive(row).copied() else { continue };
                let hold = old.holds[row].take();
                self.append(&old, &record, hold, is_first);
                is_first = false;
                let from = Place { load: number, row: row as u32 };
                if let Some(to) = self.last_place() {
                    on_moved(record.topic.of(&old.segment.bytes), from, to);
                }
            }
            self.recycle(old);
        }
    }

    /// Copies a row that is counted already to the end.
    fn append(&mut self, old: &Load, record: &Record, hold: Option<Hold>, is_first: bool) {
        let names = &old.segment.names;
        let fits = |load: &Load| !self.is_full(load) && Arc::ptr_eq(&load.segment.names, names);
        if is_first || !self.loads.back().is_some_and(fits) {
            self.begin(names, record.meta.received_ns);
        }
        if let Some(load) = self.loads.back_mut() {
            load.push(&old.segment.item(record), hold);
        }
    }
}

/// What a record costs beside its bytes.
const RECORD_COST: usize = size_of::<Record>() + size_of::<Option<Hold>>();

/// What a message with so many bytes of topic and payload costs.
pub(super) fn cost(bytes: usize) -> usize {
    bytes + RECORD_COST
}

fn cost_of(record: &Record) -> usize {
    cost(record.topic.len() + record.payload.len())
}
