//! The catalogue: of every name under which messages leave, the newest value and where it came from.
//!
//! It is the namespace as it really is: pages, trees and searches are read from it, and it knows whose name a name is, so that
//! two origins cannot write to one. A name is found once and has a [`CatalogSlot`] from then on; [`Catalog::note`] then touches
//! one entry and one block of memory, so that it can be called for every message.
//!
//! Rules of this folder:
//! 1. Memory is bounded: names, entries, order, origins and payloads count towards one limit. What does not fit is
//!    counted and not kept. Only [`Catalog::reload`] may for a moment take half as much again, where most names are gone.
//! 2. No query takes longer than some milliseconds, whatever it asks: one that would look at too many names ends early and
//!    says where to go on.
//! 3. Names are shown once a message has left under them.

mod budget;
mod entry;
mod order;
mod query;
mod reload;
mod search;
mod seek;
mod slab;

pub use query::{Changes, Child, Children, Page, Query, TopicView};

use std::hash::BuildHasher;

use crate::matcher::TopicTable;
use crate::{RouteId, SourceId};

use budget::Budget;
use entry::{Entries, Entry};
use order::Order;
use slab::Slab;

/// What a catalogue may take unless the configuration says otherwise: a million topics.
pub const DEFAULT_CATALOG_BYTES: usize = 300 << 20;
/// Payloads longer than this are not kept unless the configuration says otherwise.
pub const DEFAULT_PAYLOAD_BYTES: usize = 4096;
/// Payloads longer than this are never kept.
pub const MAX_PAYLOAD_BYTES: usize = 128 << 10;

/// The number of a name. It stays as long as the catalogue is not reloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogSlot(pub u32);

/// Who publishes: the route, and the source and topic that the message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The route.
    pub route: RouteId,
    /// The source.
    pub source: SourceId,
    /// The topic as the source has it.
    pub topic: &'a str,
    /// [`Catalog::hash_origin`] of that topic.
    pub hash: u64,
}

/// A route as the catalogue shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteLabel {
    /// Its name.
    pub name: Box<str>,
    /// The contract of what it publishes.
    pub contract: Option<Box<str>>,
    /// A number that changes when the route may publish under other names.
    pub naming: u64,
}

/// What the catalogue counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CatalogStats {
    /// Names that are shown.
    pub topics: usize,
    /// Memory in use.
    pub bytes: usize,
    /// Memory that may be used.
    pub limit: usize,
    /// The number of the newest change.
    pub sequence: u64,
    /// Messages whose name was not kept, because there was no room.
    pub untracked: u64,
    /// Messages whose payload was not kept, because it is long or there was no room.
    pub payloads_not_kept: u64,
    /// Messages refused because the name is another's.
    pub collisions: u64,
}

/// The newest value of every name, and whose name it is.
///
/// ```
/// use pronubes_core::catalog::{Catalog, Origin, Query};
/// use pronubes_core::{RouteId, SourceId};
/// let mut catalog = Catalog::new(1 << 20, 4096);
/// let slot = catalog.reserve(b"acme/filling/t1").unwrap();
/// let topic = "raw/filling/t1";
/// let origin = Origin { route: RouteId(0), source: SourceId(0), topic, hash: catalog.hash_origin(topic) };
/// assert!(catalog.claim(slot, &origin));
/// catalog.note(slot, &origin, br#"{"value": 21.5}"#, 1_000);
/// let page = catalog.page(&Query { limit: 10, ..Query::default() });
/// assert_eq!((page.topics[0].topic, page.topics[0].origin), ("acme/filling/t1", "raw/filling/t1"));
/// let other = Origin { topic: "raw/filling/t2", hash: catalog.hash_origin("raw/filling/t2"), ..origin };
/// assert!(!catalog.claim(slot, &other));
/// ```
#[derive(Debug)]
pub struct Catalog {
    names: TopicTable,
    entries: Entries,
    order: Order,
    slab: Slab,
    budget: Budget,
    routes: Vec<RouteLabel>,
    sources: Vec<Box<str>>,
    payload_bytes: usize,
    sequence: u64,
    /// Changes when names are taken out.
    generation: u64,
    untracked: u64,
    payloads_not_kept: u64,
    collisions: u64,
    has_several_publishers: bool,
    hash_state: foldhash::fast::RandomState,
}

