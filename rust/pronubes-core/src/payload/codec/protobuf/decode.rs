//! The wire format to JSON.
//!
//! Fields stand in any order on the wire, and what stands twice counts as the specification says: of single values the
//! last one, messages merged, lists joined. So each message is walked once from field to field, which notes where they are;
//! then they are written in the order of their numbers. Both go without recursion: what is open stands on a stack.

use std::ops::Range;

use super::super::CodecWork;
use super::super::emit::{Emitter, OPEN};
use super::super::input::Input;
use super::schema::{Count, Field, Form, Kind, Message, Schema};
use super::wire::{self, LENGTH};
use super::{Protobuf, moment};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};

/// A field as it was found on the wire.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Found {
    /// Its position in the message.
    field: u32,
    /// Where its value begins and ends.
    start: u32,
    end: u32,
    wire: u8,
}

/// A message that is being written.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Open {
    message: u32,
    /// What was found of it, in [`Walk::found`]: from here, to here, and the next to write.
    from: usize,
    end: usize,
    next: usize,
    /// The field that is written next, or is being written.
    field: u32,
    /// Whether the values of a list or map are being written.
    is_in_list: bool,
}

/// Everything that a walk needs.
struct Walk<'a, 'o> {
    schema: &'a Schema,
    payload: &'a [u8],
    limits: &'a Limits,
    has_defaults: bool,
    emitter: Emitter<'o>,
    found: &'o mut Vec<Found>,
    open: &'o mut Vec<Open>,
    groups: &'o mut Vec<u32>,
    text: &'o mut Vec<u8>,
}

pub(in super::super) fn decode(
    protobuf: &Protobuf,
    payload: &[u8],
    limits: &Limits,
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let CodecWork { frames, open: groups, found, messages: open, bytes: text, .. } = work;
    let Protobuf { schema, has_defaults } = protobuf;
    let emitter = Emitter::new(out, frames, limits);
    found.clear();
    open.clear();
    let mut walk = Walk { schema, payload, limits, has_defaults: *has_defaults, emitter, found, open, groups, text };
    walk.scan(0, 0, payload.len())?;
    walk.begin(0, 0, 0)?;
    while let Some(open) = walk.open.pop() {
        walk.step(open)?;
    }
    Ok(())
}

