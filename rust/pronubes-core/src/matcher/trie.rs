//! One trie over the filters of all routes.
//!
//! A node is a filter prefix; `+` and every `{name}` share one child, so that filters of the same shape share their
//! nodes whatever their captures are called. The literal children of all nodes live in one hash table keyed by (node,
//! level text): a level costs one probe, however many siblings it has. Captures are not stored on the way down: a
//! route knows the numbers of its captured levels, and the topic is split once.
//!
//! A walk visits each node at most once, so its cost is bounded by the filters, never by what a topic contains.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use crate::Reason;
use crate::payload::Span;
use crate::topic::{Level, RouteFilter, span};

/// Topics with more levels than this are reported as too deep unless the configuration says otherwise.
pub const DEFAULT_MAX_LEVELS: usize = 32;

const NO_NODE: u32 = u32::MAX;
const ROOT: u32 = 0;

/// A route, by its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// How a filter ends at its last node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The topic must end here.
    Exact,
    /// `#`: the topic may end here or go on.
    Rest,
    /// `{name#}`: the topic must go on.
    CaptureRest,
}

/// A run of entries of one of the flat arrays.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    start: u32,
    end: u32,
}

impl Run {
    fn of<T>(self, array: &[T]) -> &[T] {
        array.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
struct Node {
    any_child: u32,
    has_literal_children: bool,
    /// Indexed by [`End`].
    ends: [Run; 3],
}

impl Node {
    const NEW: Self = Self { any_child: NO_NODE, has_literal_children: false, ends: [Run { start: 0, end: 0 }; 3] };
}

/// A literal child: `level` is a span of [`Matcher::texts`].
#[derive(Debug, Clone, Copy)]
struct Edge {
    parent: u32,
    child: u32,
    level: Span,
}

/// A route and the numbers of its captured levels (a run of [`Matcher::capture_levels`]).
#[derive(Debug, Clone, Copy)]
struct Target {
    route: RouteId,
    captures: Run,
    has_tail: bool,
}

/// What a topic matched, in the order of the routes; the buffers are reused from topic to topic.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    found: Vec<(RouteId, Run)>,
    spans: Vec<Span>,
    levels: Vec<Span>,
    pending: Vec<(u32, u32)>,
    targets: Vec<u32>,
}

impl Hits {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many routes matched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether no route matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The routes with the spans of their captures, in ascending order of [`RouteId`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RouteId, &[Span])> {
        self.found.iter().map(|(route, run)| (*route, run.of(&self.spans)))
    }

