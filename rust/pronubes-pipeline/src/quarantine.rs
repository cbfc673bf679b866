//! The quarantine's queue: what cannot go on, with its reason and original bytes, until Python has written it to the file.
//!
//! It is bounded. Messages that a source still waits for are never evicted: their number is bounded by what sources send
//! unacknowledged. The others evict the oldest of their kind, counted. A record's hold is released when the record is written.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use pronubes_core::matcher::RouteId;
use pronubes_core::payload::Span;
use pronubes_core::{Meta, Reason};

use crate::base64;
use crate::names::Names;
use crate::queue::Gate;
use crate::settle::Hold;
use crate::source::Pressure;

/// A message that cannot go on.
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    /// When and how it came; of what a sink refused, how it was to go out.
    pub meta: Meta,
    /// Source, by slot.
    pub source: u16,
    /// The route, unless it never came to one.
    pub route: Option<RouteId>,
    /// The step, from 0.
    pub step: Option<u16>,
    /// Why.
    pub reason: Reason,
    /// More about why; may be empty.
    pub detail: &'a str,
    /// Its topic.
    pub topic: &'a [u8],
    /// The original bytes, or what was made of them when it is a sink that refused.
    pub payload: &'a [u8],
    /// The sink that refused it.
    pub sink: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    meta: Meta,
    source: u16,
    route: Option<RouteId>,
    step: Option<u16>,
    reason: Reason,
    detail: Span,
    topic: Span,
    payload: Span,
    sink: Option<Span>,
}

/// A record as the quarantine's store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// When and how it came; of what a sink refused, how it was to go out.
    pub meta: Meta,
    /// Source; empty when it is not known.
    pub source: &'a str,
    /// The route, unless it never came to one or that one is gone.
    pub route: Option<&'a str>,
    /// The step, from 0.
    pub step: Option<u16>,
    /// Why.
    pub reason: Reason,
    /// More about why; may be empty.
    pub detail: Cow<'a, str>,
    /// Its topic.
    pub topic: Cow<'a, str>,
    /// The original bytes, or what a sink refused.
    pub payload: &'a [u8],
    /// The sink that refused it.
    pub sink: Option<Cow<'a, str>>,
}

/// Records that lie together; shared with Python while it writes them.
#[derive(Debug, Default)]
pub struct FaultBatch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    names: Arc<Names>,
    is_awaited: bool,
    replayed: Vec<(usize, u64)>,
}

impl FaultBatch {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Route (empty when none) and reason code of each record.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.entries.iter().map(|entry| (entry.route.map_or("", |route| self.names.route(route)), entry.reason.code()))
    }

    /// Whether a source waits for these records: then they may not be evicted, here or where they are kept.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Which of these were replayed and failed again, and the numbers of their records.
    #[must_use]
    pub fn replayed(&self) -> &[(usize, u64)] {
        &self.replayed
    }

    /// The records, for the store.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let text = |span: Span| String::from_utf8_lossy(span.of(&self.bytes));
        self.entries.iter().map(move |entry| Row {
            meta: entry.meta,
            source: self.names.source(entry.source),
            route: entry.route.map(|route| self.names.route(route)).filter(|route| !route.is_empty()),
            step: entry.step,
            reason: entry.reason,
            detail: text(entry.detail),
            topic: text(entry.topic),
            payload: entry.payload.of(&self.bytes),
            sink: entry.sink.map(text),
        })
    }

    /// One JSON line per record.
    #[must_use]
    pub fn ndjson(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 160 * self.entries.len());
        for entry in &self.entries {
            self.append_line(entry, &mut out);
        }
        out
    }

    fn append_line(&self, entry: &Entry, out: &mut Vec<u8>) {
        let text = |span: Span| String::from_utf8_lossy(span.of(&self.bytes));
        let head = serde_json::json!({
            "time_ns": entry.meta.received_ns,
            "source": self.names.source(entry.source),
            "route": entry.route.map(|route| self.names.route(route)),
            "step": entry.step,
            "reason": entry.reason.code(),
            "detail": text(entry.detail),
            "topic": text(entry.topic),
            "sink": entry.sink.map(text),
        });
        out.extend_from_slice(head.to_string().trim_end_matches('}').as_bytes());
        let payload = entry.payload.of(&self.bytes);
        match std::str::from_utf8(payload) {
            Ok(payload) => {
                out.extend_from_slice(b",\"payload\":");
                out.extend_from_slice(serde_json::Value::from(payload).to_string().as_bytes());
            }
            Err(_) => {
                out.extend_from_slice(b",\"payload_base64\":\"");
                base64::append(payload, out);
                out.push(b'"');
            }
        }
        out.extend_from_slice(b"}\n");
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * ENTRY_COST
    }

    fn push(&mut self, fault: &Fault<'_>) {
        let mut append = |bytes: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            Span { start, end: self.bytes.len() as u32 }
        };
        let (detail, topic) = (append(fault.detail.as_bytes()), append(fault.topic));
        let payload = append(fault.payload);
        let sink = fault.sink.map(|sink| append(sink.as_bytes()));
        let Fault { meta, source, route, step, reason, .. } = *fault;
        self.entries.push(Entry { meta, source, route, step, reason, detail, topic, payload, sink });
    }
}

