//! JSON becomes lines.

use super::super::CodecWork;
use super::super::read::{Reader, Token, Word, integer};
use super::words::{MEASUREMENT, NAME, TEXT, escape};
use super::{Form, Influx, Measurement};
use crate::Reason;
use crate::payload::limits::Fault;
use crate::payload::{Kind, Raw, TextArena, number};

/// The parts of a line, which JSON may have in any order. Used again from line to line.
#[derive(Debug, Default)]
pub(in super::super) struct Line {
    measurement: Vec<u8>,
    /// Each tag with a comma before it.
    tags: Vec<u8>,
    /// Each field with a comma before it.
    fields: Vec<u8>,
    /// The one field of a point that has a name and a value apart.
    name: Vec<u8>,
    value: Vec<u8>,
    time: Option<i64>,
}

pub(in super::super) fn encode(
    influx: &Influx,
    json: &[u8],
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let reader = Reader::new(json, &mut work.open, &mut work.stack);
    let start = out.len();
    let mut points = Points { influx, reader, line: &mut work.line, text: &mut work.text, out, start };
    match points.next()? {
        Token::Array => points.array()?,
        Token::Object => points.object()?,
        _ => return Err(points.reader.fault(Reason::WrongType)),
    }
    points.reader.next().map(drop)
}

/// What a member of a point is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Measurement,
    /// The object of all tags.
    Tags,
    /// A tag of a flat object.
    Tag,
    /// The object of all fields.
    Fields,
    /// A field of a flat object.
    Field,
    /// The name of the one field of a point.
    Name,
    /// Its value.
    Value,
    Time,
    Other,
}

fn part(influx: &Influx, key: &[u8]) -> Part {
    if key == influx.time.as_bytes() {
        return Part::Time;
    }
    if influx.form == Form::Flat {
        return match () {
            () if influx.measurement.is_field(key) => Part::Measurement,
            () if influx.is_tag(key) => Part::Tag,
            () => Part::Field,
        };
    }
    match key {
        b"measurement" => Part::Measurement,
        b"tags" => Part::Tags,
        b"fields" => Part::Fields,
        b"field" => Part::Name,
        b"value" => Part::Value,
        _ => Part::Other,
    }
}

struct Points<'a, 'w> {
    influx: &'a Influx,
    reader: Reader<'a>,
    line: &'w mut Line,
    text: &'w mut TextArena,
    out: &'w mut Vec<u8>,
    /// Where the lines begin.
    start: usize,
}

