//! The batch plane's way in: messages and values from Python connectors.

use std::sync::Arc;

use pronubes_core::record::{Member, Record, Shape, StatusCode, Text, Value};
use pronubes_core::topic::validate_topic;
use pronubes_core::{Meta, Reason, SourceId};

use crate::floor::Courier;
use crate::lines::{LineFormat, LineReader};
use crate::node::Delivery;
use crate::pipeline::{Arrival, Inside, Pipeline};
use crate::quarantine::Fault;
use crate::settle::{Hold, ring};
use crate::source::SourceKind;

/// How good a structured source says that a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality<'a> {
    /// It does not say.
    Unsaid,
    /// By a word or a name.
    Text(&'a str),
    /// By a status code.
    Status(u32),
}

/// A value of a structured source with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The value. A number that JSON cannot say counts as none where the quality says that there is none.
    pub value: Value<'a>,
    /// Its quality.
    pub quality: Quality<'a>,
    /// Its unit.
    pub unit: Option<&'a str>,
    /// Where it comes from: an address in the device.
    pub origin: Option<&'a str>,
    /// When the source says it happened.
    pub source_ns: Option<i64>,
}

impl<'a> Reading<'a> {
    /// The record; unknown qualities are the reason beside it.
    fn record(&self, received_ns: i64) -> (Record<'a>, Result<(), (Reason, String)>) {
        let status = match self.quality {
            Quality::Unsaid => Ok(None),
            Quality::Status(code) => Ok(Some(StatusCode(code))),
            Quality::Text(text) => StatusCode::parse(text).map(Some).ok_or(text),
        };
        let unknown = |text: &str| Err((Reason::UnknownQuality, format!("quality `{text}`")));
        let (status, verdict) = status.map_or_else(|text| (None, unknown(text)), |status| (status, Ok(())));
        let is_nothing = status.is_some_and(StatusCode::may_be_null);
        let value = match self.value {
            Value::F64(number) if !number.is_finite() && is_nothing => Value::Null,
            value => value,
        };
        let (unit, origin) = (self.unit.map(Text::Plain), self.origin.map(Text::Plain));
        let record = Record { value, status, time_ns: self.source_ns, received_ns: Some(received_ns), unit, origin };
        (record, verdict)
    }
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
    /// How records are written.
    shape: Arc<Shape>,
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
        let shape = self.router.plan().shape(id)?.clone();
        Some(Inflow { pipeline: self, slot, id, delivery, hold, payload: Vec::new(), shape })
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

    /// One value: the payload is written here, in the shape of the source. What breaks the rules of quality, or what the
    /// shape cannot say, goes to the quarantine with all that is known.
    pub fn reading(&mut self, topic: &str, reading: &Reading<'_>) {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let (record, verdict) = reading.record(self.pipeline.now_ns);
        let written = verdict.and_then(|()| {
            let named = |(reason, member): (Reason, Member)| (reason, format!("member `{}`", member.name()));
            self.shape.write(&record, &mut payload).map_err(named)
        });
        match written {
            Ok(()) => self.message(topic, &payload, reading.source_ns),
            Err((reason, detail)) => {
                payload.clear();
                record.write_refused(&mut payload);
                self.reject(reason, &detail, topic, &payload);
            }
        }
        self.payload = payload;
    }

    /// The batch is complete.
    pub fn end(mut self) {
        if let Some(hold) = self.hold.take() {
            self.pipeline.floor.settle.release(hold);
        }
    }
}
