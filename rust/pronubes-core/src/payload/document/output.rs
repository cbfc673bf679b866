//! A document into bytes: compact, with everything untouched in its own words.

use super::{Content, Document, Key, NodeId};
use crate::payload::cell::Cell;
use crate::payload::{number, text};

impl Document {
    /// Appends the document as JSON without white space between its parts.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_value(self.root, out);
    }

    /// Appends one value as JSON without white space between its parts.
    pub fn write_value(&self, node: NodeId, out: &mut Vec<u8>) {
        // The objects and arrays that are open, with the member to come.
        let mut open: Vec<(NodeId, Option<NodeId>)> = Vec::new();
        self.begin(node, out, &mut open);
        while let Some((container, next)) = open.last_mut() {
            let (container, Some(member)) = (*container, *next) else {
                out.push(if self.is_object(*container) { b'}' } else { b']' });
                open.pop();
                continue;
            };
            *next = self.node(member).next;
            if self.node(container).first != Some(member) {
                out.push(b',');
            }
            self.write_key(member, out);
            self.begin(member, out, &mut open);
        }
    }

    /// Writes a scalar whole, of an object or array the opening bracket.
    fn begin(&self, node: NodeId, out: &mut Vec<u8>, open: &mut Vec<(NodeId, Option<NodeId>)>) {
        match self.node(node).content {
            Content::Scalar(cell) => return self.write_scalar(cell, out),
            Content::Object { .. } => out.push(b'{'),
            Content::Array { .. } => out.push(b'['),
        }
        open.push((node, self.node(node).first));
    }

    fn write_key(&self, node: NodeId, out: &mut Vec<u8>) {
        match self.node(node).key {
            Key::None => return,
            Key::Made(span) => text::write(out, self.text.get(span)),
            Key::Written { span, .. } => {
                out.push(b'"');
                out.extend_from_slice(span.of(&self.payload));
                out.push(b'"');
            }
        }
        out.push(b':');
    }

    fn write_scalar(&self, cell: Cell, out: &mut Vec<u8>) {
        match cell {
            Cell::Raw(raw) => out.extend_from_slice(raw.span().of(&self.payload)),
            Cell::Bool(true) => out.extend_from_slice(b"true"),
            Cell::Bool(false) => out.extend_from_slice(b"false"),
            Cell::Int(value) => number::write_int(out, value),
            Cell::UInt(value) => number::write_uint(out, value),
            Cell::Text(span) => text::write(out, self.text.get(span)),
            // `set` and `push` let no other double in.
            Cell::Double(value) if number::write_f64(out, value).is_ok() => {}
            // The cells that are never put into a document count as null.
            _ => out.extend_from_slice(b"null"),
        }
    }
}
