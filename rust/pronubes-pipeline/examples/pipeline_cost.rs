//! What a message costs from MQTT to MQTT without sockets and Python, for callgrind: session, router, sink, acknowledgement.
//!
//! `pipeline_cost CASE SPEC.json MESSAGES.ndjson ROUNDS` is run by `bench/micro.py`, which writes both files and takes the
//! difference of two numbers of rounds; CASE is `311-qos0`, `311-qos1`, `5-qos0` or `5-qos1`, the same on both sides. A round feeds every
//! message once, in chunks, and confirms what came out. `workload_cost` of the core does the same work without the pipeline.

use std::io::{self, Write as _};
use std::time::Instant;

use pronubes_mqtt::codec::{Ack, ConnAck, Packet, Properties, PublishPacket, SubAck};
use pronubes_mqtt::{QoS, Reason, Version};
use pronubes_pipeline::Pipeline;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

const NOW: i64 = 1_700_000_000_000_000_000;
/// Messages in a chunk: what is in flight in `w1_qos1` is read in pieces of this size.
const CHUNK: usize = 500;
/// As `max_inflight` in the node's specification: a session gives out its packet ids in turn.
const IDS: u16 = 20_000;

struct Case {
    version: Version,
    qos: QoS,
}

impl Case {
    fn of(name: &str) -> Option<Self> {
        let (version, qos) = match name {
            "311-qos0" => (Version::V311, QoS::AtMostOnce),
            "311-qos1" => (Version::V311, QoS::AtLeastOnce),
            "5-qos0" => (Version::V5, QoS::AtMostOnce),
            "5-qos1" => (Version::V5, QoS::AtLeastOnce),
            _ => return None,
        };
        Some(Self { version, qos })
    }

    fn encode(&self, packet: Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        bytes
    }

    fn node(&self) -> Value {
        let protocol = if self.version == Version::V5 { 5 } else { 4 };
        let session = |name: &str| json!({"client_id": name, "protocol": protocol, "max_inflight": IDS});
        let mut source = session("plant");
        source["subscriptions"] = json!([{"filter": "raw/#", "qos": self.qos as u8}]);
        json!({"sources": [{"name": "plant", "kind": "mqtt", "mqtt": source}],
            "sinks": [{"name": "uns", "kind": "mqtt", "qos": self.qos as u8, "mqtt": session("uns")}]})
    }

    /// The messages as a broker sends them, in chunks.
    fn chunks(&self, lines: &[(String, String)]) -> Vec<Vec<u8>> {
        let chunk = |part: &[(String, String)]| {
            let mut bytes = Vec::new();
            for (number, (topic, payload)) in part.iter().enumerate() {
                let packet_id = if self.qos == QoS::AtMostOnce { 0 } else { number as u16 + 1 };
                let (topic, payload, qos) = (topic.as_bytes(), payload.as_bytes(), self.qos);
                let packet = PublishPacket { topic, payload, packet_id, qos, ..PublishPacket::default() };
                bytes.extend(self.encode(Packet::Publish(packet)));
            }
            bytes
        };
        lines.chunks(CHUNK).map(chunk).collect()
    }

    /// PUBACKs for every id of the sink's session, twice over, so that any run of ids is one slice.
    fn acks(&self) -> Vec<u8> {
        let ids = (1..=IDS).chain(1..=IDS);
        ids.flat_map(|packet_id| {
            self.encode(Packet::PubAck(Ack { packet_id, reason: Reason::SUCCESS, properties: Properties::default() }))
        })
        .collect()
    }
}

/// A pipeline with both brokers.
struct Bench {
    pipeline: Pipeline,
    source: u32,
    sink: u32,
    acks: Vec<u8>,
    next_ack: usize,
    to_source: usize,
    to_sink: usize,
    has_acks: bool,
}

