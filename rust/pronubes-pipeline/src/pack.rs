//! A hook's batch as bytes, for a worker process: messages, circumstances, captures, and the names behind their numbers.
//!
//! Both ends are of one build, so the format has no version. What is read back is checked all the same: a frame that was cut must not
//! become a batch with other messages.

use std::sync::{Arc, OnceLock};

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_core::payload::Span;

use crate::batch::{Batch, Captures};
use crate::names::Names;
use crate::queue::{Item, Segment};

/// Little-endian numbers and bytes with their length in front.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    fn texts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) {
        self.u32(texts.len() as u32);
        texts.for_each(|text| self.bytes(text.as_bytes()));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn i64(&mut self) -> Option<i64> {
        self.take(8)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()?;
        self.take(count as usize)
    }

    fn text(&mut self) -> Option<Box<str>> {
        std::str::from_utf8(self.bytes()?).ok().map(Box::from)
    }

    fn texts(&mut self) -> Option<Vec<Box<str>>> {
        (0..self.u32()?).map(|_| self.text()).collect()
    }
}

impl Batch {
    /// The batch as bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let segment = &self.segment;
        let mut out = Writer(Vec::with_capacity(segment.size() + 48 * segment.len() + 256));
        let mut routes: Vec<RouteId> = segment.records().iter().map(|record| record.route).collect();
        let mut sources: Vec<u16> = segment.records().iter().map(|record| record.source).collect();
        routes.sort_unstable();
        routes.dedup();
        sources.sort_unstable();
        sources.dedup();
        let names = segment.names();
        out.texts(sources.iter().map(|source| names.source(*source)));
        out.texts(routes.iter().map(|route| names.route(*route)));
        for route in &routes {
            let captures = names.captures.get(route.0 as usize).map(|captures| &**captures).unwrap_or_default();
            out.texts(captures.iter().map(|capture| &**capture));
        }
        out.u32(segment.len() as u32);
        for (row, item) in self.items().enumerate() {
            // The numbers are places in the lists above, which have what they name.
            out.u32(routes.binary_search(&item.route).unwrap_or_default() as u32);
            out.u32(sources.binary_search(&item.source).unwrap_or_default() as u32);
            let Meta { qos, retain, received_ns, source_ns } = item.meta;
            out.0.extend_from_slice(&[
                qos,
                u8::from(retain) | u8::from(item.is_replayed) << 1 | u8::from(source_ns.is_some()) << 2,
            ]);
            out.i64(received_ns);
            out.i64(source_ns.unwrap_or_default());
            out.bytes(item.topic);
            out.bytes(item.payload);
            let spans = self.captures.as_ref().map(|captures| captures.of(row)).unwrap_or_default();
            out.u32(spans.len() as u32);
            for span in spans {
                out.u32(span.start);
                out.u32(span.end);
            }
        }
        out.0
    }

    /// A batch out of what [`Batch::pack`] made; nothing when the bytes are not whole.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let (sources, routes) = (from.texts()?, from.texts()?);
        let captures =
            (0..routes.len()).map(|_| from.texts().map(Vec::into_boxed_slice)).collect::<Option<Vec<_>>>()?;
        let counts = (routes.len() as u32, sources.len() as u32);
        let names = Arc::new(Names { sources, routes, captures, ..Names::default() });
        let (mut segment, mut captures) = (Segment::named(&names), Captures::default());
        for _ in 0..from.u32()? {
            push(&mut from, counts, &mut segment, &mut captures)?;
        }
        let (captures, tapes) = (Some(Arc::new(captures)), Some(Arc::new(OnceLock::new())));
        from.0.is_empty().then(|| Self { id: 0, segment: Arc::new(segment), captures, tapes })
    }
}

/// Reads one message.
fn push(from: &mut Reader<'_>, counts: (u32, u32), segment: &mut Segment, captures: &mut Captures) -> Option<()> {
    let (routes, sources) = counts;
    let route = from.u32().filter(|route| *route < routes)?;
    let source = from.u32().filter(|source| *source < sources)?;
    let (qos, flags) = (from.byte()?, from.byte()?);
    let (received_ns, source_ns) = (from.i64()?, from.i64()?);
    let meta = Meta { qos, retain: flags & 1 != 0, received_ns, source_ns: (flags & 4 != 0).then_some(source_ns) };
    let (topic, payload) = (from.bytes()?, from.bytes()?);
    std::str::from_utf8(topic).ok()?;
    let is_replayed = flags & 2 != 0;
    segment.push(&Item {
        topic,
        payload,
        route: RouteId(route),
        source: u16::try_from(source).ok()?,
        meta,
        is_replayed,
    });
    for _ in 0..from.u32()? {
        let span = Span { start: from.u32()?, end: from.u32()? };
        topic.get(span.start as usize..span.end as usize)?;
        captures.spans.push(span);
    }
    captures.ends.push(captures.spans.len() as u32);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let capture = |text: &str| vec![Box::<str>::from(text)].into_boxed_slice();
        let names = Names {
            sources: vec!["unused".into(), "plant".into()],
            routes: vec!["a".into(), "b".into()],
            captures: vec![capture("x"), capture("y")],
            ..Names::default()
        };
        let (mut segment, mut captures) = (Segment::named(&Arc::new(names)), Captures::default());
        for (row, route) in [1_u32, 0, 1].into_iter().enumerate() {
            let meta = Meta { qos: row as u8, retain: row == 1, received_ns: 7, source_ns: (row == 2).then_some(-5) };
            let payload: &[u8] = if row == 0 { b"" } else { b"{\"value\":\xff1}" };
            let is_replayed = row == 2;
            segment.push(&Item {
                topic: "t/ä".as_bytes(),
                payload,
                route: RouteId(route),
                source: 1,
                meta,
                is_replayed,
            });
            captures.spans.push(Span { start: 2, end: 4 });
            captures.ends.push(captures.spans.len() as u32);
        }
        Batch { id: 9, segment: Arc::new(segment), captures: Some(Arc::new(captures)), tapes: None }
    }

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let (before, after) = (batch(), Batch::unpack(&batch().pack()).expect("whole"));
        let wanted: Vec<(&str, Option<crate::column::Dtype>)> = ["topic", "payload", "received_ns", "source_ns", "qos"]
            .into_iter()
            .chain(["retain", "replayed", "source", "route", "{x}", "{y}", "value"])
            .map(|name| (name, None))
            .collect();
        assert_eq!(after.columns(&wanted).expect("columns"), before.columns(&wanted).expect("columns"));
    }

    #[test]
    fn bytes_that_are_not_whole_are_no_batch() {
        let packed = batch().pack();
        assert!((0..packed.len()).all(|end| Batch::unpack(&packed[..end]).is_none()));
        assert!(Batch::unpack(&[&packed[..], b"x"].concat()).is_none());
    }
}
