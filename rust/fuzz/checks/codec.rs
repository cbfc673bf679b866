//! Any bytes as a payload in each format: decoding gives JSON within the limits, and what is encoded of it says the same again.

use std::sync::OnceLock;

use pronubes_core::payload::codec::{Codec, CodecWork, Schemas, docs};
use pronubes_core::payload::{Limits, PathSet, Scan, scan};
use serde_json::value::RawValue;

/// One codec of each format, as in its example, scalars of other types, and lines in other forms.
fn codecs() -> &'static [Codec] {
    static CODECS: OnceLock<Vec<Codec>> = OnceLock::new();
    CODECS.get_or_init(|| {
        let compile = |name: &str, arguments: &str, schemas: &Schemas| {
            let arguments = RawValue::from_string(arguments.to_owned()).expect("the arguments are JSON");
            Codec::compile(name, &arguments, schemas).expect("the codec is there").expect("the arguments are right")
        };
        let examples = docs().map(|doc| compile(doc.name, doc.example.arguments, &doc.example.schemas()));
        let types =
            ["int8", "uint16", "int32", "uint64", "float32", "float64", "bool", "utf8", "latin1", "hex", "base64"];
        let scalar =
            |kind| compile("scalar", &format!(r#"{{"type": "{kind}", "byte_order": "little"}}"#), &Schemas::default());
        let lines = [
            r#"{"form": "point", "precision": "s"}"#,
            r#"{"form": "values", "precision": "us"}"#,
            r#"{"measurement": "m", "tags": ["a", "b c"]}"#,
            r#"{"form": "flat", "precision": "ms", "time": {"field": "c", "as": "iso8601"}, "tags": ["a"]}"#,
        ];
        let lines = lines.map(|arguments| compile("influx", arguments, &Schemas::default()));
        examples.chain(types.map(scalar)).chain(lines).collect()
    })
}

/// The first byte chooses the codec, the rest is the payload. Panics when something that must hold does not.
pub fn check(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let codecs = codecs();
    let codec = &codecs[usize::from(*choice) % codecs.len()];
    let limits = Limits { depth: 16, keys: 50, text_bytes: 200, payload_bytes: 2000 };
    let mut work = CodecWork::default();
    let mut json = Vec::new();
    if let Err(fault) = codec.decode(payload, &limits, &mut work, &mut json) {
        assert!(fault.offset as usize <= payload.len(), "{fault:?}");
    } else {
        let found = scan(&json, &PathSet::default(), &limits, &mut Scan::default());
        assert_eq!(found, Ok(()), "{}", String::from_utf8_lossy(&json));
        check_encoded(codec, &json, &mut work);
    }
    // The same bytes as JSON, which they seldom are.
    let mut encoded = Vec::new();
    if let Err(fault) = codec.encode(payload, &mut work, &mut encoded) {
        assert!(fault.offset as usize <= payload.len(), "{fault:?}");
    }
}

/// What was decoded is encoded and decoded again.
fn check_encoded(codec: &Codec, json: &[u8], work: &mut CodecWork) {
    let (mut encoded, mut again) = (Vec::new(), Vec::new());
    codec.encode(json, work, &mut encoded).expect("what a codec has said it can write");
    codec.decode(&encoded, &Limits::default(), work, &mut again).expect("what a codec has written it can read");
    assert_eq!(String::from_utf8_lossy(json), String::from_utf8_lossy(&again));
    let first = encoded.clone();
    encoded.clear();
    codec.encode(&again, work, &mut encoded).expect("it is the same JSON");
    assert_eq!(first, encoded);
}
