//! Messages in JSON lines: where topic, payload and time stand, and how they are cut out. What [`crate::Batch::ndjson`] writes is read
//! back here, byte for byte.

use pronubes_core::Reason;
use pronubes_core::payload::{FieldPath, Kind, Raw};

use crate::base64;
use crate::fields::{self, FieldReader, Place};

/// How messages stand in lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFormat {
    /// The field with the topic; nothing: the whole line is the payload.
    pub topic_field: Option<String>,
    /// The field with the payload, taken as it stands; with `_text` behind its name: text that is no JSON; with `_base64`: other bytes.
    pub payload_field: String,
    /// The field with the source's time in nanoseconds.
    pub time_field: Option<String>,
    /// The topic of lines that have none.
    pub topic: Option<String>,
}

impl Default for LineFormat {
    /// The lines that [`crate::Batch::ndjson`] writes.
    fn default() -> Self {
        let name = |text: &str| Some(text.to_owned());
        Self {
            topic_field: name("topic"),
            payload_field: "payload".to_owned(),
            time_field: name("time_ns"),
            topic: None,
        }
    }
}

/// A message in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineMessage<'a> {
    /// Its topic; nobody has checked yet whether it is one.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// The source's time.
    pub source_ns: Option<i64>,
}

/// Cuts messages out of lines, with memory that is used again.
pub(crate) struct LineReader<'a> {
    format: &'a LineFormat,
    reader: FieldReader,
    has_time: bool,
    topic: String,
    payload: Vec<u8>,
}

const PAYLOAD: usize = 0;
const PAYLOAD_TEXT: usize = 1;
const PAYLOAD_BASE64: usize = 2;
const TOPIC: usize = 3;
const TIME: usize = 4;

impl<'a> LineReader<'a> {
    /// A reader; nothing when a field has a name that no payload can have.
    pub(crate) fn new(format: &'a LineFormat) -> Option<Self> {
        let place = |key: &str| FieldPath::from_segments([key]).ok().map(Place::Path);
        let payload = &format.payload_field;
        let places = [
            place(payload)?,
            place(&format!("{payload}_text"))?,
            place(&format!("{payload}_base64"))?,
            place(format.topic_field.as_deref().unwrap_or("topic"))?,
            place(format.time_field.as_deref().unwrap_or("time_ns"))?,
        ];
        let (topic, payload, has_time) = (String::new(), Vec::new(), format.time_field.is_some());
        Some(Self { format, reader: FieldReader::new(&places)?, has_time, topic, payload })
    }

    /// The message of a line.
    pub(crate) fn read<'b>(&'b mut self, line: &'b [u8]) -> Result<LineMessage<'b>, (Reason, &'static str)>
    where
        'a: 'b,
    {
        let own = self.format.topic.as_deref();
        if self.format.topic_field.is_none() {
            let topic = own.ok_or((Reason::InvalidTopic, "The source has no topic for whole lines."))?;
            return Ok(LineMessage { topic, payload: line, source_ns: None });
        }
        self.reader.read(line);
        if self.reader.scanned().is_none_or(|scan| scan.root.kind != Kind::Object) {
            return Err((Reason::InvalidJson, "The line is no JSON object."));
        }
        let time = self.reader.raw(TIME).filter(|_| self.has_time);
        let source_ns = time.and_then(|raw| fields::as_i64(line, raw));
        self.topic.clear();
        let topic = match self.reader.raw(TOPIC) {
            Some(raw) => {
                let text =
                    self.reader.text(line, raw).ok_or((Reason::WrongType, "The topic of the line is no text."))?;
                self.topic.push_str(text);
                &self.topic
            }
            None => own.ok_or((Reason::MissingField, "The line has no topic."))?,
        };
        let fault = (Reason::MissingField, "The line has no payload.");
        let payload = match self.reader.raw(PAYLOAD) {
            Some(raw) => raw.span().of(line),
            None => {
                read_other(&mut self.reader, line, &mut self.payload).ok_or(fault)?;
                &self.payload
            }
        };
        Ok(LineMessage { topic, payload, source_ns })
    }
}

/// A payload that is no JSON.
fn read_other(reader: &mut FieldReader, line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (raw, is_text): (Raw, bool) = match reader.raw(PAYLOAD_TEXT) {
        Some(raw) => (raw, true),
        None => (reader.raw(PAYLOAD_BASE64)?, false),
    };
    let text = reader.text(line, raw)?;
    out.clear();
    match is_text {
        true => out.extend_from_slice(text.as_bytes()),
        false => *out = base64::decode(text.as_bytes())?,
    }
    Some(())
}
