//! The scanner: one pass over a JSON payload that checks all of it and notes where the touched values stand.
//!
//! Nothing is built and nothing is copied: the result is a cell per path and a tape of the top-level fields, both of
//! them byte ranges into the payload, in memory that is reused. All of the payload is validated by RFC 8259, also what
//! nobody touches, because it is going to be passed on. Recursion happens only along the paths of the set, which the
//! configuration bounds; all else is walked with an explicit stack and [`Limits`].
//!
//! It refuses what senders and receivers understand differently: invalid UTF-8, lone surrogates, a byte-order mark, text
//! after the value. A key that stands twice is refused only where a path touches it ([`Cell::Duplicate`]); elsewhere it
//! passes as it was written.

mod noted;

use noted::Notes;

use super::cell::{Cell, Kind, Raw, SlotId, Span};
use super::lex::Cursor;
use super::limits::{Fault, Limits};
use super::path_set::{Child, Node, PathSet};
use crate::Reason;

/// A top-level field of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its key, without quotes, as written.
    pub key: Span,
    /// Whether the key has escapes.
    pub key_escaped: bool,
    /// Its value.
    pub value: Raw,
    /// The slot of the path that is this key alone, if there is one.
    pub slot: Option<SlotId>,
}

impl Field {
    /// The whole member: from the opening quote of the key to the end of the value.
    #[inline]
    #[must_use]
    pub const fn member(&self) -> Span {
        Span { start: self.key.start - 1, end: self.value.end }
    }

    /// The key with its quotes.
    #[inline]
    #[must_use]
    pub const fn quoted_key(&self) -> Span {
        Span { start: self.key.start - 1, end: self.key.end + 1 }
    }
}

/// What a scan found; reused from message to message, so that a warm scan allocates nothing.
///
/// # Examples
///
/// ```
/// use pronubes_core::payload::{Cell, FieldPath, Limits, PathSetBuilder, Scan, scan};
///
/// let mut paths = PathSetBuilder::default();
/// let temp = paths.add(&FieldPath::parse("motor.temp")?);
/// let paths = paths.build()?;
/// let payload = br#"{"motor": {"temp": 21.50}, "ts": 7}"#;
/// let mut found = Scan::default();
/// scan(payload, &paths, &Limits::default(), &mut found)?;
/// let Cell::Raw(raw) = found.cell(temp) else { panic!("the field is there") };
/// assert_eq!(raw.span().of(payload), b"21.50");
/// assert_eq!(found.tape.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scan {
    /// The whole value, without white space around it.
    pub root: Raw,
    /// One cell per path of the set: [`Cell::Raw`], [`Cell::Missing`] or [`Cell::Duplicate`].
    pub cells: Vec<Cell>,
    /// The top-level fields in their order; empty where the payload is no object.
    pub tape: Vec<Field>,
    /// What is in the values that the set wants noted.
    notes: Notes,
    visited: Vec<bool>,
    stack: Vec<u32>,
}

impl Default for Scan {
    fn default() -> Self {
        let root = Raw { start: 0, end: 0, kind: Kind::Null };
        Self {
            root,
            cells: Vec::new(),
            tape: Vec::new(),
            notes: Notes::default(),
            visited: Vec::new(),
            stack: Vec::new(),
        }
    }
}

impl Scan {
    /// The cell of a slot; missing for a slot of another set.
    #[inline]
    #[must_use]
    pub fn cell(&self, slot: SlotId) -> Cell {
        self.cells.get(usize::from(slot.0)).copied().unwrap_or(Cell::Missing)
    }
}

/// Checks a payload and fills `out` with where its values stand.
///
/// # Errors
/// When the payload is no JSON within the limits. `out` then holds nothing of use, and may be used again.
pub fn scan(payload: &[u8], paths: &PathSet, limits: &Limits, out: &mut Scan) -> Result<(), Fault> {
    scan_members(payload, (paths, None), limits, out)
}

