//! The data path allocates nothing per message once it is warm: W1 of the benchmark through the whole pipeline, at QoS 0 and QoS 1,
//! and a storm into a sink's queue under each policy that drops.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_mqtt::codec::{ConnAck, Packet, Properties, PublishPacket, SubAck, next_frame};
use pronubes_mqtt::{QoS, Reason, Sender, Version};
use pronubes_pipeline::Pipeline;
use pronubes_pipeline::names::Names;
use pronubes_pipeline::queue::{Item, Policy, SegmentLimits, SinkQueue};
use serde_json::json;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "a counting allocator cannot be written without; it only forwards to the system's")]
// SAFETY: every call goes to `System` with the arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: i64 = 1_700_000_000_000_000_000;
const TOPICS: u16 = 1_000;
const VERSION: Version = Version::V311;

fn encode(packet: Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(VERSION, &mut bytes).expect("the packet can be encoded");
    bytes
}

/// The bench: a pipeline between a source that floods and a sink that confirms everything at once.
struct Bench {
    pipeline: Pipeline,
    source: u32,
    sink: u32,
    /// A chunk with one message per topic.
    chunk: Vec<u8>,
    /// What the sink's broker answers.
    acks: Vec<u8>,
    to_source: usize,
    published: usize,
}

impl Bench {
    fn new(qos: u8) -> Self {
        let spec = json!({"sources": ["in"], "sinks": ["uns"], "routes": [{
            "name": "w1", "filter": "raw/{area}/{line}/{plc}/{tag}",
            "topic": "acme/site1/{area}/{line}/{plc}/{tag}", "to": [{"sink": "uns"}],
            "steps": [{"scale": {"field": "value", "factor": 1.8, "offset": 32}}, {"rename": {"ts": "timestamp_ms"}},
                {"drop": ["quality"], "where": "payload.quality == \"GOOD\""}, {"set": {"unit": "[degF]"}}]}]});
        let node = json!({
            "sources": [{"name": "in", "kind": "mqtt", "mqtt": {"client_id": "in", "protocol": 4,
                "subscriptions": [{"filter": "raw/#", "qos": qos}]}}],
            "sinks": [{"name": "uns", "kind": "mqtt", "qos": qos, "mqtt": {"client_id": "uns", "protocol": 4}}]});
        let pipeline = Pipeline::new(spec.to_string().as_bytes(), node.to_string().as_bytes(), NOW);
        let pipeline = pipeline.unwrap_or_else(|errors| panic!("{errors:?}"));
        let numbers = pipeline.connections();
        let number = |is_source: bool| numbers.iter().find(|(_, side, _)| *side == is_source).expect("both sides").0;
        let (source, sink) = (number(true), number(false));
        let mut bench =
            Self { pipeline, source, sink, chunk: chunk(qos), acks: Vec::new(), to_source: 0, published: 0 };
        bench.connect(qos);
        bench
    }

    fn connect(&mut self, qos: u8) {
        let connack = ConnAck { session_present: false, reason: Reason::SUCCESS, properties: Properties::default() };
        let connack = encode(Packet::ConnAck(connack));
        let mut subscribe = 0;
        for connection in [self.source, self.sink] {
            self.pipeline.opened(connection, NOW);
            self.pipeline.work(|_, _| {});
            self.pipeline.received(connection, &connack, NOW);
            self.pipeline.work(|_, bytes| subscribe = packet_id(bytes, 2));
        }
        let suback = SubAck { packet_id: subscribe, properties: Properties::default(), codes: &[qos] };
        self.receive(self.source, &encode(Packet::SubAck(suback)));
    }

    fn receive(&mut self, connection: u32, bytes: &[u8]) {
        self.pipeline.received(connection, bytes, NOW);
        let Self { pipeline, sink, acks, to_source, published, .. } = self;
        pipeline.work(|connection, bytes| {
            if connection == *sink {
                *published += confirm(bytes, acks);
            } else {
                *to_source += bytes.len();
            }
        });
    }

    /// One chunk in, everything confirmed.
    fn round(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        self.receive(self.source, &chunk);
        self.chunk = chunk;
        let mut acks = std::mem::take(&mut self.acks);
        self.receive(self.sink, &acks);
        acks.clear();
        self.acks = acks;
    }
}

