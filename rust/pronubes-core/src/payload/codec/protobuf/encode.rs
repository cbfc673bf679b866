//! JSON to the wire format.
//!
//! One token after the other is written. A length stands in front of what it counts: a byte is kept free for it, and what is
//! behind moves when it takes more.

use super::super::CodecWork;
use super::super::read::{Reader, Token};
use super::schema::{Count, Field, Form, Kind, Message, Schema};
use super::wire::{self, GROUP, GROUP_END, LENGTH};
use super::{Protobuf, moment, scalar};
use crate::Reason;
use crate::payload::TextArena;
use crate::payload::limits::Fault;

/// Something that is being written, and the field that its next value is of.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Built {
    part: Part,
    message: u32,
    field: u32,
    end: End,
    /// Where it begins.
    start: usize,
    /// Where its marks begin, in [`Walk::marks`].
    marks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A message as an object.
    Object,
    /// A message that is what its one value is, or an entry of a map: it ends with that value.
    Alone,
    List,
    Map,
}

/// What is to be done when it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Nothing,
    /// Its length goes here.
    Length(usize),
    /// The tag that ends a group of this number.
    Group(u32),
}

/// Everything that a walk needs.
struct Walk<'a> {
    schema: &'a Schema,
    built: &'a mut Vec<Built>,
    /// Of every object that is open, a bit for each field that has come, then one for each oneof.
    marks: &'a mut Vec<u64>,
    out: &'a mut Vec<u8>,
}