/// The first half: where everything is.
impl<'a> Walk<'a, '_> {
    fn message(&self, at: u32) -> Result<&'a Message, Fault> {
        // Positions come from the schema itself, so there is always one.
        self.schema.messages.get(at as usize).ok_or_else(|| Fault::new(Reason::InvalidProtobuf, 0))
    }

    fn input(&self, start: usize, end: usize) -> Input<'a> {
        let mut input = Input::new(self.payload.get(..end).unwrap_or_default());
        input.at = start;
        input
    }

    /// Notes the fields of a part of the payload.
    fn scan(&mut self, message: u32, start: usize, end: usize) -> Result<(), Fault> {
        let message = self.message(message)?;
        let mut input = self.input(start, end);
        while input.left() > 0 {
            let tag = wire::tag(&mut input)?;
            let (start, end) = wire::skip(&mut input, &tag, self.limits, self.groups)?;
            let Some(position) = message.by_number(tag.number) else { continue };
            if !message.field(position).is_some_and(|field| fits(field, tag.wire)) {
                return Err(tag.fault());
            }
            self.found.push(Found { field: position, start: narrow(start), end: narrow(end), wire: tag.wire });
        }
        Ok(())
    }

    /// Opens a message of which everything from `from` on in `found` was found.
    fn begin(&mut self, message: u32, from: usize, at: usize) -> Result<(), Fault> {
        if self.message(message)?.form == Form::Plain {
            self.emitter.open(true, OPEN, at)?;
        }
        let found = self.found.get_mut(from..).unwrap_or_default();
        if !found.is_sorted_by_key(|one| one.field) {
            found.sort_unstable_by_key(|one| (one.field, one.start));
        }
        self.open.push(Open { message, from, end: self.found.len(), next: from, field: 0, is_in_list: false });
        Ok(())
    }

    /// Puts the entries of a map in the order of their keys, those of one key as they came.
    fn sort_map(&mut self, entry: u32, from: usize, end: usize) -> Result<(), Fault> {
        let mut found = std::mem::take(self.found);
        let entries = found.get_mut(from..end).unwrap_or_default();
        let readable = entries.iter().try_for_each(|one| self.map_key(entry, one).map(drop));
        if readable.is_ok() {
            entries.sort_unstable_by_key(|one| (self.map_key(entry, one).ok(), one.start));
        }
        *self.found = found;
        readable
    }

    /// The key of an entry of a map: the last one in it, or the default.
    fn map_key(&self, entry: u32, found: &Found) -> Result<Key<'a>, Fault> {
        let kind = self.message(entry)?.field(0).map_or(Kind::String, |field| field.kind);
        let mut key = if kind == Kind::String { Key::Text(b"") } else { Key::Integer(0) };
        let mut input = self.input(found.start as usize, found.end as usize);
        let mut groups = Vec::new(); // Takes memory only for a group that the schema does not know.
        while input.left() > 0 {
            let tag = wire::tag(&mut input)?;
            let (start, end) = wire::skip(&mut input, &tag, self.limits, &mut groups)?;
            match tag.number {
                1 if tag.wire != kind.wire() => return Err(tag.fault()),
                1 if tag.wire == LENGTH => key = Key::Text(self.payload.get(start..end).unwrap_or_default()),
                1 => key = Key::Integer(integer(kind, &mut self.input(start, end))?),
                _ => {}
            }
        }
        Ok(key)
    }
}

/// The second half: one after the other is written.
impl Walk<'_, '_> {
    /// Writes the next field, or value of a list, or the end of a message.
    fn step(&mut self, mut open: Open) -> Result<(), Fault> {
        let message = self.message(open.message)?;
        if !open.is_in_list && !self.has_defaults && message.form == Form::Plain && message.required.is_empty() {
            open.field = self.next(&open).map_or(u32::MAX, |found| found.field); // Nothing is written of others.
        }
        let Some(field) = message.field(open.field) else { return self.finish(&open, message) };
        if open.is_in_list {
            return self.element(open, field);
        }
        let found = self.values(&mut open, field, message);
        if found.is_empty() {
            return self.absent(open, field, message);
        }
        let at = self.start(found.start);
        if message.form == Form::Plain {
            self.emitter.text(field.name.as_bytes(), at)?;
        }
        match (field.count, field.kind) {
            (Count::One, Kind::Message(kind) | Kind::Group(kind)) => {
                open.field += 1;
                self.open.push(open);
                return self.nested(kind, found);
            }
            (Count::One, kind) => {
                open.field += 1;
                self.open.push(open);
                return self.scalar(kind, found.end - 1);
            }
            (Count::Map, Kind::Message(entry)) => self.sort_map(entry, found.start, found.end)?,
            _ => {}
        }
        (open.next, open.is_in_list) = (found.start, true);
        self.open.push(open);
        self.emitter.open(field.count == Count::Map, OPEN, at).map(drop)
    }

    fn next(&self, open: &Open) -> Option<&Found> {
        self.found.get(open.next..open.end)?.first()
    }

    fn start(&self, found: usize) -> usize {
        self.found.get(found).map_or(self.payload.len(), |found| found.start as usize)
    }

