//! What one message costs in the session. It prints nanoseconds per message, which a busy machine makes noisy; to count
//! instructions, run it twice under `valgrind --tool=callgrind` and divide the difference by the difference of the counts:
//! `codec_cost receive-311-qos0 10000`, `codec_cost receive-311-qos0 110000`. A regression here is paid for each message.

use pronubes_mqtt::codec::{Ack, ConnAck, Packet, Properties, PublishPacket};
use pronubes_mqtt::{AckHandle, Event, Publish, QoS, Reason, Session, SessionConfig, Version};
use std::hint::black_box;
use std::time::Instant;

const TOPIC: &[u8] = b"raw/bottling/line-2/plc-17/temp/t-0042";
const PAYLOAD: &[u8] = br#"{"value": 21.5, "quality": "GOOD", "ts": 1722470400123}     "#;
/// Messages in one chunk: about what a 64 KiB read holds.
const CHUNK: usize = 500;

type Work = fn(Version, QoS, usize);

fn session(version: Version) -> Session {
    let mut session = Session::new(SessionConfig::new(version, "cost"));
    session.opened(0);
    session.output().clear();
    let mut connack = Vec::new();
    let packet = ConnAck { session_present: false, reason: Reason::SUCCESS, properties: Properties::default() };
    Packet::ConnAck(packet).encode(version, &mut connack);
    session.receive(&connack, 1, &mut |_| {}).expect("CONNACK is accepted");
    session
}

fn chunk(version: Version, qos: QoS) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0..CHUNK as u16 {
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { index + 1 };
        let packet = PublishPacket { topic: TOPIC, payload: PAYLOAD, qos, packet_id, ..PublishPacket::default() };
        packet.encode(version, &mut bytes);
    }
    bytes
}

/// Decode and hand over; at QoS 1 also acknowledge.
fn receive(version: Version, qos: QoS, rounds: usize) {
    let (mut session, bytes) = (session(version), chunk(version, qos));
    let mut handles: Vec<AckHandle> = Vec::with_capacity(CHUNK);
    for round in 0..rounds {
        let work = |session: &mut Session, handles: &mut Vec<AckHandle>| {
            session.receive(&bytes, round as u64, &mut |event| {
                if let Event::Publish(message) = event {
                    black_box((message.topic, message.payload));
                    handles.extend(message.ack);
                }
            })
        };
        work(&mut session, &mut handles).expect("the chunk is accepted");
        handles.drain(..).for_each(|handle| session.acknowledge(handle));
        black_box(session.output()).clear();
    }
}

/// Encode; at QoS 1 also keep, and take the PUBACKs.
fn send(version: Version, qos: QoS, rounds: usize) {
    let mut session = session(version);
    let mut pubacks = Vec::new();
    for index in 0..CHUNK as u16 {
        let ack = Ack { packet_id: index + 1, reason: Reason::SUCCESS, properties: Properties::default() };
        Packet::PubAck(ack).encode(version, &mut pubacks);
    }
    let second: Vec<u8> =
        (0..CHUNK as u16).flat_map(|index| [0x40, 2, ((index + 501) >> 8) as u8, (index + 501) as u8]).collect();
    for round in 0..rounds {
        for token in 0..CHUNK as u64 {
            let message = Publish { topic: black_box(TOPIC), payload: black_box(PAYLOAD), qos, ..Publish::default() };
            session.publish(message, token).expect("there is room");
        }
        black_box(session.output()).clear();
        if qos == QoS::AtLeastOnce {
            let acks = if round % 2 == 0 { &pubacks } else { &second };
            session.receive(acks, round as u64, &mut |event| _ = black_box(event)).expect("the PUBACKs are accepted");
        }
    }
}

#[expect(clippy::print_stdout, reason = "an example prints its result")]
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: usize = arguments.get(2).and_then(|count| count.parse().ok()).unwrap_or(2_000_000);
    let wanted = arguments.get(1).map_or("", String::as_str);
    for (version, name) in [(Version::V311, "311"), (Version::V5, "5")] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            for (direction, work) in [("receive", receive as Work), ("send", send)] {
                let case = format!("{direction}-{name}-qos{}", qos as u8);
                if case.starts_with(wanted) {
                    let start = Instant::now();
                    work(version, qos, count / CHUNK);
                    println!("{case:20} {:6.1} ns", start.elapsed().as_nanos() as f64 / count as f64);
                }
            }
        }
    }
}
