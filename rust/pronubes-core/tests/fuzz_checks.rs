//! The functions of the fuzz targets on random input, so that they run wherever the tests run.

use proptest::prelude::*;

#[path = "../../fuzz/checks/codec.rs"]
mod codec;
#[path = "../../fuzz/checks/expression.rs"]
mod expression;
#[path = "../../fuzz/checks/filter.rs"]
mod filter;
#[path = "../../fuzz/checks/scanner.rs"]
mod scanner;
#[path = "../../fuzz/checks/spec.rs"]
mod spec;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn filter_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..60)) {
        filter::check(&data);
    }

    #[test]
    fn filter_takes_almost_valid_lines(
        filter in r"(a|b|ü|\+|#|\{x\}|\{y#\}|\$|/){0,6}",
        topic in r"(a|b|ü|\$|/|日){0,6}",
        template in r"(a|/|\{x\}|\{y\}|\$){0,5}",
    ) {
        filter::check(format!("{filter}\n{topic}\n{template}").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn expression_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..80)) {
        expression::check(&data);
    }

    #[test]
    fn expression_takes_any_text(text in r"\PC{0,40}") {
        expression::check(text.as_bytes());
    }

    #[test]
    fn expression_takes_any_sequence_of_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24)) {
        expression::check(tokens.concat().as_bytes());
    }
}

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "payload", "topic", "meta", "vars", "area", "key", "has", "size", "matches", "int", "min", "in", "true", "null", "a",
    ".a", ".qos", ".limit", ".", "\"x\"", "'ü'", "r\"\\d\"", "\"\"\"", "'", "\"", "b\"x\"", "1", "2.5", "0x1F", "7u", "1e9",
    "9223372036854775808", "(", ")", "[", "]", "{", "}", ",", "?", ":", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">",
    ">=", "&&", "||", "!", "`a b`", "//c\n", " ", "\n", "has(", "payload.a", "payload[\"b\"]", ".map(x, x)", ".all(x, ", ".filter(x, ", ".exists(y, ", "x", "y", ".size()", "payload.c", ".startsWith(",
    "\\", "\\u00fc", "as", "while", "😀", "\0{}", "timestamp(", "duration(", "\"1h\"", ".split(", ".join(", ".replace(", ".substring(", ".indexOf(",
    ".format([", "\"%s %x\"", "math.abs(", "math.bitAnd(", "math.greatest(", ".getHours(", ".sum()", "\"ms\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn scanner_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..40)) {
        scanner::check(&data);
    }

    #[test]
    fn scanner_takes_any_sequence_of_words(words in prop::collection::vec(prop::sample::select(JSON_WORDS), 0..30)) {
        scanner::check(words.concat().as_bytes());
    }

    #[test]
    fn scanner_takes_any_object(
        fields in prop::collection::vec(("(a|b|0|é|\\\\u0061|tag name){0,2}", json_value()), 0..6), space in "[ \n]{0,2}",
    ) {
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{space}\"{key}\":{value}{space}")).collect();
        scanner::check(format!("{{{}}}", fields.join(",")).as_bytes());
    }
}

fn json_value() -> impl Strategy<Value = String> {
    prop::sample::select(JSON_WORDS).prop_map(str::to_owned).prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{} ]", values.join(", "))),
            inner.prop_map(|value| format!("{{\"x\" :{value},\"y\\\"}}\":0}}")),
        ]
    })
}

#[rustfmt::skip]
const JSON_WORDS: &[&str] = &[
    "{", "}", "[", "]", ":", ",", "{\"a\":", "\"a\":1", "\"\"", "\"a\"", "\"\\u0061\"", "\"é\\n\"", "\"long text of three words\"",
    "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "0", "-0", "12345678901234567890", "1.5", "1e400", "1E-3", "true", "false", "null", " ",
    "\n", "\"", "\\", "a", "0", "[]", "{}", "[1,2]", "{\"b\":[{}]}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn codec_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..60)) {
        codec::check(&data);
    }

    #[test]
    fn codec_takes_any_sequence_of_heads(choice in any::<u8>(), heads in prop::collection::vec(prop::sample::select(HEADS), 0..30)) {
        codec::check(&[&[choice][..], &heads.concat()].concat());
    }

    #[test]
    fn codec_takes_any_sequence_of_members(choice in any::<u8>(), members in prop::collection::vec(prop::sample::select(MEMBERS), 0..16)) {
        codec::check(&[&[choice][..], members.concat().as_bytes()].concat());
    }

    #[test]
    fn codec_takes_any_sequence_of_words(choice in any::<u8>(), words in prop::collection::vec(prop::sample::select(WORDS), 0..16)) {
        codec::check(&[&[choice][..], words.concat().as_bytes()].concat());
    }
}

