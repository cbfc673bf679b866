//! The batch plane's way in: messages and values from Python connectors.

use pronubes_core::payload::{number, text};
use pronubes_core::topic::validate_topic;
use pronubes_core::{Meta, Reason, SourceId};

use crate::floor::Courier;
use crate::lines::{LineFormat, LineReader};
use crate::node::Delivery;
use crate::pipeline::{Arrival, Inside, Pipeline};
use crate::quarantine::Fault;
use crate::settle::{Hold, ring};
use crate::source::SourceKind;

/// A value of a structured source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceValue<'a> {
    /// Nothing was read.
    Null,
    /// A number.
    F64(f64),
    /// An integer.
    I64(i64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(&'a str),
}

/// A value with what belongs to it; what is nothing is left out of the payload.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The value; a number that JSON cannot say becomes null.
    pub value: SourceValue<'a>,
    /// Its quality.
    pub quality: Option<&'a str>,
    /// Its unit.
    pub unit: Option<&'a str>,
    /// When the source says it happened.
    pub source_ns: Option<i64>,
}

/// A batch on its way in. End it with [`Inflow::end`]; what is dropped before counts as failed.
pub struct Inflow<'a> {
    pipeline: &'a mut Pipeline,
    slot: u16,
    id: SourceId,
    delivery: Delivery,
    /// One token for the whole batch: its position is what the source acknowledges.
    hold: Option<Hold>,
    payload: Vec<u8>,
}

impl Pipeline {
    /// Begins a batch of a source; nothing when there is no such batch source in the present plan.
    pub fn push(&mut self, source: &str, position: Option<u64>, now_ns: i64) -> Option<Inflow<'_>> {
        self.now_ns = now_ns;
        let is_meant = |candidate: &crate::source::Source| {
            candidate.id.is_some() && matches!(candidate.kind, SourceKind::Batch) && *candidate.name == *source
        };
        let slot = self.sources.iter().position(is_meant)?;
        let (id, delivery) = (self.sources[slot].id?, self.sources[slot].delivery);
        let slot = slot as u16;
        let hold = position.map(|position| self.floor.settle.open(ring::source(slot), position));
        Some(Inflow { pipeline: self, slot, id, delivery, hold, payload: Vec::new() })
    }
}

impl Inflow<'_> {
    /// One message.
    pub fn message(&mut self, topic: &str, payload: &[u8], source_ns: Option<i64>) {
        self.message_with(topic, payload, Meta { source_ns, ..Meta::default() });
    }

    /// One message with its circumstances, as a broker would have sent it; when it was received, the pipeline says.
    pub fn message_with(&mut self, topic: &str, payload: &[u8], meta: Meta) {
        if let Err(error) = validate_topic(topic) {
            return self.reject(Reason::InvalidTopic, &error.to_string(), topic, payload);
        }
        let Self { pipeline, slot, id, delivery, hold, .. } = self;
        let meta = Meta { received_ns: pipeline.now_ns, ..meta };
        let hold = hold.as_ref().map(|hold| pipeline.floor.settle.hold(hold));
        let mut inside = Inside { router: &mut pipeline.router, wiring: &pipeline.wiring, floor: &mut pipeline.floor };
        inside.route(*id, *delivery, Arrival { slot: *slot, topic, payload, meta, hold });
    }

    /// Something came in that is no message: it is counted and goes to the quarantine.
    fn reject(&mut self, reason: Reason, detail: &str, topic: &str, payload: &[u8]) {
        let Self { pipeline, slot, delivery, hold, .. } = self;
        pipeline.sources[usize::from(*slot)].invalid += 1;
        let meta = Meta { received_ns: pipeline.now_ns, ..Meta::default() };
        let hold = hold.as_ref().map(|hold| pipeline.floor.settle.hold(hold));
        let (floor, wiring) = (&mut pipeline.floor, &pipeline.wiring);
        let mut courier = Courier::new(floor, wiring, *slot, *delivery, meta).held(hold);
        let (source, topic) = (*slot, topic.as_bytes());
        courier.reject(&Fault { meta, source, route: None, step: None, reason, detail, topic, payload, sink: None });
        courier.done();
    }

    /// JSON lines, each a message. A line that is none goes to the quarantine as it stands; empty lines are passed over.
    pub fn lines(&mut self, lines: &[u8], format: &LineFormat) {
        let Some(mut reader) = LineReader::new(format) else { return };
        for line in lines.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match reader.read(line) {
                Ok(found) => self.message(found.topic, found.payload, found.source_ns),
                Err((reason, detail)) => self.reject(reason, detail, format.topic.as_deref().unwrap_or_default(), line),
            }
        }
    }

    /// One value: the payload is written here.
    pub fn reading(&mut self, topic: &str, reading: &Reading<'_>) {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        write_reading(reading, &mut payload);
        self.message(topic, &payload, reading.source_ns);
        self.payload = payload;
    }

    /// The batch is complete.
    pub fn end(mut self) {
        if let Some(hold) = self.hold.take() {
            self.pipeline.floor.settle.release(hold);
        }
    }
}

fn write_reading(reading: &Reading<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"value\":");
    match reading.value {
        SourceValue::F64(value) if value.is_finite() => number::write_f64(out, value).unwrap_or_default(),
        SourceValue::Null | SourceValue::F64(_) => out.extend_from_slice(b"null"),
        SourceValue::I64(value) => number::write_int(out, value),
        SourceValue::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        SourceValue::Text(value) => text::write(out, value),
    }
    if let Some(quality) = reading.quality {
        out.extend_from_slice(b",\"quality\":");
        text::write(out, quality);
    }
    if let Some(source_ns) = reading.source_ns {
        out.extend_from_slice(b",\"timestamp_ms\":");
        number::write_int(out, source_ns.div_euclid(1_000_000));
    }
    if let Some(unit) = reading.unit {
        out.extend_from_slice(b",\"unit\":");
        text::write(out, unit);
    }
    out.push(b'}');
}
