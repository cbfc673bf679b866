//! Codecs by the shared vectors and as properties; and the registry: nothing is forgotten for a format.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;
#[path = "common/proto.rs"]
mod proto;

use common::unhex;
use pronubes_core::payload::codec::{Codec, CodecWork, Schemas, docs, page as codec_page};
use pronubes_core::payload::{Fault, Limits};
use pronubes_core::spec::Ordered;
use proptest::prelude::*;
use serde_json::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A codec with its arguments as JSON.
fn codec(name: &str, arguments: &str) -> Codec {
    compiled(name, arguments, &Schemas::default())
}

fn compiled(name: &str, arguments: &str, schemas: &Schemas) -> Codec {
    let arguments = serde_json::value::RawValue::from_string(arguments.to_owned()).unwrap();
    Codec::compile(name, &arguments, schemas).unwrap().unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

fn decoded(codec: &Codec, payload: &[u8]) -> Result<String, Fault> {
    decoded_within(codec, payload, &Limits::default())
}

fn decoded_within(codec: &Codec, payload: &[u8], limits: &Limits) -> Result<String, Fault> {
    let mut out = Vec::new();
    codec.decode(payload, limits, &mut CodecWork::default(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn encoded(codec: &Codec, json: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    codec.encode(json, &mut CodecWork::default(), &mut out)?;
    Ok(out)
}

/// The cases of a codec, and the schemas that they name.
fn vectors(name: &str) -> (Vec<Value>, Schemas) {
    let path = format!("{}/../../tests/vectors/codecs/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let sources = file["schemas"].as_object().into_iter().flatten();
    let sets = sources.map(|(name, source)| (name.clone(), proto::descriptor_set(name, source.as_str().unwrap())));
    let schemas = Schemas::new(&Ordered(sets.collect()));
    (serde_json::from_value(file["cases"].take()).unwrap(), schemas)
}

fn check_error<T: std::fmt::Debug>(label: &str, case: &Value, result: Result<T, Fault>) {
    let fault = result.err().unwrap_or_else(|| panic!("{label}: no error"));
    let found = (fault.reason.code(), u64::from(fault.offset));
    assert_eq!(found, (case["reason"].as_str().unwrap(), case["at"].as_u64().unwrap()), "{label}");
}

fn check(codec: &Codec, label: &str, case: &Value) {
    let (payload, json) = (case["payload"].as_str().map(unhex), case["json"].as_str());
    match (payload, json) {
        (Some(payload), None) => check_error(label, case, decoded(codec, &payload)),
        (None, Some(json)) => check_error(label, case, encoded(codec, json.as_bytes())),
        (Some(payload), Some(json)) => {
            let expected = case["decodes_to"].as_str().unwrap_or(json);
            let found = decoded(codec, &payload).unwrap_or_else(|fault| panic!("{label}: {fault}"));
            assert_eq!(found, expected, "{label}");
            let target = case.get("encodes_to").map_or_else(|| case["payload"].as_str(), |target| target.as_str());
            if let Some(target) = target {
                let found = encoded(codec, json.as_bytes()).unwrap_or_else(|fault| panic!("{label}: {fault}"));
                assert_eq!(hex(&found), target, "{label}");
            }
        }
        (None, None) => panic!("{label}: neither payload nor JSON"),
    }
}

#[test]
fn vectors_hold() {
    for doc in docs() {
        let (cases, schemas) = vectors(doc.name);
        assert!(cases.len() > 20, "{}: {} cases", doc.name, cases.len());
        for case in cases {
            let label = format!("{}: {}", doc.name, case["name"]);
            check(&compiled(doc.name, &case["arguments"].to_string(), &schemas), &label, &case);
        }
    }
}

#[test]
fn every_codec_has_documentation_and_an_example_that_is_right_in_both_directions() {
    for doc in docs() {
        assert!(doc.summary.ends_with('.') && !doc.rules.is_empty(), "{}", doc.name);
        if let Some(schema) = doc.example.schema {
            assert_eq!(schema.set, proto::descriptor_set(schema.name, schema.source), "{}", doc.name);
        }
        let codec = compiled(doc.name, doc.example.arguments, &doc.example.schemas());
        let json = decoded(&codec, &unhex(doc.example.payload)).unwrap();
        assert_eq!(json, doc.example.json, "{}", doc.name);
        let payload = encoded(&codec, json.as_bytes()).unwrap();
        assert_eq!(decoded(&codec, &payload).unwrap(), json, "{}", doc.name);
    }
}

#[test]
fn every_codec_is_an_argument_of_decode_and_encode() {
    let names: Vec<&str> = docs().map(|doc| doc.name).collect();
    for verb in ["decode", "encode"] {
        let doc = pronubes_core::transform::docs().find(|doc| doc.verb == verb).unwrap();
        let arguments: Vec<&str> = doc.arguments.iter().map(|argument| argument.name).collect();
        assert_eq!(arguments, names, "{verb}");
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/codecs.md");
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == codec_page(), "run `cargo run -p pronubes-core --example steps_page`");
}

#[test]
fn what_is_larger_than_the_limits_is_refused() {
    let limits = Limits { payload_bytes: 40, depth: 64, keys: 3, text_bytes: 10 };
    const FLAT: &str = r#"{"measurement": "m"}"#;
    let line = |text: &str| hex(text.as_bytes());
    let cases = [
        ("cbor", "null", "8401020304", "too_many_keys", 0),
        ("cbor", "null", "9f01020304ff", "too_many_keys", 4),
        ("cbor", "null", "bf0101020203030404ff", "too_many_keys", 7),
        ("cbor", "null", "6b6161616161616161616161", "text_too_long", 0),
        ("cbor", "null", "4961616161616161616161", "text_too_long", 0),
        ("cbor", "null", "83fa3dcccccdfa3dcccccdfa3dcccccd", "payload_too_large", 11),
        ("cbor", "null", "818181818181818181818181818181818181818180", "payload_too_large", 21),
        ("messagepack", "null", "9401020304", "too_many_keys", 0),
        ("messagepack", "null", "ab6161616161616161616161", "text_too_long", 0),
        ("messagepack", "null", "c409616161616161616161", "text_too_long", 0),
        ("messagepack", "null", "93ca3dcccccdca3dcccccdca3dcccccd", "payload_too_large", 11),
        ("scalar", r#"{"type": "hex"}"#, "616161616161", "text_too_long", 0),
        ("opcua_json", "null", &line(r#"{"a":1,"b":1,"c":1,"d":1}"#), "too_many_keys", 19),
        ("opcua_json", "null", &line(r#"[{"a":1,"b":1},{"a":1,"b":1}]"#), "payload_too_large", 6),
        ("opcua_json", "null", &line(r#"{"abcdefghijk":1}"#), "text_too_long", 1),
        ("influx", FLAT, &line("m a=1,b=1,c=1,d=1"), "too_many_keys", 14),
        ("influx", FLAT, &line(r#"m a="abcdefghijk""#), "text_too_long", 5),
        ("influx", FLAT, &line(r#"m aaaaaaaaaa="bbbbbbbbbb",cccccccccc="d""#), "payload_too_large", 38),
    ];
    for (name, arguments, payload, reason, at) in cases {
        let result = decoded_within(&codec(name, arguments), &unhex(payload), &limits);
        let fault = result.err().unwrap_or_else(|| panic!("{name} {payload}: no error"));
        assert_eq!((fault.reason.code(), fault.offset), (reason, at), "{name} {payload}");
    }
    let long = [0; 41];
    let fault = decoded_within(&codec("cbor", "null"), &long, &limits).unwrap_err();
    assert_eq!((fault.reason.code(), fault.offset), ("payload_too_large", 40));
}

/// Formats that can say all of JSON.
const SELF_DESCRIBING: &[&str] = &["cbor", "messagepack"];

/// JSON as the engine itself writes it: numbers in their shortest form, no more escapes than needed.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        (-30_i64..300).prop_map(|value| value.to_string()),
        any::<f64>().prop_map(number),
        any::<f32>().prop_map(|value| number(value.into())),
        (-1000_i32..1000).prop_map(|value| number(f64::from(value) / 8.0)),
        "\\PC{0,40}|(a|\"|\\\\|\u{1}|ü|😀){0,8}".prop_map(text),
    ];
    scalar.prop_recursive(5, 60, 30, |inner| {
        let member = ("[a-z]{0,3}|\\PC{0,5}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..30).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(member, 0..30).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(key, value)| format!("{}:{value}", text(key))).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn number(value: f64) -> String {
    let mut out = Vec::new();
    match pronubes_core::payload::number::write_f64(&mut out, value) {
        Ok(()) => String::from_utf8(out).unwrap(),
        Err(_) => "0".to_owned(),
    }
}

fn text(value: impl AsRef<str>) -> String {
    let mut out = Vec::new();
    pronubes_core::payload::text::write(&mut out, value.as_ref());
    String::from_utf8(out).unwrap()
}

/// Points as line protocol can say them.
fn point() -> impl Strategy<Value = String> {
    let name = || "[a-z]{1,3}|[ ,=\"\\\\ü😀\t\r#]{0,4}[a-z,= ]";
    let tags = prop::collection::vec((name(), name()), 0..4);
    let value = prop_oneof![
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(number),
        "\\PC{0,20}|(\"|\\\\|\n| |,|=){0,8}".prop_map(text),
    ];
    let fields = prop::collection::vec((name(), value), 1..4);
    ("[^#\n]{0,5}[a-z]", tags, fields, any::<Option<i64>>()).prop_map(|(measurement, tags, fields, time)| {
        let object = |members: Vec<String>| format!("{{{}}}", members.join(","));
        let tags = object(tags.into_iter().map(|(tag, value)| format!("{}:{}", text(tag), text(value))).collect());
        let fields = object(fields.into_iter().map(|(field, value)| format!("{}:{value}", text(field))).collect());
        let time = time.map(|time| format!(r#","timestamp":{time}"#)).unwrap_or_default();
        format!(r#"{{"measurement":{},"tags":{tags},"fields":{fields}{time}}}"#, text(measurement))
    })
}

/// Records as network messages can say them, each field once.
fn records() -> impl Strategy<Value = String> {
    let value =
        json().prop_filter("a variant is taken apart", |json| !json.contains("Value") && !json.contains("Type"));
    let time = ((-9_000_000_000..9_000_000_000_i64), 0..1_000_000_000_i64, 0..100_u32);
    let status = prop::sample::select(&["Good", "Bad", "UncertainLastUsableValue", "0x40900200", "BadNoCommunication"]);
    let writer = prop::option::of((any::<u16>(), "[a-z\"ü]{0,3}"));
    let record = (value, status, prop::option::of(time), writer, prop::option::of("[a-z]{1,2}"));
    prop::collection::vec(record, 0..6).prop_map(|records| {
        let record =
            |(index, (value, status, time, writer, publisher)): (usize, (_, _, Option<_>, Option<_>, Option<_>))| {
                let (value, status): (String, &str) = (value, status);
                let mut record = format!(r#"{{"field":"f{index}","value":{value},"quality":"{status}""#);
                if let Some((seconds, ns, tens)) = time {
                    let mut written = Vec::new();
                    pronubes_core::record::TimeForm::Iso8601.write(seconds * 1_000_000_000 + ns, &mut written);
                    record += &format!(r#","timestamp":{}"#, String::from_utf8(written).unwrap());
                    record += &if tens > 0 { format!(r#","picoseconds":{}"#, tens * 10) } else { String::new() };
                }
                record +=
                    &publisher.map(|publisher: String| format!(r#","publisher":"{publisher}""#)).unwrap_or_default();
                record += &writer
                    .map(|(id, name): (u16, String)| format!(r#","writer":{},"writer_id":{id}"#, text(name)))
                    .unwrap_or_default();
                record + "}"
            };
        format!(r#"{{"values":[{}]}}"#, records.into_iter().enumerate().map(record).collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #[test]
    fn network_messages_say_what_records_say(json in records()) {
        let codec = codec("opcua_json", "null");
        let message = encoded(&codec, json.as_bytes()).unwrap();
        prop_assert!(serde_json::from_slice::<Value>(&message).is_ok());
        prop_assert_eq!(decoded(&codec, &message).unwrap(), json);
    }

    #[test]
    fn lines_say_what_points_say(points in prop::collection::vec(point(), 0..4)) {
        let json = format!(r#"{{"points":[{}]}}"#, points.join(","));
        let codec_of_points = codec("influx", "null");
        let lines = encoded(&codec_of_points, json.as_bytes()).unwrap();
        prop_assert_eq!(&decoded(&codec_of_points, &lines).unwrap(), &json);
        // The same lines as a point per field, and those in a line each.
        let codec_of_values = codec("influx", r#"{"form": "values"}"#);
        let values = decoded(&codec_of_values, &lines).unwrap();
        let more_lines = encoded(&codec_of_values, values.as_bytes()).unwrap();
        prop_assert_eq!(decoded(&codec_of_values, &more_lines).unwrap(), values);
    }

    #[test]
    fn decode_undoes_encode(json in json()) {
        for name in SELF_DESCRIBING {
            let codec = codec(name, "null");
            let bytes = encoded(&codec, json.as_bytes()).unwrap();
            prop_assert_eq!(&decoded(&codec, &bytes).unwrap(), &json);
            prop_assert_eq!(&encoded(&codec, json.as_bytes()).unwrap(), &bytes);
        }
    }

    #[test]
    fn encode_undoes_decode_of_numbers(bits in any::<u64>(), little in any::<bool>()) {
        for (kind, size) in [("int8", 1), ("uint8", 1), ("int16", 2), ("uint16", 2), ("int32", 4), ("uint32", 4), ("float32", 4),
                             ("int64", 8), ("uint64", 8), ("float64", 8), ("hex", 3), ("base64", 5), ("latin1", 7)] {
            let order = if little { "little" } else { "big" };
            let codec = codec("scalar", &format!(r#"{{"type": "{kind}", "byte_order": "{order}"}}"#));
            let payload = &bits.to_le_bytes()[..size];
            if let Ok(json) = decoded(&codec, payload) {
                prop_assert_eq!(encoded(&codec, json.as_bytes()).unwrap(), payload);
            } else {
                prop_assert!(kind.starts_with("float"));
            }
        }
    }
}
