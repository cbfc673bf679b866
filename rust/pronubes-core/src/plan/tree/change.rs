//! What steps do to a tree.

use super::{Member, Node, Object, Source, Tree};
use crate::Reason;
use crate::payload::path::array_index;
use crate::payload::{Cell, FieldPath, TextArena};

/// A copy of a part of a tree.
#[derive(Debug)]
pub(crate) struct Cutting(Node);

impl Tree {
    /// Writes a value at a path. What is there is replaced in its place; a new field goes last in its object, and
    /// objects on the way to it are made. Elements of arrays are not made.
    pub(crate) fn write(&mut self, path: &FieldPath, cell: Cell, source: Source<'_>) -> Result<(), Reason> {
        self.put(path, Node::Leaf(cell), source)
    }

    /// Writes a constant of the configuration.
    pub(crate) fn set(
        &mut self,
        path: &FieldPath,
        cell: Cell,
        source: Source<'_>,
        arena: &mut TextArena,
    ) -> Result<(), Reason> {
        self.put(path, Node::constant(cell, source, arena), source)
    }

    /// What stands at a path, with all that is in it.
    pub(crate) fn cut(&mut self, path: &FieldPath, source: Source<'_>) -> Option<Cutting> {
        let node = self.reach(path, source).ok().flatten()?;
        Some(Cutting(node.clone()))
    }

    /// Writes a copy of a part of the tree.
    pub(crate) fn graft(&mut self, path: &FieldPath, cutting: Cutting, source: Source<'_>) -> Result<(), Reason> {
        self.put(path, cutting.0, source)
    }

    /// Removes the value at a path; one that is not there is ignored.
    pub(crate) fn remove(&mut self, path: &FieldPath, source: Source<'_>) -> Result<(), Reason> {
        self.take(path, source).map(drop)
    }

    pub(super) fn put(&mut self, path: &FieldPath, value: Node, source: Source<'_>) -> Result<(), Reason> {
        let mut node = &mut self.root;
        for segment in path.segments() {
            node.grow(source);
            node = match node {
                Node::Object(object) => {
                    let at = object.find(segment, source.payload)?.unwrap_or_else(|| {
                        object.members.push(Member::made(segment, Node::Object(Object::default())));
                        object.members.len() - 1
                    });
                    &mut object.members[at].value
                }
                Node::Array(elements) => array_index(segment)
                    .and_then(|index| elements.get_mut(index as usize))
                    .ok_or(Reason::MissingField)?,
                Node::Leaf(_) | Node::Hole(_) => return Err(Reason::WrongType),
            };
        }
        *node = value;
        Ok(())
    }

    /// Takes the value at a path out.
    fn take(&mut self, path: &FieldPath, source: Source<'_>) -> Result<Option<Node>, Reason> {
        let (Some(parent), Some(key)) = (path.parent(), path.last()) else { return Ok(None) };
        match self.enter(&parent, source)? {
            Some(Node::Object(object)) => {
                let at = object.find(key, source.payload)?;
                Ok(at.map(|at| object.members.remove(at).value))
            }
            Some(Node::Array(elements)) => {
                let index = array_index(key).map(|index| index as usize).filter(|index| *index < elements.len());
                Ok(index.map(|index| elements.remove(index)))
            }
            _ => Ok(None),
        }
    }

