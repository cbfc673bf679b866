//! What a topic leads to, worked out once: the routes hit with their captures and the names that depend on the topic
//! alone, packed into the bytes that the topic table keeps.
//!
//! Per hit: route (4 bytes), length of the rest (4), which of its contracts (2), captures (1), two 16-bit offsets per capture, then per static template
//! of the route one byte (0, or 1 + the reason why there may be no such name), the slot in the catalogue (4), the length (2) and
//! the name. Where there is a catalogue and the route keeps the name, an entry for that follows, without text. Routes that say
//! `otherwise` stand behind all others. Only [`pack`] writes these bytes, so reading them cannot fail.

use super::work::Work;
use crate::catalog::{Catalog, CatalogSlot};
use crate::matcher::{Hits, RouteId, TopicTable};
use crate::payload::Span;
use crate::plan::{Group, Plan};
use crate::{Reason, SourceId};

/// Works out what a topic leads to and remembers it, if there is room; `blob` has it in any case.
///
/// # Errors
/// When the topic is none that can be routed.
#[cold]
pub(super) fn learn(
    plan: &Plan,
    source: SourceId,
    topic: &str,
    table: &mut TopicTable,
    work: &mut Work,
) -> Result<(), Reason> {
    let (number, group) = plan.group_of(source);
    check_length(topic)?;
    let namer = &mut Namer { plan, source, catalog: work.routes.catalog.as_deref_mut() };
    pack(plan, group, topic, namer, &mut work.hits, &mut work.blob)?;
    work.routes.topic_number = table.insert(number, topic.as_bytes(), &work.blob);
    Ok(())
}

/// Who knows names.
pub(super) struct Namer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) source: SourceId,
    /// Gets the names that are right; those who only look have none.
    pub(super) catalog: Option<&'a mut Catalog>,
}

impl Namer<'_> {
    /// Judges a name that a template gave and makes it legal, where that is wanted.
    fn rendered(&mut self, route: RouteId, blob: &mut Vec<u8>, start: usize) -> Result<Option<CatalogSlot>, Reason> {
        let Some(namespace) = &self.plan.namespace else { return Ok(self.reserve(&blob[start..])) };
        let name = std::str::from_utf8(&blob[start..]).unwrap_or_default();
        if let Some(escaped) = namespace.escape(name) {
            blob.truncate(start);
            blob.extend_from_slice(escaped.as_bytes());
        }
        if blob.len() - start > crate::topic::MAX_TOPIC_BYTES {
            blob.truncate(start);
            return Err(Reason::TopicTooLong);
        }
        let name = std::str::from_utf8(&blob[start..]).unwrap_or_default();
        self.judged(route, name)
    }

    /// The slot of a name, if there may be one.
    fn judged(&mut self, route: RouteId, name: &str) -> Result<Option<CatalogSlot>, Reason> {
        if let Some(namespace) = &self.plan.namespace {
            namespace.judge(name, route, self.source).map_err(|refusal| refusal.reason)?;
        }
        Ok(self.reserve(name.as_bytes()))
    }

    fn reserve(&mut self, name: &[u8]) -> Option<CatalogSlot> {
        self.catalog.as_deref_mut()?.reserve(name)
    }
}

fn check_length(topic: &str) -> Result<(), Reason> {
    if topic.is_empty() {
        return Err(Reason::InvalidTopic);
    }
    if topic.len() > crate::topic::MAX_TOPIC_BYTES { Err(Reason::TopicTooLong) } else { Ok(()) }
}

/// Packs what a topic leads to into `blob`.
///
/// # Errors
/// When the topic is none that can be routed.
pub(super) fn pack(
    plan: &Plan,
    group: &Group,
    topic: &str,
    namer: &mut Namer<'_>,
    hits: &mut Hits,
    blob: &mut Vec<u8>,
) -> Result<(), Reason> {
    blob.clear();
    group.matcher.matches(topic, hits)?;
    for is_otherwise in [false, true] {
        let mut everywhere = group.everywhere.iter().peekable();
        let mut add = |route: RouteId, captures: &[Span]| {
            if plan.route(route).is_otherwise == is_otherwise {
                pack_hit(plan, route, (topic, captures), namer, blob);
            }
        };
        for (route, captures) in hits.iter() {
            while let Some(earlier) = everywhere.next_if(|earlier| **earlier < route) {
                add(*earlier, &[]);
            }
            add(route, captures);
        }
        everywhere.for_each(|route| add(*route, &[]));
    }
    Ok(())
}

