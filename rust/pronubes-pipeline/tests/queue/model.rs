//! A queue with a policy as a list that is searched from end to end.

use std::sync::{Arc, LazyLock};

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_pipeline::names::Names;
use pronubes_pipeline::queue::{Item, Policy, SegmentLimits, SinkQueue};

/// A message: its number says when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: u64,
    pub topic: String,
    pub payload: String,
}

impl Row {
    pub fn new(id: u64, topic: &str, length: usize) -> Self {
        Self { id, topic: topic.to_owned(), payload: format!("{id:08}{}", "x".repeat(length)) }
    }

    pub fn item(&self) -> Item<'_> {
        let meta = Meta { qos: 0, retain: false, received_ns: self.id as i64, source_ns: None };
        Item {
            topic: self.topic.as_bytes(),
            payload: self.payload.as_bytes(),
            route: RouteId(0),
            source: 0,
            meta,
            is_replayed: false,
        }
    }

    pub fn of(item: &Item<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the tests use text");
        Self { id: item.meta.received_ns as u64, topic: text(item.topic), payload: text(item.payload) }
    }
}

pub fn queue(policy: Policy, size: usize, rows: usize) -> SinkQueue {
    SinkQueue::new(policy, size, SegmentLimits { rows, bytes: 2_000 }, &Arc::new(Names::default()))
}

/// What a record and a topic of the index cost beside their bytes, as the queue itself counts.
static COSTS: LazyLock<(usize, usize)> = LazyLock::new(|| {
    let mut queue = queue(Policy::KeepLatest, 800, 8);
    let row = Row::new(0, "t", 0);
    queue.push(&row.item(), None, 0);
    let record = queue.bytes() - row.topic.len() - row.payload.len();
    let long = Row::new(1, "t", 600);
    queue.push(&long.item(), None, 0);
    assert_eq!(queue.walk(), 1, "this one is far above half of the size");
    let dead = record + row.topic.len() + row.payload.len();
    (record, queue.memory() - queue.bytes() - dead)
});

/// What a message counts towards the size.
pub fn cost(row: &Row) -> usize {
    row.topic.len() + row.payload.len() + COSTS.0
}

/// Messages dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub oldest: u64,
    pub newest: u64,
    pub replaced: u64,
}

/// A message in the list, with its place: ascending, and below all others for what comes back.
#[derive(Clone, Debug)]
struct Waiting {
    row: Row,
    place: i64,
}

/// The list.
#[derive(Debug)]
pub struct Model {
    waiting: Vec<Waiting>,
    pub dropped: Dropped,
    policy: Policy,
    size: usize,
    is_overloaded: bool,
    /// Messages at lower places leave as they are.
    frozen: Option<i64>,
    next: i64,
    lowest: i64,
}

impl Model {
    pub fn new(policy: Policy, size: usize) -> Self {
        let (waiting, dropped) = (Vec::new(), Dropped::default());
        Self { waiting, dropped, policy, size, is_overloaded: false, frozen: None, next: 0, lowest: 0 }
    }

    pub fn reconfigure(&mut self, policy: Policy, size: usize) {
        (self.policy, self.size) = (policy, size);
        self.is_overloaded &= policy == Policy::KeepLatest;
        self.enforce();
    }

    pub fn rows(&self) -> Vec<Row> {
        self.waiting.iter().map(|one| one.row.clone()).collect()
    }

    pub fn bytes(&self) -> usize {
        self.waiting.iter().map(|one| cost(&one.row)).sum()
    }

    fn is_front_frozen(&self) -> bool {
        self.waiting.first().is_some_and(|one| self.frozen.is_some_and(|frozen| one.place < frozen))
    }

    fn with_index(&self) -> usize {
        let mut topics: Vec<&str> = self.waiting.iter().map(|one| &*one.row.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        self.bytes() + if self.is_overloaded { topics.len() * COSTS.1 } else { 0 }
    }

    pub fn push(&mut self, row: &Row) {
        let is_full = self.bytes() + cost(row) > self.size;
        if self.policy == Policy::DropNewest && !self.waiting.is_empty() && is_full {
            self.dropped.newest += 1;
            return;
        }
        if self.is_overloaded {
            let (before, frozen) = (self.waiting.len(), self.frozen);
            let leaves_as_it_is = |place: i64| frozen.is_some_and(|frozen| place < frozen);
            self.waiting.retain(|old| old.row.topic != row.topic || leaves_as_it_is(old.place));
            self.dropped.replaced += (before - self.waiting.len()) as u64;
        }
        self.next += 1;
        self.waiting.push(Waiting { row: row.clone(), place: self.next });
        self.enforce();
    }

    fn replace_all(&mut self) {
        (self.is_overloaded, self.frozen) = (true, None);
        let all = std::mem::take(&mut self.waiting);
        for (at, one) in all.iter().enumerate() {
            if all[at + 1..].iter().any(|later| later.row.topic == one.row.topic) {
                self.dropped.replaced += 1;
            } else {
                self.waiting.push(one.clone());
            }
        }
    }

    fn enforce(&mut self) {
        if self.policy == Policy::KeepLatest {
            if !self.is_overloaded && self.bytes() > self.size / 2 {
                self.replace_all();
            }
            if self.with_index() > self.size && self.is_front_frozen() {
                self.replace_all();
            }
        }
        if matches!(self.policy, Policy::DropOldest | Policy::KeepLatest) {
            while self.with_index() > self.size && self.waiting.len() > 1 {
                self.waiting.remove(0);
                self.dropped.oldest += 1;
            }
        }
    }

    /// The first `count` leave.
    pub fn leave(&mut self, count: usize) -> Vec<Row> {
        let gone: Vec<Row> = self.waiting.drain(..count).map(|one| one.row).collect();
        if self.waiting.is_empty() {
            self.is_overloaded = false;
        } else if self.is_overloaded && !self.is_front_frozen() && self.bytes() <= self.size / 2 {
            self.frozen = Some(self.next + 1);
        }
        gone
    }

    /// They come back to the front.
    pub fn put_back(&mut self, rows: Vec<Row>) {
        if self.is_overloaded && !rows.is_empty() {
            self.frozen = self.frozen.max(Some(self.lowest));
        }
        for row in rows.into_iter().rev() {
            if self.is_overloaded && self.waiting.iter().any(|newer| newer.row.topic == row.topic) {
                self.dropped.replaced += 1;
            } else {
                self.lowest -= 1;
                self.waiting.insert(0, Waiting { row, place: self.lowest });
            }
        }
    }
}
