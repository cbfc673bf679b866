//! Messages that lie together: their bytes in one buffer, one small record each.

use std::sync::Arc;

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_core::payload::Span;

use crate::names::Names;

/// A message to queue.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Its topic: a valid topic name, as bytes because that is what goes on the wire.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// The route it comes from.
    pub route: RouteId,
    /// The source it comes from, by slot.
    pub source: u16,
    /// Circumstances; `qos` and `retain` are those to send with.
    pub meta: Meta,
    /// Whether it comes out of a log, later than newer ones perhaps.
    pub is_replayed: bool,
}

/// A message in a [`Segment`].
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub(super) topic: Span,
    pub(super) payload: Span,
    /// The route it comes from.
    pub route: RouteId,
    /// The source it comes from, by slot.
    pub source: u16,
    /// Circumstances.
    pub meta: Meta,
    /// Whether it comes out of a log, later than newer ones perhaps.
    pub is_replayed: bool,
}

/// Messages that lie together. Shared with Python as a batch; immutable from then on.
#[derive(Debug, Default)]
pub struct Segment {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Record>,
    pub(super) names: Arc<Names>,
}

impl Segment {
    /// An empty one.
    #[must_use]
    pub fn named(names: &Arc<Names>) -> Self {
        Self { names: Arc::clone(names), ..Self::default() }
    }

    /// An empty one with room.
    #[must_use]
    pub fn sized(names: &Arc<Names>, rows: usize, bytes: usize) -> Self {
        Self { names: Arc::clone(names), records: Vec::with_capacity(rows), bytes: Vec::with_capacity(bytes) }
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of topics and payloads.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records, to be read with [`Segment::item`].
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Names behind the numbers of the records.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A message.
    #[must_use]
    pub fn item(&self, record: &Record) -> Item<'_> {
        Item {
            topic: record.topic.of(&self.bytes),
            payload: record.payload.of(&self.bytes),
            route: record.route,
            source: record.source,
            meta: record.meta,
            is_replayed: record.is_replayed,
        }
    }

    /// A message's topic.
    #[must_use]
    pub fn topic(&self, record: &Record) -> &str {
        std::str::from_utf8(record.topic.of(&self.bytes)).unwrap_or_default()
    }

    /// A message's payload.
    #[must_use]
    pub fn payload(&self, record: &Record) -> &[u8] {
        record.payload.of(&self.bytes)
    }

    pub(crate) fn push(&mut self, item: &Item<'_>) {
        let topic = self.append(item.topic);
        let payload = self.append(item.payload);
        let Item { route, source, meta, is_replayed, .. } = *item;
        self.records.push(Record { topic, payload, route, source, meta, is_replayed });
    }

    fn append(&mut self, bytes: &[u8]) -> Span {
        // Segments are at most a few MiB and one message: far below 4 GiB.
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() as u32 }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

/// How large a segment becomes before the next is begun.
#[derive(Clone, Copy, Debug)]
pub struct SegmentLimits {
    /// Messages.
    pub rows: usize,
    /// Bytes of topics and payloads; one larger message still gets a segment for itself.
    pub bytes: usize,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        Self { rows: 4096, bytes: 256 * 1024 }
    }
}
