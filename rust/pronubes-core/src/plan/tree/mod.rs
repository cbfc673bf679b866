//! The tree of the general path: a payload in which any field at any depth can be read, written, moved and removed.
//!
//! It is grown only where somebody reaches: an object or array that no step enters stays the bytes that it was, however
//! large it is, and is written as them. So the general path costs what it touches. Steps reach along the paths of the
//! configuration, which bounds all recursion here; `flatten` alone goes on by itself and has a bound of its own.

mod change;
mod flatten;
mod lists;
mod output;

use crate::Reason;
use crate::payload::path::array_index;
use crate::payload::{Cell, Field, FieldPath, Kind, Literals, Raw, Scan, Span, TextArena, members, text};

/// A payload on the general path.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Node,
}

/// A value.
#[derive(Clone, Debug)]
enum Node {
    /// A scalar, or an object or array that nobody has entered.
    Leaf(Cell),
    Object(Object),
    Array(Vec<Node>),
    /// A value that a `rename` has in its hands, with its number there.
    Hole(usize),
}

/// An object that somebody has entered or made.
#[derive(Clone, Debug, Default)]
struct Object {
    /// Where it stands in the payload; none for one that was made.
    root: Option<Raw>,
    /// How many members it has there.
    original_count: usize,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    key: Key,
    /// Its position and form in the payload, for one that is still in its place.
    origin: Option<(usize, Field)>,
    value: Node,
}

#[derive(Clone, Debug)]
enum Key {
    /// As written, without quotes.
    Written {
        span: Span,
        is_escaped: bool,
    },
    Made(Box<str>),
}

/// What the nodes refer to.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) literals: &'a Literals,
    pub(crate) topic: &'a str,
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Node::Leaf(Cell::Null) }
    }
}

impl Tree {
    /// The tree of a scanned payload.
    pub(crate) fn of(scan: &Scan) -> Self {
        if scan.root.kind != Kind::Object {
            return Self { root: Node::Leaf(Cell::Raw(scan.root)) };
        }
        Self { root: Node::Object(Object::of(scan.root, scan.tape.iter().copied())) }
    }

    /// The value at a path as a cell, as a scan of the present payload would give it.
    pub(crate) fn cell(&self, path: &FieldPath, source: Source<'_>) -> Cell {
        let mut node = &self.root;
        let mut segments = path.segments();
        while let Some(segment) = segments.next() {
            let found = match node {
                Node::Leaf(Cell::Raw(raw)) => return cell_inside(*raw, segment, segments, source.payload),
                Node::Leaf(_) | Node::Hole(_) => return Cell::Missing,
                Node::Object(object) => {
                    object.find(segment, source.payload).map(|at| at.map(|at| &object.members[at].value))
                }
                Node::Array(elements) => Ok(array_index(segment).and_then(|index| elements.get(index as usize))),
            };
            match found {
                Ok(Some(value)) => node = value,
                Ok(None) => return Cell::Missing,
                Err(_) => return Cell::Duplicate,
            }
        }
        node.cell()
    }

    /// The value at a path; objects and arrays on the way are entered.
    fn reach(&mut self, path: &FieldPath, source: Source<'_>) -> Result<Option<&mut Node>, Reason> {
        let mut node = &mut self.root;
        for segment in path.segments() {
            node.grow(source);
            let next = match node {
                Node::Object(object) => match object.find(segment, source.payload)? {
                    Some(at) => object.members.get_mut(at).map(|member| &mut member.value),
                    None => None,
                },
                Node::Array(elements) => array_index(segment).and_then(|index| elements.get_mut(index as usize)),
                Node::Leaf(_) | Node::Hole(_) => None,
            };
            let Some(next) = next else { return Ok(None) };
            node = next;
        }
        Ok(Some(node))
    }

    /// The value at a path, entered too if it is an object or array.
    fn enter(&mut self, path: &FieldPath, source: Source<'_>) -> Result<Option<&mut Node>, Reason> {
        let Some(node) = self.reach(path, source)? else { return Ok(None) };
        node.grow(source);
        Ok(Some(node))
    }
}

impl Node {
    fn cell(&self) -> Cell {
        match self {
            Self::Leaf(cell) => *cell,
            Self::Object(object) => object.root.filter(|_| object.is_as_written()).map_or(Cell::Composite, Cell::Raw),
            Self::Array(_) => Cell::Composite,
            Self::Hole(_) => Cell::Missing,
        }
    }

    /// Takes an object or array apart, if it is one that is still bytes.
    fn grow(&mut self, source: Source<'_>) {
        let Self::Leaf(Cell::Raw(raw)) = *self else { return };
        *self = match raw.kind {
            Kind::Object => Self::Object(Object::of(raw, fields(source.payload, raw))),
            Kind::Array => {
                Self::Array(members(source.payload, raw).map(|inside| Self::Leaf(Cell::Raw(inside.value))).collect())
            }
            _ => return,
        };
    }

