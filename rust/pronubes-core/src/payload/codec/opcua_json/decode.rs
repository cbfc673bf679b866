//! Network messages become records.

use super::super::CodecWork;
use super::{fault, find};
use crate::Reason;
use crate::payload::limits::{Fault, Limits};
use crate::payload::{Cell, Inside, Kind, Raw, TextArena, members, number, scan, text};
use crate::record::{QualityForm, Severity, StatusCode, TimeForm};
use crate::transform::time;

pub(in super::super) fn decode(
    payload: &[u8],
    limits: &Limits,
    work: &mut CodecWork,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    // A payload alone gets one level more around its values.
    let within = Limits { depth: limits.depth.saturating_sub(1), ..*limits };
    scan(payload, &work.paths, &within, &mut work.scan)?;
    let end = out.len() + limits.payload_bytes as usize;
    out.extend_from_slice(b"{\"values\":[");
    let mut records = Records { json: payload, limits, end, count: 0, text: &mut work.text, out };
    let root = work.scan.root;
    match root.kind {
        Kind::Object => records.network_message(root)?,
        Kind::Array => records.messages(root, None)?,
        _ => return Err(fault(Reason::WrongType, root)),
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

/// What a data set message says about all of its fields.
#[derive(Clone, Copy, Default)]
struct Header {
    publisher: Option<Raw>,
    writer: Option<Raw>,
    writer_id: Option<Raw>,
    sequence: Option<Raw>,
    status: Option<StatusCode>,
    time_ns: Option<i64>,
}

/// A field as its data value says it.
#[derive(Clone, Copy, Default)]
struct DataValue {
    value: Option<Raw>,
    /// The number of its built-in type (Part 6, 5.1.2).
    kind: Option<i64>,
    status: Option<StatusCode>,
    time_ns: Option<i64>,
    picoseconds: i64,
}

const INT64: i64 = 8;
const UINT64: i64 = 9;
const FLOAT: i64 = 10;
const DOUBLE: i64 = 11;
const STATUS_CODE: i64 = 19;

struct Records<'a> {
    json: &'a [u8],
    limits: &'a Limits,
    /// How long `out` may get.
    end: usize,
    /// Records that are there.
    count: u32,
    text: &'a mut TextArena,
    out: &'a mut Vec<u8>,
}

impl Records<'_> {
    fn network_message(&mut self, root: Raw) -> Result<(), Fault> {
        let ([messages, publisher, kind], _) = find(self.json, root, ["Messages", "PublisherId", "MessageType"])?;
        let Some(messages) = messages else { return self.message(root, None) };
        if let Some(kind) = kind.filter(|kind| !text::equals(self.json, *kind, "ua-data")) {
            return Err(fault(Reason::NotUaData, kind));
        }
        match messages.kind {
            Kind::Array => self.messages(messages, publisher),
            _ => self.message(messages, publisher),
        }
    }

    fn messages(&mut self, messages: Raw, publisher: Option<Raw>) -> Result<(), Fault> {
        members(self.json, messages).try_for_each(|inside| self.message(inside.value, publisher))
    }

    /// A data set message, or the payload of one.
    fn message(&mut self, message: Raw, publisher: Option<Raw>) -> Result<(), Fault> {
        if message.kind != Kind::Object {
            return Err(fault(Reason::InvalidOpcuaJson, message));
        }
        let names = [
            "Payload",
            "MessageType",
            "PublisherId",
            "DataSetWriterName",
            "DataSetWriterId",
            "SequenceNumber",
            "Timestamp",
            "Status",
        ];
        let ([payload, kind, own, writer, writer_id, sequence, time, status], _) = find(self.json, message, names)?;
        let is_kind = |name| kind.is_some_and(|kind| text::equals(self.json, kind, name));
        if is_kind("ua-keepalive") {
            return Ok(());
        }
        let Some(payload) = payload else {
            let of_pubsub = kind.filter(|kind| text::inner(self.json, *kind).starts_with(b"ua-"));
            return match of_pubsub {
                Some(kind) => Err(fault(Reason::NotUaData, kind)),
                None if writer.is_some() || writer_id.is_some() || sequence.is_some() => Ok(()),
                None => {
                    let header = Header { publisher: self.name(publisher)?, ..Header::default() };
                    self.fields(message, &header)
                }
            };
        };
        if payload.kind != Kind::Object {
            return Err(fault(Reason::InvalidOpcuaJson, payload));
        }
        let header = Header {
            publisher: self.name(own.or(publisher))?,
            writer: self.name(writer)?,
            writer_id: self.name(writer_id)?,
            sequence: self.name(sequence)?,
            status: status.map(|status| self.status(status)).transpose()?,
            time_ns: self.time(time)?,
        };
        self.fields(payload, &header)
    }

    /// A text or an integer, which says who or which.
    fn name(&self, found: Option<Raw>) -> Result<Option<Raw>, Fault> {
        match found {
            None => Ok(None),
            Some(Raw { kind: Kind::Null, .. }) => Ok(None),
            Some(Raw { kind: Kind::Text | Kind::EscapedText | Kind::Integer, .. }) => Ok(found),
            Some(other) => Err(fault(Reason::InvalidOpcuaJson, other)),
        }
    }

    /// A number, a text, or an object of both (Part 6, 5.4.2.12). No code is a good one.
    fn status(&self, status: Raw) -> Result<StatusCode, Fault> {
        let ([code, symbol], _) = match status.kind {
            Kind::Object => find(self.json, status, ["Code", "Symbol"])?,
            _ => ([Some(status), None], None),
        };
        let Some(code) = code.or(symbol) else { return Ok(StatusCode::GOOD) };
        let written = code.span().of(self.json);
        let found = match code.kind {
            Kind::Null => Some(StatusCode::GOOD),
            Kind::Integer => match number::parse_int(written) {
                Ok(Cell::Int(code)) => u32::try_from(code).ok().map(StatusCode),
                _ => None,
            },
            _ => text::plain(self.json, code).and_then(StatusCode::parse),
        };
        found.ok_or_else(|| fault(Reason::UnknownQuality, code))
    }

    /// A time; none for those that mean none.
    fn time(&mut self, found: Option<Raw>) -> Result<Option<i64>, Fault> {
        /// 0001-01-01 and 1601-01-01: the least date that there is, and the zero of OPC UA.
        const NONE: [i128; 2] = [-62_135_596_800_000_000_000, -11_644_473_600_000_000_000];
        let Some(found) = found.filter(|found| found.kind != Kind::Null) else { return Ok(None) };
        let ns = match text::plain(self.json, found) {
            Some(plain) => time::parse(plain),
            None => {
                self.text.clear();
                let span = text::decode(self.json, found, self.text);
                time::parse(self.text.get(span))
            }
        };
        match ns {
            Some(ns) if NONE.contains(&ns) => Ok(None),
            Some(ns) => i64::try_from(ns).map(Some).map_err(|_| fault(Reason::InvalidTimestamp, found)),
            None => Err(fault(Reason::InvalidTimestamp, found)),
        }
    }

    fn fields(&mut self, payload: Raw, header: &Header) -> Result<(), Fault> {
        members(self.json, payload).try_for_each(|field| {
            let data = self.data_value(field.value)?;
            self.record(&field, &data, header)
        })
    }

    fn data_value(&mut self, field: Raw) -> Result<DataValue, Fault> {
        let mut data = DataValue { value: Some(field), ..DataValue::default() };
        if field.kind == Kind::Object {
            let names = [
                "Value",
                "StatusCode",
                "SourceTimestamp",
                "Status",
                "SourcePicoseconds",
                "UaType",
                "Dimensions",
                "ServerTimestamp",
                "ServerPicoseconds",
            ];
            let (found, other) = find(self.json, field, names)?;
            let [value, code, time, status, picoseconds, kind, dimensions, ..] = found;
            let has_value = value.is_some() || code.is_some() || time.is_some() || kind.is_some();
            if other.is_none() && has_value {
                data.value = value;
                data.kind = match kind {
                    None => None,
                    Some(kind) => Some(self.type_number(kind).ok_or_else(|| fault(Reason::InvalidOpcuaJson, kind))?),
                };
                data.status = code.or(status).map(|status| self.status(status)).transpose()?;
                data.time_ns = self.time(time)?;
                data.picoseconds = self.picoseconds(picoseconds)?;
                if let Some(dimensions) = dimensions {
                    return Err(fault(Reason::NotInJson, dimensions));
                }
            }
        }
        self.unwrap(&mut data)?;
        if let (Some(STATUS_CODE), None, Some(value)) = (data.kind, data.status, data.value) {
            let status = self.status(value)?;
            if status.severity() == Severity::Bad {
                (data.value, data.status) = (None, Some(status));
            }
        }
        Ok(data)
    }

    /// The value inside of variants.
    fn unwrap(&self, data: &mut DataValue) -> Result<(), Fault> {
        while let Some(value) = data.value.filter(|value| value.kind == Kind::Object) {
            let ([kind, body, ua_type, inner, dimensions], other) =
                find(self.json, value, ["Type", "Body", "UaType", "Value", "Dimensions"])?;
            let inside = match (kind, ua_type, other) {
                (Some(kind), None, None) if inner.is_none() => self.type_number(kind).map(|kind| (kind, body)),
                (None, Some(kind), None) if body.is_none() => self.type_number(kind).map(|kind| (kind, inner)),
                _ => None,
            };
            let Some((kind, inside)) = inside else { return Ok(()) };
            if let Some(dimensions) = dimensions {
                return Err(fault(Reason::NotInJson, dimensions));
            }
            (data.kind, data.value) = (Some(kind), inside);
        }
        Ok(())
    }

    fn type_number(&self, kind: Raw) -> Option<i64> {
        match number::parse_int(kind.span().of(self.json)) {
            Ok(Cell::Int(number)) if kind.kind == Kind::Integer => Some(number),
            _ => None,
        }
    }

    /// Picoseconds, of which OPC UA counts tens.
    fn picoseconds(&self, found: Option<Raw>) -> Result<i64, Fault> {
        let Some(found) = found.filter(|found| found.kind != Kind::Null) else { return Ok(0) };
        match number::parse_int(found.span().of(self.json)) {
            Ok(Cell::Int(tens @ 0..=9999)) => Ok(tens * 10),
            _ => Err(fault(Reason::InvalidOpcuaJson, found)),
        }
    }

    fn record(&mut self, field: &Inside, data: &DataValue, header: &Header) -> Result<(), Fault> {
        if self.count >= self.limits.keys {
            return Err(fault(Reason::TooManyKeys, field.value));
        }
        if self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
        let key = field.key.map_or(&b""[..], |key| key.of(self.json));
        self.out.extend_from_slice(b"{\"field\":\"");
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"\",\"value\":");
        match data.value {
            None => self.out.extend_from_slice(b"null"),
            Some(value) => self.value(value, data.kind)?,
        }
        self.out.extend_from_slice(b",\"quality\":");
        QualityForm::Name.write(data.status.or(header.status).unwrap_or(StatusCode::GOOD), self.out);
        let below = data.picoseconds % 1000;
        let time_ns = match data.time_ns {
            Some(time) => time.checked_add(data.picoseconds / 1000).map(Some),
            None => Some(header.time_ns),
        };
        let time_ns = time_ns.ok_or_else(|| fault(Reason::InvalidTimestamp, field.value))?;
        if let Some(time) = time_ns {
            self.out.extend_from_slice(b",\"timestamp\":");
            TimeForm::Iso8601.write(time, self.out);
        }
        if data.time_ns.is_some() && below > 0 {
            self.out.extend_from_slice(b",\"picoseconds\":");
            number::write_int(self.out, below);
        }
        let Header { publisher, writer, writer_id, sequence, .. } = *header;
        self.copy(b",\"publisher\":", publisher);
        self.copy(b",\"writer\":", writer);
        self.copy(b",\"writer_id\":", writer_id);
        self.copy(b",\"sequence\":", sequence);
        self.out.push(b'}');
        if self.out.len() + 2 > self.end { Err(fault(Reason::PayloadTooLarge, field.value)) } else { Ok(()) }
    }

    fn copy(&mut self, key: &[u8], value: Option<Raw>) {
        if let Some(value) = value {
            self.out.extend_from_slice(key);
            self.out.extend_from_slice(value.span().of(self.json));
        }
    }

    /// A value as its type has it in JSON.
    fn value(&mut self, value: Raw, kind: Option<i64>) -> Result<(), Fault> {
        let is_number = matches!(kind, Some(INT64 | UINT64 | FLOAT | DOUBLE));
        if value.kind != Kind::Array || !is_number {
            return self.scalar(value, kind);
        }
        self.out.push(b'[');
        for (index, inside) in members(self.json, value).enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.scalar(inside.value, kind)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn scalar(&mut self, value: Raw, kind: Option<i64>) -> Result<(), Fault> {
        let mut written = value.span().of(self.json);
        if matches!(value.kind, Kind::Text | Kind::EscapedText) {
            match kind {
                Some(INT64 | UINT64) => {
                    written = text::inner(self.json, value);
                    let is_integer = number::kind_of(written) == Some(Kind::Integer);
                    if !is_integer || number::parse_int(written).is_err() {
                        return Err(fault(Reason::InvalidOpcuaJson, value));
                    }
                }
                // Infinities and NaN are the only floats that are text (Part 6, 5.4.2.4).
                Some(FLOAT | DOUBLE) => return Err(fault(Reason::NotInJson, value)),
                _ => {}
            }
        }
        self.out.extend_from_slice(written);
        Ok(())
    }
}
