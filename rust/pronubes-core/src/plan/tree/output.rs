//! A tree into bytes, by the same writer that the fast path uses: what stays keeps its text and its white space.

use super::{Key, Node, Object, Tree};
use crate::expr::Inputs;
use crate::payload::Cell;
use crate::payload::{Field, Kind, ObjectWriter, Raw, Span, TextArena, text};
use crate::plan::edit::write_cell;

impl Tree {
    /// Appends the payload as JSON.
    pub(crate) fn write_to(&self, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
        write_node(&self.root, inputs, arena, out);
    }
}

fn write_node(node: &Node, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
    match node {
        Node::Leaf(cell) => write_cell(*cell, inputs, arena, out),
        Node::Hole(_) => out.extend_from_slice(b"null"),
        Node::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_node(element, inputs, arena, out);
            }
            out.push(b']');
        }
        Node::Object(object) => write_object(object, inputs, arena, out),
    }
}

fn write_object(object: &Object, inputs: &Inputs<'_>, arena: &TextArena, out: &mut Vec<u8>) {
    // One that was made begins like an empty one of the payload; nothing of it is copied.
    let made: &[u8] = b"{}";
    let (payload, root) = match object.root {
        Some(root) => (inputs.payload, root),
        None => (made, Raw { start: 0, end: 2, kind: Kind::Object }),
    };
    let mut writer = ObjectWriter::new(payload, root, out);
    let mut next = 0;
    for member in &object.members {
        let Some((position, field)) = member.origin.as_ref().filter(|_| object.root.is_some()) else {
            drop_up_to(&mut next, object.original_count, &mut writer);
            let value = writer.append_written(|out| {
                write_key(&member.key, inputs, out);
                out.push(b':');
            });
            write_node(&member.value, inputs, arena, value);
            continue;
        };
        drop_up_to(&mut next, *position, &mut writer);
        next += 1;
        let is_as_written = matches!(member.value, Node::Leaf(Cell::Raw(raw)) if raw == field.value);
        let has_own_key = match &member.key {
            Key::Written { .. } => true,
            Key::Made(made) => text::equals_escaped(field.key.of(inputs.payload), made.as_bytes()),
        };
        match (has_own_key, is_as_written) {
            (true, true) => writer.keep(field),
            (true, false) => write_node(&member.value, inputs, arena, writer.replace(field)),
            (false, true) => writer.rename_written(field, |out| write_key(&member.key, inputs, out)),
            (false, false) => {
                writer.rename_written(field, |out| write_key(&member.key, inputs, out));
                write_node(&member.value, inputs, arena, writer.replace(field));
            }
        }
    }
    drop_up_to(&mut next, object.original_count, &mut writer);
    writer.finish();
}

/// Tells the writer that fields are gone, if any are between `next` and `position`.
fn drop_up_to(next: &mut usize, position: usize, writer: &mut ObjectWriter<'_>) {
    if *next < position {
        let nowhere = Span::default();
        let value = Raw { start: 0, end: 0, kind: Kind::Null };
        writer.drop_field(&Field { key: nowhere, key_escaped: false, value, slot: None });
        *next = position;
    }
}

fn write_key(key: &Key, inputs: &Inputs<'_>, out: &mut Vec<u8>) {
    match key {
        Key::Made(made) => text::write(out, made),
        Key::Written { span, .. } => {
            out.push(b'"');
            out.extend_from_slice(span.of(inputs.payload));
            out.push(b'"');
        }
    }
}