    /// Keeps only what the paths name; an object of which single members stay is made anew.
    pub(crate) fn keep(&mut self, paths: &[&FieldPath], source: Source<'_>) {
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| path.segments().collect()).collect();
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        self.root.grow(source);
        match &mut self.root {
            Node::Object(object) => narrow_members(object, &paths, source),
            Node::Leaf(_) | Node::Array(_) | Node::Hole(_) => {}
        }
    }

    /// Moves values, all at once: `pairs` has paths from and to.
    ///
    /// # Errors
    /// The reason, and the path that has it.
    pub(crate) fn rename<'p>(
        &mut self,
        pairs: &[(&'p FieldPath, &'p FieldPath)],
        source: Source<'_>,
    ) -> Result<(), (Reason, &'p FieldPath)> {
        let mut taken = Vec::with_capacity(pairs.len());
        for (number, (from, _)) in pairs.iter().enumerate() {
            let node = self.reach(from, source).map_err(|reason| (reason, *from))?;
            taken.push(node.map(|node| std::mem::replace(node, Node::Hole(number))));
        }
        for (number, (from, to)) in pairs.iter().enumerate() {
            let Some(value) = taken[number].take() else { continue };
            let moved = if from.parent() == to.parent() {
                self.fill_hole(number, from, to, value, source)
            } else {
                self.close_hole(number, from, source);
                self.put(to, value, source)
            };
            moved.map_err(|reason| (reason, *to))?;
        }
        Ok(())
    }

    /// Gives a hole another key and its value back.
    fn fill_hole(
        &mut self,
        number: usize,
        from: &FieldPath,
        to: &FieldPath,
        value: Node,
        source: Source<'_>,
    ) -> Result<(), Reason> {
        let key = to.last().unwrap_or_default();
        let Some(Node::Object(object)) = self.enter(&from.parent().unwrap_or_default(), source)? else {
            return Err(Reason::WrongType); // An element of an array has no key.
        };
        if let Some(existing) = object.find(key, source.payload)? {
            object.members.remove(existing);
        }
        let hole = object.members.iter_mut().find(|member| matches!(member.value, Node::Hole(hole) if hole == number));
        if let Some(member) = hole {
            member.value = value;
            if !member.key.is(key, source.payload) {
                member.key = super::Key::Made(key.into());
            }
        }
        Ok(())
    }

    /// Removes a hole, and objects around it that it leaves empty.
    fn close_hole(&mut self, number: usize, from: &FieldPath, source: Source<'_>) {
        let segments: Vec<&str> = from.segments().collect();
        close(&mut self.root, &segments, number, source);
    }

    /// Moves values into an object, under their last keys.
    ///
    /// # Errors
    /// The reason, and the path that has it.
    pub(crate) fn nest<'p>(
        &mut self,
        into: &'p FieldPath,
        fields: &[&'p FieldPath],
        source: Source<'_>,
    ) -> Result<(), (Reason, &'p FieldPath)> {
        match self.enter(into, source).map_err(|reason| (reason, into))? {
            None | Some(Node::Object(_)) => {}
            Some(_) => return Err((Reason::FieldExists, into)),
        }
        let mut taken = Vec::new();
        for field in fields {
            if let Some(node) = self.take(field, source).map_err(|reason| (reason, *field))? {
                taken.push((field.last().unwrap_or_default(), node));
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        if self.enter(into, source).map_err(|reason| (reason, into))?.is_none() {
            self.put(into, Node::Object(Object::default()), source).map_err(|reason| (reason, into))?;
        }
        if let Some(Node::Object(object)) = self.enter(into, source).map_err(|reason| (reason, into))? {
            for (key, value) in taken {
                match object.find(key, source.payload).map_err(|reason| (reason, into))? {
                    Some(at) => object.members[at].value = value,
                    None => object.members.push(Member::made(key, value)),
                }
            }
        }
        Ok(())
    }
}

/// Keeps the members of an object that paths name or lead into.
fn narrow_members(object: &mut Object, paths: &[&[&str]], source: Source<'_>) {
    object.members.retain_mut(|member| {
        let below: Vec<&[&str]> = paths
            .iter()
            .filter(|path| path.first().is_some_and(|first| member.key.is(first, source.payload)))
            .map(|path| &path[1..])
            .collect();
        below.iter().any(|rest| rest.is_empty()) || (!below.is_empty() && narrow(&mut member.value, &below, source))
    });
}

/// Keeps of a value what paths name inside of it; tells whether that is anything.
fn narrow(node: &mut Node, paths: &[&[&str]], source: Source<'_>) -> bool {
    node.grow(source);
    match node {
        Node::Object(object) => {
            narrow_members(object, paths, source);
            object.make_anew(source);
            !object.members.is_empty()
        }
        Node::Array(elements) => {
            let mut index = 0_u32;
            elements.retain_mut(|element| {
                let position = index;
                index += 1;
                let below: Vec<&[&str]> = paths
                    .iter()
                    .filter(|path| path.first().is_some_and(|first| array_index(first) == Some(position)))
                    .map(|path| &path[1..])
                    .collect();
                below.iter().any(|rest| rest.is_empty()) || (!below.is_empty() && narrow(element, &below, source))
            });
            !elements.is_empty()
        }
        Node::Leaf(_) | Node::Hole(_) => false,
    }
}

/// Removes the hole at the end of a path; tells whether `node` is an object that is empty now.
fn close(node: &mut Node, path: &[&str], number: usize, source: Source<'_>) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    match node {
        Node::Object(object) => {
            if rest.is_empty() {
                object.members.retain(|member| !matches!(member.value, Node::Hole(hole) if hole == number));
            } else if let Ok(Some(at)) = object.find(first, source.payload)
                && close(&mut object.members[at].value, rest, number, source)
            {
                object.members.remove(at);
            }
            object.members.is_empty()
        }
        Node::Array(elements) => {
            let Some(index) = array_index(first).map(|index| index as usize) else { return false };
            if rest.is_empty() {
                elements.retain(|element| !matches!(element, Node::Hole(hole) if *hole == number));
            } else if let Some(element) = elements.get_mut(index) {
                close(element, rest, number, source);
            }
            false
        }
        Node::Leaf(_) | Node::Hole(_) => false,
    }
}

impl Object {
    /// Makes it an object that does not stand in the payload: it is written without white space, its keys anew.
    pub(super) fn make_anew(&mut self, source: Source<'_>) {
        self.root = None;
        for member in &mut self.members {
            member.key = super::Key::Made(member.key.text(source.payload));
            member.origin = None;
        }
    }
}