/// The same, with the paths to look for in each member of the values that the set wants noted: see [`Scan::load_member`].
///
/// # Errors
/// As [`scan`].
pub fn scan_members(
    payload: &[u8],
    (paths, members): (&PathSet, Option<&PathSet>),
    limits: &Limits,
    out: &mut Scan,
) -> Result<(), Fault> {
    // Positions are 32 bits wide.
    let limit = limits.payload_bytes.min(u32::MAX - 8) as usize;
    if payload.len() > limit {
        return Err(Fault::new(Reason::PayloadTooLarge, limit));
    }
    out.tape.clear();
    out.notes.begin(members);
    out.cells.clear();
    out.cells.resize(paths.len(), Cell::Missing);
    if paths.node_count() > 1 {
        out.visited.clear();
        out.visited.resize(paths.node_count(), false);
    }
    let mut walk = Walk {
        cursor: Cursor::new(payload, limits, &mut out.stack),
        paths,
        members,
        is_in_member: false,
        cells: &mut out.cells,
        visited: &mut out.visited,
        tape: &mut out.tape,
        notes: &mut out.notes,
    };
    match walk.document() {
        Ok(root) if !walk.cursor.has_non_ascii() || simdutf8::basic::from_utf8(payload).is_ok() => {
            out.root = root;
            if let Some(slot) = paths.root_slot() {
                fill(&mut out.cells, slot, root);
            }
            Ok(())
        }
        Ok(root) => Err(encoding_fault(payload, Fault { reason: Reason::InvalidUtf8, offset: root.start })),
        Err(fault) => Err(encoding_fault(payload, fault)),
    }
}

/// A payload that is not even UTF-8 says so, whatever else was found first.
#[cold]
fn encoding_fault(payload: &[u8], fault: Fault) -> Fault {
    match std::str::from_utf8(payload) {
        Ok(_) => fault,
        Err(error) => Fault::new(Reason::InvalidUtf8, error.valid_up_to()),
    }
}

/// A range of a payload; payloads are bounded by a `u32` in [`Limits`].
#[inline(always)]
pub(super) fn raw(start: usize, end: usize, kind: Kind) -> Raw {
    let Span { start, end } = span(start, end);
    Raw { start, end, kind }
}

/// The same without a kind.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "no payload is longer than `Limits::payload_bytes`, a u32")]
pub(super) fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

#[inline(always)]
fn fill(cells: &mut [Cell], slot: SlotId, value: Raw) {
    if let Some(cell) = cells.get_mut(usize::from(slot.0)) {
        if !matches!(cell, Cell::Missing) {
            return mark_duplicate(cell);
        }
        *cell = Cell::Raw(value);
    }
}

/// Out of line, so that the common case is a plain store.
#[cold]
#[inline(never)]
fn mark_duplicate(cell: &mut Cell) {
    *cell = Cell::Duplicate;
}

struct Walk<'a> {
    cursor: Cursor<'a>,
    paths: &'a PathSet,
    /// The paths in members of what is noted.
    members: Option<&'a PathSet>,
    is_in_member: bool,
    cells: &'a mut Vec<Cell>,
    /// Nodes of the path set that the payload has had a value for.
    visited: &'a mut Vec<bool>,
    tape: &'a mut Vec<Field>,
    notes: &'a mut Notes,
}

impl<'a> Walk<'a> {
    fn document(&mut self) -> Result<Raw, Fault> {
        let token = self.cursor.token();
        let start = self.cursor.at();
        let kind = match token {
            b'{' => self.object::<true, false>(self.paths.root(), 0)?,
            b'[' => self.array(self.paths.root(), 0)?,
            _ => self.cursor.any_value(0)?,
        };
        let end = self.cursor.at();
        self.cursor.token();
        if self.cursor.is_at_end() {
            return Ok(raw(start, end, kind));
        }
        Err(self.cursor.fault(Reason::TrailingBytes))
    }

