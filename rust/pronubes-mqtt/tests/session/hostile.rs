//! A broker that breaks the rules (C5): the session ends with a named reason, keeps its memory small and never panics.

use crate::broker::{Bench, VERSIONS, publish_qos1};
use pronubes_mqtt::ProtocolError::{self, *};
use pronubes_mqtt::codec::{Packet, PropertyId, PublishPacket, Value};
use pronubes_mqtt::{QoS, SessionConfig, State, Subscription, Version};

/// Bytes that are wrong on a connected session, whatever was sent before.
const WRONG_IN_BOTH: &[(&str, &[u8], ProtocolError)] = &[
    ("packet type 0", &[0x00, 0], UnknownPacketType),
    ("length of five bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], MalformedLength),
    ("length written too long", &[0xD0, 0x80, 0x00], MalformedLength),
    ("256 MB announced", &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], PacketTooLarge),
    ("flags on PUBACK", &[0x42, 2, 0, 1], InvalidFlags),
    ("flags on PINGRESP", &[0xD1, 0], InvalidFlags),
    ("body on PINGRESP", &[0xD0, 1, 0], TrailingBytes),
    ("QoS 3", &[0x36, 5, 0, 1, b'a', 0, 1], InvalidQos),
    ("DUP at QoS 0", &[0x38, 4, 0, 1, b'a', 0], DupWithoutQos),
    ("PUBLISH cut inside the topic", &[0x30, 3, 0, 9, b'a'], TruncatedPacket),
    ("PUBLISH without topic length", &[0x30, 1, 0], TruncatedPacket),
    ("PUBLISH cut inside the packet id", &[0x32, 4, 0, 1, b'a', 0], TruncatedPacket),
    ("packet id 0 in PUBLISH", &[0x32, 6, 0, 1, b'a', 0, 0, 0], PacketIdZero),
    ("packet id 0 in PUBACK", &[0x40, 2, 0, 0], PacketIdZero),
    ("wildcard in the topic", &[0x30, 6, 0, 3, b'a', b'/', b'+', 0], WildcardInTopic),
    ("many-level wildcard in the topic", &[0x30, 4, 0, 1, b'#', 0], WildcardInTopic),
    ("NUL in the topic", &[0x30, 6, 0, 3, b'a', 0, b'b', 0], NulInText),
    ("topic is not UTF-8", &[0x30, 5, 0, 2, 0xC3, 0x28, 0], InvalidUtf8),
    ("surrogate in the topic", &[0x30, 6, 0, 3, 0xED, 0xA0, 0x80, 0], InvalidUtf8),
    ("empty topic", &[0x30, 3, 0, 0, 0], EmptyTopic),
    ("QoS 2 message", &[0x34, 6, 0, 1, b'a', 0, 1, 0], QosNotSupported),
    ("PUBREC", &[0x50, 2, 0, 1], QosNotSupported),
    ("PUBREL", &[0x62, 2, 0, 1], QosNotSupported),
    ("PUBACK of nothing", &[0x40, 2, 0, 1], UnknownPacketId),
    ("PUBACK of a request id", &[0x40, 2, 0xFF, 0xFF], UnknownPacketId),
    ("PUBACK cut", &[0x40, 1, 0], TruncatedPacket),
    ("CONNECT from a broker", &[0x10, 2, 0, 0], WrongDirection),
    ("SUBSCRIBE from a broker", &[0x82, 2, 0, 1], WrongDirection),
    ("PINGREQ from a broker", &[0xC0, 0], WrongDirection),
];

const WRONG_IN_311: &[(&str, &[u8], ProtocolError)] = &[
    ("second CONNACK", &[0x20, 2, 0, 0], UnexpectedConnack),
    ("SUBACK of nothing", &[0x90, 3, 0, 1, 0], UnknownPacketId),
    ("SUBACK with an unknown code", &[0x90, 3, 0, 1, 3], InvalidReasonCode),
    ("UNSUBACK of nothing", &[0xB0, 2, 0, 1], UnknownPacketId),
    ("DISCONNECT from a 3.1.1 broker", &[0xE0, 0], WrongDirection),
    ("AUTH", &[0xF0, 0], UnknownPacketType),
    ("bytes after PUBACK", &[0x40, 3, 0, 1, 0], TrailingBytes),
];