impl<'a> Points<'a, '_> {
    /// The next token of a value that is not complete yet.
    fn next(&mut self) -> Result<Token<'a>, Fault> {
        match self.reader.next()? {
            Some(token) => Ok(token),
            None => self.fault(Reason::InvalidJson),
        }
    }

    #[cold]
    fn fault<T>(&self, reason: Reason) -> Result<T, Fault> {
        Err(self.reader.fault(reason))
    }

    fn array(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                Token::Object => {
                    let first = self.next()?;
                    self.point(first)?;
                }
                Token::Close => return Ok(()),
                _ => return self.fault(Reason::WrongType),
            }
        }
    }

    /// The whole payload: a point, or points.
    fn object(&mut self) -> Result<(), Fault> {
        let first = self.next()?;
        match first {
            Token::Key(key) if self.influx.form != Form::Flat && key.text(self.text) == b"points" => {}
            _ => return self.point(first),
        }
        match self.next()? {
            Token::Array => self.array()?,
            _ => return self.fault(Reason::WrongType),
        }
        if self.next()? == Token::Close { Ok(()) } else { self.fault(Reason::NotInFormat) }
    }

    fn part_of(&mut self, key: Word<'a>) -> Part {
        let influx = self.influx;
        part(influx, key.text(self.text))
    }

    /// One point, whose first token is there; it becomes a line.
    fn point(&mut self, first: Token<'a>) -> Result<(), Fault> {
        let start = self.reader.start();
        let (mut token, mut seen) = (first, 0_u16);
        self.line.clear();
        while let Token::Key(key) = token {
            let part = self.part_of(key);
            if matches!(part, Part::Tag | Part::Field) {
                self.pair(key, part == Part::Tag)?;
            } else {
                let bit = 1 << part as u16;
                if seen & bit != 0 {
                    return self.fault(Reason::DuplicateKey);
                }
                seen |= bit;
                self.member(part)?;
            }
            token = self.next()?;
        }
        self.finish().map_err(|reason| Fault::new(reason, start))
    }

    /// The value of a member that stands once.
    fn member(&mut self, part: Part) -> Result<(), Fault> {
        if part == Part::Other {
            return self.fault(Reason::NotInFormat);
        }
        let value = self.next()?;
        let written = match (part, value) {
            (Part::Time, _) => self.time(value).map(|time| self.line.time = Some(time)),
            (Part::Tags | Part::Fields, Token::Object) => return self.members(part == Part::Tags),
            (Part::Measurement, Token::Text(word)) => measurement(&mut self.line.measurement, word.text(self.text)),
            (Part::Name, Token::Text(word)) => name(&mut self.line.name, word.text(self.text), NAME),
            (Part::Value, _) => field_value(&mut self.line.value, value, self.text),
            _ => Err(Reason::WrongType),
        };
        written.map_err(|reason| self.reader.fault(reason))
    }

    /// All tags or all fields of a point.
    fn members(&mut self, are_tags: bool) -> Result<(), Fault> {
        let start = self.reader.start();
        while let Token::Key(key) = self.next()? {
            self.pair(key, are_tags)?;
        }
        if !are_tags && self.line.fields.is_empty() {
            return Err(Fault::new(Reason::NotInFormat, start));
        }
        Ok(())
    }

    /// One tag or field, whose key is there.
    fn pair(&mut self, key: Word<'a>, is_tag: bool) -> Result<(), Fault> {
        let Self { line, text, reader, .. } = self;
        let out = if is_tag { &mut line.tags } else { &mut line.fields };
        out.push(b',');
        name(out, key.text(text), NAME).map_err(|reason| reader.fault(reason))?;
        out.push(b'=');
        let value = reader.next()?.ok_or_else(|| reader.fault(Reason::InvalidJson))?;
        let written = match value {
            Token::Text(word) if is_tag => name(out, word.text(text), NAME),
            Token::Null | Token::Object | Token::Array => Err(Reason::NotInFormat),
            _ if is_tag => Err(Reason::WrongType),
            _ => field_value(out, value, text),
        };
        written.map_err(|reason| reader.fault(reason))
    }

    /// A time in the unit of the lines.
    fn time(&mut self, value: Token<'a>) -> Result<i64, Reason> {
        let Influx { unit, time_form, .. } = self.influx;
        let (kind, length) = match value {
            Token::Integer(written) if unit == time_form => {
                let value = integer(written)?;
                return i64::try_from(value).map_err(|_| Reason::NumberOutOfRange);
            }
            Token::Integer(written) => (Kind::Integer, written.len()),
            Token::Decimal(written) => (Kind::Decimal, written.len()),
            Token::Text(Word { written, is_escaped: true }) => (Kind::EscapedText, written.len() + 2),
            Token::Text(Word { written, is_escaped: false }) => (Kind::Text, written.len() + 2),
            Token::Null => return Err(Reason::NotInFormat),
            _ => return Err(Reason::WrongType),
        };
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = self.reader.start();
        let raw = Raw { start: place(start), end: place(start + length), kind };
        self.text.clear();
        let ns = time_form.read_raw(self.reader.json(), raw, self.text).ok_or(Reason::InvalidTimestamp)?;
        Ok(ns.div_euclid(unit.unit()))
    }

    /// Writes the line.
    fn finish(&mut self) -> Result<(), Reason> {
        let Self { influx, line, out, start, .. } = self;
        if let (Form::Flat, Measurement::Name(fixed)) = (influx.form, &influx.measurement) {
            measurement(&mut line.measurement, fixed.as_bytes())?;
        }
        let is_apart = !line.name.is_empty() || !line.value.is_empty();
        if is_apart && !line.fields.is_empty() {
            return Err(Reason::NotInFormat);
        }
        if line.measurement.is_empty() || is_apart && (line.name.is_empty() || line.value.is_empty()) {
            return Err(Reason::MissingField);
        }
        if !is_apart && line.fields.is_empty() {
            // A flat object says which fields there are, a point has to have some.
            return Err(if influx.form == Form::Flat { Reason::NotInFormat } else { Reason::MissingField });
        }
        if out.len() > *start {
            out.push(b'\n');
        }
        out.extend_from_slice(&line.measurement);
        out.extend_from_slice(&line.tags);
        out.push(b' ');
        if is_apart {
            out.extend_from_slice(&line.name);
            out.push(b'=');
            out.extend_from_slice(&line.value);
        }
        out.extend_from_slice(line.fields.get(1..).unwrap_or_default());
        if let Some(time) = line.time {
            out.push(b' ');
            number::write_int(out, time);
        }
        Ok(())
    }
}

impl Line {
    fn clear(&mut self) {
        let Self { measurement, tags, fields, name, value, time } = self;
        [measurement, tags, fields, name, value].into_iter().for_each(Vec::clear);
        *time = None;
    }
}

/// Whether lines can have this measurement.
pub(super) fn is_measurement(text: &str) -> bool {
    measurement(&mut Vec::new(), text.as_bytes()).is_ok()
}

fn measurement(out: &mut Vec<u8>, text: &[u8]) -> Result<(), Reason> {
    // It would be a comment.
    if text.first() == Some(&b'#') { Err(Reason::NotInFormat) } else { name(out, text, MEASUREMENT) }
}

/// A name or a tag. A backslash at its end would take the meaning of what comes behind.
fn name(out: &mut Vec<u8>, text: &[u8], escaped: &[u8]) -> Result<(), Reason> {
    if matches!(text.last(), None | Some(b'\\')) || memchr::memchr(b'\n', text).is_some() {
        return Err(Reason::NotInFormat);
    }
    escape(out, text, escaped);
    Ok(())
}

fn field_value(out: &mut Vec<u8>, value: Token<'_>, text: &mut TextArena) -> Result<(), Reason> {
    match value {
        Token::Text(word) => {
            out.push(b'"');
            escape(out, word.text(text), TEXT);
            out.push(b'"');
        }
        Token::Integer(written) => {
            let value = integer(written)?;
            match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => number::write_int(out, value),
                (_, Ok(value)) => number::write_uint(out, value),
                _ => return Err(Reason::NumberOutOfRange),
            }
            out.push(if i64::try_from(value).is_ok() { b'i' } else { b'u' });
        }
        Token::Decimal(written) => number::write_f64(out, number::parse_f64(written)?)?,
        Token::True => out.extend_from_slice(b"true"),
        Token::False => out.extend_from_slice(b"false"),
        _ => return Err(Reason::NotInFormat),
    }
    Ok(())
}
