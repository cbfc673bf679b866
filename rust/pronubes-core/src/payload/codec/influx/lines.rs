//! Lines become JSON.

use super::super::CodecWork;
use super::super::emit::{Emitter, OPEN};
use super::words::{MEASUREMENT, NAME, TEXT, float, integer, signed, unescape};
use super::{Form, Influx, Measurement};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};

pub(in super::super) fn decode(
    influx: &Influx,
    payload: &[u8],
    limits: &Limits,
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let emitter = Emitter::new(out, &mut work.frames, limits);
    Lines { influx, bytes: payload, at: 0, emitter, text: &mut work.bytes }.all()
}

struct Lines<'a> {
    influx: &'a Influx,
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    emitter: Emitter<'a>,
    /// Text whose escapes are resolved.
    text: &'a mut Vec<u8>,
}

/// A name or text as it stands in a line.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    /// The characters that a backslash takes their meaning; none where there is no such backslash.
    escaped: &'static [u8],
}

impl Lines<'_> {
    fn all(&mut self) -> Result<(), Fault> {
        if matches!(self.influx.form, Form::Point | Form::Flat) {
            if !self.find_line() {
                return Err(Fault::new(Reason::Truncated, self.bytes.len()));
            }
            self.line()?;
            return if self.find_line() { Err(Fault::new(Reason::TrailingBytes, self.at)) } else { Ok(()) };
        }
        self.emitter.open(true, 1, 0)?;
        self.emitter.text(b"points", 0)?;
        self.emitter.open(false, OPEN, 0)?;
        while self.find_line() {
            if self.influx.form == Form::Values { self.values()? } else { self.line()? }
        }
        self.emitter.close(self.at).map(drop)
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What is wrong where something else should stand: the end of the payload, or the byte.
    #[cold]
    fn unexpected(&self) -> Fault {
        let reason = if self.at < self.bytes.len() { Reason::InvalidInflux } else { Reason::Truncated };
        Fault::new(reason, self.at.min(self.bytes.len()))
    }

    fn skip_spaces(&mut self) {
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Steps over the end of a line, if it is here.
    fn skip_end(&mut self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match rest {
            [] | [b'\r'] => rest.len(),
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return false,
        };
        self.at += length;
        true
    }

    /// Goes to the next line that says something; false where there is none.
    fn find_line(&mut self) -> bool {
        while self.at < self.bytes.len() {
            self.skip_spaces();
            if self.byte() == Some(b'#') {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            }
            if !self.skip_end() {
                return true;
            }
        }
        false
    }

    /// One line as one object.
    fn line(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let is_flat = self.influx.form == Form::Flat;
        self.emitter.open(true, OPEN, start)?;
        self.head()?;
        if !is_flat {
            self.emitter.text(b"fields", self.at)?;
            self.emitter.open(true, OPEN, self.at)?;
        }
        loop {
            let key = self.key()?;
            self.check_field(key)?;
            self.emit(key)?;
            self.value(true)?;
            if !self.skip_comma() {
                break;
            }
        }
        if !is_flat {
            self.emitter.close(self.at)?;
        }
        let time = self.timestamp()?;
        self.time(time)?;
        self.emitter.close(start).map(drop)
    }

    /// One line as one object per field. What they share is read again for each; the size of the output bounds that.
    fn values(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.skip_head()?;
        let fields = self.at;
        loop {
            self.key()?;
            self.value(false)?;
            if !self.skip_comma() {
                break;
            }
        }
        let time = self.timestamp()?;
        let end = std::mem::replace(&mut self.at, fields);
        loop {
            let field = std::mem::replace(&mut self.at, start);
            self.emitter.open(true, OPEN, start)?;
            self.head()?;
            self.at = field;
            let key = self.key()?;
            self.emitter.text(b"field", field)?;
            self.emit(key)?;
            self.emitter.text(b"value", field)?;
            self.value(true)?;
            self.time(time)?;
            self.emitter.close(start)?;
            if !self.skip_comma() {
                break;
            }
        }
        self.at = end;
        Ok(())
    }

    /// Measurement and tags, as members of the object that is open.
    fn head(&mut self) -> Result<(), Fault> {
        let measurement = self.word(MEASUREMENT)?;
        let is_flat = self.influx.form == Form::Flat;
        match &self.influx.measurement {
            Measurement::Name(name) if is_flat => {
                if self.text_of(measurement) != name.as_bytes() {
                    return Err(Fault::new(Reason::UnexpectedName, measurement.start));
                }
            }
            Measurement::Field(field) if is_flat => {
                self.emitter.text(field.as_bytes(), measurement.start)?;
                self.emit(measurement)?;
            }
            _ => {
                self.emitter.text(b"measurement", measurement.start)?;
                self.emit(measurement)?;
                self.emitter.text(b"tags", self.at)?;
                self.emitter.open(true, OPEN, self.at)?;
            }
        }
        while self.skip_comma() {
            let key = self.key()?;
            if is_flat && !self.is_tag(key) {
                return Err(Fault::new(Reason::UnexpectedName, key.start));
            }
            self.emit(key)?;
            let value = self.word(NAME)?;
            self.emit(value)?;
        }
        if !is_flat {
            self.emitter.close(self.at)?;
        }
        self.behind_head()
    }

    fn skip_head(&mut self) -> Result<(), Fault> {
        self.word(MEASUREMENT)?;
        while self.skip_comma() {
            self.key()?;
            self.word(NAME)?;
        }
        self.behind_head()
    }

    fn behind_head(&mut self) -> Result<(), Fault> {
        if self.byte() != Some(b' ') {
            return Err(self.unexpected());
        }
        self.skip_spaces();
        Ok(())
    }

    fn skip_comma(&mut self) -> bool {
        let is_here = self.byte() == Some(b',');
        self.at += usize::from(is_here);
        is_here
    }

    /// A key and its equals sign.
    fn key(&mut self) -> Result<Word, Fault> {
        let key = self.word(NAME)?;
        if self.byte() != Some(b'=') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(key)
    }

    /// A name of one character or more, up to one of `stops` that has no backslash before it.
    fn word(&mut self, stops: &'static [u8]) -> Result<Word, Fault> {
        let start = self.at;
        let mut escaped: &'static [u8] = b"";
        loop {
            match self.byte() {
                None => return Err(self.unexpected()),
                Some(b'\n') => break,
                Some(b'\\') if self.bytes.get(self.at + 1).is_some_and(|next| stops.contains(next)) => {
                    escaped = stops;
                    self.at += 2;
                }
                Some(byte) if stops.contains(&byte) => break,
                Some(_) => self.at += 1,
            }
        }
        if self.at == start {
            return Err(self.unexpected());
        }
        Ok(Word { start, end: self.at, escaped })
    }

    /// The text of a word.
    fn text_of(&mut self, word: Word) -> &[u8] {
        let written = self.bytes.get(word.start..word.end).unwrap_or_default();
        if word.escaped.is_empty() {
            return written;
        }
        unescape(written, word.escaped, self.text);
        self.text
    }

    fn emit(&mut self, word: Word) -> Result<(), Fault> {
        let mut written = self.bytes.get(word.start..word.end).unwrap_or_default();
        if !word.escaped.is_empty() {
            unescape(written, word.escaped, self.text);
            written = self.text;
        }
        self.emitter.text(written, word.start).map(drop)
    }

    fn is_tag(&mut self, key: Word) -> bool {
        let influx = self.influx;
        influx.is_tag(self.text_of(key))
    }

    /// Whether a flat object has a place for a field.
    fn check_field(&mut self, key: Word) -> Result<(), Fault> {
        let influx = self.influx;
        if influx.form != Form::Flat {
            return Ok(());
        }
        let name = self.text_of(key);
        let is_taken = influx.is_tag(name) || influx.time.as_bytes() == name || influx.measurement.is_field(name);
        if is_taken { Err(Fault::new(Reason::UnexpectedName, key.start)) } else { Ok(()) }
    }

    /// The value of a field.
    fn value(&mut self, is_emitted: bool) -> Result<(), Fault> {
        let start = self.at;
        if self.byte() == Some(b'"') {
            let text = self.quoted()?;
            return if is_emitted { self.emit(text) } else { Ok(()) };
        }
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b',' | b' ' | b'\n' | b'\r')).unwrap_or(rest.len());
        let written = rest.get(..length).unwrap_or_default();
        if written.is_empty() {
            return Err(self.unexpected());
        }
        self.at += length;
        if !is_emitted {
            return Ok(());
        }
        let emitter = &mut self.emitter;
        match written {
            b"t" | b"T" | b"true" | b"True" | b"TRUE" => emitter.word("true", start),
            b"f" | b"F" | b"false" | b"False" | b"FALSE" => emitter.word("false", start),
            [digits @ .., b'i'] => integer(digits)
                .and_then(signed)
                .map_err(|reason| Fault::new(reason, start))
                .and_then(|value| emitter.integer(value, start)),
            [b'-', .., b'u'] => Err(Fault::new(Reason::InvalidInflux, start)),
            [digits @ .., b'u'] => integer(digits)
                .map_err(|reason| Fault::new(reason, start))
                .and_then(|value| emitter.integer(value, start)),
            _ => float(written)
                .map_err(|reason| Fault::new(reason, start))
                .and_then(|value| emitter.double(value, start)),
        }
        .map(drop)
    }

    /// The text between quotes; line feeds may stand in it.
    fn quoted(&mut self) -> Result<Word, Fault> {
        self.at += 1;
        let start = self.at;
        let mut escaped: &'static [u8] = b"";
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(stop) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(Fault::new(Reason::Truncated, self.bytes.len()));
            };
            self.at += stop;
            if self.byte() == Some(b'"') {
                break;
            }
            if self.bytes.get(self.at + 1).is_some_and(|next| TEXT.contains(next)) {
                escaped = TEXT;
                self.at += 1;
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(Word { start, end: self.at - 1, escaped })
    }

    /// The time and the end of the line, where the time begins, and what it is.
    fn timestamp(&mut self) -> Result<Option<(usize, i64)>, Fault> {
        if self.skip_end() {
            return Ok(None);
        }
        if self.byte() != Some(b' ') {
            return Err(self.unexpected());
        }
        self.skip_spaces();
        if self.skip_end() {
            return Ok(None);
        }
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| !matches!(byte, b'-' | b'0'..=b'9')).unwrap_or(rest.len());
        self.at += length;
        if length == 0 {
            return Err(self.unexpected());
        }
        let time = integer(rest.get(..length).unwrap_or_default()).and_then(signed);
        let time = time.and_then(|time| i64::try_from(time).map_err(|_| Reason::NumberOutOfRange));
        let time = time.map_err(|reason| Fault::new(reason, start))?;
        self.skip_spaces();
        if self.skip_end() { Ok(Some((start, time))) } else { Err(self.unexpected()) }
    }

    fn time(&mut self, time: Option<(usize, i64)>) -> Result<(), Fault> {
        let Some((at, time)) = time else { return Ok(()) };
        let influx = self.influx;
        self.emitter.text(influx.time.as_bytes(), at)?;
        if influx.time_form == influx.unit {
            return self.emitter.integer(time.into(), at).map(drop);
        }
        let ns = time.checked_mul(influx.unit.unit()).ok_or_else(|| Fault::new(Reason::NumberOutOfRange, at))?;
        self.text.clear();
        influx.time_form.write(ns, self.text);
        match self.text.as_slice() {
            [b'"', written @ .., b'"'] => self.emitter.text(written, at).map(drop),
            _ => self.emitter.integer(ns.div_euclid(influx.time_form.unit()).into(), at).map(drop),
        }
    }
}
