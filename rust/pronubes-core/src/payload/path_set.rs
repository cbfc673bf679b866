//! Path sets: the paths that a route touches, as a trie that the scanner walks beside the payload.
//!
//! The key that is expected next is compared with the payload before anybody knows where the payload's key ends, because
//! the publishers of one topic repeat their field order and spelling: a hit costs a word or two. All other keys are
//! compared by length and first eight bytes; a large object in the set is searched by bisection, so that a hostile
//! payload with many keys stays cheap.

use super::cell::{SlotId, Span};
use super::json;
use super::path::{FieldPath, array_index};
use super::swar;
use super::text;

/// From this many children on, a key out of order is looked up by bisection.
const BISECT_FROM: usize = 12;
/// Stands for "none" where a slot or node would stand.
const NONE: u16 = u16::MAX;

/// Collects paths and deals out their slots.
#[derive(Clone, Debug, Default)]
pub struct PathSetBuilder {
    paths: Vec<FieldPath>,
    index: std::collections::HashMap<FieldPath, SlotId>,
    noted: Vec<SlotId>,
}

impl PathSetBuilder {
    /// The slot of a path; adding a path again gives the same slot. Slots are dense: 0, 1, 2, ...
    ///
    /// Beyond 65,535 paths the slot is meaningless and [`PathSetBuilder::build`] refuses.
    pub fn add(&mut self, path: &FieldPath) -> SlotId {
        if let Some(slot) = self.index.get(path) {
            return *slot;
        }
        let slot = SlotId(u16::try_from(self.paths.len()).unwrap_or(NONE));
        self.paths.push(path.clone());
        self.index.insert(path.clone(), slot);
        slot
    }

    /// Wants a scan to note what is in the object or array at a path: see [`Scan::inside`](super::Scan::inside).
    pub fn note_inside(&mut self, slot: SlotId) {
        self.noted.push(slot);
    }

    /// The paths so far, by slot.
    #[must_use]
    pub fn paths(&self) -> &[FieldPath] {
        &self.paths
    }

    /// The set.
    ///
    /// # Errors
    /// When there are more paths, or more places on the way to them, than slots can number.
    pub fn build(self) -> Result<PathSet, TooManyPaths> {
        let mut nodes = vec![Node::default()];
        let mut root_slot = None;
        for (number, path) in self.paths.iter().enumerate() {
            let slot = u16::try_from(number).ok().filter(|slot| *slot != NONE).ok_or(TooManyPaths)?;
            let Some((last, parents)) = path.segments().collect::<Vec<_>>().split_last().map(|(l, p)| (*l, p.to_vec()))
            else {
                root_slot = Some(SlotId(slot));
                continue;
            };
            let mut node = 0;
            for parent in parents {
                node = enter(&mut nodes, node, parent)?;
            }
            let child = find_or_add(&mut nodes, node, last);
            let child = &mut nodes[node].children[child];
            child.slot = Some(SlotId(slot));
            child.is_noted = self.noted.contains(&SlotId(slot));
        }
        finish(&mut nodes);
        Ok(PathSet { nodes: nodes.into(), paths: self.paths.into(), root_slot })
    }
}

/// The node below `key` of a node, made if need be.
fn enter(nodes: &mut Vec<Node>, node: usize, key: &str) -> Result<usize, TooManyPaths> {
    let child = find_or_add(nodes, node, key);
    if let Some(id) = nodes[node].children[child].node {
        return Ok(usize::from(id));
    }
    let id = u16::try_from(nodes.len()).map_err(|_| TooManyPaths)?;
    nodes[node].children[child].node = Some(id);
    nodes.push(Node::default());
    Ok(usize::from(id))
}

fn find_or_add(nodes: &mut [Node], node: usize, key: &str) -> usize {
    let children = &mut nodes[node].children;
    children.iter().position(|child| *child.key == *key.as_bytes()).unwrap_or_else(|| {
        children.push(Child::new(key));
        children.len() - 1
    })
}