/// Size at which a block is closed: a small part of the smallest quarantine, which takes a batch whole or not at all.
const BLOCK_BYTES: usize = 128 * 1024;
const ENTRY_COST: usize = size_of::<Entry>();

#[derive(Debug, Default)]
struct Block {
    batch: FaultBatch,
    holds: Vec<Hold>,
}

impl Block {
    fn size(&self) -> usize {
        self.batch.size()
    }
}

/// A batch that Python is writing.
#[derive(Debug)]
struct Out {
    id: u64,
    batch: Arc<FaultBatch>,
    holds: Vec<Hold>,
}

/// The quarantine's queue.
#[derive(Debug)]
pub struct Quarantine {
    /// Records that a source waits for.
    held: VecDeque<Block>,
    /// Records that nobody waits for; the oldest go first when memory is short.
    free: VecDeque<Block>,
    free_bytes: usize,
    /// Bytes of records that a source waits for, those with Python included.
    held_bytes: usize,
    /// Closed while there are too many of them: sources are held up then.
    gate: Gate,
    limit: usize,
    out: Option<Out>,
    next_id: u64,
    names: Arc<Names>,
    /// Records taken in.
    pub received: u64,
    /// Records written.
    pub written: u64,
    /// Records evicted unwritten.
    pub evicted: u64,
    is_announced: bool,
}

impl Quarantine {
    /// An empty quarantine that keeps at most `limit` bytes of records that nobody waits for, and is full with as many of the others.
    #[must_use]
    pub fn new(limit: usize, names: Arc<Names>) -> Self {
        let (held, free) = (VecDeque::new(), VecDeque::new());
        Self {
            held,
            free,
            free_bytes: 0,
            held_bytes: 0,
            gate: Gate::new(limit),
            limit,
            out: None,
            next_id: 1,
            names,
            received: 0,
            written: 0,
            evicted: 0,
            is_announced: false,
        }
    }

    /// New names and limit for what comes from now on.
    pub fn reconfigure(&mut self, limit: usize, names: &Arc<Names>) {
        if limit != self.limit {
            self.gate = Gate::new(limit);
        }
        self.limit = limit;
        self.names = Arc::clone(names);
    }

