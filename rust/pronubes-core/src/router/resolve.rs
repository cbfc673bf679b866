//! What a topic leads to, worked out once: the routes hit with their captures and the names that depend on the topic
//! alone, packed into the bytes that the topic table keeps.
//!
//! Per hit: route (4 bytes), length of the rest (4), captures (1), two 16-bit offsets per capture, then per static template
//! of the route one byte (0, or 1 + the reason why it cannot be rendered), the length (2) and the name. Routes that
//! say `otherwise` stand behind all others. Only [`pack`] writes these bytes, so reading them cannot fail.

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
    hits: &mut Hits,
    blob: &mut Vec<u8>,
) -> Result<(), Reason> {
    let (number, group) = plan.group_of(source);
    check_length(topic)?;
    pack(plan, group, topic, hits, blob)?;
    table.insert(number, topic.as_bytes(), blob);
    Ok(())
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
pub(super) fn pack(plan: &Plan, group: &Group, topic: &str, hits: &mut Hits, blob: &mut Vec<u8>) -> Result<(), Reason> {
    blob.clear();
    group.matcher.matches(topic, hits)?;
    for is_otherwise in [false, true] {
        let mut everywhere = group.everywhere.iter().peekable();
        let wanted = |route: RouteId| plan.route(route).is_otherwise == is_otherwise;
        for (route, captures) in hits.iter() {
            while let Some(earlier) = everywhere.next_if(|earlier| **earlier < route) {
                pack_hit(plan, *earlier, topic, &[], wanted, blob);
            }
            pack_hit(plan, route, topic, captures, wanted, blob);
        }
        everywhere.for_each(|route| pack_hit(plan, *route, topic, &[], wanted, blob));
    }
    Ok(())
}

fn pack_hit(
    plan: &Plan,
    route: RouteId,
    topic: &str,
    captures: &[Span],
    is_wanted: impl Fn(RouteId) -> bool,
    blob: &mut Vec<u8>,
) {
    if !is_wanted(route) {
        return;
    }
    blob.extend_from_slice(&route.0.to_le_bytes());
    let length_at = blob.len();
    blob.extend_from_slice(&[0; 4]);
    blob.push(u8::try_from(captures.len()).unwrap_or(u8::MAX));
    for span in captures.iter().take(usize::from(u8::MAX)) {
        blob.extend_from_slice(&short(span.start as usize));
        blob.extend_from_slice(&short(span.end as usize));
    }
    for template in plan.route(route).templates.iter().filter(|template| template.is_static()) {
        let status_at = blob.len();
        blob.extend_from_slice(&[0; 3]);
        let name_at = blob.len();
        match template.render_static(topic, captures, blob) {
            Ok(()) => {
                let length = short(blob.len() - name_at);
                blob[status_at + 1..name_at].copy_from_slice(&length);
            }
            Err(reason) => blob[status_at] = 1 + reason as u8,
        }
    }
    let length = u32::try_from(blob.len() - length_at - 4).unwrap_or(u32::MAX);
    blob[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
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
        let (&[r0, r1, r2, r3, l0, l1, l2, l3, captures], rest) = self.0.split_first_chunk::<9>()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize - 1;
        let (hit, rest) = rest.split_at_checked(length)?;
        let (captures, names) = hit.split_at_checked(usize::from(captures) * 4)?;
        self.0 = rest;
        Some(PackedHit { route: RouteId(u32::from_le_bytes([r0, r1, r2, r3])), captures, names })
    }
}

/// One route that a topic leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedHit<'a> {
    /// The route.
    pub(super) route: RouteId,
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

/// Rendered names, or why there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedNames<'a>(&'a [u8]);

impl<'a> Iterator for PackedNames<'a> {
    type Item = Result<&'a [u8], Reason>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&[status, l0, l1], rest) = self.0.split_first_chunk::<3>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
        self.0 = rest;
        match Reason::ALL.get(usize::from(status).wrapping_sub(1)) {
            Some(reason) => Some(Err(*reason)),
            None => Some(Ok(name)),
        }
    }
}