/// Fills what is derived: the search orders, and the slots below each node. Children have higher numbers than parents.
fn finish(nodes: &mut [Node]) {
    for id in (0..nodes.len()).rev() {
        let below: Vec<SlotId> = nodes[id]
            .children
            .iter()
            .flat_map(|child| {
                let deeper = child.node.map(|node| nodes[usize::from(node)].below.clone()).unwrap_or_default();
                child.slot().into_iter().chain(deeper)
            })
            .collect();
        let node = &mut nodes[id];
        node.below = below.into();
        node.lengths = node.children.iter().fold(0, |lengths, child| lengths | length_bit(child.key.len()));
        let mut order: Vec<u32> = (0..).take(node.children.len()).collect();
        order.sort_by(|a, b| node.children[*a as usize].order().cmp(&node.children[*b as usize].order()));
        let mut indexes: Vec<(u32, u32)> =
            (0..).zip(&node.children).filter_map(|(at, child)| Some((child.index?, at))).collect();
        indexes.sort_unstable();
        node.order = order.into();
        node.indexes = indexes.into();
    }
}

/// The paths that one pass over a payload fills cells for. Immutable; shared by all messages of a plan.
#[derive(Clone, Debug)]
pub struct PathSet {
    nodes: Box<[Node]>,
    paths: Box<[FieldPath]>,
    root_slot: Option<SlotId>,
}

impl Default for PathSet {
    /// The set without paths: a scan with it only validates and notes the top-level fields.
    fn default() -> Self {
        Self { nodes: Box::new([Node::default()]), paths: Box::default(), root_slot: None }
    }
}

impl PathSet {
    /// Number of paths, and so of slots and cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether it has no path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths, by slot.
    #[must_use]
    pub fn paths(&self) -> &[FieldPath] {
        &self.paths
    }

    /// The path of a slot of this set.
    #[must_use]
    pub fn path(&self, slot: SlotId) -> Option<&FieldPath> {
        self.paths.get(usize::from(slot.0))
    }

    /// The slot of a path, if it is in the set.
    #[must_use]
    pub fn slot(&self, path: &FieldPath) -> Option<SlotId> {
        let position = self.paths.iter().position(|candidate| candidate == path)?;
        u16::try_from(position).ok().map(SlotId)
    }

    /// The slot of the whole payload.
    pub(super) fn root_slot(&self) -> Option<SlotId> {
        self.root_slot
    }

    pub(super) fn root(&self) -> &Node {
        self.node(0)
    }

    pub(super) fn node(&self, id: u16) -> &Node {
        &self.nodes[usize::from(id)]
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

/// A place in payloads below which paths go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    children: Vec<Child>,
    /// Children by length, first bytes, rest.
    order: Box<[u32]>,
    /// Children that can be array elements, by index.
    pub(super) indexes: Box<[(u32, u32)]>,
    /// Every slot below this node, for marking all of them as duplicate.
    pub(super) below: Box<[SlotId]>,
    /// Which key lengths occur, one bit each.
    lengths: u64,
}

/// A key below a node.
#[derive(Clone, Debug)]
pub(super) struct Child {
    written: Written,
    prefix: u64,
    length: usize,
    slot: Option<SlotId>,
    node: Option<u16>,
    is_noted: bool,
    index: Option<u32>,
    key: Box<[u8]>,
}

/// A key with its closing quote and colon, as publishers write it; compared word by word.
#[derive(Clone, Debug)]
struct Written {
    first: u64,
    /// Which bits of `first` count.
    mask: u64,
    /// The last eight bytes, where there are more than eight.
    last: u64,
    text: Box<[u8]>,
}

/// A key as it stands in a payload.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// The payload.
    pub(super) bytes: &'a [u8],
    /// Where its text starts, after the quote.
    pub(super) start: usize,
    /// Bytes of its text, as written.
    pub(super) length: usize,
    /// Its first eight bytes, zero beyond its end; of no use with escapes.
    pub(super) prefix: u64,
    pub(super) is_escaped: bool,
}

impl<'a> Key<'a> {
    /// Where it stands, without quotes.
    #[inline(always)]
    pub(super) fn span(&self) -> Span {
        json::span(self.start, self.start + self.length)
    }

    /// Its text without quotes.
    fn text(&self) -> &'a [u8] {
        self.bytes.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

impl Node {
    pub(super) fn child(&self, at: u32) -> Option<&Child> {
        self.children.get(at as usize)
    }