    fn clear(&mut self) {
        self.found.clear();
        self.spans.clear();
        self.levels.clear();
        self.pending.clear();
        self.targets.clear();
    }
}

/// The index of all route filters.
///
/// ```
/// use pronubes_core::matcher::{Hits, Matcher, RouteId};
/// use pronubes_core::topic::RouteFilter;
/// let filter = RouteFilter::parse("raw/{area}/#").unwrap();
/// let matcher = Matcher::new([(RouteId(0), &filter)]);
/// let mut hits = Hits::new();
/// matcher.matches("raw/filling/temp", &mut hits).unwrap();
/// let (route, spans) = hits.iter().next().unwrap();
/// assert_eq!((route, spans[0].of_str("raw/filling/temp")), (RouteId(0), "filling"));
/// ```
#[derive(Debug, Clone)]
pub struct Matcher {
    nodes: Vec<Node>,
    edges: HashTable<Edge>,
    texts: String,
    /// Indexes into `targets`, grouped by node and end.
    ends: Vec<u32>,
    /// Ascending by route.
    targets: Vec<Target>,
    capture_levels: Vec<u32>,
    hash_state: foldhash::fast::RandomState,
    max_levels: usize,
}

impl Matcher {
    /// An index over `filters`; a route may bring several filters and is then hit once for each that matches.
    ///
    /// Filters beyond `u32::MAX` nodes cannot be held in memory, so ids are not checked for overflow.
    pub fn new<'a>(filters: impl IntoIterator<Item = (RouteId, &'a RouteFilter)>) -> Self {
        let mut filters: Vec<_> = filters.into_iter().collect();
        filters.sort_by_key(|(route, _)| *route);
        let mut matcher = Self {
            nodes: vec![Node::NEW],
            edges: HashTable::new(),
            texts: String::new(),
            ends: Vec::new(),
            targets: Vec::with_capacity(filters.len()),
            capture_levels: Vec::new(),
            hash_state: foldhash::fast::RandomState::default(),
            max_levels: DEFAULT_MAX_LEVELS,
        };
        let mut ends = Vec::with_capacity(filters.len());
        for (route, filter) in filters {
            let target = matcher.add_target(route, filter);
            let (node, end) = matcher.add_path(filter);
            ends.push((node, end, target));
        }
        matcher.group_ends(ends);
        matcher
    }

    /// The same index with another limit for the levels of a topic (default [`DEFAULT_MAX_LEVELS`]).
    #[must_use]
    pub fn with_max_levels(self, max_levels: usize) -> Self {
        Self { max_levels, ..self }
    }

    /// Finds the routes of a valid `topic` and leaves them in `hits`.
    ///
    /// Allocates nothing once the buffers of `hits` have grown.
    ///
    /// # Errors
    /// [`Reason::TopicTooDeep`] when the topic has more levels than the limit; `hits` is then empty.
    pub fn matches(&self, topic: &str, hits: &mut Hits) -> Result<(), Reason> {
        hits.clear();
        self.split(topic, &mut hits.levels)?;
        self.collect_targets(topic, hits);
        hits.targets.sort_unstable();
        for &target in &hits.targets {
            let target = &self.targets[target as usize];
            let start = index(hits.spans.len());
            let levels = target.captures.of(&self.capture_levels);
            hits.spans.extend(levels.iter().map(|&level| hits.levels[level as usize]));
            if target.has_tail
                && let Some(tail) = hits.spans.last_mut()
            {
                tail.end = index(topic.len());
            }
            hits.found.push((target.route, Run { start, end: index(hits.spans.len()) }));
        }
        Ok(())
    }

    fn split(&self, topic: &str, levels: &mut Vec<Span>) -> Result<(), Reason> {
        let mut start = 0;
        // A plain loop: levels are so short that a vectorised search costs more than it saves.
        let slashes = topic.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        for (slash, _) in slashes {
            levels.push(span(start, slash));
            if levels.len() >= self.max_levels {
                levels.clear();
                return Err(Reason::TopicTooDeep);
            }
            start = slash + 1;
        }
        levels.push(span(start, topic.len()));
        Ok(())
    }

    fn collect_targets(&self, topic: &str, hits: &mut Hits) {
        let starts_with_dollar = topic.starts_with('$');
        hits.pending.push((ROOT, 0));
        while let Some((node_id, depth)) = hits.pending.pop() {
            let node = &self.nodes[node_id as usize];
            let level = hits.levels.get(depth as usize);
            let wildcards_apply = depth > 0 || !starts_with_dollar; // MQTT 5 §4.7.2-1
            if wildcards_apply {
                self.take(node, End::Rest, &mut hits.targets);
            }
            let Some(level) = level else {
                self.take(node, End::Exact, &mut hits.targets);
                continue;
            };
            if wildcards_apply {
                self.take(node, End::CaptureRest, &mut hits.targets);
                if node.any_child != NO_NODE {
                    hits.pending.push((node.any_child, depth + 1));
                }
            }
            if node.has_literal_children
                && let Some(child) = self.literal_child(node_id, level.of(topic.as_bytes()))
            {
                hits.pending.push((child, depth + 1));
            }
        }
    }

    fn take(&self, node: &Node, end: End, targets: &mut Vec<u32>) {
        let run = node.ends[end as usize];
        targets.extend_from_slice(run.of(&self.ends));
    }

    fn literal_child(&self, parent: u32, level: &[u8]) -> Option<u32> {
        let texts = self.texts.as_bytes();
        self.edges
            .find(hash_edge(&self.hash_state, parent, level), |edge| {
                edge.parent == parent && edge.level.of(texts) == level
            })
            .map(|edge| edge.child)
    }

    fn add_target(&mut self, route: RouteId, filter: &RouteFilter) -> u32 {
        let start = index(self.capture_levels.len());
        let captured = filter.levels().iter().enumerate();
        let captured = captured.filter(|(_, level)| matches!(level, Level::Capture | Level::CaptureRest));
        self.capture_levels.extend(captured.map(|(number, _)| index(number)));
        let captures = Run { start, end: index(self.capture_levels.len()) };
        self.targets.push(Target { route, captures, has_tail: filter.has_tail_capture() });
        index(self.targets.len() - 1)
    }

    /// Walks or makes the nodes of `filter` and says where and how it ends.
    fn add_path(&mut self, filter: &RouteFilter) -> (u32, End) {
        let mut node = ROOT;
        for level in filter.levels() {
            node = match level {
                Level::Literal(text) => match self.literal_child(node, text.as_bytes()) {
                    Some(child) => child,
                    None => self.add_literal_child(node, text),
                },
                Level::Any | Level::Capture => self.any_child(node),
                Level::Rest => return (node, End::Rest),
                Level::CaptureRest => return (node, End::CaptureRest),
            };
        }
        (node, End::Exact)
    }

    fn any_child(&mut self, parent: u32) -> u32 {
        if self.nodes[parent as usize].any_child == NO_NODE {
            self.nodes[parent as usize].any_child = index(self.nodes.len());
            self.nodes.push(Node::NEW);
        }
        self.nodes[parent as usize].any_child
    }

    fn add_literal_child(&mut self, parent: u32, text: &str) -> u32 {
        let child = index(self.nodes.len());
        self.nodes.push(Node::NEW);
        self.nodes[parent as usize].has_literal_children = true;
        let level = span(self.texts.len(), self.texts.len() + text.len());
        self.texts.push_str(text);
        let (texts, state) = (self.texts.as_bytes(), &self.hash_state);
        self.edges.insert_unique(hash_edge(state, parent, text.as_bytes()), Edge { parent, child, level }, |edge| {
            hash_edge(state, edge.parent, edge.level.of(texts))
        });
        child
    }

    /// Lays the targets of each node and end side by side.
    fn group_ends(&mut self, mut ends: Vec<(u32, End, u32)>) {
        ends.sort_unstable();
        for (node, end, target) in ends {
            let position = index(self.ends.len());
            let run = &mut self.nodes[node as usize].ends[end as usize];
            if run.start == run.end {
                run.start = position;
            }
            run.end = position + 1;
            self.ends.push(target);
        }
    }
}

fn hash_edge(state: &foldhash::fast::RandomState, parent: u32, level: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u32(parent);
    hasher.write(level);
    hasher.finish()
}

/// A position in one of the flat arrays; they are far smaller than `u32` reaches.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