    /// What was found of the field that comes: without what another field of its oneof has put an end to.
    fn values(&self, open: &mut Open, field: &Field, message: &Message) -> Range<usize> {
        let all = self.found.get(open.from..open.end).unwrap_or_default();
        let here = self.found.get(open.next..open.end).unwrap_or_default();
        let count = here.iter().take_while(|found| found.field == open.field).count();
        let other = |one: &&Found| {
            one.field != open.field && message.field(one.field).is_some_and(|other| other.oneof == field.oneof)
        };
        let after = field.oneof.and_then(|_| all.iter().filter(other).map(|one| one.start).max()).unwrap_or(0);
        let ended = here.iter().take(count).filter(|found| found.start < after).count();
        let from = open.next + ended;
        open.next += count;
        from..open.next
    }

    /// A field that is not on the wire.
    fn absent(&mut self, mut open: Open, field: &Field, message: &Message) -> Result<(), Fault> {
        let at = self.payload.len();
        if field.is_required {
            return Err(Fault::new(Reason::MissingField, at));
        }
        open.field += 1;
        self.open.push(open);
        match message.form {
            Form::Plain if self.has_defaults && (field.is_implicit || field.count != Count::One) => {
                self.emitter.text(field.name.as_bytes(), at)?;
            }
            Form::Bare | Form::Entry => {}
            _ => return Ok(()),
        }
        let zero = |names: u32| self.schema.enums.get(names as usize)?.name(0);
        match field.kind {
            _ if field.count != Count::One => self.emitter.open(field.count == Count::Map, 0, at),
            Kind::Message(kind) | Kind::Group(kind) => return self.nested(kind, 0..0),
            Kind::Float | Kind::Double => self.emitter.double(0.0, at),
            Kind::Bool if self.emitter.is_at_key() => self.emitter.text(b"false", at),
            Kind::Bool => self.emitter.word("false", at),
            Kind::String | Kind::Bytes => self.emitter.text(b"", at),
            Kind::Null => self.emitter.word("null", at),
            Kind::Enum(names) if let Some(name) = zero(names) => self.emitter.text(name.as_bytes(), at),
            _ => self.emitter.integer(0, at),
        }
        .map(drop)
    }

    /// The next value of a list or map, or its end.
    fn element(&mut self, mut open: Open, field: &Field) -> Result<(), Fault> {
        let here = open.next;
        let found = self.next(&open).copied().filter(|found| found.field == open.field);
        let Some(found) = found else {
            (open.field, open.is_in_list) = (open.field + 1, false);
            self.open.push(open);
            return self.emitter.close(self.payload.len()).map(drop);
        };
        open.next += 1;
        let later = self.next(&open).copied().filter(|later| later.field == open.field);
        self.open.push(open);
        match field.kind {
            Kind::Message(kind) | Kind::Group(kind) => {
                if let Some(later) = later.filter(|_| field.count == Count::Map)
                    && self.map_key(kind, &found)? == self.map_key(kind, &later)?
                {
                    return Ok(()); // Of entries with one key the last one counts.
                }
                self.nested(kind, here..here + 1)
            }
            kind if found.wire == LENGTH && kind.wire() != LENGTH => {
                let mut input = self.input(found.start as usize, found.end as usize);
                while input.left() > 0 {
                    self.number(kind, &mut input)?;
                }
                Ok(())
            }
            kind => self.scalar(kind, here),
        }
    }

    /// A message that is the value of a field: all parts of it that were found.
    fn nested(&mut self, message: u32, parts: Range<usize>) -> Result<(), Fault> {
        let (at, from) = (self.start(parts.start), self.found.len());
        for part in parts {
            if let Some(found) = self.found.get(part).copied() {
                self.scan(message, found.start as usize, found.end as usize)?;
            }
        }
        match self.message(message)?.form {
            form @ (Form::Timestamp | Form::Duration) => self.moment(form, from, at),
            _ => self.begin(message, from, at),
        }
    }

    /// A time or a span of time.
    fn moment(&mut self, form: Form, from: usize, at: usize) -> Result<(), Fault> {
        let (mut seconds, mut nanos) = (0, 0);
        for found in self.found.get(from..).unwrap_or_default() {
            let value = integer(Kind::Int64, &mut self.input(found.start as usize, found.end as usize))?;
            *(if found.field == 0 { &mut seconds } else { &mut nanos }) = value;
        }
        self.found.truncate(from);
        self.text.clear();
        if !moment::write(form, seconds, nanos, self.text) {
            return Err(Fault::new(Reason::NotInJson, at));
        }
        self.emitter.text(self.text, at).map(drop)
    }

