//! The tree of the general path: a payload in which any field at any depth can be read, set, moved and removed.
//!
//! A route uses it where the scanner's cells and tape do not reach. All nodes stand in one vector and are linked by
//! their numbers, so that building, writing and forgetting a document are loops: no depth of nesting can exhaust the
//! stack, and a document that is read into again reuses its memory.
//!
//! What nobody touches keeps its exact text (numbers, escapes), its place, and its duplicates; white space between
//! values is not kept: a document is written compactly. To touch a key that stands twice in its object is
//! [`Reason::DuplicateKey`].

mod edit;
mod output;
mod read;

use std::borrow::Cow;

use super::arena::TextArena;
use super::cell::{Cell, Raw, Span};
use super::json::Scan;
use super::path::{FieldPath, array_index};
use super::path_set::PathSet;
use super::text;
use crate::Reason;

/// A value of a [`Document`]; of no use in another document, or after [`Document::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// A JSON payload as a tree.
///
/// # Examples
///
/// ```
/// use pronubes_core::payload::{Document, FieldPath, Limits, Value};
///
/// let mut document = Document::default();
/// document.read(br#"{ "motor": {"temp": 21.50, "rpm": 1e3} }"#, &Limits::default())?;
/// document.set(&FieldPath::parse("motor.unit")?, Value::Text("°C"))?;
/// document.rename(&FieldPath::parse("motor.rpm")?, "speed")?;
/// let mut out = Vec::new();
/// document.write(&mut out);
/// assert_eq!(out, r#"{"motor":{"temp":21.50,"speed":1e3,"unit":"°C"}}"#.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    payload: Vec<u8>,
    nodes: Vec<Node>,
    root: NodeId,
    text: TextArena,
    scan: Scan,
}

/// A value that a step writes into a [`Document`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above [`i64::MAX`].
    UInt(u64),
    /// A finite number.
    Double(f64),
    /// Text, not escaped.
    Text(&'a str),
    /// `{}`
    Object,
    /// `[]`
    Array,
}

/// A value that was taken out of a document and can be put back into it once; see [`Document::take`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a value that is not put back is gone"]
pub struct Taken(NodeId);

impl Taken {
    /// The value, for reading.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.0
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    key: Key,
    content: Content,
    /// The first and last member of an object or array.
    first: Option<NodeId>,
    last: Option<NodeId>,
    /// The next member of the object or array that this one stands in.
    next: Option<NodeId>,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    /// Of the root, of array elements and of what was taken out.
    None,
    /// As written in the payload, without quotes.
    Written { span: Span, is_escaped: bool },
    /// Text in the arena.
    Made(Span),
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Scalar(Cell),
    /// `written` is where it stands in the payload, as long as nothing in it was touched.
    Object {
        written: Option<Raw>,
    },
    Array {
        written: Option<Raw>,
    },
}

impl Default for Document {
    /// The document `null`.
    fn default() -> Self {
        Self {
            payload: Vec::new(),
            nodes: vec![Node::new(Key::None, Content::Scalar(Cell::Null))],
            root: NodeId(0),
            text: TextArena::default(),
            scan: Scan::default(),
        }
    }
}

impl Node {
    fn new(key: Key, content: Content) -> Self {
        Self { key, content, first: None, last: None, next: None }
    }
}

impl Document {
    /// The whole value.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The payload it was read from; [`Cell::Raw`] cells refer to it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The text that steps wrote; [`Cell::Text`] cells refer to it.
    #[must_use]
    pub fn text(&self) -> &TextArena {
        &self.text
    }

    /// The value as a cell: raw while untouched, [`Cell::Composite`] for an object or array in which something changed.
    #[must_use]
    pub fn cell(&self, node: NodeId) -> Cell {
        match self.node(node).content {
            Content::Scalar(cell) => cell,
            Content::Object { written } | Content::Array { written } => written.map_or(Cell::Composite, Cell::Raw),
        }
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self, node: NodeId) -> bool {
        matches!(self.node(node).content, Content::Object { .. })
    }

