//! Changes to a document.

use super::{Content, Document, Key, Node, NodeId, Taken, Value};
use crate::Reason;
use crate::payload::cell::Cell;
use crate::payload::path::FieldPath;

impl Document {
    /// Sets the value that a path names, which keeps its place if it is there already. A missing member of an object is
    /// appended, and so are the objects on the way to it; array elements are not made.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice, [`Reason::WrongType`] where the path leads through
    /// a value that has no members, [`Reason::MissingField`] for an element that is not there, [`Reason::NotFinite`] for
    /// a double that JSON cannot say.
    pub fn set(&mut self, path: &FieldPath, value: Value<'_>) -> Result<NodeId, Reason> {
        if matches!(value, Value::Double(double) if !double.is_finite()) {
            return Err(Reason::NotFinite);
        }
        self.check_reach(path)?;
        let content = self.content_of(value);
        let node = self.reach(path);
        let node_mut = self.node_mut(node);
        (node_mut.content, node_mut.first, node_mut.last) = (content, None, None);
        Ok(node)
    }

    /// Appends a value to the array that a path names.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice, [`Reason::MissingField`] where nothing is there,
    /// [`Reason::WrongType`] where the value is no array, [`Reason::NotFinite`] for a double that JSON cannot say.
    pub fn push(&mut self, array: &FieldPath, value: Value<'_>) -> Result<NodeId, Reason> {
        if matches!(value, Value::Double(double) if !double.is_finite()) {
            return Err(Reason::NotFinite);
        }
        let node = self.get(array)?.ok_or(Reason::MissingField)?;
        if !self.is_array(node) {
            return Err(Reason::WrongType);
        }
        let content = self.content_of(value);
        let node = self.reach(array);
        let member = self.make(Key::None, content);
        self.link(node, member);
        Ok(member)
    }

    /// Removes the value that a path names; whether it was there. Removing the root leaves `null`.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice.
    pub fn remove(&mut self, path: &FieldPath) -> Result<bool, Reason> {
        self.take(path).map(|taken| taken.is_some())
    }

    /// Takes the value that a path names out of the document, with all that is in it, so that it can be put elsewhere.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice.
    pub fn take(&mut self, path: &FieldPath) -> Result<Option<Taken>, Reason> {
        let Some(node) = self.get(path)? else { return Ok(None) };
        let Some(parent) = path.parent() else {
            self.root = self.make(Key::None, Content::Scalar(Cell::Null));
            return Ok(Some(Taken(node)));
        };
        let parent = self.reach(&parent);
        self.unlink(parent, node);
        self.node_mut(node).key = Key::None;
        Ok(Some(Taken(node)))
    }

    /// Puts a value that was [taken](Self::take) where a path says, as [`Document::set`] does with a new one.
    ///
    /// # Errors
    /// As [`Document::set`]; the value is then gone.
    pub fn put(&mut self, path: &FieldPath, taken: Taken) -> Result<NodeId, Reason> {
        self.check_reach(path)?;
        let place = self.reach(path);
        let Node { content, first, last, .. } = *self.node(taken.0);
        let place_mut = self.node_mut(place);
        (place_mut.content, place_mut.first, place_mut.last) = (content, first, last);
        Ok(place)
    }

    /// Gives the value that a path names another key, in its place; whether it was there.
    ///
    /// # Errors
    /// [`Reason::DuplicateKey`] where a key of the path stands twice, [`Reason::FieldExists`] where the new key stands in
    /// the object already, [`Reason::WrongType`] for array elements and the root, which have no key.
    pub fn rename(&mut self, path: &FieldPath, key: &str) -> Result<bool, Reason> {
        let Some(node) = self.get(path)? else { return Ok(false) };
        if matches!(self.node(node).key, Key::None) {
            return Err(Reason::WrongType);
        }
        if self.has_key(node, key) {
            return Ok(true);
        }
        let parent = self.reach(&path.parent().unwrap_or_default());
        if self.members(parent).any(|member| self.has_key(member, key)) {
            return Err(Reason::FieldExists);
        }
        self.node_mut(node).key = self.made_key(key);
        Ok(true)
    }

    /// Makes the document an object with one field, whose value is what the document was.
    pub fn wrap(&mut self, key: &str) {
        let key = self.made_key(key);
        let object = self.make(Key::None, Content::Object { written: None });
        let inner = self.root;
        self.node_mut(inner).key = key;
        self.link(object, inner);
        self.root = object;
    }

    /// What would fail when a path is reached, before anything is changed.
    fn check_reach(&self, path: &FieldPath) -> Result<(), Reason> {
        let mut node = self.root;
        for segment in path.segments() {
            match self.member(node, segment)? {
                Some(member) => node = member,
                None if self.is_object(node) => return Ok(()),
                None if self.is_array(node) => return Err(Reason::MissingField),
                None => return Err(Reason::WrongType),
            }
        }
        Ok(())
    }

    /// The node of a path that [`Document::check_reach`] allows, made if need be; all around it count as touched.
    fn reach(&mut self, path: &FieldPath) -> NodeId {
        let mut node = self.root;
        self.touch(node);
        for segment in path.segments() {
            node = match self.member(node, segment) {
                Ok(Some(member)) => member,
                _ => {
                    let key = self.made_key(segment);
                    let member = self.make(key, Content::Object { written: None });
                    self.link(node, member);
                    member
                }
            };
            self.touch(node);
        }
        node
    }

    fn touch(&mut self, node: NodeId) {
        match &mut self.node_mut(node).content {
            Content::Object { written } | Content::Array { written } => *written = None,
            Content::Scalar(_) => {}
        }
    }

    fn unlink(&mut self, parent: NodeId, node: NodeId) {
        let before = self.members(parent).take_while(|member| *member != node).last();
        let after = self.node_mut(node).next.take();
        match before {
            Some(before) => self.node_mut(before).next = after,
            None => self.node_mut(parent).first = after,
        }
        if after.is_none() {
            self.node_mut(parent).last = before;
        }
    }

    fn made_key(&mut self, key: &str) -> Key {
        let mark = self.text.mark();
        self.text.push_str(key);
        Key::Made(self.text.since(mark))
    }

    fn content_of(&mut self, value: Value<'_>) -> Content {
        Content::Scalar(match value {
            Value::Null => Cell::Null,
            Value::Bool(value) => Cell::Bool(value),
            Value::Int(value) => Cell::Int(value),
            Value::UInt(value) => Cell::UInt(value),
            Value::Double(value) => Cell::Double(value),
            Value::Text(text) => {
                let mark = self.text.mark();
                self.text.push_str(text);
                Cell::Text(self.text.since(mark))
            }
            Value::Object => return Content::Object { written: None },
            Value::Array => return Content::Array { written: None },
        })
    }
}
