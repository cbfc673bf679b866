//! A new plan: values stay, numbers of routes and sources change, and names that lost their route become orphans.
//!
//! An orphan keeps its value and belongs to nobody, so that the route which replaces the old one can take the name over. What is
//! still an orphan at the next reload is taken out.

use std::collections::HashMap;

use super::{Catalog, RouteLabel};
use crate::catalog::budget::Budget;
use crate::catalog::entry::{Entries, Entry};
use crate::matcher::TopicTable;

/// From the numbers of the old plan to those of the new one. What is not in the new one goes behind all that is, so that
/// orphans go on to show whose they were.
struct Numbers<'a, T> {
    labels: &'a mut Vec<T>,
    key: fn(&T) -> Key,
    by_key: HashMap<Key, u32>,
    known: HashMap<u32, (u32, bool)>,
}

/// What makes two labels the same.
type Key = (Box<str>, u64);

impl<'a, T: Clone> Numbers<'a, T> {
    fn new(labels: &'a mut Vec<T>, key: fn(&T) -> Key) -> Self {
        let by_key = labels.iter().map(key).zip(0..).collect();
        Self { labels, key, by_key, known: HashMap::new() }
    }

    /// The new number of an old one, and whether the new plan has it.
    fn number(&mut self, old_number: u32, old_labels: &[T]) -> (u32, bool) {
        if let Some(known) = self.known.get(&old_number) {
            return *known;
        }
        let Some(old) = old_labels.get(old_number as usize) else { return (u32::MAX, false) };
        let number = self.by_key.get(&(self.key)(old)).map(|number| (*number, true)).unwrap_or_else(|| {
            self.labels.push(old.clone());
            (u32::try_from(self.labels.len() - 1).unwrap_or(u32::MAX), false)
        });
        self.known.insert(old_number, number);
        number
    }
}

impl Catalog {
    /// Another limit, and whether names may have several publishers; what is there stays.
    pub fn reconfigure(&mut self, max_bytes: usize, payload_bytes: usize, has_several_publishers: bool) {
        self.budget.set_limit(max_bytes);
        self.payload_bytes = payload_bytes.min(super::MAX_PAYLOAD_BYTES);
        self.has_several_publishers = has_several_publishers;
    }

    /// Takes the routes and sources of a plan, whose numbers are their places in the lists.
    ///
    /// Names of routes and sources that are not in it any more, or whose route publishes under other names now, become
    /// orphans.
    pub fn reload(&mut self, routes: Vec<RouteLabel>, sources: Vec<Box<str>>) {
        let old_routes = std::mem::replace(&mut self.routes, routes);
        let old_sources = std::mem::replace(&mut self.sources, sources);
        let mut routes = Numbers::new(&mut self.routes, |route| (route.name.clone(), route.naming));
        let mut sources = Numbers::new(&mut self.sources, |source| (source.clone(), 0));
        let mut removed = 0;
        for entry in self.entries.iter_mut().filter(|entry| entry.count > 0) {
            entry.is_judged = false;
            if entry.is_orphan {
                if let Some(block) = entry.block() {
                    self.slab.give(block);
                }
                *entry = Entry::new(entry.place);
                removed += 1;
                continue;
            }
            let (route, keeps_route) = routes.number(entry.route, &old_routes);
            let (source, keeps_source) = sources.number(u32::from(entry.source), &old_sources);
            (entry.route, entry.source) = (route, u16::try_from(source).unwrap_or(u16::MAX));
            if !(keeps_route && keeps_source) {
                (entry.is_orphan, entry.origin) = (true, 0);
            }
        }
        if removed > 0 {
            self.take_out();
        }
    }

    /// Takes out the names without messages; where most are gone, their memory is given back.
    fn take_out(&mut self) {
        self.generation += 1;
        self.sequence += 1;
        let Self { names, entries, order, budget, .. } = self;
        entries.forget_changes();
        let number = |place| names.at(place).map_or(u32::MAX, |record: crate::matcher::TopicRecord<'_>| record.slot.0);
        order.retain(|place| entries.get(number(place)).is_some_and(|entry| entry.count > 0), budget);
        if order.len() < entries.len() / 2 {
            self.rebuild();
        }
    }

    /// Copies the names that are shown to new memory.
    fn rebuild(&mut self) {
        let before = self.names.memory_bytes() + self.entries.bytes();
        let mut names = TopicTable::new(before);
        let mut entries = Entries::default();
        let mut unbounded = Budget::new(usize::MAX);
        for (number, entry) in (0..).zip(self.entries.iter()).filter(|(_, entry)| entry.count > 0) {
            let Some(name) = self.names.at(entry.place).map(|record| record.topic) else { continue };
            let place = names.insert(0, name, &[]).and_then(|_| names.get(0, name)).map(|found| found.place);
            let (Some(place), Some(())) = (place, entries.reserve(&mut unbounded)) else { continue };
            entries.push(entry.moved(place));
            let last = u32::try_from(entries.len() - 1).unwrap_or(u32::MAX);
            entries.changed(last, self.entries.sequence(number));
        }
        self.budget.replace(before, names.memory_bytes() + entries.bytes());
        self.names = names;
        self.entries = entries;
        self.reorder();
    }

    /// Sorts all names anew, because their places have changed.
    fn reorder(&mut self) {
        let Self { names, entries, order, budget, .. } = self;
        order.retain(|_| false, budget);
        let mut places: Vec<_> = entries.iter().map(|entry| entry.place).collect();
        let name = |place: &crate::matcher::TopicPlace| names.at(*place).map_or(&[][..], |record| record.topic);
        places.sort_unstable_by(|one, other| name(one).cmp(name(other)));
        for place in places {
            // There was room for as many and more.
            let _ = order.insert(names, place, budget);
        }
    }
}