    /// A constant of the configuration; objects and arrays become nodes, so that paths lead into them.
    pub(super) fn constant(cell: Cell, source: Source<'_>, arena: &mut TextArena) -> Self {
        let Cell::Literal(id) = cell else { return Self::Leaf(cell) };
        match source.literals.get(id) {
            Some(literal) if literal.kind != Kind::Text => {
                serde_json::from_str(&literal.json).map_or(Self::Leaf(Cell::Null), |value| Self::of_json(&value, arena))
            }
            _ => Self::Leaf(cell),
        }
    }

    fn of_json(value: &serde_json::Value, arena: &mut TextArena) -> Self {
        use serde_json::Value;
        Self::Leaf(match value {
            Value::Null => Cell::Null,
            Value::Bool(value) => Cell::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Cell::Int(value),
                (None, Some(value)) => Cell::UInt(value),
                (None, None) => Cell::Double(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => {
                let mark = arena.mark();
                arena.push_str(text);
                Cell::Text(arena.since(mark))
            }
            Value::Array(elements) => {
                return Self::Array(elements.iter().map(|element| Self::of_json(element, arena)).collect());
            }
            Value::Object(entries) => {
                let member = |(key, value): (&String, &Value)| Member::made(key, Self::of_json(value, arena));
                return Self::Object(Object { members: entries.iter().map(member).collect(), ..Object::default() });
            }
        })
    }
}

impl Object {
    fn of(root: Raw, fields: impl Iterator<Item = Field>) -> Self {
        let member = |(position, field): (usize, Field)| Member {
            key: Key::Written { span: field.key, is_escaped: field.key_escaped },
            origin: Some((position, field)),
            value: Node::Leaf(Cell::Raw(field.value)),
        };
        let members: Vec<Member> = fields.enumerate().map(member).collect();
        Self { root: Some(root), original_count: members.len(), members }
    }

    /// Whether it was entered and nothing in it has changed.
    fn is_as_written(&self) -> bool {
        let is_member_as_written = |member: &Member| match (&member.value, &member.origin) {
            (_, None) => false,
            (Node::Leaf(cell), Some((_, field))) => *cell == Cell::Raw(field.value),
            (Node::Object(object), Some((_, field))) => object.root == Some(field.value) && object.is_as_written(),
            (Node::Array(_) | Node::Hole(_), _) => false,
        };
        self.members.len() == self.original_count
            && self
                .members
                .iter()
                .all(|member| matches!(member.key, Key::Written { .. }) && is_member_as_written(member))
    }

    /// The position of the member of a key.
    fn find(&self, key: &str, payload: &[u8]) -> Result<Option<usize>, Reason> {
        let is_it = |member: &Member| !matches!(member.value, Node::Hole(_)) && member.key.is(key, payload);
        let mut found = self.members.iter().enumerate().filter(|(_, member)| is_it(member)).map(|(at, _)| at);
        let first = found.next();
        if found.next().is_some() { Err(Reason::DuplicateKey) } else { Ok(first) }
    }
}

impl Member {
    fn made(key: &str, value: Node) -> Self {
        Self { key: Key::Made(key.into()), origin: None, value }
    }
}

impl Key {
    fn is(&self, key: &str, payload: &[u8]) -> bool {
        match self {
            Self::Made(made) => **made == *key,
            Self::Written { span, is_escaped: false } => span.of(payload) == key.as_bytes(),
            Self::Written { span, is_escaped: true } => text::equals_escaped(span.of(payload), key.as_bytes()),
        }
    }

    fn text(&self, payload: &[u8]) -> Box<str> {
        match self {
            Self::Made(made) => made.clone(),
            Self::Written { span, .. } => {
                let mut arena = TextArena::default();
                let span = text::decode_escaped(span.of(payload), &mut arena);
                arena.get(span).into()
            }
        }
    }
}

/// The fields of an object that lies in the payload as bytes.
fn fields(payload: &[u8], object: Raw) -> impl Iterator<Item = Field> {
    members(payload, object).filter_map(move |inside| {
        let key = inside.key?;
        let key_escaped = memchr::memchr(b'\\', key.of(payload)).is_some();
        Some(Field { key, key_escaped, value: inside.value, slot: None })
    })
}

/// The value at a path inside of an object or array that lies in the payload as bytes.
fn cell_inside<'s>(mut raw: Raw, first: &'s str, rest: impl Iterator<Item = &'s str>, payload: &[u8]) -> Cell {
    for segment in std::iter::once(first).chain(rest) {
        let mut found = members(payload, raw).enumerate().filter(|(index, inside)| match raw.kind {
            Kind::Object => inside.is_named(segment, payload),
            _ => array_index(segment) == u32::try_from(*index).ok(),
        });
        if !matches!(raw.kind, Kind::Object | Kind::Array) {
            return Cell::Missing;
        }
        let Some((_, inside)) = found.next() else { return Cell::Missing };
        if found.next().is_some() {
            return Cell::Duplicate;
        }
        raw = inside.value;
    }
    Cell::Raw(raw)
}
