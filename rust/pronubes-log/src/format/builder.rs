//! The frame that is being filled: records are appended without an allocation once it is warm.

use std::sync::Arc;

use super::header::FrameHeader;
use super::{Codec, HEADER_BYTES, MAX_FRAME_BYTES, varint};

/// Names behind the numbers of routes and sources; looked up when a frame is complete.
pub trait NameTable: Send + Sync {
    /// The name of a route.
    fn route(&self, route: u32) -> &str;
    /// The name of a source.
    fn source(&self, source: u16) -> &str;
}

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// The route it comes from, a number of the [`NameTable`].
    pub route: u32,
    /// The source it comes from, a number of the [`NameTable`].
    pub source: u16,
    /// When it came in, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// When the source says it happened.
    pub source_ns: Option<i64>,
    /// Its payload.
    pub payload: &'a [u8],
    /// Its first target; [`crate::Log::also`] adds more.
    pub target: Target<'a>,
}

/// Where a record is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The consumer, by its number in this log.
    pub consumer: u16,
    /// The topic.
    pub topic: &'a [u8],
    /// Quality of service to send with (0 to 2).
    pub qos: u8,
    /// Whether it is to be retained.
    pub retain: bool,
}

/// A record is longer than a frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

pub(super) const HAS_SOURCE_TIME: u8 = 1;
pub(super) const RETAIN: u8 = 0b0100;
pub(super) const MORE: u8 = 0b1000;

/// Local numbers of a frame: dense numbers of the outside to the order of first use.
#[derive(Debug, Default)]
struct Locals {
    by_number: Vec<u32>,
    used: Vec<u32>,
}

impl Locals {
    #[inline]
    fn of(&mut self, number: u32) -> u64 {
        let at = number as usize;
        if at >= self.by_number.len() {
            self.by_number.resize(at + 1, u32::MAX);
        }
        if self.by_number[at] == u32::MAX {
            self.by_number[at] = self.used.len() as u32;
            self.used.push(number);
        }
        u64::from(self.by_number[at])
    }

    fn clear(&mut self) {
        for number in self.used.drain(..) {
            self.by_number[number as usize] = u32::MAX;
        }
    }
}

/// A complete frame: bytes to write, and which numbers they are.
#[derive(Debug)]
pub struct Cut {
    /// Header and body, uncompressed.
    pub bytes: Vec<u8>,
    /// The number of the first record.
    pub first: u64,
    /// The number behind the last.
    pub end: u64,
    /// Bytes of topics and payloads: what write amplification is measured against.
    pub content: u64,
}

/// Fills a frame.
#[derive(Debug, Default)]
pub struct Builder {
    records: Vec<u8>,
    routes: Locals,
    sources: Locals,
    consumers: Locals,
    count: u32,
    time_ns: i64,
    content: u64,
    /// Where the flags of the last target stand.
    last_target: usize,
}

impl Builder {
    /// How many records it has.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of its records.
    #[must_use]
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// When its first record came in.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        self.time_ns
    }

    /// Bytes that a record takes at most.
    #[must_use]
    pub fn cost(record: &Append<'_>) -> usize {
        record.payload.len() + record.target.topic.len() + 64
    }

    /// Whether a record is too large for any frame.
    #[must_use]
    pub fn is_too_large(record: &Append<'_>) -> bool {
        // Names and further targets must fit beside it.
        Self::cost(record) > MAX_FRAME_BYTES / 2
    }

    /// Appends a record.
    #[inline]
    pub fn append(&mut self, record: &Append<'_>) {
        if self.count == 0 {
            self.time_ns = record.received_ns;
        }
        self.count += 1;
        self.content += record.payload.len() as u64;
        let (route, source) = (self.routes.of(record.route), self.sources.of(u32::from(record.source)));
        let out = &mut self.records;
        varint::put(out, route);
        varint::put(out, source);
        varint::put_signed(out, record.received_ns.wrapping_sub(self.time_ns));
        match record.source_ns {
            None => out.push(0),
            Some(source_ns) => {
                out.push(HAS_SOURCE_TIME);
                varint::put_signed(out, source_ns.wrapping_sub(record.received_ns));
            }
        }
        varint::put(out, record.payload.len() as u64);
        out.extend_from_slice(record.payload);
        self.put_target(&record.target);
    }

    /// Adds a target to the record appended last.
    #[inline]
    pub fn also(&mut self, target: &Target<'_>) {
        if let Some(flags) = self.records.get_mut(self.last_target)
            && self.count > 0
        {
            *flags |= MORE;
            self.put_target(target);
        }
    }

    #[inline]
    fn put_target(&mut self, target: &Target<'_>) {
        let consumer = self.consumers.of(u32::from(target.consumer));
        let out = &mut self.records;
        self.last_target = out.len();
        out.push(target.qos.min(3) | if target.retain { RETAIN } else { 0 });
        varint::put(out, consumer);
        varint::put(out, target.topic.len() as u64);
        out.extend_from_slice(target.topic);
        self.content += target.topic.len() as u64;
    }

    /// Completes the frame, into memory that is used again: of which log it is, its first number, what is durable by now; `consumer` names
    /// consumers.
    pub fn cut(
        &mut self,
        (log, first, durable): (u64, u64, u64),
        names: &Arc<dyn NameTable>,
        consumer: impl Fn(u16) -> Box<str>,
        mut bytes: Vec<u8>,
    ) -> Cut {
        bytes.clear();
        bytes.resize(HEADER_BYTES, 0);
        put_names(&mut bytes, &self.routes, |route, out| put_name(out, names.route(route)));
        put_names(&mut bytes, &self.sources, |source, out| put_name(out, names.source(source as u16)));
        put_names(&mut bytes, &self.consumers, |number, out| put_name(out, &consumer(number as u16)));
        bytes.extend_from_slice(&self.records);
        let body = bytes.len() - HEADER_BYTES;
        let header = FrameHeader {
            stored: body as u32,
            crc: 0,
            codec: Codec::None,
            log,
            first,
            count: self.count,
            raw: body as u32,
            time_ns: self.time_ns,
            durable,
        };
        let encoded = header.encode(&bytes[HEADER_BYTES..]);
        bytes[..HEADER_BYTES].copy_from_slice(&encoded);
        let cut = Cut { bytes, first, end: header.end(), content: self.content };
        self.clear();
        cut
    }

    fn clear(&mut self) {
        self.records.clear();
        self.routes.clear();
        self.sources.clear();
        self.consumers.clear();
        (self.count, self.content, self.last_target) = (0, 0, 0);
    }
}

fn put_names(out: &mut Vec<u8>, locals: &Locals, mut put: impl FnMut(u32, &mut Vec<u8>)) {
    varint::put(out, locals.used.len() as u64);
    locals.used.iter().for_each(|number| put(*number, out));
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    varint::put(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
}
