//! What is in lists and objects: of the payload, where they are bytes, and those that expressions made.

use super::bounds::{MAX_ELEMENTS, MAX_WRITTEN};
use super::functions;
use super::scope::Scope;
use super::syntax::Comparison;
use super::value::{Number, ValueKind, compare, kind_of, no_value, settled};
use crate::payload::path::array_index;
use crate::payload::{Cell, Inside, Kind, Members, Raw, Span, members, text};
use crate::reason::Reason;

/// The elements of a list, or the keys of an object, one after the other.
pub(super) enum Elements<'a> {
    Written(Members<'a>),
    Made { next: u32, end: u32, step: u32 },
}

impl<'a> Elements<'a> {
    /// Of a cell; another value is a reason.
    pub(super) fn of(cell: Cell, scope: &mut Scope<'a>) -> Result<Self, Reason> {
        match cell {
            Cell::Raw(raw) if matches!(raw.kind, Kind::Array | Kind::Object) => {
                scope.spend_bytes(raw.span().len());
                Ok(Self::Written(members(scope.inputs.payload, raw)))
            }
            Cell::List(Span { start, end }) => Ok(Self::Made { next: start, end, step: 1 }),
            Cell::Map(Span { start, end }) => Ok(Self::Made { next: start, end, step: 2 }),
            other => Err(no_value(other)),
        }
    }

    #[inline]
    pub(super) fn next(&mut self, scope: &Scope<'_>) -> Option<Cell> {
        match self {
            Self::Written(members) => members.next().map(|inside| element(inside, scope)),
            Self::Made { next, end, step } => {
                let at = *next;
                *next += *step;
                (at < *end).then(|| scope.text.cell(at))
            }
        }
    }
}

/// The value of an element, or the key of a member, quotes included.
fn element(inside: Inside, scope: &Scope<'_>) -> Cell {
    let Some(key) = inside.key else { return Cell::Raw(inside.value) };
    let is_escaped = memchr::memchr(b'\\', key.of(scope.inputs.payload)).is_some();
    let kind = if is_escaped { Kind::EscapedText } else { Kind::Text };
    Cell::Raw(Raw { start: key.start.saturating_sub(1), end: key.end + 1, kind })
}

/// How many elements or members there are.
pub(super) fn count(cell: Cell, scope: &mut Scope<'_>) -> Result<usize, Reason> {
    Ok(match cell {
        Cell::List(span) => span.len(),
        Cell::Map(span) => span.len() / 2,
        other => match Elements::of(other, scope)? {
            Elements::Written(members) => members.count(),
            Elements::Made { .. } => 0,
        },
    })
}

/// The member of an object of this name, or the element of a list of this number; none where there is none.
pub(super) fn member(cell: Cell, name: &str, scope: &mut Scope<'_>) -> Result<Option<Cell>, Reason> {
    spend(cell, scope);
    find(cell, name.as_bytes(), scope)
}

fn spend(cell: Cell, scope: &mut Scope<'_>) {
    if let Cell::Raw(raw) = cell {
        scope.spend_bytes(raw.span().len());
    }
}

fn find(cell: Cell, name: &[u8], scope: &Scope<'_>) -> Result<Option<Cell>, Reason> {
    let index = || std::str::from_utf8(name).ok().and_then(array_index).map(|index| index as usize);
    match cell {
        Cell::Raw(raw) if raw.kind == Kind::Object => {
            let payload = scope.inputs.payload;
            let is_it = |inside: &Inside| inside.key.is_some_and(|key| text::equals_escaped(key.of(payload), name));
            single(members(payload, raw).filter(is_it).map(|inside| Cell::Raw(inside.value)))
        }
        Cell::Map(span) => {
            let pairs = scope.text.cells(span).chunks_exact(2);
            single(pairs.filter(|pair| scope.bytes(pair[0]) == name).map(|pair| pair[1]))
        }
        Cell::Raw(Raw { kind: Kind::Array, .. }) | Cell::List(_) => {
            index().map_or(Ok(None), |place| element_at(cell, place, scope))
        }
        Cell::Missing | Cell::Duplicate | Cell::Composite => Err(no_value(cell)),
        _ => Ok(None),
    }
}

/// The only one, if there is one.
fn single(mut found: impl Iterator<Item = Cell>) -> Result<Option<Cell>, Reason> {
    let first = found.next();
    if found.next().is_some() { Err(Reason::DuplicateKey) } else { Ok(first) }
}

/// `of[index]`: an element by its number, a member by its name.
pub(super) fn at(of: Cell, index: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    kind_of(of)?;
    spend(of, scope);
    let found = match kind_of(index)? {
        ValueKind::Number => {
            let Number::Int(number) = whole(index, scope)? else { return Err(Reason::MissingField) };
            let place = usize::try_from(number).map_err(|_| Reason::MissingField)?;
            element_at(of, place, scope)?
        }
        ValueKind::Text => {
            let name = settled(index, scope)?;
            find(of, scope.bytes(name), scope)?
        }
        _ => return Err(Reason::WrongType),
    };
    found.ok_or(Reason::MissingField)
}

