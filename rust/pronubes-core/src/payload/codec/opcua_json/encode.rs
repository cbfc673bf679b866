//! Records become network messages.

use std::io::Write;

use super::super::{CodecWork, UNLIMITED};
use super::{OpcuaJson, fault, find};
use crate::Reason;
use crate::payload::limits::Fault;
use crate::payload::{Cell, Kind, Raw, TextArena, members, number, scan};
use crate::record::{QualityForm, StatusCode, TimeForm};

pub(in super::super) fn encode(
    codec: &OpcuaJson,
    json: &[u8],
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    scan(json, &work.paths, &UNLIMITED, &mut work.scan)?;
    let root = work.scan.root;
    let (values, is_one) = match root.kind {
        Kind::Array => (root, false),
        Kind::Object => {
            let ([values], other) = find(json, root, ["values"])?;
            match (values, other) {
                (Some(values), None) if values.kind == Kind::Array => (values, false),
                (Some(values), None) => return Err(fault(Reason::WrongType, values)),
                (Some(_), Some(other)) => return Err(Fault::new(Reason::NotInFormat, other)),
                (None, _) => (root, true),
            }
        }
        _ => return Err(fault(Reason::WrongType, root)),
    };
    let mut message = Message { codec, json, text: &mut work.text, out };
    if is_one {
        message.write(std::iter::once(root))
    } else {
        message.write(members(json, values).map(|one| one.value))
    }
}

/// What records of a data set message have in common, as JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Header<'a> {
    publisher: Option<&'a [u8]>,
    writer: Option<&'a [u8]>,
    writer_id: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
}

/// A record as it stands in the JSON.
struct Record<'a> {
    header: Header<'a>,
    field: &'a [u8],
    value: Raw,
    quality: Option<Raw>,
    time: Option<Raw>,
    picoseconds: Option<Raw>,
}

struct Message<'a, 'w> {
    codec: &'a OpcuaJson,
    json: &'a [u8],
    text: &'w mut TextArena,
    out: &'w mut Vec<u8>,
}

