//! What can be asked: pages of names, the tree, one name, what has changed.

use memchr::memmem::Finder;

use super::order::Position;
use super::search::Found;
use super::seek::{Fit, fit, seek_behind};
use super::{Catalog, CatalogSlot};
use crate::matcher::{TopicPlace, TopicTable};
use crate::topic::RouteFilter;

/// How many names a query looks at before it ends early.
const MAX_VISITS: usize = 2_000;
/// How many names a search looks at in order before it makes a pass over all.
const SEARCH_VISITS: usize = 500;
/// Up to so many names found by a pass are sorted; more are picked out of the order.
const MAX_SORTED: usize = 4_000;

/// Which names are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// Those that match a filter; none means all.
    pub filter: Option<&'a RouteFilter>,
    /// Those that contain a text.
    pub search: Option<&'a str>,
    /// Those behind a name: what [`Page::next`] says.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
    /// The present, for rates.
    pub now_ns: i64,
}

/// A name, to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopicView<'a> {
    /// The name.
    pub topic: &'a str,
    /// The newest payload; none where it was not kept.
    pub payload: Option<&'a [u8]>,
    /// The length of the newest payload, kept or not.
    pub payload_length: u32,
    /// When it came.
    pub time_ns: i64,
    /// When the first one came.
    pub first_ns: i64,
    /// How many came.
    pub count: u64,
    /// How many come per second.
    pub rate: f64,
    /// The route.
    pub route: &'a str,
    /// The source.
    pub source: &'a str,
    /// The topic as the source has it.
    pub origin: &'a str,
    /// The contract of the route.
    pub contract: Option<&'a str>,
    /// How many messages broke it.
    pub violations: u32,
    /// The number of the newest change.
    pub sequence: u64,
    /// Whether a reload took its route away and nobody has published under the name since.
    pub is_orphan: bool,
}

/// Some names, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page<'a> {
    /// The names.
    pub topics: Vec<TopicView<'a>>,
    /// Where to go on; none at the end. A page may hold fewer names than asked for and not be the last.
    pub next: Option<&'a str>,
}

/// One level below a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Child<'a> {
    /// The level.
    pub name: &'a str,
    /// Whether messages leave under this very name.
    pub is_topic: bool,
    /// How many names are below it.
    pub below: usize,
}

/// Levels below a name, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Children<'a> {
    /// The levels.
    pub children: Vec<Child<'a>>,
    /// Where to go on; none at the end.
    pub next: Option<&'a str>,
}

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes<'a> {
    /// Names with a newer value, the oldest change first.
    pub topics: Vec<TopicView<'a>>,
    /// Whether there are more.
    pub has_more: bool,
    /// The number of the newest change of all.
    pub sequence: u64,
    /// Another number than before says that names were taken out: begin anew.
    pub generation: u64,
}

impl Catalog {
    /// The names that a query wants, the first `limit` of them.
    #[must_use]
    pub fn page(&self, query: &Query<'_>) -> Page<'_> {
        let search = query.search.filter(|text| !text.is_empty()).map(Finder::new);
        let levels = query.filter.map_or(&[][..], RouteFilter::levels);
        let mut walk = Walk { catalog: self, query, page: Page::default(), bound: Vec::new(), levels };
        let start = self.start(query.after);
        let Some(search) = search else {
            walk.run(start, MAX_VISITS, |_, _| true);
            return walk.page;
        };
        let Some(position) = walk.run(start, SEARCH_VISITS, |name, _| search.find(name).is_some()) else {
            return walk.page;
        };
        let found = Found::of(&self.names, &search);
        if found.places.len() > MAX_SORTED {
            walk.run(position, usize::MAX, |_, place| found.contains(place));
        } else {
            walk.sorted(position, found.places);
        }
        walk.page
    }

    fn start(&self, after: Option<&str>) -> Position {
        let Some(after) = after else { return self.order.seek(&self.names, b"") };
        self.order.seek(&self.names, &[after.as_bytes(), b"\0"].concat())
    }

    /// The levels right below a name, or the first levels of all.
    #[must_use]
    pub fn children(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Children<'_> {
        let parent = prefix.map_or(Vec::new(), |prefix| [prefix.as_bytes(), b"/"].concat());
        let mut bound = parent.clone();
        if let Some(after) = after {
            bound.extend_from_slice(after.as_bytes());
            let is_topic = self.is_shown(&bound);
            bound.push(if is_topic { 0 } else { b'/' + 1 });
        }
        let mut found = Children::default();
        let mut position = self.order.seek(&self.names, &bound);
        for _ in 0..MAX_VISITS {
            let Some(name) = self.name_at(position).filter(|name| name.starts_with(&parent)) else { return found };
            let rest = name.get(parent.len()..).unwrap_or_default();
            let length = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            let path = name.get(..parent.len() + length).unwrap_or_default();
            let is_topic = length == rest.len();
            if is_topic || !self.is_shown(path) {
                if found.children.len() >= limit {
                    found.next = found.children.last().map(|child| child.name);
                    return found;
                }
                let level = std::str::from_utf8(&rest[..length]).unwrap_or_default();
                found.children.push(Child { name: level, is_topic, below: self.below(path) });
            }
            position = if is_topic {
                self.order.next(position)
            } else {
                seek_behind(&mut bound, path);
                self.order.seek_from(&self.names, position, &bound)
            };
        }
        found.next = found.children.last().map(|child| child.name);
        found
    }

    fn name_at(&self, position: Position) -> Option<&[u8]> {
        self.names.at(self.order.get(position)?).map(|record| record.topic)
    }

    fn is_shown(&self, name: &[u8]) -> bool {
        let entry = self.find(name).and_then(|slot| self.entries.get(slot.0));
        entry.is_some_and(|entry| entry.count > 0)
    }

    fn below(&self, path: &[u8]) -> usize {
        let first = self.order.seek(&self.names, &[path, b"/"].concat());
        let last = self.order.seek(&self.names, &[path, b"0"].concat());
        self.order.distance(first, last)
    }

    /// One name.
    #[must_use]
    pub fn get(&self, topic: &str, now_ns: i64) -> Option<TopicView<'_>> {
        self.find(topic.as_bytes()).and_then(|slot| self.at(slot, now_ns))
    }