const WRONG_IN_5: &[(&str, &[u8], ProtocolError)] = &[
    ("second CONNACK", &[0x20, 3, 0, 0, 0], UnexpectedConnack),
    ("SUBACK of nothing", &[0x90, 4, 0, 1, 0, 0], UnknownPacketId),
    ("SUBACK with an unknown code", &[0x90, 4, 0, 1, 0, 0x7F], InvalidReasonCode),
    ("UNSUBACK without codes", &[0xB0, 3, 0, 1, 0], EmptyFilterList),
    ("AUTH", &[0xF0, 0], UnexpectedAuth),
    ("topic alias", &[0x30, 8, 0, 1, b'a', 3, 0x23, 0, 1, 0], TopicAliasInvalid),
    ("topic alias instead of a topic", &[0x30, 7, 0, 0, 3, 0x23, 0, 1, 0], TopicAliasInvalid),
    ("topic alias 0", &[0x30, 8, 0, 1, b'a', 3, 0x23, 0, 0, 0], InvalidPropertyValue),
    ("unknown property", &[0x30, 6, 0, 1, b'a', 2, 0x7F, 0], UnknownProperty),
    ("property of another packet", &[0x30, 7, 0, 1, b'a', 3, 0x21, 0, 1], PropertyNotAllowed),
    ("property twice", &[0x30, 8, 0, 1, b'a', 4, 0x01, 0, 0x01, 0], DuplicateProperty),
    ("property cut", &[0x30, 6, 0, 1, b'a', 2, 0x02, 0], TruncatedPacket),
    ("properties longer than the packet", &[0x30, 5, 0, 1, b'a', 9, 0x01], TruncatedPacket),
    ("properties missing", &[0x30, 3, 0, 1, b'a'], TruncatedPacket),
    ("user property is not UTF-8", &[0x30, 10, 0, 1, b'a', 6, 0x26, 0, 1, 0xFF, 0, 0], InvalidUtf8),
    ("wildcard in the response topic", &[0x30, 8, 0, 1, b'a', 4, 0x08, 0, 1, b'#'], WildcardInTopic),
    ("PUBACK with an unknown reason", &[0x40, 3, 0, 1, 0x01], InvalidReasonCode),
    ("DISCONNECT with a client's reason", &[0xE0, 1, 0x04], InvalidReasonCode),
];

#[test]
fn each_broken_rule_ends_the_connection_with_its_name() {
    for version in VERSIONS {
        let own = if version == Version::V311 { WRONG_IN_311 } else { WRONG_IN_5 };
        for (name, bytes, expected) in WRONG_IN_BOTH.iter().chain(own) {
            let mut bench = Bench::new(SessionConfig::new(version, "c"));
            bench.open(false);
            assert_eq!(bench.bytes(bytes), Err(*expected), "{version:?}: {name}");
            assert_eq!(bench.session.state(), State::Closing, "{version:?}: {name}");
            assert_eq!(bench.session.last_error(), Some(*expected));
            assert_eq!(bench.session.stats().protocol_errors, 1);
            let sent = bench.sent();
            if version == Version::V5 {
                assert!(sent.len() == 1 && sent[0].starts_with("DISCONNECT "), "{name}: {sent:?}");
            } else {
                assert_eq!(sent, [""; 0], "3.1.1 has no reason to give: {name}");
            }
            bench.bytes(&[0x30, 3, 0, 1, b'a']).expect("what comes after the end is not read");
            assert_eq!(bench.log, ["connected false"], "{version:?}: {name}");
        }
    }
}

#[test]
fn version_5_brokers_are_told_the_reason() {
    let cases: [(&[u8], &str); 5] = [
        (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], "DISCONNECT packet_too_large"),
        (&[0x30, 5, 0, 1, b'#', 0, 0], "DISCONNECT topic_name_invalid"),
        (&[0x30, 8, 0, 1, b'a', 3, 0x23, 0, 1, 0], "DISCONNECT topic_alias_invalid"),
        (&[0x30, 3, 0, 9, b'a'], "DISCONNECT malformed_packet"),
        (&[0x40, 2, 0, 1], "DISCONNECT protocol_error"),
    ];
    for (bytes, expected) in cases {
        let mut bench = Bench::new(SessionConfig::new(Version::V5, "c"));
        bench.open(false);
        bench.bytes(bytes).expect_err("the bytes are wrong");
        assert_eq!(bench.sent(), [expected]);
    }
}

#[test]
fn nothing_but_connack_may_come_first() {
    for version in VERSIONS {
        let first: [(&[u8], ProtocolError); 5] = [
            (&[0x30, 4, 0, 1, b'a', 0], ConnackExpected),
            (&[0xD0, 0], ConnackExpected),
            (&[0x40, 2, 0, 1], ConnackExpected),
            (&[0x20, 3, 2, 0, 0], ReservedBits),
            (&[0x30, 0x81, 0x80, 0x10], PacketTooLarge), // 256 KiB and a byte: before CONNACK that is too much
        ];
        for (bytes, expected) in first {
            let mut bench = Bench::new(SessionConfig::new(version, "c"));
            bench.session.opened(bench.now);
            bench.sent();
            assert_eq!(bench.bytes(bytes), Err(expected), "{version:?} {bytes:x?}");
        }
    }
}

