//! What is in the objects and arrays that a route takes apart, noted while they are scanned.
//!
//! A member becomes a payload of its own. Where the paths of what comes behind are known, the one pass looks for them in each
//! member as if it stood alone, so that nobody has to read it again.

use std::ops::Range;

use super::{Field, Scan, Walk, fill, raw, span};
use crate::payload::cell::{Cell, Kind, Raw, Span};
use crate::payload::limits::Fault;
use crate::payload::members::Inside;
use crate::payload::path_set::PathSet;

/// What was noted.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// What is in the values that were noted, one value behind the other.
    inside: Vec<Inside>,
    /// Where each of these values begins in the payload, and what is in it.
    values: Vec<(u32, Range<usize>)>,
    /// How many cells each member has.
    width: usize,
    /// The cells of the members, one member behind the other.
    cells: Vec<Cell>,
    /// The fields of the members, one member behind the other.
    tape: Vec<Field>,
    /// Where the fields of each member end; empty where nobody looked into them.
    tape_ends: Vec<usize>,
    /// The cells of the present member.
    present: Vec<Cell>,
    visited: Vec<bool>,
}

impl Notes {
    /// Forgets all; `members` are the paths to look for in each member.
    #[inline]
    pub(super) fn begin(&mut self, members: Option<&PathSet>) {
        self.values.clear();
        if let Some(paths) = members {
            self.width = paths.len();
            self.present.resize(paths.len(), Cell::Missing);
            self.visited.resize(paths.node_count(), false);
        }
    }

    /// Forgets the members of another payload, before the first value of this one.
    fn begin_first(&mut self) {
        self.inside.clear();
        self.cells.clear();
        self.tape.clear();
        self.tape_ends.clear();
    }

    fn range(&self, container: Raw) -> Option<Range<usize>> {
        self.values.iter().find(|(start, _)| *start == container.start).map(|(_, range)| range.clone())
    }
}

impl Scan {
    /// What is in an object or array, where the set wanted that noted and no path goes on below it.
    #[must_use]
    pub fn inside(&self, container: Raw) -> Option<&[Inside]> {
        self.notes.inside.get(self.notes.range(container)?)
    }

    /// Makes `member` what a scan of a noted member alone would give; false where no paths were given for members.
    pub fn load_member(&self, container: Raw, index: usize, member: &mut Scan) -> bool {
        self.find_member(container, index, member).is_some()
    }

    #[inline]
    fn find_member(&self, container: Raw, index: usize, member: &mut Scan) -> Option<()> {
        let notes = &self.notes;
        let number = notes.range(container)?.start + index;
        let tape_end = *notes.tape_ends.get(number)?;
        let tape_start = number.checked_sub(1).map_or(Some(0), |before| notes.tape_ends.get(before).copied())?;
        let cells = notes.cells.get(number * notes.width..(number + 1) * notes.width)?;
        let root = notes.inside.get(number)?.value;
        let moved = |span: Span| Span { start: span.start - root.start, end: span.end - root.start };
        let moved_raw = |raw: Raw| Raw { start: raw.start - root.start, end: raw.end - root.start, ..raw };
        member.root = moved_raw(root);
        member.cells.clear();
        member.cells.extend(cells.iter().map(|cell| match cell {
            Cell::Raw(raw) => Cell::Raw(moved_raw(*raw)),
            other => *other,
        }));
        member.tape.clear();
        let tape = notes.tape.get(tape_start..tape_end)?;
        let fields = tape.iter().map(|field| Field { key: moved(field.key), value: moved_raw(field.value), ..*field });
        member.tape.extend(fields);
        member.notes.begin(None);
        Some(())
    }
}

impl Walk<'_> {
    /// A value of which is noted what is in it.
    #[inline(never)]
    pub(super) fn noted(&mut self, depth: usize) -> Result<Kind, Fault> {
        if self.is_in_member {
            return self.cursor.any_value(depth); // For the scan of the member alone.
        }
        if self.notes.values.is_empty() {
            self.notes.begin_first();
        }
        let (start, first) = (self.cursor.at(), self.notes.inside.len());
        let kind = match self.cursor.token() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            _ => return self.cursor.any_value(depth),
        };
        self.cursor.check_depth(depth)?;
        self.cursor.advance();
        match self.members {
            Some(members) => {
                let paths = std::mem::replace(&mut self.paths, members);
                self.turn();
                self.note_members::<true>(kind, depth)?;
                self.turn();
                self.paths = paths;
            }
            None => self.note_members::<false>(kind, depth)?,
        }
        self.notes.values.push((span(start, start).start, first..self.notes.inside.len()));
        Ok(kind)
    }

    /// Turns from the payload to its members, or back.
    fn turn(&mut self) {
        self.is_in_member = !self.is_in_member;
        std::mem::swap(self.cells, &mut self.notes.present);
        std::mem::swap(self.visited, &mut self.notes.visited);
        std::mem::swap(self.tape, &mut self.notes.tape);
    }

    /// The members up to the bracket that closes; `DEEP` looks into them.
    fn note_members<const DEEP: bool>(&mut self, kind: Kind, depth: usize) -> Result<(), Fault> {
        let end = if kind == Kind::Object { b'}' } else { b']' };
        let mut token = self.cursor.token();
        let mut count = 0;
        while count > 0 || token != end {
            count += 1;
            self.cursor.check_count(count)?;
            let (mut key, mut key_escaped) = (None, false);
            if kind == Kind::Object {
                if token != b'"' {
                    return self.cursor.unexpected();
                }
                let found = self.cursor.key()?;
                (key, key_escaped) = (Some(found.span()), found.is_escaped);
            }
            let start = self.cursor.at();
            let kind = if DEEP { self.member(depth + 1)? } else { self.cursor.value(depth + 1)? };
            let value = raw(start, self.cursor.at(), kind);
            if DEEP {
                self.end_member(value);
            }
            self.notes.inside.push(Inside { key, key_escaped, value });
            token = self.cursor.token();
            if token == end {
                break;
            }
            if token != b',' {
                return self.cursor.unexpected();
            }
            self.cursor.advance();
            token = self.cursor.token();
        }
        self.cursor.advance();
        Ok(())
    }

    /// A member, as if it were a payload alone.
    #[inline(never)]
    fn member(&mut self, depth: usize) -> Result<Kind, Fault> {
        self.cells.fill(Cell::Missing);
        if self.visited.len() > 1 {
            self.visited.fill(false);
        }
        match self.cursor.token() {
            b'{' => self.object::<true, true>(self.paths.root(), depth),
            b'[' => self.array(self.paths.root(), depth),
            _ => self.cursor.any_value(depth),
        }
    }

    #[inline(always)]
    fn end_member(&mut self, value: Raw) {
        if let Some(slot) = self.paths.root_slot() {
            fill(self.cells, slot, value);
        }
        self.notes.cells.extend_from_slice(self.cells);
        self.notes.tape_ends.push(self.tape.len());
    }
}