    /// The name of a slot.
    #[must_use]
    pub fn at(&self, slot: CatalogSlot, now_ns: i64) -> Option<TopicView<'_>> {
        self.view(slot.0, now_ns)
    }

    /// The oldest `limit` changes after `since`.
    #[must_use]
    pub fn changes(&self, since: u64, limit: usize, now_ns: i64) -> Changes<'_> {
        let (changed, has_more) = self.entries.changed_since(since, limit);
        let topics = changed.into_iter().filter_map(|(_, number)| self.at(CatalogSlot(number), now_ns)).collect();
        Changes { topics, has_more, sequence: self.sequence, generation: self.generation }
    }

    fn view(&self, number: u32, now_ns: i64) -> Option<TopicView<'_>> {
        let entry = self.entries.get(number).filter(|entry| entry.count > 0)?;
        let topic = std::str::from_utf8(self.names.at(entry.place)?.topic).ok()?;
        let bytes = entry.block().map_or(&[][..], |block| self.slab.get(block));
        let (origin, rest) = bytes.split_at_checked(usize::from(entry.origin_length))?;
        let payload = rest.get(..entry.payload_length as usize).filter(|_| entry.has_payload);
        let label = self.routes.get(entry.route as usize);
        Some(TopicView {
            topic,
            payload,
            payload_length: entry.payload_length,
            time_ns: entry.time_ns,
            first_ns: entry.first_ns,
            count: entry.count,
            rate: entry.rate(now_ns),
            route: label.map_or("", |label| &label.name),
            source: self.sources.get(usize::from(entry.source)).map_or("", |name| name),
            origin: if origin.is_empty() { topic } else { std::str::from_utf8(origin).unwrap_or_default() },
            contract: label.and_then(|label| label.contract.as_deref()),
            violations: entry.violations,
            sequence: self.entries.sequence(number),
            is_orphan: entry.is_orphan,
        })
    }
}

/// A walk over names in their order.
struct Walk<'a, 'q> {
    catalog: &'a Catalog,
    query: &'q Query<'q>,
    levels: &'q [crate::topic::Level],
    page: Page<'a>,
    bound: Vec<u8>,
}

impl<'a> Walk<'a, '_> {
    fn names(&self) -> &'a TopicTable {
        &self.catalog.names
    }

    fn fit(&mut self, name: &[u8]) -> Fit {
        if self.levels.is_empty() { Fit::Fits } else { fit(self.levels, name, &mut self.bound) }
    }

    /// Walks from a position until the page is full, the names end (both: nothing) or `visits` are used up (where it stands).
    fn run(
        &mut self,
        mut position: Position,
        visits: usize,
        is_wanted: impl Fn(&[u8], TopicPlace) -> bool,
    ) -> Option<Position> {
        let order = &self.catalog.order;
        let mut last: Option<&'a [u8]> = None;
        for _ in 0..visits {
            let Some(place) = order.get(position) else {
                self.page.next = None;
                return None;
            };
            let record = self.names().at(place)?;
            match self.fit(record.topic) {
                Fit::Fits => {
                    if is_wanted(record.topic, place) && !self.push(record.slot.0) {
                        return None;
                    }
                    position = order.next(position);
                }
                Fit::Seek => position = order.seek_from(self.names(), position, &self.bound),
                Fit::Ends => {
                    self.page.next = None;
                    return None;
                }
            }
            last = Some(record.topic);
        }
        self.page.next = last.and_then(|name| std::str::from_utf8(name).ok());
        order.get(position).map(|_| position)
    }

    /// Takes names that stand anywhere, those from a position on, in their order.
    fn sorted(&mut self, from: Position, mut places: Vec<TopicPlace>) {
        let names = self.names();
        let first = self.catalog.name_at(from).unwrap_or_default();
        let name = |place: &TopicPlace| names.at(*place).map_or(&[][..], |record| record.topic);
        places.retain(|place| name(place) >= first && self.fit(name(place)) == Fit::Fits);
        places.sort_unstable_by(|one, other| name(one).cmp(name(other)));
        self.page.next = None;
        for record in places.iter().filter_map(|place| names.at(*place)) {
            let is_shown = self.catalog.entries.get(record.slot.0).is_some_and(|entry| entry.count > 0);
            if is_shown && !self.push(record.slot.0) {
                return;
            }
        }
    }

    /// Takes a name into the page; false when the page is full, which then says where to go on.
    fn push(&mut self, number: u32) -> bool {
        if self.page.topics.len() >= self.query.limit {
            self.page.next = self.page.topics.last().map(|view| view.topic);
            return false;
        }
        self.page.topics.extend(self.catalog.view(number, self.query.now_ns));
        true
    }
}
