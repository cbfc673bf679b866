//! However the stream is cut into chunks, the session sees the same (C6).

use crate::broker::{Bench, VERSIONS};
use pronubes_mqtt::codec::{ConnAck, Packet, Properties, PublishPacket, SubAck};
use pronubes_mqtt::{QoS, Reason, SessionConfig, Subscription, Version};

fn stream(version: Version, request_id: u16) -> Vec<u8> {
    let large = vec![b'z'; 20_000];
    let properties = Properties::default();
    let mut packets = vec![
        Packet::ConnAck(ConnAck { session_present: false, reason: Reason::SUCCESS, properties }),
        Packet::SubAck(SubAck { packet_id: request_id, properties, codes: &[1] }),
        Packet::PingResp,
    ];
    for index in 0..40_u16 {
        let (qos, packet_id) = if index % 2 == 0 { (QoS::AtMostOnce, 0) } else { (QoS::AtLeastOnce, index) };
        let payload = if index == 20 { large.as_slice() } else { &large[..usize::from(index) * 7] };
        packets.push(Packet::Publish(PublishPacket {
            topic: b"raw/line/tag",
            payload,
            qos,
            packet_id,
            ..PublishPacket::default()
        }));
    }
    let mut bytes = Vec::new();
    for packet in packets {
        packet.encode(version, &mut bytes).expect("it fits");
    }
    bytes
}

fn run(version: Version, cut: impl Fn(&[u8]) -> Vec<&[u8]>) -> (Vec<String>, usize, usize) {
    let mut config = SessionConfig::new(version, "c");
    config.subscriptions = vec![Subscription::new("raw/#", QoS::AtLeastOnce)];
    let mut bench = Bench::new(config);
    bench.session.opened(bench.now);
    let bytes = stream(version, 65_002);
    for chunk in cut(&bytes) {
        bench.bytes(chunk).expect("the stream is right");
    }
    (bench.log, bench.handles.len(), bench.session.buffered())
}

#[test]
fn one_byte_at_a_time_equals_the_whole() {
    for version in VERSIONS {
        let whole = run(version, |bytes| vec![bytes]);
        assert_eq!((whole.0.len(), whole.1), (42, 20));
        assert!(whole.0[1].starts_with("subscribed 0"), "{:?}", whole.0[1]);
        for size in [1, 2, 3, 5, 7, 64, 1_000, 4_096] {
            let sliced = run(version, |bytes| bytes.chunks(size).collect());
            assert_eq!((&sliced.0, sliced.1), (&whole.0, whole.1), "{version:?} in pieces of {size}");
            assert!(sliced.2 <= 64 * 1024, "{} bytes are kept after the last packet", sliced.2);
        }
    }
}

#[test]
fn a_cut_at_each_place_equals_the_whole() {
    for version in VERSIONS {
        let whole = run(version, |bytes| vec![bytes]);
        for at in 0..1_500 {
            let cut = run(version, |bytes| vec![&bytes[..at], &bytes[at..]]);
            assert_eq!((cut.0, cut.1), (whole.0.clone(), whole.1), "{version:?} cut at {at}");
        }
    }
}
