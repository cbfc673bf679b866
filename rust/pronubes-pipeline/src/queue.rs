//! A queue of messages: bytes in large segments, one small record per message, nothing allocated per message when warm.
//!
//! Every queue of the pipeline is one of these: what waits for an MQTT sink's window, for a batch sink, for a hook, for the
//! quarantine's writer, for a tap. Messages leave one by one from the front ([`Queue::front`], [`Queue::pop`]) or a segment at a time
//! ([`Queue::take`]), which is how a batch reaches Python without a copy. The queue refuses nothing by itself: [`Gate`] says
//! when it is too full and the pipeline stops the sources (policy [`Policy::Block`]).

use std::collections::VecDeque;
use std::sync::Arc;

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_core::payload::Span;

use crate::names::Names;
use crate::settle::Hold;

/// What happens when a queue is full. (`drop_oldest`, `drop_newest` and `keep_latest` have their place here.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The sources that feed it are held up; nothing is dropped.
    #[default]
    Block,
}

/// High and low mark of a queue in bytes, with the memory (hysteresis) between them.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    high: usize,
    low: usize,
    is_closed: bool,
}

impl Gate {
    /// Closes above `high` bytes and opens again below half of it.
    #[must_use]
    pub fn new(high: usize) -> Self {
        Self { high, low: high / 2, is_closed: false }
    }

    /// Takes the present size; whether the gate is closed now.
    pub fn update(&mut self, bytes: usize) -> bool {
        self.is_closed = if self.is_closed { bytes > self.low } else { bytes > self.high };
        self.is_closed
    }

    /// Whether the sources are held up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The high mark.
    #[must_use]
    pub fn high(&self) -> usize {
        self.high
    }
}

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
}

/// A message in a [`Segment`].
#[derive(Clone, Copy, Debug)]
pub struct Record {
    topic: Span,
    payload: Span,
    /// The route it comes from.
    pub route: RouteId,
    /// The source it comes from, by slot.
    pub source: u16,
    /// Circumstances.
    pub meta: Meta,
}

/// Messages that lie together. Shared with Python as a batch; immutable from then on.
#[derive(Debug, Default)]
pub struct Segment {
    bytes: Vec<u8>,
    records: Vec<Record>,
    names: Arc<Names>,
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
        self.records.push(Record { topic, payload, route: item.route, source: item.source, meta: item.meta });
    }

    fn append(&mut self, bytes: &[u8]) -> Span {
        // Segments are at most a few MiB and one message: far below 4 GiB.
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() as u32 }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

/// A segment on its way, with what the sources wait for.
#[derive(Debug, Default)]
pub struct Load {
    /// The messages.
    pub segment: Segment,
    /// One per message: whom to tell.
    pub holds: Vec<Option<Hold>>,
    /// When the first message came in.
    pub since_ns: i64,
    head: usize,
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

/// How many emptied segments are kept for reuse.
const SPARE: usize = 4;

/// Messages in order of arrival.
#[derive(Debug)]
pub struct Queue {
    loads: VecDeque<Load>,
    spare: Vec<Load>,
    limits: SegmentLimits,
    names: Arc<Names>,
    bytes: usize,
    len: usize,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: SegmentLimits, names: Arc<Names>) -> Self {
        Self { loads: VecDeque::new(), spare: Vec::new(), limits, names, bytes: 0, len: 0 }
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

    /// Number of messages, by walking the segments: for the ledger, which trusts no counter.
    #[must_use]
    pub fn walk(&self) -> usize {
        self.loads.iter().map(|load| load.holds.len() - load.head).sum()
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
            let mut load = self.spare.pop().unwrap_or_default();
            load.since_ns = now_ns;
            if !Arc::ptr_eq(&load.segment.names, &self.names) {
                load.segment.names = Arc::clone(&self.names);
            }
            self.loads.push_back(load);
        }
        let load = self.loads.back_mut().expect("a segment was just made sure of");
        load.segment.push(item);
        load.holds.push(hold);
        self.len += 1;
        self.bytes += cost(item.topic.len() + item.payload.len());
    }

    /// Puts messages back to the front, in order; they were taken before everything that is queued now.
    pub fn put_back(&mut self, load: Load) {
        if load.holds.is_empty() {
            return self.recycle(load);
        }
        self.len += load.holds.len();
        self.bytes += load.segment.size() + load.holds.len() * RECORD_COST;
        self.loads.push_front(load);
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
        self.bytes -= cost(record.topic.len() + record.payload.len());
        if load.head == load.holds.len()
            && let Some(load) = self.loads.pop_front()
        {
            self.recycle(load);
        }
        hold
    }

    /// Takes the first segment. What was popped from it before is not in it any more.
    pub fn take(&mut self) -> Option<Load> {
        let mut load = self.loads.pop_front()?;
        if load.head > 0 {
            load = self.without_popped(load);
        }
        self.len -= load.holds.len();
        self.bytes -= load.segment.size() + load.holds.len() * RECORD_COST;
        Some(load)
    }

    /// A copy without the part that is gone: queues are emptied in one way or the other, so this hardly ever happens.
    fn without_popped(&mut self, mut load: Load) -> Load {
        let mut rest = Load { since_ns: load.since_ns, ..Load::default() };
        rest.segment.names = Arc::clone(&load.segment.names);
        for index in load.head..load.holds.len() {
            let record = load.segment.records[index];
            rest.segment.push(&load.segment.item(&record));
            rest.holds.push(load.holds[index].take());
        }
        self.recycle(load);
        rest
    }

    /// Gives an emptied segment's memory back for reuse.
    pub fn recycle(&mut self, mut load: Load) {
        if self.spare.len() < SPARE && load.segment.bytes.capacity() <= 4 * self.limits.bytes.max(1024) {
            load.segment.clear();
            load.holds.clear();
            load.head = 0;
            self.spare.push(load);
        }
    }
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
}

/// What a record costs beside its bytes.
const RECORD_COST: usize = size_of::<Record>() + size_of::<Option<Hold>>();

fn cost(bytes: usize) -> usize {
    bytes + RECORD_COST
}
