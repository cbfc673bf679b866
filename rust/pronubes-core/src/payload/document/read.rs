//! A payload into a document.

use super::{Content, Document, Key, NodeId};
use crate::payload::cell::{Cell, Kind, Raw};
use crate::payload::json;
use crate::payload::lex::Cursor;
use crate::payload::limits::{Fault, Limits};
use crate::payload::path_set::PathSet;

/// An object or array whose end has not come yet.
struct Open {
    node: NodeId,
    kind: Kind,
    start: usize,
}

impl Document {
    /// Becomes the tree of a payload, whatever it was before; memory is reused.
    ///
    /// # Errors
    /// What [`scan`](crate::payload::scan) refuses. The document is then `null`.
    pub fn read(&mut self, payload: &[u8], limits: &Limits) -> Result<(), Fault> {
        self.clear();
        let mut scan = std::mem::take(&mut self.scan);
        // The scan is the only judge of what is JSON; the walk below meets nothing but valid text.
        let result = json::scan(payload, &PathSet::default(), limits, &mut scan);
        self.scan = scan;
        result?;
        self.payload.extend_from_slice(payload);
        let mut stack = Vec::new();
        let mut cursor = Cursor::new(payload, limits, &mut stack);
        self.build(&mut cursor).inspect_err(|_| self.clear())
    }

    fn clear(&mut self) {
        let Self { mut payload, mut nodes, mut text, scan, .. } = std::mem::take(self);
        payload.clear();
        nodes.clear();
        text.clear();
        nodes.push(super::Node::new(Key::None, Content::Scalar(Cell::Null)));
        *self = Self { payload, nodes, text, scan, root: NodeId(0) };
    }

    fn build(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let mut open: Vec<Open> = Vec::new();
        cursor.token();
        self.root = self.value(cursor, Key::None, &mut open)?;
        while let Some(Open { node, kind, start }) = open.last() {
            let (node, kind, start) = (*node, *kind, *start);
            match cursor.token() {
                b',' => cursor.advance(),
                b'}' | b']' => {
                    cursor.advance();
                    self.close(node, json::raw(start, cursor.at(), kind));
                    open.pop();
                    continue;
                }
                _ => {}
            }
            cursor.token();
            let key = if kind == Kind::Object { written_key(cursor)? } else { Key::None };
            let member = self.value(cursor, key, &mut open)?;
            self.link(node, member);
        }
        Ok(())
    }

    /// A node for the value at the cursor; of an object or array only its opening.
    fn value(&mut self, cursor: &mut Cursor<'_>, key: Key, open: &mut Vec<Open>) -> Result<NodeId, Fault> {
        let start = cursor.at();
        let (content, kind) = match cursor.token() {
            b'{' => (Content::Object { written: None }, Kind::Object),
            b'[' => (Content::Array { written: None }, Kind::Array),
            _ => {
                let kind = cursor.any_value(0)?;
                let cell = Cell::Raw(json::raw(start, cursor.at(), kind));
                return Ok(self.make(key, Content::Scalar(cell)));
            }
        };
        cursor.advance();
        let node = self.make(key, content);
        open.push(Open { node, kind, start });
        Ok(node)
    }

    fn close(&mut self, node: NodeId, raw: Raw) {
        let written = Some(raw);
        self.node_mut(node).content =
            if raw.kind == Kind::Object { Content::Object { written } } else { Content::Array { written } };
    }
}

fn written_key(cursor: &mut Cursor<'_>) -> Result<Key, Fault> {
    let key = cursor.key()?;
    Ok(Key::Written { span: key.span(), is_escaped: key.is_escaped })
}
