//! Under which names a message leaves: whether it may, and the catalogue's note of it.
//!
//! Names that depend on the topic alone were judged when the topic was learned. Names that are rendered from the payload are
//! judged once as well: the catalogue remembers for which route and source a name was found right.

use std::fmt::Write as _;

use super::run::Run;
use super::trace::Trace;
use crate::Reason;
use crate::catalog::{Catalog, CatalogSlot, Origin};
use crate::outcome::Outlet;
use crate::payload::Span;
use crate::plan::{About, Failure};

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Judges and claims all names of the message, and notes it once none of them is wrong or another's.
    pub(super) fn publish(&mut self, payload: &[u8]) -> Result<(), Failure<'p>> {
        if self.catalog.is_none() && self.plan.namespace.is_none() {
            return Ok(());
        }
        self.names.slots.clear();
        // What is wrong with these names was found before.
        for name in self.static_names.flatten() {
            if name.text.is_empty() && self.new_topic.is_some() {
                continue; // It is the topic's own name, and a hook gave another.
            }
            self.add_slot(name.slot);
        }
        if let Some(topic) = self.new_topic.filter(|_| self.route.keeps_name) {
            match self.known(topic.as_bytes()) {
                Some(slot) => self.add_slot(Some(slot)),
                None => self.judge_name(topic)?,
            }
        }
        if !self.route.has_static_names_only {
            for number in 0..self.names.spans.len() {
                self.rendered(number)?;
            }
        }
        self.note(payload)
    }

    fn add_slot(&mut self, slot: Option<CatalogSlot>) {
        match (slot, &mut self.catalog) {
            (Some(slot), _) => self.names.slots.push(slot),
            (None, Some(catalog)) => catalog.note_untracked(),
            (None, None) => {}
        }
    }

    /// The slot of a name that was found right before.
    fn known(&self, name: &[u8]) -> Option<CatalogSlot> {
        let catalog = self.catalog.as_deref()?;
        let slot = catalog.find(name)?;
        let is_judged = || catalog.is_judged(slot, self.id, self.message.source);
        (self.plan.namespace.is_none() || is_judged()).then_some(slot)
    }

    /// Judges the n-th rendered name and makes it legal, where that is wanted.
    fn rendered(&mut self, number: usize) -> Result<(), Failure<'p>> {
        let span = self.names.spans[number];
        let name = span.of(&self.names.text);
        if name.is_empty() {
            return Ok(());
        }
        let namespace = self.plan.namespace.as_ref();
        let is_escaping = namespace.is_some_and(|namespace| namespace.is_escaping());
        // A name with `_x` may be another name escaped; only the long way tells them apart.
        let is_plain = !is_escaping || memchr::memmem::find(name, b"_x").is_none();
        if let Some(slot) = self.known(name).filter(|_| is_plain) {
            self.names.slots.push(slot);
            return Ok(());
        }
        let name = std::str::from_utf8(name).unwrap_or_default().to_owned();
        let Some(escaped) = namespace.and_then(|namespace| namespace.escape(&name)) else {
            return self.judge_name(&name);
        };
        if escaped.len() > crate::topic::MAX_TOPIC_BYTES {
            return Err(Failure::new(Reason::TopicTooLong, About::Nothing));
        }
        let text = &mut self.names.text;
        let end = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.names.spans[number] = Span { start: end(text.len()), end: end(text.len() + escaped.len()) };
        text.extend_from_slice(escaped.as_bytes());
        self.judge_name(&escaped)
    }

    /// Judges a name that is not known to be right.
    #[cold]
    fn judge_name(&mut self, name: &str) -> Result<(), Failure<'p>> {
        if let Some(namespace) = &self.plan.namespace
            && let Err(refusal) = namespace.judge(name, self.id, self.message.source)
        {
            return Err(self.refused(refusal.reason, name.as_bytes(), None));
        }
        let slot = self.catalog.as_deref_mut().and_then(|catalog| catalog.reserve(name.as_bytes()));
        self.add_slot(slot);
        Ok(())
    }

    /// A name that there may not be: what the namespace says about it, or which template does not give one.
    #[cold]
    pub(super) fn refused(&mut self, reason: Reason, name: &[u8], template: Option<&'p str>) -> Failure<'p> {
        let name = if name.is_empty() { self.message.topic } else { std::str::from_utf8(name).unwrap_or_default() };
        let judged = self.plan.namespace.as_ref().map(|space| space.judge(name, self.id, self.message.source));
        match judged {
            Some(Err(refusal)) if refusal.reason == reason => {
                self.names.told.clear();
                let _ = write!(self.names.told, "{refusal}");
                Failure::new(reason, About::Told)
            }
            _ => Failure::new(reason, template.map_or(About::Nothing, About::Template)),
        }
    }

    fn note(&mut self, payload: &[u8]) -> Result<(), Failure<'p>> {
        let Some(catalog) = self.catalog.as_deref_mut() else { return Ok(()) };
        let (message, names) = (self.message, &mut *self.names);
        let hash = catalog.hash_origin(message.topic);
        let origin = Origin { route: self.id, source: message.source, topic: message.topic, hash };
        for slot in &names.slots {
            if !catalog.claim(*slot, &origin) {
                names.told.clear();
                tell_collision(catalog, *slot, message.meta.received_ns, &mut names.told);
                return Err(Failure::new(Reason::NameCollision, About::Told));
            }
        }
        for slot in &names.slots {
            catalog.note(*slot, &origin, payload, message.meta.received_ns);
            if names.is_violating {
                catalog.note_violation(*slot);
            }
        }
        Ok(())
    }
}

fn tell_collision(catalog: &Catalog, slot: CatalogSlot, now_ns: i64, out: &mut String) {
    let Some(owner) = catalog.at(slot, now_ns) else { return };
    // A `String` takes every write.
    let _ = write!(
        out,
        "`{}` is published by route `{}` from topic `{}` of source `{}`",
        owner.topic, owner.route, owner.origin, owner.source
    );
}
