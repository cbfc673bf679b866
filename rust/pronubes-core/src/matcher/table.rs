//! What was found out about a topic, remembered under its bytes.
//!
//! Matching, captures and rendered output topics depend on the topic alone, so they are worked out once; after that a
//! message costs one hash, one probe and one compare. Everything about a topic lies side by side in one record of an
//! arena, and the index holds eight bytes per topic, because with a million topics every cache line that a lookup
//! touches is a trip to memory.
//!
//! Rules of this file:
//! 1. The table never holds more than its limit in bytes, the moment of growth included. A device that invents topics
//!    fills the table and no more: what does not fit is refused and counted, and its messages are resolved each time.
//! 2. Nothing is ever removed singly, so slots are dense and state may hang on them. A reload clears the whole table.
//! 3. A record never moves and is never changed.

use std::hash::{BuildHasher, Hasher};

use memchr::memmem::Finder;

/// Default limit of a table: room for a million topics with their rendered names, twice over.
pub const DEFAULT_TABLE_BYTES: usize = 256 << 20;

/// Arena chunks are this large, but for a record that needs a larger one of its own. Only written pages become resident.
const CHUNK_BYTES: usize = 256 << 10;
/// Records start at multiples of this, so that 32 bits of location reach 32 GiB.
const ALIGNMENT: usize = 8;
const OFFSET_BITS: u32 = (CHUNK_BYTES / ALIGNMENT).trailing_zeros();
/// Slot (4), length of the blob (4), length of the topic (2), source group (2).
const HEADER_BYTES: usize = 12;

/// The number of a remembered topic, counted from 0 in order of insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicSlot(pub u32);

/// Where the record of a topic lies. It stays there for as long as the table is not cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicPlace(pub u32);

/// What the table knows about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number.
    pub slot: TopicSlot,
    /// Where its record lies.
    pub place: TopicPlace,
    /// What [`TopicTable::insert`] was given for it.
    pub blob: &'a [u8],
}

/// A remembered topic, for those who go through all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicRecord<'a> {
    /// Its number.
    pub slot: TopicSlot,
    /// The group of sources it came from.
    pub group: u16,
    /// Its bytes.
    pub topic: &'a [u8],
    /// What [`TopicTable::insert`] was given for it.
    pub blob: &'a [u8],
}

/// An index cell: 32 bits of the hash, so that growing reads no record, and where the record lies.
///
/// The index is a plain open-addressed array with linear probing and not a `hashbrown` table, because that keeps its tags
/// apart from its buckets and so costs one more trip to memory per lookup in a large table (rule 2 makes it simple).
#[derive(Debug, Clone, Copy)]
struct Bucket {
    hash: u32,
    location: u32,
}

impl Bucket {
    const EMPTY: Self = Self { hash: 0, location: u32::MAX };

    fn is_empty(self) -> bool {
        self.location == u32::MAX
    }
}

/// Buckets of the first index; later ones double.
const FIRST_BUCKETS: usize = 64;

/// A bounded memory of topics, keyed by a group of sources and the bytes of the topic.
///
/// ```
/// use pronubes_core::matcher::TopicTable;
/// let mut table = TopicTable::new(1 << 20);
/// let slot = table.insert(0, b"raw/filling/t1", b"what the router worked out");
/// let entry = table.get(0, b"raw/filling/t1").unwrap();
/// assert_eq!((Some(entry.slot), entry.blob), (slot, &b"what the router worked out"[..]));
/// assert!(table.get(1, b"raw/filling/t1").is_none());
/// ```
#[derive(Debug)]
pub struct TopicTable {
    /// A power of two of buckets, at most three quarters of them taken, so that every probe ends at an empty one.
    index: Vec<Bucket>,
    count: usize,
    chunks: Vec<Vec<u8>>,
    chunk_bytes: usize,
    max_bytes: usize,
    untracked: u64,
    hash_state: foldhash::fast::RandomState,
}

impl Default for TopicTable {
    fn default() -> Self {
        Self::new(DEFAULT_TABLE_BYTES)
    }
}