fn chunk(qos: u8) -> Vec<u8> {
    let mut chunk = Vec::new();
    for number in 0..TOPICS {
        let (area, line, plc) = (number % 10, number / 10 % 10, number / 100);
        let topic = format!("raw/area{area}/line{line}/plc{plc}/tag{number}");
        let payload = format!(
            "{{\"value\": 2{}.{}, \"ts\": 1732270000123, \"quality\": \"GOOD\"}}",
            number % 7,
            number % 90 + 10
        );
        let packet_id = if qos == 0 { 0 } else { number + 1 };
        let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let (topic, payload) = (topic.as_bytes(), payload.as_bytes());
        chunk.extend(encode(Packet::Publish(PublishPacket {
            topic,
            payload,
            packet_id,
            qos,
            ..PublishPacket::default()
        })));
    }
    chunk
}

fn packet_id(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Appends a PUBACK for every QoS 1 message; how many messages there are.
fn confirm(mut bytes: &[u8], acks: &mut Vec<u8>) -> usize {
    let mut count = 0;
    while let Some(frame) = next_frame(bytes, u32::MAX).expect("the pipeline writes whole packets") {
        let publish = PublishPacket::decode(frame.first, frame.body, VERSION, Sender::Client).expect("only messages");
        if publish.packet_id > 0 {
            let [high, low] = publish.packet_id.to_be_bytes();
            acks.extend_from_slice(&[0x40, 2, high, low]);
        }
        count += 1;
        bytes = &bytes[frame.size..];
    }
    count
}

fn warm_rounds_allocate_nothing(qos: u8) {
    let mut bench = Bench::new(qos);
    for _ in 0..5 {
        bench.round();
    }
    let (published, to_source) = (bench.published, bench.to_source);
    let before = CALLS.get();
    for _ in 0..20 {
        bench.round();
    }
    let calls = CALLS.get() - before;
    let expected_acks = if qos == 0 { 0 } else { 4 * 20 * usize::from(TOPICS) };
    assert_eq!((bench.published - published, bench.to_source - to_source), (20 * usize::from(TOPICS), expected_acks));
    assert!(calls <= 2, "{calls} allocations for 20,000 messages");
    assert!(bench.pipeline.status(NOW).balanced);
}

/// A storm into a queue that is overloaded: the sink takes one message for ten that come.
fn a_storm_allocates_nothing(policy: Policy) {
    let topics: Vec<String> = (0..TOPICS).map(|number| format!("acme/site1/tag{number}")).collect();
    let meta = Meta { qos: 0, retain: false, received_ns: NOW, source_ns: None };
    let mut queue = SinkQueue::new(policy, 512 * 1024, SegmentLimits::default(), &Arc::new(Names::default()));
    let mut rounds = |count: usize| {
        for number in 0..count * topics.len() {
            let topic = topics[number % topics.len()].as_bytes();
            let item = Item { topic, payload: &[b'1'; 60], route: RouteId(0), source: 0, meta, is_replayed: false };
            queue.push(&item, None, NOW);
            if number % 10 == 0 {
                queue.pop();
            }
        }
        queue.drops().total()
    };
    let dropped = rounds(20);
    let before = CALLS.get();
    let more = rounds(100) - dropped;
    let calls = CALLS.get() - before;
    assert!(more > 80_000, "{more} of 100,000 messages were dropped");
    // Segments that a rewrite of the queue needs for a moment; no message and no drop allocates.
    assert!(calls <= 100, "{calls} allocations for 100,000 messages");
}

#[test]
fn drop_oldest() {
    a_storm_allocates_nothing(Policy::DropOldest);
}

#[test]
fn drop_newest() {
    a_storm_allocates_nothing(Policy::DropNewest);
}

#[test]
fn keep_latest() {
    a_storm_allocates_nothing(Policy::KeepLatest);
}

#[test]
fn qos_0_to_qos_0() {
    warm_rounds_allocate_nothing(0);
}

#[test]
fn qos_1_to_qos_1() {
    warm_rounds_allocate_nothing(1);
}
