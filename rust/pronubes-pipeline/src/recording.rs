//! Messages of recordings as lines of JSON, so that people can read and edit them. Nothing is lost on the way there and back: payloads keep every
//! byte. A line needs `topic` and a payload; `received_ns`, `time_ns` (the source's time), `qos`, `retain`, `source` and `route` may stand beside.

use pronubes_core::payload::{FieldPath, Raw};
use pronubes_log::recording::Message;

use crate::batch::{write_payload, write_text};
use crate::fields::{self, FieldReader, Place};
use crate::lines::{LineFormat, LineReader};
use crate::names::Names;
use crate::queue::Item;

/// A message as a recording has it.
#[must_use]
pub fn message_of<'a>(item: &Item<'a>, names: &'a Names) -> Message<'a> {
    Message {
        topic: item.topic,
        payload: item.payload,
        qos: item.meta.qos,
        retain: item.meta.retain,
        received_ns: item.meta.received_ns,
        source_ns: item.meta.source_ns,
        source: names.source(item.source),
        route: names.route(item.route),
    }
}

/// Writes lines.
#[derive(Debug)]
pub struct LineWriter(Option<FieldReader>);

impl Default for LineWriter {
    fn default() -> Self {
        Self(FieldReader::new(&[Place::Value]))
    }
}

impl LineWriter {
    /// Appends the line of a message. What is as usual (QoS 0, not retained, no name) is left out.
    pub fn write(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let is_json = self.0.as_mut().is_some_and(|reader| {
            reader.read(message.payload);
            reader.scanned().is_some()
        });
        out.extend_from_slice(b"{\"topic\":");
        write_text(&String::from_utf8_lossy(message.topic), out);
        write_payload(message.payload, is_json, "payload_", out);
        out.extend_from_slice(format!(",\"received_ns\":{}", message.received_ns).as_bytes());
        if let Some(source_ns) = message.source_ns {
            out.extend_from_slice(format!(",\"time_ns\":{source_ns}").as_bytes());
        }
        if message.qos > 0 {
            out.extend_from_slice(format!(",\"qos\":{}", message.qos).as_bytes());
        }
        if message.retain {
            out.extend_from_slice(b",\"retain\":true");
        }
        for (key, name) in [("source", message.source), ("route", message.route)] {
            if !name.is_empty() {
                out.extend_from_slice(format!(",\"{key}\":").as_bytes());
                write_text(name, out);
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

const RECEIVED: usize = 0;
const QOS: usize = 1;
const RETAIN: usize = 2;
const SOURCE: usize = 3;
const ROUTE: usize = 4;

/// Reads whole lines; empty ones are left out. `each` is told the position of the line, from 0, and the message or why there is none. Where a line
/// does not say when its message was received, the source's time counts, and without it 0.
pub fn read_lines(lines: &[u8], mut each: impl FnMut(usize, Result<Message<'_>, &'static str>)) {
    let format = LineFormat::default();
    let places = ["received_ns", "qos", "retain", "source", "route"];
    let places = places.map(|key| FieldPath::from_segments([key]).map(Place::Path));
    let places: Vec<Place> = places.into_iter().flatten().collect();
    let (Some(mut reader), Some(others)) = (LineReader::new(&format), FieldReader::new(&places)) else { return };
    let mut others = Others { reader: others, source: String::new(), route: String::new() };
    for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let found = reader.read(line).map_err(|(_, sentence)| sentence);
        each(
            number,
            found.and_then(|found| {
                let mut message = others.read(line, found.source_ns)?;
                (message.topic, message.payload) = (found.topic.as_bytes(), found.payload);
                Ok(message)
            }),
        );
    }
}

/// What stands beside topic and payload.
struct Others {
    reader: FieldReader,
    source: String,
    route: String,
}

impl Others {
    fn read(&mut self, line: &[u8], source_ns: Option<i64>) -> Result<Message<'_>, &'static str> {
        self.reader.read(line);
        let number = |raw: Raw| fields::as_i64(line, raw);
        let received_ns = match self.reader.raw(RECEIVED) {
            Some(raw) => number(raw).ok_or("`received_ns` of the line is no integer.")?,
            None => source_ns.unwrap_or(0),
        };
        let qos = match self.reader.raw(QOS) {
            Some(raw) => number(raw).and_then(|qos| u8::try_from(qos).ok()).filter(|qos| *qos <= 2),
            None => Some(0),
        };
        let qos = qos.ok_or("`qos` of the line is none of 0, 1 and 2.")?;
        let retain = self.reader.raw(RETAIN).map_or(Some(false), fields::as_bool);
        let retain = retain.ok_or("`retain` of the line is not true or false.")?;
        for (place, name) in [(SOURCE, &mut self.source), (ROUTE, &mut self.route)] {
            name.clear();
            let text = self.reader.raw(place).and_then(|raw| self.reader.text(line, raw));
            name.push_str(text.unwrap_or_default());
        }
        Ok(Message {
            topic: b"",
            payload: b"",
            qos,
            retain,
            received_ns,
            source_ns,
            source: &self.source,
            route: &self.route,
        })
    }
}