/// What messages of OPC UA PubSub consist of.
#[rustfmt::skip]
const MEMBERS: &[&str] = &[
    "{\"Messages\":[", "{\"Messages\":[{\"Payload\":{", "{\"Payload\":{", "{", "}", "[", "]", "]}", "}}", "}}]}", ",", "\"a\":", "\"b\":", "\"a\":{\"Value\":", "\"b\":{\"UaType\":8,\"Value\":",
    "{\"Type\":11,\"Body\":", "\"Type\":19,\"Body\":", "1", "1.50", "\"7\"", "[\"1\",2]", "null", "true", "\"NaN\"", "2150694912", ",\"Status\":", ",\"StatusCode\":", "{\"Code\":1083179520}",
    ",\"SourceTimestamp\":", "\"2024-11-22T07:06:40.1234567Z\"", ",\"SourcePicoseconds\":", "8912", ",\"Timestamp\":", "\"PublisherId\":\"p\",", "\"DataSetWriterId\":5,", "\"SequenceNumber\":",
    "\"MessageType\":", "\"ua-keepalive\"", "\"ua-data\"", ",\"Dimensions\":", " ", "\"\\u0061\":", "{\"values\":[{\"value\":", ",\"quality\":", "\"Bad\"", ",\"timestamp\":", ",\"picoseconds\":",
];

/// What lines consist of.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "m", "m a=1", "m,a=x b=2", "a", "b", "b c", "c", ",a=x", ",b\\ c=y", " ", " d=", "=", ",", "\n", "\r\n", "#", "\\", "\\ ", "\\,", "\\=", "\\\"", "\"",
    "\"x\"", "\"a\nb\"", "1", "1i", "-5i", "7u", "18446744073709551615u", "1.5", ".5", "1e30", "t", "FALSE", " 17", " 1732259200", "ü", "\t", "value=1 5\n",
];

/// Pieces of the binary formats: heads with little behind them.
const HEADS: &[&[u8]] = &[
    b"\x00",
    b"\x01",
    b"\x20",
    b"\x18\xff",
    b"\x1a\0\x01\0\0",
    b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x41a",
    b"\x61b",
    b"\x5f",
    b"\x7f",
    b"\x80",
    b"\x82",
    b"\x9f",
    b"\xa0",
    b"\xa1\x61c",
    b"\xa2",
    b"\xbf",
    b"\xff",
    b"\xc1",
    b"\xc2\x42\x01\x02",
    b"\xf4",
    b"\xf6",
    b"\xf9\x3c\0",
    b"\xfa\x3d\xcc\xcc\xcd",
    b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
    b"\xd9\xd9\xf7",
    b"\x62\xc3\xbc",
    b"\x08\x01",
    b"\x0a\x02",
    b"\x12\x00",
];

/// A specification that uses everything, to be cut up.
const SPEC: &str = r#"{"vars":{"limit":5},"sources":["plant"],"sinks":["s"],"hooks":["m:f"],"limits":{"depth":8},"routes":[
  {"name":"r","from":["plant"],"filter":"a/{x}/{y#}","where":"payload.a < vars.limit","final":true,"steps":[
   {"keep":["a","b","m.x","ts"]},{"rename":{"m.x":"x"}},{"scale":{"field":"a","factor":2}},{"set":{"u.v":[1,{"k":null}]}},
   {"compute":{"c":"payload.b + x"},"where":"has(payload.b)"},{"round":{"field":"x","digits":1}},{"clamp":{"field":"a","max":9}},
   {"map":{"field":"a","values":{"2":"two"},"default":null,"to":"n"}},{"map":{"field":"a","bits":{"1":"bit"}}},
   {"timestamp":{"field":"ts","from":"unix_ms","to":"iso8601","into":"at"}},{"cast":{"field":"a","type":"string"}},
   {"nest":{"into":"o","fields":["b","c"]}},{"flatten":{"separator":"_"}},{"explode":{"as":"value","carry":["ts"]}},
   {"python":{"hook":0},"where":"key == \"a\""}],
   "topic":"t/{x}/{key}/{payload.value}","to":[{"sink":"s","retain":true,"qos":1},{"sink":"s","topic":"u/{y}"}]},
  {"name":"codecs","steps":[{"decode":{"scalar":{"type":"int16","byte_order":"little"}},"where":"topic == \"a\""},{"decode":"cbor"},
   {"encode":{"cbor":{}},"where":"payload.a"}],"to":[{"sink":"s"}]},
  {"name":"rest","otherwise":true,"to":[{"sink":"s"}]}]}"#;

#[test]
fn spec_with_everything_compiles() {
    let spec = serde_json::from_str(SPEC).expect("the text is a specification");
    assert!(pronubes_core::Plan::compile(&spec).is_ok(), "{:?}", pronubes_core::Plan::compile(&spec).err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spec_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..80)) {
        spec::check(&data);
    }

    #[test]
    fn spec_takes_almost_valid_text(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..3), 0..4),
    ) {
        // Words are taken out, doubled or exchanged: most of it stays JSON.
        let mut words: Vec<&str> = SPEC.split_inclusive(['"', ',', ':', '}', ']']).collect();
        for (at, other, what) in edits {
            let (at, other) = (at.index(words.len()), other.index(words.len()));
            match what {
                0 => { words.remove(at); }
                1 => words.insert(at, words[other]),
                _ => words.swap(at, other),
            }
        }
        spec::check(words.concat().as_bytes());
    }
}
