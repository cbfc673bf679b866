//! Lists and objects between a tree and expressions, which know them as cells of the message's arena.

use super::{Key, Member, Node, Object, Source, Tree};
use crate::Reason;
use crate::payload::{Cell, FieldPath, Kind, Raw, TextArena, text};

impl Tree {
    /// The value at a path as a cell that expressions can look into, however it came about.
    pub(crate) fn readable(&mut self, path: &FieldPath, source: Source<'_>, arena: &mut TextArena) -> Cell {
        match self.cell(path, source) {
            Cell::Composite => {
                self.reach(path, source).ok().flatten().map_or(Cell::Missing, |node| made(node, source, arena))
            }
            cell => cell,
        }
    }

    /// Writes what an expression gave.
    pub(crate) fn write_made(
        &mut self,
        path: &FieldPath,
        cell: Cell,
        source: Source<'_>,
        arena: &TextArena,
    ) -> Result<(), Reason> {
        let node = Node::of_made(cell, source, arena);
        self.put(path, node, source)
    }
}

impl Node {
    /// A list or object that an expression made becomes nodes, so that paths lead into it.
    fn of_made(cell: Cell, source: Source<'_>, arena: &TextArena) -> Self {
        match cell {
            Cell::List(span) => {
                Self::Array(arena.cells(span).iter().map(|cell| Self::of_made(*cell, source, arena)).collect())
            }
            Cell::Map(span) => {
                let member = |pair: &[Cell]| {
                    let value = Self::of_made(pair[1], source, arena);
                    Member::made(&key_text(pair[0], source, arena), value)
                };
                Self::Object(Object {
                    members: arena.cells(span).chunks_exact(2).map(member).collect(),
                    ..Object::default()
                })
            }
            cell => Self::Leaf(cell),
        }
    }
}

fn key_text(cell: Cell, source: Source<'_>, arena: &TextArena) -> String {
    match cell {
        Cell::Text(span) => arena.get(span).to_owned(),
        Cell::Literal(id) => source.literals.text(id).to_owned(),
        Cell::Topic(span) => span.of_str(source.topic).to_owned(),
        Cell::Raw(raw) => {
            let mut decoded = TextArena::default();
            let span = text::decode(source.payload, raw, &mut decoded);
            decoded.get(span).to_owned()
        }
        _ => String::new(),
    }
}

/// A value that steps have changed, as a cell.
fn made(node: &Node, source: Source<'_>, arena: &mut TextArena) -> Cell {
    match node {
        Node::Array(elements) => {
            let cells: Vec<Cell> = elements.iter().map(|element| made(element, source, arena)).collect();
            Cell::List(arena.push_list(&cells))
        }
        Node::Object(object) => match object.root.filter(|_| object.is_as_written()) {
            Some(raw) => Cell::Raw(raw),
            None => {
                let mut cells = Vec::with_capacity(object.members.len() * 2);
                for member in &object.members {
                    if !matches!(member.value, Node::Hole(_)) {
                        cells.push(key_cell(&member.key, source, arena));
                        cells.push(made(&member.value, source, arena));
                    }
                }
                Cell::Map(arena.push_list(&cells))
            }
        },
        Node::Leaf(cell) => *cell,
        Node::Hole(_) => Cell::Null,
    }
}

fn key_cell(key: &Key, source: Source<'_>, arena: &mut TextArena) -> Cell {
    match key {
        Key::Written { span, is_escaped: true } => Cell::Text(text::decode_escaped(span.of(source.payload), arena)),
        Key::Written { span, is_escaped: false } => {
            Cell::Raw(Raw { start: span.start.saturating_sub(1), end: span.end + 1, kind: Kind::Text })
        }
        Key::Made(text) => {
            let mark = arena.mark();
            arena.push_str(text);
            Cell::Text(arena.since(mark))
        }
    }
}