    /// The child whose key stands at `start`, with its quote and colon, if it is the one expected next or the one after it;
    /// and how long that text is. Most keys of most messages are found here; all others are for [`Node::find`].
    #[inline(always)]
    pub(super) fn find_expected(&self, bytes: &[u8], start: usize, expected: &mut usize) -> Option<(&Child, usize)> {
        let word = swar::load_padded(bytes, start);
        // A name that only a step brings (`rename`, `set`) stands between those that the payload has.
        for at in [*expected, *expected + 1] {
            let child = self.children.get(at)?;
            if child.written.stands_at(bytes, start, word) {
                *expected = at + 1;
                return Some((child, child.written.text.len()));
            }
        }
        None
    }

    /// The child of a key that is not expected; moves `expected` behind it.
    #[inline(always)]
    pub(super) fn find(&self, key: &Key<'_>, expected: &mut usize) -> Option<&Child> {
        if self.lengths & length_bit(key.length) == 0 && !key.is_escaped {
            return None;
        }
        // A copy, so that the key itself can stay in registers.
        let key = *key;
        let found = self.find_anywhere(&key)?;
        *expected = found + 1;
        self.children.get(found)
    }

    #[inline(never)]
    fn find_anywhere(&self, key: &Key<'_>) -> Option<usize> {
        if key.is_escaped {
            return self.children.iter().position(|child| text::equals_escaped(key.text(), &child.key));
        }
        if self.children.len() < BISECT_FROM {
            return self.children.iter().position(|child| child.is(key));
        }
        let wanted = (key.length, key.prefix, key.text());
        let at = self.order.binary_search_by(|at| self.children[*at as usize].order().cmp(&wanted)).ok()?;
        self.order.get(at).map(|child| *child as usize)
    }
}

impl Written {
    fn new(key: &str) -> Self {
        let mut text = Vec::new();
        text::write(&mut text, key);
        text.push(b':');
        text.remove(0);
        let is_plain = text.len() == key.len() + 2;
        // A key with escapes can be written in many ways: no word is 1 under an empty mask.
        let (first, mask) =
            if is_plain { (swar::load_padded(&text, 0), swar::low_bytes(u64::MAX, text.len())) } else { (1, 0) };
        Self { first, mask, last: swar::load_padded(&text, text.len().saturating_sub(8)), text: text.into() }
    }

    /// Whether it stands at `start`, where `word` is what comes first.
    #[inline(always)]
    fn stands_at(&self, bytes: &[u8], start: usize, word: u64) -> bool {
        word & self.mask == self.first && (self.text.len() <= 8 || self.goes_on(bytes, start))
    }

    /// The rest of a long key: its last eight bytes first, since the names of tags mostly differ at their ends.
    #[inline(always)]
    fn goes_on(&self, bytes: &[u8], start: usize) -> bool {
        swar::load_padded(bytes, start + self.text.len() - 8) == self.last
            && (self.text.len() <= 16 || bytes.get(start..start + self.text.len()) == Some(&*self.text))
    }
}

impl Child {
    fn new(key: &str) -> Self {
        let bytes = key.as_bytes();
        Self {
            written: Written::new(key),
            prefix: swar::load_padded(bytes, 0),
            length: bytes.len(),
            slot: None,
            node: None,
            is_noted: false,
            index: array_index(key),
            key: bytes.into(),
        }
    }

    fn is(&self, key: &Key<'_>) -> bool {
        self.prefix == key.prefix
            && self.length == key.length
            && !key.is_escaped
            && (key.length <= 8 || key.text() == &*self.key)
    }

    fn order(&self) -> (usize, u64, &[u8]) {
        (self.length, self.prefix, &self.key)
    }

    #[inline(always)]
    pub(super) fn slot(&self) -> Option<SlotId> {
        self.slot
    }

    /// Whether what is in its value is to be noted.
    #[inline(always)]
    pub(super) fn is_noted(&self) -> bool {
        self.is_noted
    }

    /// The node below, where paths go on.
    #[inline(always)]
    pub(super) fn node(&self) -> Option<u16> {
        self.node
    }
}

#[inline(always)]
fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// A route names more paths than slots can number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPaths;

impl std::fmt::Display for TooManyPaths {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("A route names more than 65,535 fields.")
    }
}

impl std::error::Error for TooManyPaths {}
