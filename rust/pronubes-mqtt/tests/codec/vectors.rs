//! The vectors of `tests/vectors/mqtt`, which the Python tests read too.

use pronubes_mqtt::codec::{Packet, Properties, PublishPacket, Value as Property, next_frame};
use pronubes_mqtt::{Sender, Version};
use serde_json::{Value, json};
use std::path::Path;

/// One vector, for one of its versions.
pub struct Case {
    pub name: String,
    pub version: Version,
    pub sender: Sender,
    pub bytes: Vec<u8>,
    pub vector: Value,
}

pub fn read(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mqtt").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut cases = Vec::new();
    for vector in vectors["cases"].as_array().expect("a list of cases") {
        for version in vector["version"].as_array().expect("a list of versions") {
            cases.push(Case {
                name: format!("{} ({version})", vector["name"]),
                version: if version == "5" { Version::V5 } else { Version::V311 },
                sender: if vector["sender"] == "client" { Sender::Client } else { Sender::Server },
                bytes: from_hex(vector["hex"].as_str().expect("hex")),
                vector: vector.clone(),
            });
        }
    }
    cases
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn latin(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()
}

fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into()
}

fn properties(of: Properties<'_>) -> Option<Value> {
    let list: Vec<Value> = of
        .iter()
        .map(|(id, value)| {
            let value = match value {
                Property::Byte(number) => json!(number),
                Property::Short(number) => json!(number),
                Property::Long(number) | Property::Varint(number) => json!(number),
                Property::Text(bytes) => text(bytes),
                Property::Binary(bytes) => latin(bytes),
                Property::Pair(name, value) => json!([text(name), text(value)]),
            };
            json!([format!("{id:?}"), value])
        })
        .collect();
    (!list.is_empty()).then(|| list.into())
}

fn publish(packet: &PublishPacket<'_>, object: &mut Value) {
    object["topic"] = text(packet.topic);
    object["payload"] = latin(packet.payload);
    object["qos"] = json!(packet.qos as u8);
    object["retain"] = json!(packet.retain);
    object["dup"] = json!(packet.dup);
    if packet.packet_id != 0 {
        object["packet_id"] = json!(packet.packet_id);
    }
}

/// The packet in the form of the vectors.
fn describe(packet: &Packet<'_>) -> Value {
    let mut object = json!({"type": format!("{:?}", packet.packet_type()).to_lowercase()});
    let found = match packet {
        Packet::Connect(connect) => {
            object["client_id"] = text(connect.client_id);
            object["clean_start"] = json!(connect.clean_start);
            object["keep_alive_s"] = json!(connect.keep_alive_s);
            if let Some(will) = connect.will {
                object["will_topic"] = text(will.topic);
                object["will_payload"] = latin(will.payload);
                object["will_qos"] = json!(will.qos as u8);
                object["will_retain"] = json!(will.retain);
            }
            for (name, value) in [("username", connect.username), ("password", connect.password)] {
                if let Some(value) = value {
                    object[name] = latin(value);
                }
            }
            connect.properties
        }
        Packet::ConnAck(connack) => {
            object["session_present"] = json!(connack.session_present);
            object["reason"] = json!(connack.reason.name());
            connack.properties
        }
        Packet::Publish(packet) => {
            publish(packet, &mut object);
            packet.properties
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            object["packet_id"] = json!(ack.packet_id);
            object["reason"] = json!(ack.reason.name());
            ack.properties
        }
        Packet::Subscribe(request) => {
            object["packet_id"] = json!(request.packet_id);
            object["filters"] =
                request.filters.iter().map(|(filter, options)| json!([text(filter), options.qos as u8])).collect();
            if let Some((_, options)) = request.filters.iter().next().filter(|(_, options)| options.no_local) {
                object["no_local"] = json!(true);
                object["retain_as_published"] = json!(options.retain_as_published);
                object["retain_handling"] = json!(options.retain_handling);
            }
            request.properties
        }
        Packet::Unsubscribe(request) => {
            object["packet_id"] = json!(request.packet_id);
            object["filters"] = request.filters.iter().map(|(filter, _)| json!([text(filter), 0])).collect();
            request.properties
        }
        Packet::SubAck(answer) => {
            object["packet_id"] = json!(answer.packet_id);
            object["codes"] = json!(answer.codes);
            answer.properties
        }
        Packet::UnsubAck(answer) => {
            object["packet_id"] = json!(answer.packet_id);
            object["codes"] = json!(answer.codes);
            answer.properties
        }
        Packet::PingReq | Packet::PingResp => Properties::default(),
        Packet::Disconnect(disconnect) => {
            object["reason"] = json!(disconnect.reason.name());
            disconnect.properties
        }
        Packet::Auth(auth) => {
            object["reason"] = json!(auth.reason.name());
            auth.properties
        }
    };
    if let Some(list) = properties(found) {
        object["properties"] = list;
    }
    object
}

#[test]
fn right_packets_decode_and_encode_to_the_same_bytes() {
    let cases = read("packets.json");
    assert!(cases.len() > 40);
    for Case { name, version, sender, bytes, vector } in cases {
        let frame = next_frame(&bytes, u32::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
        let frame = frame.unwrap_or_else(|| panic!("{name}: the length is wrong"));
        assert_eq!(frame.size, bytes.len(), "{name}");
        let packet = Packet::decode(frame, version, sender).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(describe(&packet), vector["packet"], "{name}");
        let mut encoded = Vec::new();
        assert_eq!(packet.encode(version, &mut encoded), Some(bytes.len()), "{name}");
        assert_eq!(encoded, bytes, "{name}");
    }
}

#[test]
fn wrong_packets_are_refused_by_name() {
    let cases = read("malformed.json");
    assert!(cases.len() > 50);
    for Case { name, version, sender, bytes, vector } in cases {
        let outcome = next_frame(&bytes, u32::MAX).and_then(|frame| {
            let frame = frame.unwrap_or_else(|| panic!("{name}: the length is wrong"));
            assert_eq!(frame.size, bytes.len(), "{name}: the length is wrong");
            Packet::decode(frame, version, sender).map(|packet| describe(&packet))
        });
        assert_eq!(outcome.map_err(|error| error.code()), Err(vector["error"].as_str().expect("a code")), "{name}");
    }
}

/// Every packet cut short at every place is refused (with its length put right), never read beyond its end.
#[test]
fn packets_cut_at_each_place_do_not_panic_and_mostly_fail() {
    let (mut refused, mut accepted) = (0, 0);
    for Case { version, sender, bytes, .. } in read("packets.json") {
        for length in 0..bytes.len() - 2 {
            let mut cut = vec![bytes[0], length as u8];
            cut.extend_from_slice(&bytes[2..2 + length]);
            let frame = next_frame(&cut, u32::MAX).expect("the header is right").expect("the frame is whole");
            match Packet::decode(frame, version, sender) {
                Err(_) => refused += 1,
                Ok(_) => accepted += 1, // a payload or a list of codes that is shorter is still one
            }
        }
    }
    assert!(refused > 10 * accepted, "{refused} refused, {accepted} accepted");
}
