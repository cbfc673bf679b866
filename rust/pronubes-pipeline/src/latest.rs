//! The newest value of each topic, for pages and subscribers that want the present and not the history.
//!
//! Bytes are kept as they came and read when somebody looks. Each change gets the next sequence number; [`Latest::changes`]
//! finds what changed since a number by skipping blocks of topics whose newest change is older. Memory is bounded: topics
//! beyond the bound are counted and not kept.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::fields::NumberReader;
use crate::points::Points;
use crate::queue::Item;

/// Topics per block of the change index.
const BLOCK: usize = 64;
/// What a topic costs beside its bytes: the entry and its place in the table.
const TOPIC_COST: usize = size_of::<Entry>() + 24;
/// How many topics may be watched at a time.
const MAX_WATCHED: usize = 256;

/// A topic's newest value.
#[derive(Debug)]
struct Entry {
    topic: Box<[u8]>,
    payload: Vec<u8>,
    time_ns: i64,
    first_ns: i64,
    count: u64,
    sequence: u64,
    watch: Option<u16>,
}

/// A topic's newest value, to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Its newest payload.
    pub payload: &'a [u8],
    /// When that came.
    pub time_ns: i64,
    /// When the topic was first seen.
    pub first_ns: i64,
    /// How many values came.
    pub count: u64,
    /// The number of the newest change.
    pub sequence: u64,
}

#[derive(Debug)]
struct Watched {
    entry: Option<u32>,
    topic: Box<[u8]>,
    points: Points,
    since: u64,
}

/// Newest values by topic.
#[derive(Debug)]
pub struct Latest {
    entries: Vec<Entry>,
    /// Per block of entries the newest sequence number.
    blocks: Vec<u64>,
    table: HashTable<u32>,
    hasher: RandomState,
    watched: Vec<Watched>,
    reader: NumberReader,
    sequence: u64,
    watches: u64,
    bytes: usize,
    limit: usize,
}

impl Latest {
    /// Nothing yet, and at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            blocks: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            watched: Vec::new(),
            reader: NumberReader::default(),
            sequence: 0,
            watches: 0,
            bytes: 0,
            limit,
        }
    }

    /// A new bound; what is there stays.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes a value; whether it was kept.
    pub fn put(&mut self, item: &Item<'_>) -> bool {
        let now_ns = item.meta.received_ns;
        let Some(index) = self.find(item.topic).or_else(|| self.insert(item)) else {
            return false;
        };
        let entry = &mut self.entries[index as usize];
        let capacity = entry.payload.capacity();
        if item.payload.len() > capacity && self.bytes + item.payload.len() - capacity > self.limit {
            return false;
        }
        self.sequence += 1;
        entry.payload.clear();
        entry.payload.extend_from_slice(item.payload);
        self.bytes += entry.payload.capacity() - capacity;
        entry.time_ns = now_ns;
        entry.count += 1;
        entry.sequence = self.sequence;
        self.blocks[index as usize / BLOCK] = self.sequence;
        if let Some(watch) = entry.watch
            && let Some(number) = self.reader.number(item.payload)
        {
            self.watched[usize::from(watch)].points.push(now_ns, number);
        }
        true
    }

    fn find(&self, topic: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(topic);
        self.table.find(hash, |index| &*self.entries[*index as usize].topic == topic).copied()
    }

    fn insert(&mut self, item: &Item<'_>) -> Option<u32> {
        let cost = TOPIC_COST + item.topic.len() + item.payload.len();
        let index = u32::try_from(self.entries.len()).ok()?;
        if self.bytes + cost > self.limit {
            return None;
        }
        self.bytes += TOPIC_COST + item.topic.len();
        let watch = self.watched.iter().position(|watched| &*watched.topic == item.topic);
        if let Some(watch) = watch {
            self.watched[watch].entry = Some(index);
        }
        self.entries.push(Entry {
            topic: item.topic.into(),
            payload: Vec::new(),
            time_ns: 0,
            first_ns: item.meta.received_ns,
            count: 0,
            sequence: 0,
            watch: watch.and_then(|watch| u16::try_from(watch).ok()),
        });
        if self.blocks.len() * BLOCK < self.entries.len() {
            self.blocks.push(0);
        }
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |index: &u32| hasher.hash_one(&*entries[*index as usize].topic);
        self.table.insert_unique(hasher.hash_one(item.topic), index, rehash);
        Some(index)
    }

    /// How many topics are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no topic is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory in use, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the newest change.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The oldest `limit` of the changes after `since`, in their order, and whether there are more.
    #[must_use]
    pub fn changes(&self, since: u64, limit: usize) -> (Vec<Value<'_>>, bool) {
        let mut changed: Vec<&Entry> = self
            .blocks
            .iter()
            .zip(self.entries.chunks(BLOCK))
            .filter(|(newest, _)| **newest > since)
            .flat_map(|(_, entries)| entries.iter().filter(|entry| entry.sequence > since))
            .collect();
        let has_more = changed.len() > limit;
        if has_more && limit > 0 {
            changed.select_nth_unstable_by_key(limit - 1, |entry| entry.sequence);
        }
        changed.truncate(limit);
        changed.sort_unstable_by_key(|entry| entry.sequence);
        (changed.into_iter().map(Entry::value).collect(), has_more)
    }

    /// A topic's newest value.
    #[must_use]
    pub fn get(&self, topic: &str) -> Option<Value<'_>> {
        self.find(topic.as_bytes()).map(|index| self.entries[index as usize].value())
    }

    /// Begins to keep a topic's numbers, at most `capacity`; beyond [`MAX_WATCHED`] topics the one watched longest ago goes.
    pub fn watch(&mut self, topic: &str, capacity: usize) {
        self.watches += 1;
        let since = self.watches;
        if let Some(watched) = self.watched.iter_mut().find(|watched| *watched.topic == *topic.as_bytes()) {
            watched.since = since;
            return;
        }
        let entry = self.find(topic.as_bytes());
        let mut points = Points::new(capacity);
        if let Some(entry) = entry {
            let entry = &self.entries[entry as usize];
            if let Some(number) = self.reader.number(&entry.payload) {
                points.push(entry.time_ns, number);
            }
        }
        let watched = Watched { entry, topic: topic.as_bytes().into(), points, since };
        let place = self.place_for(watched);
        if let Some(entry) = entry {
            self.entries[entry as usize].watch = u16::try_from(place).ok();
        }
    }

    fn place_for(&mut self, watched: Watched) -> usize {
        if self.watched.len() < MAX_WATCHED {
            self.watched.push(watched);
            return self.watched.len() - 1;
        }
        let oldest = (0..self.watched.len()).min_by_key(|place| self.watched[*place].since).unwrap_or_default();
        let old = std::mem::replace(&mut self.watched[oldest], watched);
        if let Some(entry) = old.entry {
            self.entries[entry as usize].watch = None;
        }
        oldest
    }

    /// A watched topic's numbers.
    #[must_use]
    pub fn points(&self, topic: &str) -> Option<&Points> {
        self.watched.iter().find(|watched| *watched.topic == *topic.as_bytes()).map(|watched| &watched.points)
    }
}

impl Entry {
    fn value(&self) -> Value<'_> {
        Value {
            topic: std::str::from_utf8(&self.topic).unwrap_or_default(),
            payload: &self.payload,
            time_ns: self.time_ns,
            first_ns: self.first_ns,
            count: self.count,
            sequence: self.sequence,
        }
    }
}