#[test]
fn a_connack_that_contradicts_the_connect_is_refused() {
    for (session_present_bytes, clean_start) in [([0x20, 3, 1, 0, 0], true), ([0x20, 3, 1, 0x87, 0], false)] {
        for version in VERSIONS {
            let mut config = SessionConfig::new(version, "c");
            config.clean_start = clean_start;
            let mut bench = Bench::new(config);
            bench.session.opened(bench.now);
            bench.sent();
            let mut bytes = session_present_bytes.to_vec();
            if version == Version::V311 {
                bytes.pop();
                bytes[1] = 2;
                bytes[3] = bytes[3].min(5);
            }
            assert_eq!(bench.bytes(&bytes), Err(UnexpectedSession), "{version:?}");
        }
    }
}

/// mosquitto 2.0.11 had 1,413 unacknowledged messages under way at a window of 20.
#[test]
fn an_overrun_window_is_a_report() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "c");
        config.receive_maximum = 20;
        let mut bench = Bench::new(config);
        bench.open(false);
        for packet_id in 1..=20 {
            bench.broker_delivers("a", "x", packet_id);
        }
        assert!(!bench.session.is_overrun());
        let packet = PublishPacket { topic: b"a", qos: QoS::AtLeastOnce, packet_id: 21, ..PublishPacket::default() };
        assert_eq!(bench.broker_sends(Packet::Publish(packet)), Ok(()), "{version:?}");
        assert!(bench.session.is_overrun(), "{version:?}");
        let handles = std::mem::take(&mut bench.handles);
        bench.session.acknowledge_through(handles[0]);
        assert!(!bench.session.is_overrun(), "{version:?}");
        assert_eq!(bench.sent(), ["PUBACK 1"], "{version:?}");
    }
}

#[test]
fn the_window_is_counted_after_the_pubacks() {
    let mut config = SessionConfig::new(Version::V5, "c");
    config.receive_maximum = 2;
    let mut bench = Bench::new(config);
    bench.open(false);
    for round in 0..100_u16 {
        bench.broker_delivers("a", "x", 2 * round + 1);
        bench.broker_delivers("a", "x", 2 * round + 2);
        for handle in std::mem::take(&mut bench.handles) {
            bench.session.acknowledge(handle);
        }
    }
    assert_eq!((bench.session.unacknowledged(), bench.session.stats().acknowledged), ((0, 0), 200));
}

#[test]
fn unacknowledged_bytes_are_bounded_in_311_by_a_report() {
    let mut config = SessionConfig::new(Version::V311, "c");
    config.unacked_bytes_limit = 1_000;
    let mut bench = Bench::new(config);
    bench.open(false);
    let payload = "x".repeat(300);
    for packet_id in 1..=3 {
        bench.broker_delivers("a", &payload, packet_id);
        assert!(!bench.session.is_overrun(), "{packet_id}");
    }
    bench.broker_delivers("a", &payload, 4);
    assert!(bench.session.is_overrun());
    bench.session.acknowledge(bench.handles[0]);
    assert!(!bench.session.is_overrun());
}

#[test]
fn a_packet_id_in_use_is_an_error_unless_a_311_broker_repeats() {
    for (version, dup, expected) in [
        (Version::V311, true, Ok(())),
        (Version::V311, false, Err(PacketIdInUse)),
        (Version::V5, true, Err(PacketIdInUse)),
        (Version::V5, false, Err(PacketIdInUse)),
    ] {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.open(false);
        bench.broker_delivers("a", "x", 5);
        let packet = PublishPacket {
            topic: b"a",
            payload: b"x",
            qos: QoS::AtLeastOnce,
            packet_id: 5,
            dup,
            ..PublishPacket::default()
        };
        assert_eq!(bench.broker_sends(Packet::Publish(packet)), expected, "{version:?} dup={dup}");
        assert_eq!(bench.log, ["connected false", "publish a x"], "it is not handed over twice");
        if expected.is_ok() {
            bench.session.acknowledge(bench.handles[0]);
            assert_eq!((bench.sent(), bench.session.stats().duplicates), (vec!["PUBACK 5".to_owned()], 1));
            bench.broker_delivers("a", "y", 5);
        }
    }
}

#[test]
fn a_puback_counts_once() {
    for version in VERSIONS {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.open(false);
        bench.session.publish(publish_qos1("a", "x"), 1).expect("there is room");
        bench.broker_confirms(1);
        assert_eq!(bench.bytes(&[0x40, 2, 0, 1]), Err(UnknownPacketId));
        assert_eq!(bench.session.inflight(), 0);
    }
}