pub(in super::super) fn encode(
    protobuf: &Protobuf,
    json: &[u8],
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let CodecWork { open, stack, text, built, marks, .. } = work;
    built.clear();
    marks.clear();
    let mut reader = Reader::new(json, open, stack);
    if reader.next()? != Some(Token::Object) {
        return Err(reader.fault(Reason::NotAnObject));
    }
    let mut walk = Walk { schema: &protobuf.schema, built, marks, out };
    walk.object(0, walk.out.len(), End::Nothing);
    while let Some(token) = reader.next()? {
        let written = match token {
            Token::Close => walk.close(),
            Token::Key(key) => walk.key(key.text(text)),
            token => walk.value(token, text),
        };
        written.map_err(|reason| reader.fault(reason))?;
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn message(&self, at: u32) -> Result<&'a Message, Reason> {
        // Positions come from the schema itself, so there is always one.
        self.schema.messages.get(at as usize).ok_or(Reason::NotInFormat)
    }

    fn top(&self) -> Result<Built, Reason> {
        self.built.last().copied().ok_or(Reason::NotInFormat)
    }

    fn push(&mut self, part: Part, message: u32, field: u32, start: usize, end: End) {
        self.built.push(Built { part, message, field, end, start, marks: self.marks.len() });
    }

    /// Opens a message that is an object.
    fn object(&mut self, message: u32, start: usize, end: End) {
        self.push(Part::Object, message, 0, start, end);
        let bits = self.schema.messages.get(message as usize).map_or(0, |one| one.fields.len() + one.oneofs as usize);
        self.marks.resize(self.marks.len() + bits.div_ceil(64), 0);
    }

    /// Marks a field or oneof of the innermost object; false when it was marked already.
    fn mark(&mut self, built: &Built, bit: usize) -> bool {
        let Some(word) = self.marks.get_mut(built.marks + bit / 64) else { return true };
        let is_new = *word & 1 << (bit % 64) == 0;
        *word |= 1 << (bit % 64);
        is_new
    }

    /// Writes a tag and keeps place for a length.
    fn begin(&mut self, number: u32) -> (usize, End) {
        let start = self.out.len();
        wire::push_tag(self.out, number, LENGTH);
        self.out.push(0);
        (start, End::Length(self.out.len() - 1))
    }

    fn end(&mut self, end: End) {
        match end {
            End::Nothing => {}
            End::Length(at) => wire::close_length(self.out, at),
            End::Group(number) => wire::push_tag(self.out, number, GROUP_END),
        }
    }

    /// The key of a member: which field comes, or an entry of a map with its key.
    fn key(&mut self, key: &[u8]) -> Result<(), Reason> {
        let mut top = self.top()?;
        let message = self.message(top.message)?;
        if top.part == Part::Map {
            let map = message.field(top.field).ok_or(Reason::NotInFormat)?;
            let Kind::Message(entry) = map.kind else { return Err(Reason::NotInFormat) };
            let of_key = self.message(entry)?.field(0).ok_or(Reason::NotInFormat)?;
            let (start, end) = self.begin(map.number);
            wire::push_tag(self.out, of_key.number, of_key.kind.wire());
            scalar::write_key(of_key.kind, key, self.out)?;
            self.push(Part::Alone, entry, 1, start, end);
            return Ok(());
        }
        let field = message.by_name(key).ok_or(Reason::NotInFormat)?;
        if !self.mark(&top, field as usize) {
            return Err(Reason::DuplicateKey);
        }
        top.field = field;
        self.built.pop();
        self.built.push(top);
        Ok(())
    }

    /// A value, or the beginning of one that has others in it.
    fn value(&mut self, token: Token<'_>, text: &mut TextArena) -> Result<(), Reason> {
        let top = self.top()?;
        let message = self.message(top.message)?;
        let field = message.field(top.field).ok_or(Reason::NotInFormat)?;
        let is_whole = !matches!(top.part, Part::List | Part::Map);
        let takes_null = field.kind == Kind::Null || matches!(self.form(field), Some(Form::Any));
        match (token, field.count) {
            (Token::Null, _) if top.part == Part::Object && !(takes_null && field.count == Count::One) => Ok(()),
            (Token::Array, Count::Many { is_packed }) if is_whole => {
                let (start, end) = if is_packed { self.begin(field.number) } else { (self.out.len(), End::Nothing) };
                self.push(Part::List, top.message, top.field, start, end);
                Ok(())
            }
            (Token::Object, Count::Map) if is_whole => {
                self.push(Part::Map, top.message, top.field, self.out.len(), End::Nothing);
                Ok(())
            }
            (_, Count::Many { .. } | Count::Map) if is_whole => Err(Reason::WrongType),
            _ => self.single(token, &top, message, field, text),
        }
    }

    fn form(&self, field: &Field) -> Option<Form> {
        let Kind::Message(message) = field.kind else { return None };
        self.schema.messages.get(message as usize).map(|message| message.form)
    }

    /// One value of a field.
    fn single(
        &mut self,
        token: Token<'_>,
        top: &Built,
        message: &Message,
        field: &Field,
        text: &mut TextArena,
    ) -> Result<(), Reason> {
        if let (Part::Object, Some(oneof)) = (top.part, field.oneof)
            && !self.mark(top, message.fields.len() + oneof as usize)
        {
            return Err(Reason::NotInFormat);
        }
        let start = self.out.len();
        match (field.kind, self.form(field), token) {
            (Kind::Group(inner), _, Token::Object) => {
                wire::push_tag(self.out, field.number, GROUP);
                self.object(inner, start, End::Group(field.number));
                return Ok(());
            }
            (Kind::Message(inner), Some(Form::Plain), Token::Object) => {
                let (start, end) = self.begin(field.number);
                self.object(inner, start, end);
                return Ok(());
            }
            (Kind::Message(inner), Some(Form::Any), token) => {
                let (start, end) = self.begin(field.number);
                self.push(Part::Alone, inner, field_of_value(token), start, end);
                return self.value(token, text);
            }
            (Kind::Message(inner), Some(Form::Bare), token) => {
                let (start, end) = self.begin(field.number);
                self.push(Part::Alone, inner, 0, start, end);
                return self.value(token, text);
            }
            (Kind::Message(_), Some(form @ (Form::Timestamp | Form::Duration)), Token::Text(word)) => {
                let moment = moment::read(form, word.text(text)).ok_or(Reason::NotInFormat)?;
                let (_, end) = self.begin(field.number);
                for (number, value) in [(1, moment.0), (2, moment.1)].into_iter().filter(|(_, value)| *value != 0) {
                    wire::push_tag(self.out, number, wire::VARINT);
                    wire::push_varint(self.out, value.cast_unsigned());
                }
                self.end(end);
            }
            (Kind::Message(_) | Kind::Group(_), ..) => return Err(Reason::WrongType),
            (kind, _, token) => {
                if !(top.part == Part::List && matches!(field.count, Count::Many { is_packed: true })) {
                    wire::push_tag(self.out, field.number, kind.wire());
                }
                let content = self.out.len();
                scalar::write(kind, token, self.schema, text, self.out)?;
                let is_default = self.out.get(content..).unwrap_or_default().iter().all(|byte| *byte == 0);
                if field.is_implicit && is_default && message.form != Form::Entry {
                    self.out.truncate(start);
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// Behind a value: what has no more than one ends with it.
    fn settle(&mut self) {
        while let Some(top) = self.built.pop_if(|top| top.part == Part::Alone) {
            self.end(top.end);
        }
    }

    /// The end of an object, a list or a map.
    fn close(&mut self) -> Result<(), Reason> {
        let Some(top) = self.built.pop() else { return Ok(()) };
        if top.part == Part::Object {
            let marks = self.marks.get(top.marks..).unwrap_or_default();
            let is_there =
                |field: &u32| marks.get(*field as usize / 64).is_some_and(|word| word & 1 << (field % 64) != 0);
            if !self.message(top.message)?.required.iter().all(is_there) {
                return Err(Reason::MissingField);
            }
            self.marks.truncate(top.marks);
        }
        match top.end {
            End::Length(at) if top.part == Part::List && at + 1 == self.out.len() => self.out.truncate(top.start),
            end => self.end(end),
        }
        self.settle();
        Ok(())
    }
}

/// The field of `google.protobuf.Value` that says a value of JSON; they are numbered from 1 without a gap.
fn field_of_value(token: Token<'_>) -> u32 {
    match token {
        Token::Integer(_) | Token::Decimal(_) => 1,
        Token::Text(_) | Token::Key(_) => 2,
        Token::True | Token::False => 3,
        Token::Object => 4,
        Token::Array => 5,
        Token::Null | Token::Close => 0,
    }
}