    /// An object that paths go through; `TOP` is the payload itself or a member that becomes one, whose fields go on the tape.
    /// `MEMBER` gives members code of their own: with one caller each, that of payloads stays inlined.
    fn object<const TOP: bool, const MEMBER: bool>(&mut self, node: &'a Node, depth: usize) -> Result<Kind, Fault> {
        self.cursor.check_depth(depth)?;
        self.cursor.advance();
        let mut token = self.cursor.token();
        if token == b'}' {
            self.cursor.advance();
            return Ok(Kind::Object);
        }
        let mut count = 0;
        let mut expected = 0;
        loop {
            count += 1;
            self.cursor.check_count(count)?;
            if token != b'"' {
                return self.cursor.unexpected();
            }
            let (child, key, key_escaped) = match self.cursor.expected_key(node, &mut expected) {
                Some((child, span)) => (Some(child), span, false),
                None => {
                    let key = self.cursor.key()?;
                    (node.find(&key, &mut expected), key.span(), key.is_escaped)
                }
            };
            let start = self.cursor.at();
            let kind = match child.and_then(Child::node) {
                None if child.is_some_and(Child::is_noted) => self.noted(depth + 1)?,
                None => self.cursor.value(depth + 1)?,
                Some(node) => self.inner(node, depth + 1)?,
            };
            let value = raw(start, self.cursor.at(), kind);
            let slot = child.and_then(Child::slot);
            if let Some(slot) = slot {
                fill(self.cells, slot, value);
            }
            if TOP {
                self.tape.push(Field { key, key_escaped, value, slot });
            }
            token = self.cursor.token();
            self.cursor.advance();
            match token {
                b',' => token = self.cursor.token(),
                b'}' => return Ok(Kind::Object),
                _ => return Err(Fault::new(Reason::InvalidJson, self.cursor.at() - 1)),
            }
        }
    }

    /// An array that paths go through.
    fn array(&mut self, node: &'a Node, depth: usize) -> Result<Kind, Fault> {
        self.cursor.check_depth(depth)?;
        self.cursor.advance();
        if self.cursor.token() == b']' {
            self.cursor.advance();
            return Ok(Kind::Array);
        }
        let mut wanted = node.indexes.iter().peekable();
        let mut index = 0;
        loop {
            self.cursor.check_count(index + 1)?;
            let child = wanted.next_if(|(position, _)| *position == index).and_then(|(_, child)| node.child(*child));
            let start = self.cursor.at();
            let kind = match child.and_then(Child::node) {
                None => self.cursor.any_value(depth + 1)?,
                Some(node) => self.inner(node, depth + 1)?,
            };
            if let Some(slot) = child.and_then(Child::slot) {
                fill(self.cells, slot, raw(start, self.cursor.at(), kind));
            }
            index += 1;
            let token = self.cursor.token();
            self.cursor.advance();
            match token {
                b',' => self.cursor.token(),
                b']' => return Ok(Kind::Array),
                _ => return Err(Fault::new(Reason::InvalidJson, self.cursor.at() - 1)),
            };
        }
    }

    /// A value that paths go through. A second one under the same key makes all that lies below ambiguous.
    #[inline(never)]
    fn inner(&mut self, id: u16, depth: usize) -> Result<Kind, Fault> {
        let node = self.paths.node(id);
        let kind = match self.cursor.token() {
            b'{' => self.object::<false, false>(node, depth)?,
            b'[' => self.array(node, depth)?,
            _ => self.cursor.any_value(depth)?,
        };
        if let Some(visited) = self.visited.get_mut(usize::from(id))
            && std::mem::replace(visited, true)
        {
            for slot in &node.below {
                if let Some(cell) = self.cells.get_mut(usize::from(slot.0)) {
                    *cell = Cell::Duplicate;
                }
            }
        }
        Ok(kind)
    }
}