fn pack_hit(
    plan: &Plan,
    route: RouteId,
    (topic, captures): (&str, &[Span]),
    namer: &mut Namer<'_>,
    blob: &mut Vec<u8>,
) {
    blob.extend_from_slice(&route.0.to_le_bytes());
    let length_at = blob.len();
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(&short(
        plan.route(route).contract_of(topic, &plan.named_contracts[usize::from(namer.source.0)]),
    ));
    blob.push(u8::try_from(captures.len()).unwrap_or(u8::MAX));
    for span in captures.iter().take(usize::from(u8::MAX)) {
        blob.extend_from_slice(&short(span.start as usize));
        blob.extend_from_slice(&short(span.end as usize));
    }
    let own = plan.route(route);
    for template in own.templates.iter().filter(|template| template.is_static()) {
        let at = blob.len();
        blob.extend_from_slice(&[0; NAME_HEAD]);
        match template.render_static(topic, captures, blob) {
            Ok(()) => {
                let slot = namer.rendered(route, blob, at + NAME_HEAD);
                let length = blob.len() - at - NAME_HEAD;
                blob[at..at + NAME_HEAD].copy_from_slice(&name_head(slot, length));
            }
            Err(reason) => blob[at..].copy_from_slice(&name_head(Err(reason), 0)),
        }
    }
    if own.keeps_name && plan.catalog.is_some() {
        let slot = namer.judged(route, topic);
        blob.extend_from_slice(&name_head(slot, 0));
    }
    let length = u32::try_from(blob.len() - length_at - 4).unwrap_or(u32::MAX);
    blob[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// What stands before a name.
const NAME_HEAD: usize = 7;

fn name_head(slot: Result<Option<CatalogSlot>, Reason>, length: usize) -> [u8; NAME_HEAD] {
    let status = slot.map_or_else(|reason| 1 + reason as u8, |_| 0);
    let [s0, s1, s2, s3] = slot.ok().flatten().map_or(u32::MAX, |slot| slot.0).to_le_bytes();
    let [l0, l1] = short(length);
    [status, s0, s1, s2, s3, l0, l1]
}

/// Topics, and so all offsets in them, are at most 65,535 bytes long (MQTT 5 §4.7.3-3; the table refuses longer ones).
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

/// The hits of a packed topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedHits<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for PackedHits<'a> {
    type Item = PackedHit<'a>;

    #[inline]
    fn next(&mut self) -> Option<PackedHit<'a>> {
        let (&[r0, r1, r2, r3, l0, l1, l2, l3, c0, c1, captures], rest) = self.0.split_first_chunk::<11>()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize - 3;
        let contract = usize::from(u16::from_le_bytes([c0, c1]));
        let (hit, rest) = rest.split_at_checked(length)?;
        let (captures, names) = hit.split_at_checked(usize::from(captures) * 4)?;
        self.0 = rest;
        Some(PackedHit { route: RouteId(u32::from_le_bytes([r0, r1, r2, r3])), contract, captures, names })
    }
}

/// One route that a topic leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedHit<'a> {
    /// The route.
    pub(super) route: RouteId,
    /// Which of the contracts of its last stage the topic has; beyond them where it has none.
    pub(super) contract: usize,
    captures: &'a [u8],
    names: &'a [u8],
}

impl<'a> PackedHit<'a> {
    /// Unpacks the captures.
    #[inline]
    pub(super) fn captures(&self, spans: &mut Vec<Span>) {
        spans.clear();
        let (quads, _) = self.captures.as_chunks::<4>();
        spans.extend(quads.iter().map(|&[s0, s1, e0, e1]| Span {
            start: u32::from(u16::from_le_bytes([s0, s1])),
            end: u32::from(u16::from_le_bytes([e0, e1])),
        }));
    }

    /// The names of the route's static templates, in their order.
    #[inline]
    pub(super) fn names(&self) -> PackedNames<'a> {
        PackedNames(self.names)
    }
}

/// A name that depends on the topic alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedName<'a> {
    /// The name; empty where it is the topic itself.
    pub(super) text: &'a [u8],
    /// Its slot in the catalogue, where it has one.
    pub(super) slot: Option<CatalogSlot>,
}

/// Names, or why there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedNames<'a>(&'a [u8]);

impl<'a> Iterator for PackedNames<'a> {
    /// Of a name that there may not be, the reason and its text, where there is one.
    type Item = Result<PackedName<'a>, (Reason, &'a [u8])>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&[status, s0, s1, s2, s3, l0, l1], rest) = self.0.split_first_chunk::<NAME_HEAD>()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
        self.0 = rest;
        match Reason::ALL.get(usize::from(status).wrapping_sub(1)) {
            Some(reason) => Some(Err((*reason, text))),
            None => {
                let slot = u32::from_le_bytes([s0, s1, s2, s3]);
                Some(Ok(PackedName { text, slot: (slot != u32::MAX).then_some(CatalogSlot(slot)) }))
            }
        }
    }
}