    /// Whether the value is an array.
    #[must_use]
    pub fn is_array(&self, node: NodeId) -> bool {
        matches!(self.node(node).content, Content::Array { .. })
    }

    /// The key under which a value stands; none for the root and for array elements.
    #[must_use]
    pub fn key(&self, node: NodeId) -> Option<Cow<'_, str>> {
        match self.node(node).key {
            Key::None => None,
            Key::Made(span) => Some(Cow::Borrowed(self.text.get(span))),
            Key::Written { span, is_escaped: false } => Some(String::from_utf8_lossy(span.of(&self.payload))),
            Key::Written { span, is_escaped: true } => {
                let mut decoded = TextArena::default();
                let span = text::decode_escaped(span.of(&self.payload), &mut decoded);
                Some(Cow::Owned(decoded.get(span).to_owned()))
            }
        }
    }

    /// The members of an object or array in their order; nothing for other values.
    pub fn members(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(node).first, |member| self.node(*member).next)
    }

    /// The value that a path names, if it is there.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice.
    pub fn get(&self, path: &FieldPath) -> Result<Option<NodeId>, Reason> {
        let mut node = self.root;
        for segment in path.segments() {
            match self.member(node, segment)? {
                Some(member) => node = member,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// Fills one cell per path of the set, as a scan of the present document would: missing and duplicate fields are
    /// marked, texts that steps wrote are copied to `arena`. Raw cells refer to [`Document::payload`].
    pub fn fill(&self, paths: &PathSet, cells: &mut Vec<Cell>, arena: &mut TextArena) {
        cells.clear();
        cells.extend(paths.paths().iter().map(|path| match self.get(path) {
            Err(_) => Cell::Duplicate,
            Ok(None) => Cell::Missing,
            Ok(Some(node)) => match self.cell(node) {
                Cell::Text(span) => {
                    let mark = arena.mark();
                    arena.push_str(self.text.get(span));
                    Cell::Text(arena.since(mark))
                }
                cell => cell,
            },
        }));
    }

    /// The member of an object or array that a segment names.
    fn member(&self, node: NodeId, segment: &str) -> Result<Option<NodeId>, Reason> {
        match self.node(node).content {
            Content::Scalar(_) => Ok(None),
            Content::Array { .. } => Ok(array_index(segment).and_then(|index| self.members(node).nth(index as usize))),
            Content::Object { .. } => {
                let mut found = self.members(node).filter(|member| self.has_key(*member, segment));
                let first = found.next();
                if found.next().is_some() { Err(Reason::DuplicateKey) } else { Ok(first) }
            }
        }
    }

    fn has_key(&self, node: NodeId, key: &str) -> bool {
        match self.node(node).key {
            Key::None => false,
            Key::Made(span) => self.text.get(span) == key,
            Key::Written { span, is_escaped: false } => span.of(&self.payload) == key.as_bytes(),
            Key::Written { span, is_escaped: true } => text::equals_escaped(span.of(&self.payload), key.as_bytes()),
        }
    }

    /// The node of an id; the first one for an id of another document. There is always a first one.
    fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&self.nodes[0])
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let place = if (id.0 as usize) < self.nodes.len() { id.0 as usize } else { 0 };
        &mut self.nodes[place]
    }

    /// A new node that stands nowhere yet. There are fewer than 2^32: each costs a byte of payload or a call.
    fn make(&mut self, key: Key, content: Content) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node::new(key, content));
        id
    }

    /// Puts a node that stands nowhere behind the last member of an object or array.
    fn link(&mut self, parent: NodeId, member: NodeId) {
        match self.node_mut(parent).last.replace(member) {
            Some(last) => self.node_mut(last).next = Some(member),
            None => self.node_mut(parent).first = Some(member),
        }
    }
}
