//! Under which names a message leaves: whether it may, and the catalogue's note of it.

use std::fmt::Write as _;

use super::run::Run;
use super::trace::Trace;
use crate::Reason;
use crate::catalog::{Catalog, CatalogSlot, Origin};
use crate::outcome::Outlet;
use crate::plan::{About, Failure};

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Claims all names of the message, and notes it once none of them is another's.
    pub(super) fn publish(&mut self, payload: &[u8]) -> Result<(), Failure<'p>> {
        let Some(catalog) = self.catalog.as_deref_mut() else { return Ok(()) };
        let message = self.message;
        let hash = catalog.hash_origin(message.topic);
        let origin = Origin { route: self.id, source: message.source, topic: message.topic, hash };
        let names = &mut *self.names;
        names.slots.clear();
        // What is wrong with these names was found before.
        for name in self.static_names.flatten() {
            match name.slot {
                _ if name.text.is_empty() && self.new_topic.is_some() => {} // A hook gave another topic than this one.
                Some(slot) => names.slots.push(slot),
                None => catalog.note_untracked(),
            }
        }
        if let Some(topic) = self.new_topic.filter(|_| self.route.keeps_name) {
            reserve(catalog, topic.as_bytes(), &mut names.slots);
        }
        let rendered = if self.route.has_static_names_only { &[][..] } else { &names.spans };
        for span in rendered.iter().filter(|span| span.start < span.end) {
            reserve(catalog, span.of(&names.text), &mut names.slots);
        }
        for slot in &names.slots {
            if !catalog.claim(*slot, &origin) {
                names.told.clear();
                tell_collision(catalog, *slot, message.meta.received_ns, &mut names.told);
                return Err(Failure::new(Reason::NameCollision, About::Told));
            }
        }
        for slot in &names.slots {
            catalog.note(*slot, &origin, payload, message.meta.received_ns);
        }
        Ok(())
    }
}

fn reserve(catalog: &mut Catalog, name: &[u8], slots: &mut Vec<CatalogSlot>) {
    match catalog.reserve(name) {
        Some(slot) => slots.push(slot),
        None => catalog.note_untracked(),
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
