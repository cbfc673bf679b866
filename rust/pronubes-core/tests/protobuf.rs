//! Protobuf against prost-reflect: whatever stands on the wire, both say the same of it.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

#[path = "common/proto.rs"]
mod proto;

use std::sync::OnceLock;

use pronubes_core::payload::Limits;
use pronubes_core::payload::codec::{Codec, CodecWork, Schemas};
use pronubes_core::spec::Ordered;
use proptest::prelude::*;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use serde_json::value::RawValue;

const SOURCE: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Color { NONE = 0; RED = 1; BLUE = 5; DARK = -2; }

message All {
  int32 f_int32 = 1;
  int64 f_int64 = 2;
  uint32 f_uint32 = 3;
  uint64 f_uint64 = 4;
  sint32 f_sint32 = 5;
  sint64 f_sint64 = 6;
  fixed32 f_fixed32 = 7;
  fixed64 f_fixed64 = 8;
  sfixed32 f_sfixed32 = 9;
  sfixed64 f_sfixed64 = 10;
  float f_float = 11;
  double f_double = 12;
  bool f_bool = 13;
  string f_string = 14;
  bytes f_bytes = 15;
  Color f_enum = 16;
  All f_message = 17;
  repeated int32 r_int32 = 18;
  repeated sint64 r_sint64 = 19 [packed = false];
  repeated double r_double = 20;
  repeated string r_string = 21;
  repeated All r_message = 22;
  repeated Color r_enum = 23;
  map<string, int32> m_string = 24;
  map<int32, All> m_message = 25;
  map<bool, string> m_bool = 26;
  optional int32 o_int32 = 27;
  oneof choice {
    int32 c_int32 = 28;
    string c_string = 29;
    All c_message = 30;
  }
  google.protobuf.Timestamp timestamp = 31;
  google.protobuf.Duration duration = 32;
  google.protobuf.Struct struct = 33;
  google.protobuf.Value value = 34;
  google.protobuf.ListValue list = 35;
  google.protobuf.Int64Value w_int64 = 36;
  google.protobuf.StringValue w_string = 37;
  google.protobuf.DoubleValue w_double = 38;
  google.protobuf.BoolValue w_bool = 39;
  repeated google.protobuf.Timestamp r_timestamp = 40;
  map<uint64, google.protobuf.Timestamp> m_timestamp = 41;
  repeated google.protobuf.Value r_value = 300;
  map<sint32, Color> m_enum = 100000;
}
"#;

/// Bytes that decide what is made; zero when there are no more.
struct Entropy<'a>(&'a [u8]);

impl Entropy<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        match self.byte() % 6 {
            0 => 0,
            1 => u64::from(self.byte()),
            2 => u64::MAX - u64::from(self.byte()),
            3 => (0..4).fold(0, |value, _| value << 8 | u64::from(self.byte())),
            _ => (0..8).fold(0, |value, _| value << 8 | u64::from(self.byte())),
        }
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64, padding: bool) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
    if padding && out.len() < 4 {
        *out.last_mut().unwrap() |= 128;
        out.push(0);
    }
}

fn delimited(out: &mut Vec<u8>, content: &[u8]) {
    varint(out, content.len() as u64, false);
    out.extend_from_slice(content);
}

/// A value of a field without its tag; how it is delimited.
fn scalar(kind: &Kind, entropy: &mut Entropy<'_>, depth: u32, out: &mut Vec<u8>) {
    match kind {
        Kind::Double => out.extend_from_slice(&((entropy.number() as i64) as f64 / 8.0).to_le_bytes()),
        Kind::Float => out.extend_from_slice(&((entropy.number() as i32) as f32 / 8.0).to_le_bytes()),
        Kind::Fixed32 | Kind::Sfixed32 => out.extend_from_slice(&(entropy.number() as u32).to_le_bytes()),
        Kind::Fixed64 | Kind::Sfixed64 => out.extend_from_slice(&entropy.number().to_le_bytes()),
        Kind::String => delimited(out, ["", "a", "ü\"", "\u{1}\\"][usize::from(entropy.byte() % 4)].as_bytes()),
        Kind::Bytes => delimited(out, &entropy.number().to_le_bytes()[..usize::from(entropy.byte() % 9)]),
        Kind::Message(inner) => {
            let content = message(inner, entropy, depth + 1);
            delimited(out, &content);
        }
        Kind::Enum(_) => varint(out, i64::from(entropy.byte() as i8 % 7) as u64, false),
        Kind::Bool => varint(out, u64::from(entropy.byte() % 3), false),
        Kind::Int32 => varint(out, i64::from(entropy.number() as i32) as u64, false),
        Kind::Uint32 | Kind::Sint32 => varint(out, u64::from(entropy.number() as u32), false),
        _ => varint(out, entropy.number(), false),
    }
}

fn field(field: &FieldDescriptor, entropy: &mut Entropy<'_>, depth: u32, out: &mut Vec<u8>) {
    let kind = field.kind();
    let wire = match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        _ => 0,
    };
    let number = u64::from(field.number()) << 3;
    if field.is_list() && wire != 2 && entropy.byte().is_multiple_of(2) {
        let mut content = Vec::new();
        (0..entropy.byte() % 4).for_each(|_| scalar(&kind, entropy, depth, &mut content));
        varint(out, number | 2, false);
        return delimited(out, &content);
    }
    varint(out, number | wire, false);
    if matches!(field.parent_message().name(), "Timestamp" | "Duration") {
        return varint(out, entropy.number() % [4_000_000_000, 1_000_000_000][usize::from(field.number() == 2)], false);
    }
    scalar(&kind, entropy, depth, out);
}

