//! Nested objects into one, with joined names.

use std::collections::HashSet;

use super::{Member, Node, Object, Source, Tree};
use crate::Reason;
use crate::payload::{Cell, FieldPath, Kind};

/// Objects that are nested deeper are an error here, whatever the limit of the scan is: this goes by recursion.
const MAX_DEPTH: usize = 128;

impl Tree {
    /// Flattens the object at a path; another value stays, a missing one is an error.
    pub(crate) fn flatten(&mut self, path: &FieldPath, separator: &str, source: Source<'_>) -> Result<(), Reason> {
        let node = self.enter(path, source)?.ok_or(Reason::MissingField)?;
        let Node::Object(object) = node else { return Ok(()) };
        let mut flat = Object::default();
        let mut joined = HashSet::new();
        for member in std::mem::take(&mut object.members) {
            flatten_member(member, separator, source, &mut flat.members, &mut joined, 0)?;
        }
        let is_taken = |member: &Member| member.origin.is_some() && joined.contains(&member.key.text(source.payload));
        if flat.members.iter().any(is_taken) {
            return Err(Reason::FieldExists);
        }
        flat.members.iter_mut().for_each(|member| member.origin = None);
        *object = flat;
        Ok(())
    }
}

/// Appends a member, or what it has inside under joined names. Of what is appended, only joined names have no origin.
fn flatten_member(
    mut member: Member,
    separator: &str,
    source: Source<'_>,
    out: &mut Vec<Member>,
    joined: &mut HashSet<Box<str>>,
    depth: usize,
) -> Result<(), Reason> {
    if depth > MAX_DEPTH {
        return Err(Reason::TooDeep);
    }
    if matches!(member.value, Node::Leaf(Cell::Raw(raw)) if raw.kind == Kind::Object) {
        member.value.grow(source);
    }
    let inner = match member.value {
        Node::Object(object) if !object.members.is_empty() => object.members,
        value => {
            out.push(Member { value, ..member });
            return Ok(());
        }
    };
    let prefix = member.key.text(source.payload);
    for inside in inner {
        let name: Box<str> = format!("{prefix}{separator}{}", inside.key.text(source.payload)).into();
        let is_leaf = !is_filled_object(&inside.value, source);
        if is_leaf && !joined.insert(name.clone()) {
            return Err(Reason::FieldExists);
        }
        flatten_member(Member::made(&name, inside.value), separator, source, out, joined, depth + 1)?;
    }
    Ok(())
}

fn is_filled_object(node: &Node, source: Source<'_>) -> bool {
    match node {
        Node::Object(object) => !object.members.is_empty(),
        Node::Leaf(Cell::Raw(raw)) if raw.kind == Kind::Object => super::fields(source.payload, *raw).next().is_some(),
        _ => false,
    }
}