    /// One value that is no message.
    fn scalar(&mut self, kind: Kind, found: usize) -> Result<(), Fault> {
        let Some(Found { start, end, .. }) = self.found.get(found).copied() else { return Ok(()) };
        let (start, end) = (start as usize, end as usize);
        let written = self.payload.get(start..end).unwrap_or_default();
        match kind {
            Kind::String => self.emitter.text(written, start).map(drop),
            Kind::Bytes => self.emitter.bytes(written, start).map(drop),
            kind => self.number(kind, &mut self.input(start, end)),
        }
    }

    /// One value that is neither text nor a message.
    fn number(&mut self, kind: Kind, input: &mut Input<'_>) -> Result<(), Fault> {
        let at = input.at;
        match kind {
            Kind::Float => return self.emitter.single(f32::from_le_bytes(input.array()?), at).map(drop),
            Kind::Double => return self.emitter.double(f64::from_le_bytes(input.array()?), at).map(drop),
            _ => {}
        }
        let value = integer(kind, input)?;
        let name = |names: u32| self.schema.enums.get(names as usize)?.name(i32::try_from(value).ok()?);
        let word = if value == 0 { "false" } else { "true" };
        match kind {
            Kind::Bool if self.emitter.is_at_key() => self.emitter.text(word.as_bytes(), at),
            Kind::Bool => self.emitter.word(word, at),
            Kind::Null => self.emitter.word("null", at),
            Kind::Enum(names) if let Some(name) = name(names) => self.emitter.text(name.as_bytes(), at),
            _ => self.emitter.integer(value, at),
        }
        .map(drop)
    }

    /// The end of a message.
    fn finish(&mut self, open: &Open, message: &Message) -> Result<(), Fault> {
        self.found.truncate(open.from);
        match message.form {
            Form::Plain => self.emitter.close(self.payload.len()).map(drop),
            Form::Any if open.from == open.end => self.emitter.word("null", self.payload.len()).map(drop),
            _ => Ok(()),
        }
    }
}

/// The key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Text(&'a [u8]),
    Integer(i128),
}

/// An integer, enum or truth value. What is wider on the wire than its type loses its upper bits, as the specification says.
fn integer(kind: Kind, input: &mut Input<'_>) -> Result<i128, Fault> {
    Ok(match kind {
        Kind::Fixed32 => u32::from_le_bytes(input.array()?).into(),
        Kind::Sfixed32 => i32::from_le_bytes(input.array()?).into(),
        Kind::Fixed64 => u64::from_le_bytes(input.array()?).into(),
        Kind::Sfixed64 => i64::from_le_bytes(input.array()?).into(),
        kind => {
            let value = wire::varint(input)?;
            let low = value & u64::from(u32::MAX);
            match kind {
                Kind::Bool => (value != 0).into(),
                Kind::Uint64 => value.into(),
                Kind::Uint32 => low.into(),
                Kind::Sint64 => wire::unzigzag(value).into(),
                Kind::Sint32 => wire::unzigzag(low).into(),
                Kind::Int32 | Kind::Enum(_) => i128::from((low << 32).cast_signed() >> 32),
                _ => value.cast_signed().into(),
            }
        }
    })
}

/// Whether a field may be delimited so: lists of numbers may be packed or not, whatever the schema says.
fn fits(field: &Field, wire: u8) -> bool {
    let own = field.kind.wire();
    let is_packed = wire == LENGTH && matches!(field.count, Count::Many { .. }) && own != wire::GROUP;
    own == wire || is_packed
}

/// A place in a payload; limits keep those below 4 GiB.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