impl Catalog {
    /// An empty catalogue that takes at most `max_bytes` and keeps payloads up to `payload_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize, payload_bytes: usize) -> Self {
        Self {
            names: TopicTable::new(0),
            entries: Entries::default(),
            order: Order::default(),
            slab: Slab::default(),
            budget: Budget::new(max_bytes),
            routes: Vec::new(),
            sources: Vec::new(),
            payload_bytes: payload_bytes.min(MAX_PAYLOAD_BYTES),
            sequence: 0,
            generation: 0,
            untracked: 0,
            payloads_not_kept: 0,
            collisions: 0,
            has_several_publishers: false,
            hash_state: foldhash::fast::RandomState::default(),
        }
    }

    /// What an origin's topic is compared by.
    #[inline]
    #[must_use]
    pub fn hash_origin(&self, topic: &str) -> u64 {
        self.hash_state.hash_one(topic) | 1 // 0 is nobody
    }

    /// The slot of a name, if it has one.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<CatalogSlot> {
        self.names.get(0, name).map(|entry| CatalogSlot(entry.slot.0))
    }

    /// The slot of a name; `None` says that there is no room for it.
    pub fn reserve(&mut self, name: &[u8]) -> Option<CatalogSlot> {
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        self.entries.reserve(&mut self.budget)?;
        let before = self.names.memory_bytes();
        self.names.set_max_bytes(before + self.budget.rest());
        let slot = self.names.insert(0, name, &[]);
        self.budget.replace(before, self.names.memory_bytes());
        let place = self.names.get(0, name).filter(|_| slot.is_some())?.place;
        self.entries.push(Entry::new(place));
        slot.map(|slot| CatalogSlot(slot.0))
    }

    /// Whether a name may be published by `origin`: it is nobody's, it is the origin's own, or names may have several
    /// publishers. A refusal is counted.
    #[inline]
    pub fn claim(&mut self, slot: CatalogSlot, origin: &Origin<'_>) -> bool {
        let Some(entry) = self.entries.get(slot.0) else { return true };
        let is_own = entry.origin == origin.hash && entry.source == origin.source.0;
        if is_own || entry.origin == 0 || self.has_several_publishers {
            return true;
        }
        self.collisions += 1;
        false
    }

    /// Whether a name was found to fit the namespace for this route and source.
    #[inline]
    #[must_use]
    pub fn is_judged(&self, slot: CatalogSlot, route: RouteId, source: SourceId) -> bool {
        let found = self.entries.get(slot.0);
        found.is_some_and(|entry| entry.is_judged && entry.route == route.0 && entry.source == source.0)
    }

    /// Takes note of a message that leaves. Its name has been judged and claimed.
    #[inline]
    pub fn note(&mut self, slot: CatalogSlot, origin: &Origin<'_>, payload: &[u8], now_ns: i64) {
        let Some(entry) = self.entries.get_mut(slot.0) else { return };
        let is_known = entry.origin == origin.hash && entry.source == origin.source.0;
        let length = usize::from(entry.origin_length);
        let fits = entry.block().is_some_and(|block| length + payload.len() <= block.class.bytes());
        if !is_known || !fits || payload.len() > self.payload_bytes {
            return self.note_anew(slot, origin, payload, now_ns);
        }
        self.sequence += 1;
        entry.count(now_ns);
        entry.route = origin.route.0;
        entry.is_judged = true;
        entry.payload_length = payload.len() as u32;
        entry.has_payload = true;
        if let Some(block) = entry.block()
            && let Some(place) = self.slab.get_mut(block).get_mut(length..length + payload.len())
        {
            place.copy_from_slice(payload);
        }
        self.entries.changed(slot.0, self.sequence);
    }

    /// Counts a message whose name there was no room for.
    pub fn note_untracked(&mut self) {
        self.untracked += 1;
    }

    /// Counts a contract that the newest message of a name broke.
    pub fn note_violation(&mut self, slot: CatalogSlot) {
        if let Some(entry) = self.entries.get_mut(slot.0) {
            entry.violations = entry.violations.saturating_add(1);
        }
    }

    /// The first message of an origin, and what needs other memory than the last one.
    #[cold]
    fn note_anew(&mut self, slot: CatalogSlot, origin: &Origin<'_>, payload: &[u8], now_ns: i64) {
        let Some(entry) = self.entries.get_mut(slot.0) else { return };
        if entry.count == 0 && self.order.insert(&self.names, entry.place, &mut self.budget).is_none() {
            self.untracked += 1;
            return;
        }
        self.sequence += 1;
        entry.count(now_ns);
        (entry.route, entry.source, entry.origin) = (origin.route.0, origin.source.0, origin.hash);
        (entry.is_judged, entry.is_orphan) = (true, false);
        entry.payload_length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let is_name = self.names.at(entry.place).is_some_and(|record| record.topic == origin.topic.as_bytes());
        let origin_text = if is_name { "" } else { origin.topic };
        let kept = if payload.len() > self.payload_bytes { None } else { Some(payload) };
        let needed = origin_text.len() + kept.unwrap_or_default().len();
        let mut block = entry.block().filter(|block| needed <= block.class.bytes());
        if block.is_none() {
            // The new block first: a payload that there is no room for must not cost the origin its block.
            block = self.slab.take(needed, &mut self.budget);
            if let (Some(old), true) = (entry.block(), block.is_some()) {
                self.slab.give(old);
            }
        }
        entry.has_payload = block.is_some() && kept.is_some();
        self.payloads_not_kept += u64::from(!entry.has_payload);
        let place = block.or_else(|| entry.block().filter(|old| origin_text.len() <= old.class.bytes()));
        entry.origin_length = if place.is_some() { u16::try_from(origin_text.len()).unwrap_or(0) } else { 0 };
        if let Some(place) = place {
            entry.set_block(Some(place));
            let bytes = self.slab.get_mut(place);
            bytes[..origin_text.len()].copy_from_slice(origin_text.as_bytes());
            if let Some(payload) = kept.filter(|_| block.is_some()) {
                bytes[origin_text.len()..needed].copy_from_slice(payload);
            }
        }
        self.entries.changed(slot.0, self.sequence);
    }

    /// What is counted.
    #[must_use]
    pub fn stats(&self) -> CatalogStats {
        CatalogStats {
            topics: self.order.len(),
            bytes: self.budget.used(),
            limit: self.budget.used() + self.budget.rest(),
            sequence: self.sequence,
            untracked: self.untracked,
            payloads_not_kept: self.payloads_not_kept,
            collisions: self.collisions,
        }
    }
}