    /// Takes a message in.
    pub fn push(&mut self, fault: &Fault<'_>, hold: Option<Hold>) {
        self.received += 1;
        let is_awaited = hold.is_some();
        let blocks = if is_awaited { &mut self.held } else { &mut self.free };
        let fits = |block: &Block| block.size() < BLOCK_BYTES && Arc::ptr_eq(&block.batch.names, &self.names);
        if !blocks.back().is_some_and(fits) {
            let batch = FaultBatch { names: Arc::clone(&self.names), is_awaited, ..FaultBatch::default() };
            blocks.push_back(Block { batch, holds: Vec::new() });
        }
        let block = blocks.back_mut().expect("a block was just made sure of");
        let before = block.size();
        block.batch.push(fault);
        match hold {
            Some(hold) => {
                self.held_bytes += block.size() - before;
                block.holds.push(hold);
            }
            None => {
                self.free_bytes += block.size() - before;
                self.evict();
            }
        }
    }

    fn evict(&mut self) {
        while self.free_bytes > self.limit && self.free.len() > 1 {
            let Some(block) = self.free.pop_front() else { return };
            self.free_bytes -= block.size();
            self.evicted += block.batch.len() as u64;
        }
    }

    /// How much it holds its sources up: their bad messages wait in memory while it cannot be written.
    pub fn update_gate(&mut self) -> Pressure {
        let is_full = self.gate.update(self.held_bytes);
        if self.held_bytes > 2 * self.gate.high() {
            Pressure::Overfull
        } else if is_full {
            Pressure::Full
        } else {
            Pressure::None
        }
    }

    /// Whether it holds its sources up.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.gate.is_closed()
    }

    /// Whether a batch can be taken and that was not said before.
    pub fn announce(&mut self) -> bool {
        let is_new = !self.is_announced && self.out.is_none() && !(self.held.is_empty() && self.free.is_empty());
        self.is_announced |= is_new;
        is_new
    }

    /// The next batch to write, with its number; one at a time. `record_of` knows the holds of what is replayed.
    pub fn take(&mut self, record_of: impl Fn(&Hold) -> Option<u64>) -> Option<(u64, Arc<FaultBatch>)> {
        if self.out.is_some() {
            return None;
        }
        let block = match self.held.pop_front() {
            Some(block) => block,
            None => {
                let block = self.free.pop_front()?;
                self.free_bytes -= block.size();
                block
            }
        };
        // A block that somebody waits for has a hold for each record.
        let holds = block.holds.iter().enumerate();
        let replayed = holds.filter_map(|(row, hold)| record_of(hold).map(|record| (row, record))).collect();
        let (id, batch) = (self.next_id, Arc::new(FaultBatch { replayed, ..block.batch }));
        self.next_id += 1;
        self.is_announced = false;
        self.out = Some(Out { id, batch: Arc::clone(&batch), holds: block.holds });
        Some((id, batch))
    }

    /// The batch is written: what its sources wait for; nothing when there is no such batch.
    pub fn confirm(&mut self, id: u64) -> Option<Vec<Hold>> {
        let out = self.out.take_if(|out| out.id == id)?;
        if out.batch.is_awaited {
            self.held_bytes -= out.batch.size();
        }
        self.written += out.batch.len() as u64;
        Some(out.holds)
    }

    /// The batch could not be written and is handed out again by the next [`Quarantine::take`]; whether there was such a batch.
    pub fn retry(&mut self, id: u64) -> bool {
        let Some(out) = self.out.take_if(|out| out.id == id) else { return false };
        let batch = Arc::try_unwrap(out.batch).unwrap_or_else(|shared| FaultBatch {
            bytes: shared.bytes.clone(),
            entries: shared.entries.clone(),
            names: Arc::clone(&shared.names),
            is_awaited: shared.is_awaited,
            replayed: Vec::new(),
        });
        let block = Block { batch, holds: out.holds };
        if block.holds.is_empty() {
            self.free_bytes += block.size();
            self.free.push_front(block);
            self.evict();
        } else {
            self.held.push_front(block);
        }
        true
    }

    /// Records that are inside, by walking.
    #[must_use]
    pub fn walk(&self) -> usize {
        let out = self.out.as_ref().map_or(0, |out| out.batch.len());
        out + self.held.iter().chain(&self.free).map(|block| block.batch.len()).sum::<usize>()
    }
}