impl TopicTable {
    /// An empty table that will take at most `max_bytes`. It takes memory by 256 KiB, so it can do nothing with less.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            index: Vec::new(),
            count: 0,
            chunks: Vec::new(),
            chunk_bytes: 0,
            max_bytes,
            untracked: 0,
            hash_state: foldhash::fast::RandomState::default(),
        }
    }

    /// What is remembered about a topic.
    #[inline]
    #[must_use]
    pub fn get(&self, group: u16, topic: &[u8]) -> Option<Entry<'_>> {
        let hash = self.hash(group, topic);
        let mut place = hash as usize;
        loop {
            let bucket = self.index.get(place & self.index.len().wrapping_sub(1))?;
            if bucket.is_empty() {
                return None;
            }
            if bucket.hash == hash {
                let record = self.record(bucket.location)?;
                if record.topic == topic && record.group == group {
                    let place = TopicPlace(bucket.location);
                    return Some(Entry { slot: record.slot, place, blob: record.blob });
                }
            }
            place += 1;
        }
    }

    /// Remembers a topic; a topic that is known already keeps what was said first.
    ///
    /// `None` says that there is no room: the topic is counted as untracked and nothing else has changed.
    pub fn insert(&mut self, group: u16, topic: &[u8], blob: &[u8]) -> Option<TopicSlot> {
        if let Some(entry) = self.get(group, topic) {
            return Some(entry.slot);
        }
        let slot = self.add(group, topic, blob);
        if slot.is_none() {
            self.untracked += 1;
        }
        slot
    }

    /// The topic whose record lies at a place.
    #[inline]
    #[must_use]
    pub fn at(&self, place: TopicPlace) -> Option<TopicRecord<'_>> {
        self.record(place.0)
    }

    /// Gives the place of every topic that contains a text, in one pass over the arena. The topics lie behind each other
    /// and most of what is read is topics, so this is the speed of memory and no walk over an index.
    pub fn search(&self, text: &Finder<'_>, mut found: impl FnMut(TopicPlace)) {
        let length = text.needle().len();
        for (number, chunk) in self.chunks.iter().enumerate() {
            let (mut from, mut start) = (0, 0);
            while let Some(at) = chunk.get(from..).and_then(|rest| text.find(rest)).map(|at| from + at) {
                let Some((place, topic, end)) = record_around(chunk, start, at) else { break };
                start = place;
                let is_inside = topic.start <= at && at + length <= topic.end;
                from = if is_inside { end } else { at + 1 };
                if let (true, Ok(location)) = (is_inside, u32::try_from((number << OFFSET_BITS) | (place / ALIGNMENT)))
                {
                    found(TopicPlace(location));
                }
            }
        }
    }

    /// Another limit; what is remembered stays.
    pub fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// How many topics are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no topic is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many insertions were refused for want of room since the table was made (`topics_untracked`).
    #[must_use]
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// What the table has taken from the allocator; never more than its limit.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        index_bytes(self.index.capacity()) + self.chunk_bytes + chunk_list_bytes(self.chunks.capacity())
    }

    /// Forgets all topics and gives their memory back; the count of refusals goes on.
    pub fn clear(&mut self) {
        self.index = Vec::new();
        self.count = 0;
        self.chunks = Vec::new();
        self.chunk_bytes = 0;
    }

    /// All topics, by slot.
    pub fn iter(&self) -> impl Iterator<Item = TopicRecord<'_>> {
        self.chunks.iter().flat_map(|chunk| {
            let mut rest = chunk.as_slice();
            std::iter::from_fn(move || {
                let record = parse_record(rest)?;
                rest = rest.get(padded(record_bytes(record.topic, record.blob))..).unwrap_or_default();
                Some(record)
            })
        })
    }

    #[inline]
    fn hash(&self, group: u16, topic: &[u8]) -> u32 {
        let mut hasher = self.hash_state.build_hasher();
        hasher.write_u16(group);
        hasher.write(topic);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }

    #[inline]
    fn record(&self, location: u32) -> Option<TopicRecord<'_>> {
        let offset = (location as usize % (1 << OFFSET_BITS)) * ALIGNMENT;
        let chunk = self.chunks.get((location >> OFFSET_BITS) as usize)?;
        chunk.get(offset..).and_then(parse_record)
    }

    /// Adds a topic that is not there, if it fits.
    fn add(&mut self, group: u16, topic: &[u8], blob: &[u8]) -> Option<TopicSlot> {
        let topic_length = u16::try_from(topic.len()).ok()?;
        let blob_length = u32::try_from(blob.len()).ok()?;
        let slot = u32::try_from(self.len()).ok()?;
        let needed = padded(record_bytes(topic, blob));
        self.reserve(needed)?;
        let location = self.next_location()?;
        let chunk = self.chunks.last_mut()?;
        let end = chunk.len() + needed;
        chunk.extend_from_slice(&slot.to_le_bytes());
        chunk.extend_from_slice(&blob_length.to_le_bytes());
        chunk.extend_from_slice(&topic_length.to_le_bytes());
        chunk.extend_from_slice(&group.to_le_bytes());
        chunk.extend_from_slice(topic);
        chunk.extend_from_slice(blob);
        chunk.resize(end, 0);
        let hash = self.hash(group, topic);
        put(&mut self.index, Bucket { hash, location });
        self.count += 1;
        Some(TopicSlot(slot))
    }

    /// Makes room for one more bucket and `needed` bytes of record, or says that the limit forbids it (rule 1).
    fn reserve(&mut self, needed: usize) -> Option<()> {
        let needs_chunk = self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < needed);
        let mut more = 0;
        if needs_chunk {
            more += needed.max(CHUNK_BYTES);
            if self.chunks.len() == self.chunks.capacity() {
                more += chunk_list_bytes(self.chunks.capacity().max(2) * 2);
            }
        }
        let needs_index = (self.count + 1) * 4 > self.index.len() * 3;
        let buckets = (self.index.len() * 2).max(FIRST_BUCKETS);
        if needs_index {
            more += index_bytes(buckets); // beside the old one, until it has moved
        }
        if more > self.max_bytes.saturating_sub(self.memory_bytes()) {
            return None;
        }
        if needs_chunk {
            let chunk = Vec::with_capacity(needed.max(CHUNK_BYTES));
            self.chunk_bytes += chunk.capacity();
            self.chunks.push(chunk);
        }
        if needs_index {
            let mut index = vec![Bucket::EMPTY; buckets];
            self.index.iter().filter(|bucket| !bucket.is_empty()).for_each(|bucket| put(&mut index, *bucket));
            self.index = index;
        }
        Some(())
    }

    /// Where the next record of the last chunk will lie; `None` when 32 bits cannot say it.
    fn next_location(&self) -> Option<u32> {
        let chunk_number = self.chunks.len().checked_sub(1)?;
        let offset = self.chunks.last()?.len() / ALIGNMENT;
        u32::try_from((chunk_number << OFFSET_BITS) | offset).ok().filter(|location| *location != u32::MAX)
    }
}

