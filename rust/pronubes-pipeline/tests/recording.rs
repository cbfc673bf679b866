//! What recordings stand on: taps on what comes in, and lines of JSON.

use pronubes_core::Meta;
use pronubes_pipeline::Pipeline;
use pronubes_pipeline::recording::{LineWriter, message_of, read_lines};
use pronubes_pipeline::tap::Side;
use proptest::prelude::*;
use serde_json::json;

#[path = "../../fuzz/checks/recording.rs"]
mod recording;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn recordings_take_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        recording::check(&data);
    }

    #[test]
    fn recordings_take_almost_valid_lines(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24)) {
        recording::check([b"\x03".as_slice(), tokens.concat().as_bytes()].concat().as_slice());
        recording::check(format!("\x03{{\"topic\":\"a\",\"payload\":1,{}}}", tokens.concat()).as_bytes());
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "\"topic\":",
    "\"payload\":",
    "\"payload_text\":",
    "\"payload_base64\":",
    "\"received_ns\":",
    "\"time_ns\":",
    "\"qos\":",
    "\"retain\":",
    "\"source\":",
    "\"route\":",
    "\"a/b\"",
    "\"\\u00e9\\n\"",
    "\"AP8=\"",
    "1",
    "2",
    "-9223372036854775808",
    "1e3",
    "true",
    "null",
    ",",
    "\n",
    " ",
    "[1,{}]",
];

fn node() -> Pipeline {
    let spec = json!({
        "sources": ["plant", "other"], "sinks": ["uns"],
        "routes": [{"name": "all", "filter": "raw/+", "topic": "acme/x", "to": [{"sink": "uns"}]}],
    });
    let node = json!({
        "sources": [{"name": "plant", "kind": "batch", "delivery": "volatile"}, {"name": "other", "kind": "batch", "delivery": "volatile"}],
        "sinks": [{"name": "uns", "kind": "batch", "queue_bytes": 1_000_000}],
    });
    Pipeline::new(spec.to_string().as_bytes(), node.to_string().as_bytes(), 0).expect("the specification is right")
}

fn push(pipeline: &mut Pipeline, source: &str, topic: &str, meta: Meta, now_ns: i64) {
    let mut inflow = pipeline.push(source, None, now_ns).expect("there is such a source");
    inflow.message_with(topic, b"{\"v\": 1.10}", meta);
    inflow.end();
}

fn lines(pipeline: &mut Pipeline, tap: u64) -> String {
    let (mut out, mut writer) = (Vec::new(), LineWriter::default());
    while let Some(batch) = pipeline.take_tap(tap).expect("there is such a tap") {
        batch.items().for_each(|item| writer.write(&message_of(&item, batch.segment.names()), &mut out));
    }
    String::from_utf8(out).expect("lines are text")
}

#[test]
fn a_tap_stands_on_either_side_of_the_routes() {
    let mut pipeline = node();
    let comes = pipeline.open_tap("#", Side::In, 1 << 20).expect("the filter is valid");
    let leaves = pipeline.open_tap("#", Side::Out, 1 << 20).expect("the filter is valid");
    let some = pipeline.open_tap("raw/a", Side::In, 1 << 20).expect("the filter is valid");
    push(&mut pipeline, "plant", "raw/a", Meta { qos: 2, retain: true, source_ns: Some(5), ..Meta::default() }, 7);
    push(&mut pipeline, "other", "nobody/wants/it", Meta::default(), 8);
    let first =
        r#"{"topic":"raw/a","payload":{"v": 1.10},"received_ns":7,"time_ns":5,"qos":2,"retain":true,"source":"plant"}"#;
    let second = r#"{"topic":"nobody/wants/it","payload":{"v": 1.10},"received_ns":8,"source":"other"}"#;
    let left = r#"{"topic":"acme/x","payload":{"v": 1.10},"received_ns":7,"time_ns":5,"source":"plant","route":"all"}"#;
    assert_eq!(lines(&mut pipeline, comes), format!("{first}\n{second}\n"));
    assert_eq!(lines(&mut pipeline, leaves), format!("{left}\n"));
    assert_eq!(lines(&mut pipeline, some), format!("{first}\n"));
    assert_eq!([comes, leaves, some].map(|tap| pipeline.close_tap(tap)), [Some(0); 3]);
    push(&mut pipeline, "plant", "raw/a", Meta::default(), 9);
    assert_eq!(pipeline.take_tap(comes).map(|_| ()), None);
}

#[test]
fn a_tap_that_is_not_read_drops_and_counts_and_holds_nothing_up() {
    let mut pipeline = node();
    let tap = pipeline.open_tap("#", Side::In, 10_000).expect("the filter is valid");
    for number in 0..5_000 {
        push(&mut pipeline, "plant", "raw/a", Meta::default(), number);
    }
    let dropped = pipeline.tap_dropped(tap).expect("there is such a tap");
    assert_eq!(lines(&mut pipeline, tap).lines().count() as u64 + dropped, 5_000);
    assert!(dropped > 4_000, "{dropped}");
    let delivered = std::iter::from_fn(|| {
        let batch = pipeline.take("uns", 5_000, true)??;
        pipeline.confirm("uns", batch.id, &[], &[], 5_000).ok()?;
        Some(batch.segment.len())
    });
    assert_eq!(delivered.sum::<usize>(), 5_000);
}

#[test]
fn a_line_that_holds_no_message_is_named_and_the_others_are_read() {
    let text = "{\"topic\":\"a\",\"payload\":1}\n\n{\"topic\":\"a\"}\n{\"topic\":\"a\",\"payload\":1,\"received_ns\":\"x\"}\n\
                {\"topic\":\"a\",\"payload\":1,\"retain\":1}\n{\"topic\":\"b\",\"payload\":2,\"time_ns\":4}\n";
    let mut found = Vec::new();
    read_lines(text.as_bytes(), |number, message| {
        found.push((number, message.map(|message| (message.topic.to_vec(), message.received_ns))));
    });
    assert_eq!(
        found,
        [
            (0, Ok((b"a".to_vec(), 0))),
            (2, Err("The line has no payload.")),
            (3, Err("`received_ns` of the line is no integer.")),
            (4, Err("`retain` of the line is not true or false.")),
            (5, Ok((b"b".to_vec(), 4))),
        ]
    );
}