/// A message on the wire: any of its fields, in any order, any number of times, and now and then one that it does not have.
fn message(descriptor: &MessageDescriptor, entropy: &mut Entropy<'_>, depth: u32) -> Vec<u8> {
    let fields: Vec<FieldDescriptor> = descriptor.fields().collect();
    let mut out = Vec::new();
    let count = if depth > 4 { 0 } else { entropy.byte() % 5 };
    for _ in 0..count {
        let choice = usize::from(entropy.byte());
        if choice == 255 {
            varint(&mut out, 4000 << 3 | 2, false);
            delimited(&mut out, b"unknown");
            continue;
        }
        field(&fields[choice % fields.len()], entropy, depth, &mut out);
    }
    out
}

struct Both {
    codec: Codec,
    sparse: Codec,
    descriptor: MessageDescriptor,
}

fn both() -> &'static Both {
    static BOTH: OnceLock<Both> = OnceLock::new();
    BOTH.get_or_init(new_both)
}

fn new_both() -> Both {
    let set = proto::descriptor_set("t.proto", SOURCE);
    let schemas = Schemas::new(&Ordered(vec![("t.proto".to_owned(), set.clone())]));
    let codec = |arguments: &str| {
        let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
        Codec::compile("protobuf", &arguments, &schemas).unwrap().unwrap()
    };
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(set).unwrap();
    let pool = DescriptorPool::decode(bytes.as_slice()).unwrap();
    Both {
        codec: codec(r#"{"schema": "t.proto", "message": "t.All"}"#),
        sparse: codec(r#"{"schema": "t.proto", "message": "t.All", "defaults": false}"#),
        descriptor: pool.get_message_by_name("t.All").unwrap(),
    }
}

/// What prost-reflect says of a payload; none when it refuses it.
fn expected(descriptor: &MessageDescriptor, payload: &[u8]) -> Option<Value> {
    let message = DynamicMessage::decode(descriptor.clone(), payload).ok()?;
    let options =
        SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).ok().map(short_floats)
}

/// Floats of 32 bits as what they are: prost-reflect writes the digits of the double.
fn short_floats(mut value: Value) -> Value {
    let mut waiting = vec![&mut value];
    while let Some(next) = waiting.pop() {
        match next {
            Value::Array(values) => waiting.extend(values),
            Value::Object(members) => {
                if let Some(float) = members.get_mut("f_float")
                    && let Some(double) = float.as_f64()
                {
                    *float = serde_json::from_str(&(double as f32).to_string()).unwrap();
                }
                waiting.extend(members.values_mut());
            }
            _ => {}
        }
    }
    value
}

fn decoded(codec: &Codec, payload: &[u8]) -> Result<Vec<u8>, pronubes_core::payload::Fault> {
    let mut out = Vec::new();
    codec.decode(payload, &Limits::default(), &mut CodecWork::default(), &mut out).map(|()| out)
}

/// What both say must be the same, and stay so when it is written and read again.
fn check(both: &Both, payload: &[u8], value: &Value, json: &[u8]) -> Result<(), TestCaseError> {
    let found = short_floats(serde_json::from_slice(json).unwrap());
    prop_assert_eq!(&found, value, "{:02x?}", payload);
    let sparse = decoded(&both.sparse, payload).unwrap();
    for json in [json, &sparse] {
        let mut again = Vec::new();
        let written = both.codec.encode(json, &mut CodecWork::default(), &mut again);
        prop_assert_eq!(written, Ok(()), "{}", String::from_utf8_lossy(json));
        let again = expected(&both.descriptor, &again);
        prop_assert_eq!(again.as_ref(), Some(value), "{}", String::from_utf8_lossy(json));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_stands_on_the_wire_says_the_same_as_in_prost_reflect(entropy in prop::collection::vec(any::<u8>(), 0..600)) {
        let both = both();
        let payload = message(&both.descriptor, &mut Entropy(&entropy), 0);
        match (expected(&both.descriptor, &payload), decoded(&both.codec, &payload)) {
            (Some(value), Ok(json)) => check(both, &payload, &value, &json)?,
            (None, Err(_)) => {}
            (value, found) => prop_assert!(false, "{payload:02x?}: {value:?}, {found:?}"),
        }
    }

    /// Here one may refuse what the other takes: prost-reflect also looks at values that later ones replace.
    #[test]
    fn what_is_cut_or_changed_is_refused_or_says_the_same(
        entropy in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let both = both();
        let mut payload = message(&both.descriptor, &mut Entropy(&entropy), 0);
        if payload.is_empty() {
            return Ok(());
        }
        let at = at.index(payload.len());
        let cut = payload[..at].to_vec();
        payload[at] = byte;
        for payload in [cut, payload] {
            if let (Some(value), Ok(json)) = (expected(&both.descriptor, &payload), decoded(&both.codec, &payload)) {
                check(both, &payload, &value, &json)?;
            }
        }
    }
}
