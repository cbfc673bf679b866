//! Hooks: messages that wait for users' Python, and what comes back.
//!
//! One queue per hook, in order. Python has at most one batch of a hook at a time; while it works, the next batch grows. Rows
//! come back edited ([`crate::edit`]) or not at all, and the pipeline resumes their routes in the order in which they went.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use pronubes_core::payload::Span;
use pronubes_core::{HookCall, Meta, ResumePoint, SourceId};

use crate::batch::{Batch, Captures};
use crate::names::Names;
use crate::queue::{Item, Segment};
use crate::settle::Hold;
use crate::tape::Tape;

/// What a row needs to go on, beside its topic and payload.
#[derive(Clone, Copy, Debug)]
struct Rest {
    point: ResumePoint,
    step: u16,
    source: SourceId,
    /// Nothing where it is the payload itself.
    original: Option<Span>,
    new_topic: Option<Span>,
    key: Option<Span>,
    meta: Meta,
}

/// Rows that go to Python together.
#[derive(Debug, Default)]
struct Block {
    segment: Segment,
    captures: Captures,
    rests: Vec<Rest>,
    /// Original payloads, new topics and keys.
    bytes: Vec<u8>,
    holds: Vec<Option<Hold>>,
}

/// How large the blocks of a queue were lately: the next is made so at once, because growing costs copies.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    rows: usize,
    segment: usize,
    bytes: usize,
    spans: usize,
}

impl Block {
    fn sized(names: &Arc<Names>, usual: Usual) -> Self {
        let mut block = Self { segment: Segment::sized(names, usual.rows, usual.segment), ..Self::default() };
        block.captures.ends.reserve(usual.rows);
        block.captures.spans.reserve(usual.spans);
        block.rests.reserve(usual.rows);
        block.holds.reserve(usual.rows);
        block.bytes.reserve(usual.bytes);
        block
    }

    fn usual(&self) -> Usual {
        let (rows, spans) = (self.rests.len(), self.captures.spans.len());
        Usual { rows, segment: self.segment.size(), bytes: self.bytes.len(), spans }
    }

    fn push(&mut self, item: &Item<'_>, call: &HookCall<'_>, hold: Option<Hold>) {
        self.segment.push(item);
        self.captures.spans.extend_from_slice(call.captures);
        self.captures.ends.push(self.captures.spans.len() as u32);
        let mut append = |bytes: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            Span { start, end: self.bytes.len() as u32 }
        };
        let original = (!std::ptr::eq(call.original, call.payload)).then(|| append(call.original));
        let new_topic = call.new_topic.map(|topic| append(topic.as_bytes()));
        let key = call.key.map(|key| append(key.as_bytes()));
        let HookCall { point, step, source, meta, .. } = *call;
        self.rests.push(Rest { point, step, source, original, new_topic, key, meta });
        self.holds.push(hold);
    }

    fn size(&self) -> usize {
        self.segment.size() + self.bytes.len() + self.rests.len() * (size_of::<Rest>() + 64)
    }
}

/// Rows with Python.
#[derive(Debug)]
struct Out {
    batch: Batch,
    rests: Vec<Rest>,
    bytes: Vec<u8>,
    holds: Vec<Option<Hold>>,
    size: usize,
}

/// A row that came back.
#[derive(Debug)]
pub struct Returned<'a> {
    /// The message as it went to the hook.
    pub item: Item<'a>,
    /// Where its route goes on.
    pub point: ResumePoint,
    /// The step that called the hook.
    pub step: u16,
    /// Its source, as the plan numbers it.
    pub source: SourceId,
    /// The payload it came to pronubes with.
    pub original: &'a [u8],
    /// The topic that an earlier hook gave it.
    pub new_topic: Option<&'a str>,
    /// The member's key, where its payload was exploded.
    pub key: Option<&'a str>,
    /// Circumstances.
    pub meta: Meta,
    /// Where its fields stand, if the hook has read some.
    pub tape: Option<Tape<'a>>,
}

/// Rows that came back, to be walked.
#[derive(Debug)]
pub struct ReturnedBatch {
    out: Out,
}