impl<'a> Message<'a, '_> {
    fn write(&mut self, records: impl Iterator<Item = Raw> + Clone) -> Result<(), Fault> {
        // The publisher of all of them stands once, others with their messages.
        let mut publishers = records.clone().map(|record| self.record(record).map(|record| record.header.publisher));
        let common = publishers.next().transpose()?.flatten();
        for publisher in publishers {
            if publisher? != common {
                return self.write_messages(records, None);
            }
        }
        self.write_messages(records, common)
    }

    fn write_messages(&mut self, records: impl Iterator<Item = Raw>, publisher: Option<&'a [u8]>) -> Result<(), Fault> {
        self.out.extend_from_slice(b"{\"MessageType\":\"ua-data\"");
        self.member(b",\"PublisherId\":", publisher);
        self.out.extend_from_slice(b",\"Messages\":[");
        // The header and the first field of the message that is open: a field that comes again begins another one.
        let mut open: Option<(Header<'a>, &'a [u8])> = None;
        for record in records {
            let record = self.record(record)?;
            if open.is_some_and(|(header, first)| header == record.header && first != record.field) {
                self.out.push(b',');
            } else {
                self.out.extend_from_slice(if open.is_some() { b"}},{" } else { b"{" });
                self.header(&record.header, publisher.is_some());
                open = Some((record.header, record.field));
            }
            self.field(&record)?;
        }
        self.out.extend_from_slice(if open.is_some() { b"}}]}" } else { b"]}" });
        Ok(())
    }

    fn record(&self, record: Raw) -> Result<Record<'a>, Fault> {
        if record.kind != Kind::Object {
            return Err(fault(Reason::WrongType, record));
        }
        let names =
            ["field", "value", "quality", "timestamp", "picoseconds", "publisher", "writer", "writer_id", "sequence"];
        let (found, other) = find(self.json, record, names)?;
        if let Some(other) = other {
            return Err(Fault::new(Reason::NotInFormat, other));
        }
        let [field, value, quality, time, picoseconds, publisher, writer, writer_id, sequence] = found;
        let OpcuaJson { publisher: own, writer: own_writer, writer_id: own_id, field: own_field } = self.codec;
        Ok(Record {
            header: Header {
                publisher: self.name(publisher, own.as_deref())?,
                writer: self.name(writer, own_writer.as_deref())?,
                writer_id: self.name(writer_id, own_id.as_deref())?,
                sequence: self.name(sequence, None)?,
            },
            field: match field {
                None => own_field,
                Some(field) if matches!(field.kind, Kind::Text | Kind::EscapedText) => field.span().of(self.json),
                Some(other) => return Err(fault(Reason::WrongType, other)),
            },
            value: value.ok_or_else(|| fault(Reason::MissingField, record))?,
            quality: quality.filter(|quality| quality.kind != Kind::Null),
            time: time.filter(|time| time.kind != Kind::Null),
            picoseconds,
        })
    }

    /// A text or an integer as it is written.
    fn name(&self, found: Option<Raw>, usual: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Fault> {
        match found.map(|found| (found, found.kind)) {
            None | Some((_, Kind::Null)) => Ok(usual),
            Some((found, Kind::Text | Kind::EscapedText | Kind::Integer)) => Ok(Some(found.span().of(self.json))),
            Some((other, _)) => Err(fault(Reason::WrongType, other)),
        }
    }

    fn member(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some(value) = value {
            self.out.extend_from_slice(key);
            self.out.extend_from_slice(value);
        }
    }

    /// The members of a data set message, up to its fields.
    fn header(&mut self, header: &Header<'_>, is_publisher_known: bool) {
        let Header { publisher, writer, writer_id, sequence } = *header;
        let publisher = publisher.filter(|_| !is_publisher_known);
        let members = [
            (&b"\"PublisherId\":"[..], publisher),
            (b"\"DataSetWriterName\":", writer),
            (b"\"DataSetWriterId\":", writer_id),
            (b"\"SequenceNumber\":", sequence),
        ];
        for (key, value) in members {
            self.member(key, value);
            if value.is_some() {
                self.out.push(b',');
            }
        }
        self.out.extend_from_slice(b"\"Payload\":{");
    }

    fn field(&mut self, record: &Record<'a>) -> Result<(), Fault> {
        self.out.extend_from_slice(record.field);
        self.out.extend_from_slice(b":{\"Value\":");
        self.out.extend_from_slice(record.value.span().of(self.json));
        if let Some(quality) = record.quality {
            self.status(quality)?;
        }
        match (record.time, record.picoseconds) {
            (None, None) => {}
            (Some(time), picoseconds) => self.time(time, picoseconds)?,
            (None, Some(picoseconds)) => return Err(fault(Reason::NotInFormat, picoseconds)),
        }
        self.out.push(b'}');
        Ok(())
    }

    fn status(&mut self, quality: Raw) -> Result<(), Fault> {
        let form = if quality.kind == Kind::Integer { QualityForm::Status } else { QualityForm::Name };
        self.text.clear();
        let status =
            form.read_raw(self.json, quality, self.text).ok_or_else(|| fault(Reason::UnknownQuality, quality))?;
        if status == StatusCode::GOOD {
            return Ok(());
        }
        // A `Vec` takes every write.
        let _ = write!(self.out, ",\"StatusCode\":{{\"Code\":{}", status.0);
        if let Some(name) = status.name() {
            let _ = write!(self.out, ",\"Symbol\":\"{name}\"");
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Times have steps of 100 ns; what is below stands in tens of picoseconds.
    fn time(&mut self, time: Raw, picoseconds: Option<Raw>) -> Result<(), Fault> {
        self.text.clear();
        let ns = TimeForm::Iso8601.read_raw(self.json, time, self.text);
        let ns = ns.ok_or_else(|| fault(Reason::InvalidTimestamp, time))?;
        let below =
            picoseconds.map_or(Ok(0), |picoseconds| match number::parse_int(picoseconds.span().of(self.json)) {
                Ok(Cell::Int(below @ 0..=999)) if below % 10 == 0 => Ok(below),
                _ => Err(fault(Reason::NotInFormat, picoseconds)),
            })?;
        let rest = ns.rem_euclid(100);
        self.out.extend_from_slice(b",\"SourceTimestamp\":");
        // The step below the least time there is, is one that does not exist.
        let steps = ns.checked_sub(rest).ok_or_else(|| fault(Reason::NumberOutOfRange, time))?;
        TimeForm::Iso8601.write(steps, self.out);
        if steps.rem_euclid(1000) != 0 && self.out.ends_with(b"00Z\"") {
            self.out.truncate(self.out.len() - 4);
            self.out.extend_from_slice(b"Z\"");
        }
        let tens = rest * 100 + below / 10;
        if tens > 0 {
            self.out.extend_from_slice(b",\"SourcePicoseconds\":");
            number::write_int(self.out, tens);
        }
        Ok(())
    }
}
