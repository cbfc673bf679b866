//! Bytes from brokers: a source's messages go through the router, a sink's confirmations to the tokens.

use pronubes_core::{Meta, Reason};
use pronubes_mqtt::{Event, ProtocolError};

use crate::floor::{Sink, SinkKind};
use crate::notes::Notes;
use crate::pipeline::{Arrival, Inside, Pipeline, Port, unsigned};
use crate::quarantine::Fault;
use crate::settle::{Hold, ring};
use crate::sink::MqttSink;
use crate::source::SourceKind;

impl Pipeline {
    /// Bytes came in on a connection.
    pub fn received(&mut self, connection: u32, chunk: &[u8], now_ns: i64) {
        self.now_ns = now_ns;
        let Some(entry) = self.connections.get(connection as usize) else { return };
        let outcome = match entry.port {
            Port::Source(slot) => self.received_source(connection, slot, chunk),
            Port::Sink(slot) => self.received_sink(connection, slot, chunk),
        };
        if let Err(error) = outcome {
            self.fail(connection, error);
        }
    }

    fn received_source(&mut self, connection: u32, slot: u16, chunk: &[u8]) -> Result<(), ProtocolError> {
        let source = &mut self.sources[usize::from(slot)];
        let SourceKind::Mqtt { session, .. } = &mut source.kind else { return Ok(()) };
        let (id, delivery, now_ns) = (source.id, source.delivery, self.now_ns);
        let mut inside = Inside { router: &mut self.router, wiring: &self.wiring, floor: &mut self.floor };
        let is_wanted = self.connections[connection as usize].is_wanted;
        let mut control = Control { connection, notes: &mut self.notes, is_wanted };
        session.receive(chunk, unsigned(now_ns), &mut |event| match event {
            Event::Publish(incoming) => {
                // A source that is not in the plan any more takes nothing: what it got is not acknowledged.
                let Some(id) = id else { return };
                let hold = incoming.ack.map(|handle| inside.floor.settle.open(ring::source(slot), handle.to_raw()));
                let meta =
                    Meta { qos: incoming.qos as u8, retain: incoming.retain, received_ns: now_ns, source_ns: None };
                let topic = std::str::from_utf8(incoming.topic).unwrap_or_default();
                inside.route(id, delivery, Arrival { slot, topic, payload: incoming.payload, meta, hold });
            }
            other => control.on_event(other),
        })
    }

    fn received_sink(&mut self, connection: u32, slot: u16, chunk: &[u8]) -> Result<(), ProtocolError> {
        let floor = &mut self.floor;
        let Some(Sink { kind: SinkKind::Mqtt { sink, .. }, name, .. }) = floor.sinks.get_mut(usize::from(slot)) else {
            return Ok(());
        };
        let now_ns = self.now_ns;
        let is_wanted = self.connections[connection as usize].is_wanted;
        let mut control = Control { connection, notes: &mut self.notes, is_wanted };
        let origin = sink.origin();
        let MqttSink { session, counters, .. } = &mut **sink;
        let (settle, quarantine) = (&mut floor.settle, &mut floor.quarantine);
        session.receive(chunk, unsigned(now_ns), &mut |event| match event {
            Event::Published { token } => MqttSink::published(counters, token, settle),
            Event::PublishRefused { token, label, reason, topic, payload, retain } => {
                counters.quarantined += 1;
                let (source, route) = origin(label);
                let fault = Fault {
                    meta: Meta { qos: 1, retain, received_ns: now_ns, source_ns: None },
                    source,
                    route,
                    step: None,
                    reason: Reason::SinkRefused,
                    detail: reason.sentence(),
                    topic,
                    payload,
                    sink: Some(name),
                };
                quarantine.push(&fault, Hold::from_tag(token));
            }
            other => control.on_event(other),
        })
    }

    /// The broker broke the protocol, or fell silent.
    pub(crate) fn fail(&mut self, connection: u32, error: ProtocolError) {
        let is_wanted = self.connections[connection as usize].is_wanted;
        self.notes.close(connection, error.code(), error.to_string(), is_wanted);
    }
}

/// Turns events of the connection itself into notes.
struct Control<'a> {
    connection: u32,
    notes: &'a mut Notes,
    is_wanted: bool,
}

fn words(text: Option<&[u8]>) -> String {
    text.map(|text| format!(" The broker says: {}", String::from_utf8_lossy(text))).unwrap_or_default()
}

impl Control<'_> {
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Connected { session_present, limits } => {
                let detail = format!(
                    "session_present={session_present} receive_maximum={} maximum_packet_size={}",
                    limits.receive_maximum, limits.maximum_packet_size
                );
                self.notes.event(self.connection, "connected", detail);
            }
            Event::Refused { reason, reason_string, .. } => {
                let sentence = format!("{}{}", reason.sentence(), words(reason_string));
                self.notes.event(self.connection, "refused", sentence.clone());
                self.notes.close(self.connection, reason.name(), sentence, self.is_wanted);
            }
            Event::Subscribed { index, qos } => {
                self.notes.event(self.connection, "subscribed", format!("index={index} qos={}", qos as u8));
            }
            Event::SubscribeRefused { filter, reason, .. } => {
                self.notes.event(self.connection, "subscribe_refused", format!("{filter}: {}", reason.sentence()));
            }
            Event::Unsubscribed { filter, reason } => {
                self.notes.event(self.connection, "unsubscribed", format!("{filter}: {}", reason.sentence()));
            }
            Event::Disconnected { reason, reason_string, .. } => {
                let sentence = format!("{}{}", reason.sentence(), words(reason_string));
                self.notes.event(self.connection, "disconnected", sentence.clone());
                self.notes.close(self.connection, reason.name(), sentence, self.is_wanted);
            }
            // A source publishes nothing and a sink subscribes to nothing: a broker that sends these is wrong but harmless.
            Event::Publish(_) | Event::Published { .. } | Event::PublishRefused { .. } => {}
        }
    }
}
