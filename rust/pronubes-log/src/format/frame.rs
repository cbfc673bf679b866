//! A frame that was read: checked as a whole, its records borrowed from its bytes.

use super::builder::{HAS_SOURCE_TIME, MORE, RETAIN};
use super::header::FrameHeader;
use super::{Codec, HEADER_BYTES, MAX_FRAME_BYTES, Target, varint};

/// A frame whose check sum is right and whose records can all be read.
#[derive(Debug)]
pub struct Frame {
    header: FrameHeader,
    body: Vec<u8>,
    records_at: usize,
    routes: Vec<Box<str>>,
    sources: Vec<Box<str>>,
    consumers: Vec<Box<str>>,
    /// Numbers of the consumers in the log that reads, by local number.
    numbers: Vec<u16>,
}

/// A record of a frame.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Its number.
    pub seq: u64,
    /// Its route, by local number ([`Frame::routes`]).
    pub route: u16,
    /// Its source, by local number ([`Frame::sources`]).
    pub source: u16,
    /// When it came in.
    pub received_ns: i64,
    /// When the source says it happened.
    pub source_ns: Option<i64>,
    /// Its payload.
    pub payload: &'a [u8],
    targets: &'a [u8],
    numbers: &'a [u16],
}

impl<'a> RecordView<'a> {
    /// Where it is to go; a consumer that the log does not know has number [`u16::MAX`].
    #[must_use]
    pub fn targets(&self) -> Targets<'a> {
        Targets { rest: Some(self.targets), numbers: self.numbers }
    }
}

/// The targets of a record.
#[derive(Clone, Debug)]
pub struct Targets<'a> {
    rest: Option<&'a [u8]>,
    numbers: &'a [u16],
}

impl<'a> Iterator for Targets<'a> {
    type Item = Target<'a>;

    fn next(&mut self) -> Option<Target<'a>> {
        let mut rest = self.rest.take()?;
        let (target, has_more) = take_target(&mut rest, self.numbers)?;
        self.rest = has_more.then_some(rest);
        Some(target)
    }
}

fn take_target<'a>(bytes: &mut &'a [u8], numbers: &[u16]) -> Option<(Target<'a>, bool)> {
    let (flags, rest) = bytes.split_first()?;
    *bytes = rest;
    let local = usize::try_from(varint::take(bytes)?).ok()?;
    let topic = varint::take_bytes(bytes)?;
    let consumer = *numbers.get(local)?;
    Some((Target { consumer, topic, qos: flags & 0b11, retain: flags & RETAIN != 0 }, flags & MORE != 0))
}

/// The records of a frame, in order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    frame: &'a Frame,
    rest: &'a [u8],
    seq: u64,
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordView<'a>;

    fn next(&mut self) -> Option<RecordView<'a>> {
        if self.seq >= self.frame.end() {
            return None;
        }
        let record = self.frame.take_record(&mut self.rest, self.seq)?;
        self.seq += 1;
        Some(record)
    }
}

impl Frame {
    /// Reads a frame: header and the body as it was stored. Nothing when anything about it is wrong.
    #[must_use]
    pub fn decode(header_bytes: &[u8; HEADER_BYTES], stored: &[u8]) -> Option<Self> {
        let header = FrameHeader::decode(header_bytes)?;
        if header.stored as usize != stored.len() || !header.is_intact(header_bytes, stored) {
            return None;
        }
        let body = match header.codec {
            Codec::None => stored.to_vec(),
            Codec::Zstd => zstd::bulk::decompress(stored, (header.raw as usize).min(MAX_FRAME_BYTES)).ok()?,
        };
        if body.len() != header.raw as usize {
            return None;
        }
        let mut rest = &body[..];
        let routes = take_names(&mut rest)?;
        let sources = take_names(&mut rest)?;
        let consumers = take_names(&mut rest)?;
        let records_at = body.len() - rest.len();
        let numbers = (0..consumers.len()).map(|at| u16::try_from(at).unwrap_or(u16::MAX)).collect();
        let frame = Self { header, body, records_at, routes, sources, consumers, numbers };
        let mut rest = frame.body.get(records_at..)?;
        for seq in frame.first()..frame.end() {
            frame.take_record(&mut rest, seq)?;
        }
        rest.is_empty().then_some(frame)
    }

    /// Says which numbers the consumers have in the log that reads.
    pub(crate) fn number(&mut self, number_of: impl Fn(&str) -> Option<u16>) {
        self.numbers = self.consumers.iter().map(|name| number_of(name).unwrap_or(u16::MAX)).collect();
    }

    /// The number of the first record.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.header.first
    }

    /// The number behind the last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.header.end()
    }

    /// When its first record came in.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        self.header.time_ns
    }

    /// Records below this number were on the disk when it was made.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.header.durable
    }

    /// Names of routes, by local number.
    #[must_use]
    pub fn routes(&self) -> &[Box<str>] {
        &self.routes
    }

    /// Names of sources, by local number.
    #[must_use]
    pub fn sources(&self) -> &[Box<str>] {
        &self.sources
    }

    /// Names of consumers that its records are for.
    #[must_use]
    pub fn consumers(&self) -> &[Box<str>] {
        &self.consumers
    }

    /// Whether it has records for a consumer.
    #[must_use]
    pub fn has_consumer(&self, consumer: u16) -> bool {
        self.numbers.contains(&consumer)
    }

    /// Bytes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + HEADER_BYTES
    }

    /// Bytes on the disk.
    #[must_use]
    pub fn stored_size(&self) -> u64 {
        self.header.size()
    }

    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { frame: self, rest: self.body.get(self.records_at..).unwrap_or_default(), seq: self.first() }
    }

    fn take_record<'a>(&'a self, bytes: &mut &'a [u8], seq: u64) -> Option<RecordView<'a>> {
        let route = u16::try_from(varint::take(bytes)?).ok()?;
        let source = u16::try_from(varint::take(bytes)?).ok()?;
        let received_ns = self.header.time_ns.wrapping_add(varint::take_signed(bytes)?);
        let (flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let source_ns = match flags & HAS_SOURCE_TIME != 0 {
            true => Some(received_ns.wrapping_add(varint::take_signed(bytes)?)),
            false => None,
        };
        let payload = varint::take_bytes(bytes)?;
        let targets = *bytes;
        while take_target(bytes, &self.numbers)?.1 {}
        let is_named = usize::from(route) < self.routes.len() && usize::from(source) < self.sources.len();
        let numbers = &self.numbers[..];
        is_named.then_some(RecordView { seq, route, source, received_ns, source_ns, payload, targets, numbers })
    }
}

fn take_names(bytes: &mut &[u8]) -> Option<Vec<Box<str>>> {
    let count = varint::take(bytes)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let name = varint::take_bytes(bytes)?;
        names.push(std::str::from_utf8(name).ok()?.into());
    }
    Some(names)
}