/// Puts a bucket that is not there into an index that has room.
fn put(index: &mut [Bucket], bucket: Bucket) {
    let mask = index.len().wrapping_sub(1);
    let mut place = bucket.hash as usize & mask;
    while index.get(place).is_some_and(|taken| !taken.is_empty()) {
        place = (place + 1) & mask;
    }
    if let Some(free) = index.get_mut(place) {
        *free = bucket;
    }
}

#[inline]
fn parse_record(bytes: &[u8]) -> Option<TopicRecord<'_>> {
    let (&[s0, s1, s2, s3, b0, b1, b2, b3, t0, t1, g0, g1], rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let blob_length = u32::from_le_bytes([b0, b1, b2, b3]) as usize;
    let (topic, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([t0, t1])))?;
    let blob = rest.get(..blob_length)?;
    let slot = TopicSlot(u32::from_le_bytes([s0, s1, s2, s3]));
    Some(TopicRecord { slot, group: u16::from_le_bytes([g0, g1]), topic, blob })
}

/// The record of a chunk that holds the byte `at`, looked for from the record at `start` on: where it begins, where its
/// topic lies and where it ends.
fn record_around(chunk: &[u8], mut start: usize, at: usize) -> Option<(usize, std::ops::Range<usize>, usize)> {
    loop {
        let record = parse_record(chunk.get(start..)?)?;
        let end = start + padded(record_bytes(record.topic, record.blob));
        if at < end {
            let topic = start + HEADER_BYTES;
            return Some((start, topic..topic + record.topic.len(), end));
        }
        start = end;
    }
}

fn record_bytes(topic: &[u8], blob: &[u8]) -> usize {
    HEADER_BYTES + topic.len() + blob.len()
}

fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

fn chunk_list_bytes(chunks: usize) -> usize {
    chunks * size_of::<Vec<u8>>()
}

fn index_bytes(buckets: usize) -> usize {
    buckets * size_of::<Bucket>()
}