impl ReturnedBatch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.rests.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.rests.is_empty()
    }

    /// A row.
    #[must_use]
    pub fn row(&self, row: usize) -> Returned<'_> {
        let rest = self.out.rests[row];
        let Batch { segment, tapes, .. } = &self.out.batch;
        let item = segment.item(&segment.records()[row]);
        let text = |span: Span| std::str::from_utf8(span.of(&self.out.bytes)).unwrap_or_default();
        Returned {
            item,
            point: rest.point,
            step: rest.step,
            source: rest.source,
            original: rest.original.map_or(item.payload, |span| span.of(&self.out.bytes)),
            new_topic: rest.new_topic.map(text),
            key: rest.key.map(text),
            meta: rest.meta,
            tape: tapes.as_ref().and_then(|tapes| tapes.get()?.row(row)),
        }
    }

    /// Who waits for a row; once.
    pub fn take_hold(&mut self, row: usize) -> Option<Hold> {
        self.out.holds.get_mut(row).and_then(Option::take)
    }
}

/// The queue of one hook.
#[derive(Debug)]
pub struct HookQueue {
    blocks: VecDeque<Block>,
    out: Option<Out>,
    rows_per_batch: usize,
    names: Arc<Names>,
    next_id: u64,
    bytes: usize,
    usual: Usual,
    is_announced: bool,
}

impl HookQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(rows_per_batch: usize, names: &Arc<Names>) -> Self {
        Self {
            blocks: VecDeque::new(),
            out: None,
            rows_per_batch: rows_per_batch.max(1),
            names: Arc::clone(names),
            next_id: 1,
            bytes: 0,
            usual: Usual::default(),
            is_announced: false,
        }
    }

    /// A message waits for the hook.
    pub fn push(&mut self, item: &Item<'_>, call: &HookCall<'_>, hold: Option<Hold>) {
        if self.blocks.back().is_none_or(|block| block.rests.len() >= self.rows_per_batch) {
            self.blocks.push_back(Block::sized(&self.names, self.usual));
        }
        let block = self.blocks.back_mut().expect("a block was just made sure of");
        let before = block.size();
        block.push(item, call, hold);
        self.bytes += block.size() - before;
    }

    /// Bytes that wait or are with Python.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages that wait or are with Python, by walking.
    #[must_use]
    pub fn walk(&self) -> usize {
        let out = self.out.as_ref().map_or(0, |out| out.rests.len());
        out + self.blocks.iter().map(|block| block.rests.len()).sum::<usize>()
    }

    /// Whether nothing waits and nothing is with Python.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_none() && self.blocks.is_empty()
    }

    /// Whether a batch can be taken and that was not said before.
    pub fn announce(&mut self) -> bool {
        let is_new = !self.is_announced && self.out.is_none() && !self.blocks.is_empty();
        self.is_announced |= is_new;
        is_new
    }

    /// The next batch.
    pub fn take(&mut self) -> Option<Batch> {
        if self.out.is_some() {
            return None;
        }
        let block = self.blocks.pop_front()?;
        self.is_announced = false;
        let size = block.size();
        self.usual = block.usual();
        let Block { segment, captures, rests, bytes, holds } = block;
        let (captures, tapes) = (Some(Arc::new(captures)), Some(Arc::new(OnceLock::new())));
        let batch = Batch { id: self.next_id, segment: Arc::new(segment), captures, tapes };
        self.next_id += 1;
        self.out = Some(Out { batch: batch.clone(), rests, bytes, holds, size });
        Some(batch)
    }

    /// The batch that Python has.
    #[must_use]
    pub fn pending(&self, id: u64) -> Option<&Batch> {
        self.out.as_ref().map(|out| &out.batch).filter(|batch| batch.id == id)
    }

    /// The batch comes back.
    pub fn give_back(&mut self, id: u64) -> Option<ReturnedBatch> {
        let out = self.out.take_if(|out| out.batch.id == id)?;
        self.bytes -= out.size;
        Some(ReturnedBatch { out })
    }
}