fn whole(index: Cell, scope: &Scope<'_>) -> Result<Number, Reason> {
    let number = Number::of(index, scope.inputs.payload)?;
    let whole = number.truncated()?;
    if whole.order(number).is_eq() { Ok(whole) } else { Err(Reason::WrongType) }
}

fn element_at(of: Cell, place: usize, scope: &Scope<'_>) -> Result<Option<Cell>, Reason> {
    match of {
        Cell::List(span) => Ok(scope.text.cells(span).get(place).copied()),
        Cell::Raw(raw) if raw.kind == Kind::Array => {
            Ok(members(scope.inputs.payload, raw).nth(place).map(|inside| Cell::Raw(inside.value)))
        }
        Cell::Map(_) | Cell::Raw(Raw { kind: Kind::Object, .. }) => Err(Reason::WrongType),
        _ => Ok(None),
    }
}

/// Decodes the keys of an object that was just made.
///
/// # Errors
/// A key is no text, or stands twice.
pub(super) fn settle_keys(map: Cell, scope: &mut Scope<'_>) -> Result<(), Reason> {
    let Cell::Map(span) = map else { return Ok(()) };
    for at in (span.start..span.end).step_by(2) {
        let key = scope.text.cell(at);
        let key = settled(key, scope)?;
        scope.text.set_cell(at, key);
    }
    let cells = scope.text.cells(span);
    for (number, pair) in cells.chunks_exact(2).enumerate() {
        let is_again = |other: &[Cell]| scope.bytes(other[0]) == scope.bytes(pair[0]);
        if cells.chunks_exact(2).take(number).any(is_again) {
            return Err(Reason::DuplicateKey);
        }
    }
    Ok(())
}

/// Whether two lists have equal elements.
pub(super) fn equal_lists(left: Cell, right: Cell, scope: &mut Scope<'_>) -> Result<bool, Reason> {
    let (mut lefts, mut rights) = (Elements::of(left, scope)?, Elements::of(right, scope)?);
    let mut failure = None;
    loop {
        scope.text.spend(1);
        match (lefts.next(scope), rights.next(scope)) {
            (None, None) => return failure.map_or(Ok(true), Err),
            (Some(left), Some(right)) => match compare(Comparison::Equal, left, right, scope) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(reason) => failure = failure.or(Some(reason)),
            },
            _ => return Ok(false),
        }
    }
}

/// The elements of two lists, one behind the other.
pub(super) fn joined(left: Cell, right: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let parts = [Elements::of(left, scope)?, Elements::of(right, scope)?];
    let begun = scope.text.begin_list();
    let mut count = 0;
    for mut elements in parts {
        while let Some(element) = elements.next(scope) {
            count += 1;
            scope.text.spend(1);
            if count > MAX_ELEMENTS || scope.check_room().is_err() {
                scope.text.drop_list(begun);
                return Err(Reason::ExpressionLimit);
            }
            scope.text.push_element(element);
        }
    }
    Ok(Cell::List(scope.text.end_list(begun)))
}

/// `item in list`: whether the item equals an element, or is a key of an object. As in CEL, a pair that cannot be
/// compared matters only if no other is equal.
pub(super) fn contains(item: Cell, list: Cell, scope: &mut Scope<'_>) -> Result<bool, Reason> {
    kind_of(item)?;
    if kind_of(list)? == ValueKind::Object {
        let Ok(name) = settled(item, scope) else { return Ok(false) };
        spend(list, scope);
        return find(list, scope.bytes(name), scope).map(|found| found.is_some());
    }
    let mut elements = Elements::of(list, scope)?;
    let mut failure = None;
    while let Some(element) = elements.next(scope) {
        scope.text.spend(1);
        match compare(Comparison::Equal, item, element, scope) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    failure.map_or(Ok(false), Err)
}

/// What a whole expression gives, fit to be written: a time is a text, and what a list or an object repeats does not
/// make it longer than it may be.
pub(super) fn finished(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let mut room = MAX_WRITTEN;
    finish(cell, &mut room, scope)
}

fn finish(cell: Cell, room: &mut usize, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let cell = match cell {
        Cell::Time(..) | Cell::Duration(_) => functions::time_text(cell, scope)?,
        other => other,
    };
    if let Cell::List(Span { start, end }) | Cell::Map(Span { start, end }) = cell {
        for at in start..end {
            let element = finish(scope.text.cell(at), room, scope)?;
            scope.text.set_cell(at, element);
        }
    }
    let length = match cell {
        Cell::Raw(raw) => raw.span().len(),
        Cell::Text(span) | Cell::Topic(span) => span.len(),
        Cell::Literal(_) => scope.bytes(cell).len(),
        _ => 0,
    };
    *room = room.checked_sub(length + 1).ok_or(Reason::ExpressionLimit)?;
    Ok(cell)
}