#[test]
fn answers_to_subscribe_must_fit() {
    for (codes, expected) in [(&[1_u8][..], SubackCount), (&[1, 1, 1], SubackCount), (&[1, 2], GrantedTooMuch)] {
        for version in VERSIONS {
            let mut config = SessionConfig::new(version, "c");
            config.subscriptions =
                vec![Subscription::new("a", QoS::AtLeastOnce), Subscription::new("b", QoS::AtLeastOnce)];
            let mut bench = Bench::new(config);
            bench.open(false);
            bench.sent();
            assert_eq!(bench.answer_subscribe(codes), Err(expected), "{version:?} {codes:?}");
        }
    }
}

/// Slowloris: a large packet is announced and never comes. What is kept grows with what arrived, not with what was announced.
#[test]
fn a_large_announcement_costs_nothing() {
    for version in VERSIONS {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.open(false);
        bench.bytes(&[0x30, 0xF0, 0xFF, 0x3F]).expect("just below the limit of 1 MiB");
        for _ in 0..100 {
            bench.bytes(&[0]).expect("the packet goes on");
        }
        assert!(bench.session.buffered() <= 256, "{} bytes are kept", bench.session.buffered());
    }
}

#[test]
fn a_refusal_is_an_event_with_reason_and_advice() {
    let cases: [(Version, &[u8], &str); 5] = [
        (Version::V311, &[0x20, 2, 0, 5], "refused not_authorized Later"),
        (Version::V311, &[0x20, 2, 0, 3], "refused server_unavailable Soon"),
        (Version::V5, &[0x20, 3, 0, 0x86, 0], "refused bad_user_name_or_password Later"),
        (Version::V5, &[0x20, 3, 0, 0x89, 0], "refused server_busy Soon"),
        (Version::V5, &[0x20, 2, 0, 1], "refused unsupported_protocol_version Later"), // a 3.1.1 broker's answer
    ];
    for (version, bytes, expected) in cases {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.session.opened(bench.now);
        bench.sent();
        bench.bytes(bytes).expect("a refusal is not a protocol error");
        assert_eq!((bench.log.as_slice(), bench.session.state()), (&[expected.to_owned()][..], State::Closing));
    }
}

#[test]
fn a_server_disconnect_is_an_event_with_its_reason() {
    let mut bench = Bench::new(SessionConfig::new(Version::V5, "c"));
    bench.open(false);
    bench.bytes(&[0xE0, 1, 0x8E, 0x30, 4, 0, 1, b'a', 0]).expect("DISCONNECT is allowed");
    assert_eq!(bench.log, ["connected false", "disconnected session_taken_over"]);
    assert_eq!((bench.session.state(), bench.sent().len()), (State::Closing, 0));
}

/// A broker that refuses what it was asked to take says so in the PUBACK; the message is then not in flight any more.
#[test]
fn a_refused_message_is_reported_with_its_token() {
    let mut bench = Bench::new(SessionConfig::new(Version::V5, "c"));
    bench.open(false);
    bench.session.publish(publish_qos1("a", "x"), 42).expect("there is room");
    bench.bytes(&[0x40, 3, 0, 1, 0x87]).expect("a refusal is allowed");
    assert_eq!(bench.log[1..], ["publish refused 42 not_authorized"]);
    assert_eq!((bench.session.inflight(), bench.session.stats().refused), (0, 1));
}

#[test]
fn properties_of_a_delivery_can_be_read() {
    let mut bench = Bench::new(SessionConfig::new(Version::V5, "c"));
    bench.open(false);
    let mut properties = pronubes_mqtt::codec::PropertyBuffer::new(pronubes_mqtt::codec::Place::Delivery);
    properties.push(PropertyId::UserProperty, Value::Pair(b"trace", b"7")).expect("allowed");
    properties.push(PropertyId::ContentType, Value::Text(b"application/json")).expect("allowed");
    properties.push(PropertyId::UserProperty, Value::Pair(b"trace", b"8")).expect("allowed");
    let packet = PublishPacket { topic: b"a", properties: properties.properties(), ..PublishPacket::default() };
    let mut bytes = Vec::new();
    packet.encode(Version::V5, &mut bytes).expect("it fits");
    let mut seen = Vec::new();
    let outcome = bench.session.receive(&bytes, bench.now, &mut |event| {
        if let pronubes_mqtt::Event::Publish(message) = event {
            seen.extend(message.content_type().map(<[u8]>::to_vec));
            seen.extend(message.user_properties().map(|(name, value)| [name, b"=", value].concat()));
            assert_eq!((message.expiry_s(), message.response_topic(), message.is_text()), (None, None, false));
        }
    });
    assert_eq!((outcome, seen), (Ok(()), vec![b"application/json".to_vec(), b"trace=7".to_vec(), b"trace=8".to_vec()]));
}