impl Bench {
    fn new(case: &Case, spec: &[u8]) -> Result<Self, Failure> {
        let pipeline = Pipeline::new(spec, case.node().to_string().as_bytes(), NOW);
        let pipeline = pipeline.map_err(|errors| format!("the specification does not compile: {errors:?}"))?;
        let numbers = pipeline.connections();
        let number = |is_source: bool| numbers.iter().find(|(_, side, _)| *side == is_source).map(|found| found.0);
        let (source, sink) = (number(true).ok_or("no source")?, number(false).ok_or("no sink")?);
        let has_acks = case.qos != QoS::AtMostOnce;
        let acks = case.acks();
        let mut bench = Self { pipeline, source, sink, acks, next_ack: 0, to_source: 0, to_sink: 0, has_acks };
        bench.connect(case);
        Ok(bench)
    }

    fn connect(&mut self, case: &Case) {
        let connack = ConnAck { session_present: false, reason: Reason::SUCCESS, properties: Properties::default() };
        let connack = case.encode(Packet::ConnAck(connack));
        let mut subscribe = 0;
        for connection in [self.source, self.sink] {
            self.pipeline.opened(connection, NOW);
            self.pipeline.work(|_, _| {});
            self.pipeline.received(connection, &connack, NOW);
            self.pipeline.work(|_, bytes| subscribe = u16::from_be_bytes([bytes[2], bytes[3]]));
        }
        let suback = SubAck { packet_id: subscribe, properties: Properties::default(), codes: &[case.qos as u8] };
        self.pipeline.received(self.source, &case.encode(Packet::SubAck(suback)), NOW);
        self.pipeline.work(|_, _| {});
    }

    fn receive(&mut self, connection: u32, bytes: &[u8]) {
        self.pipeline.received(connection, bytes, NOW);
        let Self { pipeline, sink, to_source, to_sink, .. } = self;
        pipeline.work(|connection, bytes| {
            *(if connection == *sink { &mut *to_sink } else { &mut *to_source }) += bytes.len()
        });
    }

    /// One chunk in, and everything that came of it confirmed.
    fn round(&mut self, chunk: &[u8], messages: usize) {
        self.receive(self.source, chunk);
        if self.has_acks {
            let acks = std::mem::take(&mut self.acks);
            self.receive(self.sink, &acks[4 * self.next_ack..4 * (self.next_ack + messages)]);
            self.next_ack = (self.next_ack + messages) % usize::from(IDS);
            self.acks = acks;
        }
    }
}

fn read(path: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let line = |line: &str| -> Result<(String, String), Failure> {
        let value: Value = serde_json::from_str(line)?;
        let field = |name: &str| value[name].as_str().map(str::to_owned).ok_or(format!("no `{name}` in {line}"));
        Ok((field("topic")?, field("payload")?))
    };
    text.lines().map(line).collect()
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, spec, messages, rounds] = arguments.as_slice() else {
        return Err("usage: pipeline_cost CASE SPEC.json MESSAGES.ndjson ROUNDS".into());
    };
    let case = Case::of(case).ok_or("CASE is 311-qos0, 311-qos1, 5-qos0 or 5-qos1")?;
    let lines = read(messages)?;
    let rounds: usize = rounds.parse()?;
    let mut bench = Bench::new(&case, &std::fs::read(spec)?)?;
    let chunks = case.chunks(&lines);
    let began = Instant::now();
    for _ in 0..rounds {
        for (chunk, part) in chunks.iter().zip(lines.chunks(CHUNK)) {
            bench.round(chunk, part.len());
        }
    }
    let count = rounds * lines.len();
    let per_message = began.elapsed().as_nanos() / count.max(1) as u128;
    let status = bench.pipeline.status(NOW);
    let (delivered, acknowledged) = (status.totals.delivered as usize, bench.to_source / 4);
    let is_right = status.balanced && delivered == count && (!bench.has_acks || acknowledged == count);
    if !is_right {
        return Err(format!("of {count} messages {delivered} were delivered, {acknowledged} acknowledged").into());
    }
    writeln!(io::stdout(), "{count} messages delivered, {per_message} ns a message, {} bytes out", bench.to_sink)?;
    Ok(())
}
