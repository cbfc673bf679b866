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
        Item { topic: self.topic.as_bytes(), payload: self.payload.as_bytes(), route: RouteId(0), source: 0, meta }
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

/// The list.
#[derive(Debug)]
pub struct Model {
    pub rows: Vec<Row>,
    pub dropped: Dropped,
    policy: Policy,
    size: usize,
    is_overloaded: bool,
    /// Messages with lower numbers leave as they are.
    frozen: u64,
    next_id: u64,
}

impl Model {
    pub fn new(policy: Policy, size: usize) -> Self {
        let (rows, dropped) = (Vec::new(), Dropped::default());
        Self { rows, dropped, policy, size, is_overloaded: false, frozen: 0, next_id: 1 }
    }

    pub fn reconfigure(&mut self, policy: Policy, size: usize) {
        (self.policy, self.size) = (policy, size);
        self.is_overloaded &= policy == Policy::KeepLatest;
        self.enforce();
    }

    pub fn bytes(&self) -> usize {
        self.rows.iter().map(cost).sum()
    }

    fn with_index(&self) -> usize {
        let mut topics: Vec<&str> = self.rows.iter().map(|row| &*row.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        self.bytes() + if self.is_overloaded { topics.len() * COSTS.1 } else { 0 }
    }

    pub fn push(&mut self, row: &Row) {
        self.next_id = row.id + 1;
        if self.policy == Policy::DropNewest && !self.rows.is_empty() && self.bytes() + cost(row) > self.size {
            self.dropped.newest += 1;
            return;
        }
        if self.is_overloaded {
            self.replace(&row.topic, |old| old.id);
        }
        self.rows.push(row.clone());
        self.enforce();
    }

    fn replace(&mut self, topic: &str, id: impl Fn(&Row) -> u64) {
        let (before, frozen) = (self.rows.len(), self.frozen);
        self.rows.retain(|old| old.topic != topic || id(old) < frozen);
        self.dropped.replaced += (before - self.rows.len()) as u64;
    }

    fn replace_all(&mut self) {
        (self.is_overloaded, self.frozen) = (true, 0);
        let all = std::mem::take(&mut self.rows);
        for (at, row) in all.iter().enumerate() {
            if all[at + 1..].iter().any(|later| later.topic == row.topic) {
                self.dropped.replaced += 1;
            } else {
                self.rows.push(row.clone());
            }
        }
    }

    fn enforce(&mut self) {
        if self.policy == Policy::KeepLatest {
            if !self.is_overloaded && self.bytes() > self.size / 2 {
                self.replace_all();
            }
            if self.with_index() > self.size && self.rows.first().is_some_and(|row| row.id < self.frozen) {
                self.replace_all();
            }
        }
        if matches!(self.policy, Policy::DropOldest | Policy::KeepLatest) {
            while self.with_index() > self.size && self.rows.len() > 1 {
                self.rows.remove(0);
                self.dropped.oldest += 1;
            }
        }
    }

    /// The first `count` leave.
    pub fn leave(&mut self, count: usize) -> Vec<Row> {
        let gone: Vec<Row> = self.rows.drain(..count).collect();
        if self.rows.is_empty() {
            self.is_overloaded = false;
        } else if self.is_overloaded && self.rows[0].id >= self.frozen && self.bytes() <= self.size / 2 {
            self.frozen = self.next_id;
        }
        gone
    }

    /// They come back to the front.
    pub fn put_back(&mut self, rows: Vec<Row>) {
        for row in rows.into_iter().rev() {
            if self.is_overloaded && self.rows.iter().any(|newer| newer.topic == row.topic) {
                self.dropped.replaced += 1;
            } else {
                self.rows.insert(0, row);
            }
        }
    }
}
