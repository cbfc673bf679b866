//! What the allocator says: the table keeps to its limit, and a message on its way through names allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use pronubes_core::expr::{ExprCompiler, Inputs, ParseCache, Vars};
use pronubes_core::matcher::{Hits, Matcher, RouteId, TopicTable};
use pronubes_core::message::Meta;
use pronubes_core::payload::{self, Limits, Literals, PathSetBuilder, Scan, Span, TextArena, scan};
use pronubes_core::tables::Rows;
use pronubes_core::template::{Template, TemplateOptions};
use pronubes_core::topic::RouteFilter;
use pronubes_core::{Emission, HookCall, Outlet, Quarantined, Routed, Router};

mod common;

use common::{compile, message};

/// Counts per thread, because tests run side by side.
struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a counting allocator cannot be written without; it only forwards to the system's")]
// SAFETY: every call goes to `System` with the arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        LIVE.set(LIVE.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A source that invents topics for ever: three million of them against a limit that holds a fraction.
#[test]
fn a_flood_of_topics_stays_under_the_limit_and_is_counted() {
    let limit = 16 << 20;
    let before = LIVE.get();
    PEAK.set(before);
    let mut table = TopicTable::new(limit);
    let mut topic = *b"raw/flood/device-00000000/temperature/v";
    let mut largest = 0;
    for number in 0..3_000_000_u32 {
        write_digits(&mut topic[17..25], number);
        table.insert(0, &topic, b"acme/cologne/flood/device/temperature/v1");
        largest = largest.max(table.memory_bytes());
    }
    let peak = (PEAK.get() - before) as usize;
    let (kept, refused) = (table.len() as u64, table.untracked());
    assert!(largest <= limit && peak <= limit, "{largest} by our count, {peak} by the allocator's");
    assert!(peak >= largest, "memory_bytes says {largest}, the allocator {peak}");
    assert_eq!(kept + refused, 3_000_000);
    assert!(kept > 80_000, "only {kept} topics fit");
    write_digits(&mut topic[17..25], 0);
    assert!(table.get(0, &topic).is_some(), "topics known before the flood stay known");
}

/// Short topics make the index the larger part, so that the moment in which it grows is what meets the limit.
#[test]
fn growing_stays_under_any_limit() {
    for limit in (300..4000).step_by(37).map(|kibibytes| kibibytes << 10) {
        let before = LIVE.get();
        PEAK.set(before);
        let mut table = TopicTable::new(limit);
        let mut number = 0_u32;
        while table.untracked() < 10 {
            table.insert(0, &number.to_be_bytes(), b"");
            number += 1;
        }
        let peak = (PEAK.get() - before) as usize;
        assert!(peak <= limit && table.len() > 1000, "{peak} bytes under a limit of {limit}, {} topics", table.len());
    }
}

fn write_digits(digits: &mut [u8], number: u32) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[test]
fn warm_buffers_are_enough_to_match_look_up_and_render() {
    let filters =
        ["raw/{area}/+/{tag}", "raw/#", "{root}/{rest#}", "other/#"].map(|text| RouteFilter::parse(text).unwrap());
    let matcher = Matcher::new(filters.iter().enumerate().map(|(n, filter)| (RouteId(n as u32), filter)));
    let options = TemplateOptions { allow_key: true, ..TemplateOptions::default() };
    let template = Template::parse("acme/{area}/{tag}/{payload.id}/{key}", filters[0].captures(), options).unwrap();
    let mut table = TopicTable::default();
    let topic = "raw/filling/line-1/t1";
    table.insert(0, topic.as_bytes(), b"known").unwrap();
    let (mut hits, mut out) = (Hits::new(), Vec::with_capacity(256));
    let mut message = || {
        out.clear();
        let known = table.get(0, topic.as_bytes()).is_some();
        matcher.matches(topic, &mut hits).unwrap();
        let (_, spans) = hits.iter().next().unwrap();
        let id = |_, out: &mut Vec<u8>| {
            out.extend_from_slice(b"42");
            Ok(())
        };
        template.render(topic, spans, id, Some("speed"), &mut out).unwrap();
        (known, hits.len(), out.len())
    };
    let first = message();
    let calls = CALLS.get();
    for _ in 0..1000 {
        assert_eq!(message(), first);
    }
    assert_eq!((first, CALLS.get() - calls), ((true, 3, "acme/filling/t1/42/speed".len()), 0));
}

#[test]
fn warm_expressions_allocate_nothing() {
    let sources = [
        "payload.value * 1.8 + 32.0",
        "payload.quality == \"GOOD\" && payload.value > -40.0",
        "payload.count * 3 + 1 > 10 || has(payload.missing)",
        "(payload.value + payload.value) * payload.value / 2",
        "payload.quality + \"-\" + tag + payload.escaped + string(payload.value * 2.0) + meta.source",
        "payload.escaped == \"ü\" && payload.escaped < \"z\" && payload.escaped.startsWith(\"ü\")",
        "payload.quality.lowerAscii().trim().matches(\"^go+d$\")",
        "payload.quality in [\"GOOD\", \"BAD\"] ? int(payload.text) : payload.count",
        "min(payload.value, 3, payload.count) + round(double(payload.text))",
        "payload.escaped.replace(\"ü\", \"ue\").split(\"e\").join(tag).substring(1) + payload.quality.reverse().charAt(0)",
        "payload.quality.indexOf(\"O\") + payload.quality.lastIndexOf(\"O\", 2) + math.bitAnd(payload.count, 12)",
        "\"%s: %.2f %x %d\".format([payload.escaped, payload.value, payload.escaped, payload.count])",
        "timestamp(payload.count, \"ms\") + duration(\"1h\") > timestamp(\"2024-11-22T07:06:40Z\")",
        "string(timestamp(payload.count, \"s\") - duration(payload.count, \"m\")) + string(duration(payload.value, \"s\"))",
        "[math.greatest(payload.value, math.abs(payload.count)), timestamp(payload.count).getHours(\"+01:00\")]",
        "payload.list.map(x, x.v > 1, {\"id\": x.id + \"!\", \"v\": [x.v * 2, payload.value]}).filter(x, has(x.id)).size()",
        "payload.list.exists(x, payload.list.all(y, y.v <= x.v) && x.id in payload.object && payload.object[x.id] > 5)",
        "payload.missing + 1",
    ];
    let payload = br#"{"value": 21.37, "quality": "GOOD", "count": 17, "escaped": "\u00fc", "text": "42",
        "list": [{"id": "a", "v": 1}, {"id": "\u00fc", "v": 2.5}], "object": {"a": 5, "\u00fc": 6}}"#;
    let topic = "raw/t1";
    let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
    let vars = Vars::new();
    let mut compiler = ExprCompiler {
        captures: &["tag".into()],
        vars: &vars,
        allow_key: false,
        paths: &mut paths,
        literals: &mut literals,
        cache: &cache,
    };
    let exprs = sources.map(|source| compiler.compile(source).unwrap());
    let paths = paths.build().unwrap();
    let (mut found, mut text, meta) = (Scan::default(), TextArena::default(), Meta::default());
    let mut message = || {
        text.clear();
        scan(payload, &paths, &Limits::default(), &mut found).unwrap();
        let inputs = Inputs {
            payload,
            topic,
            captures: &[Span { start: 4, end: 6 }],
            meta: &meta,
            source: "shopfloor",
            key: payload::Cell::Missing,
            literals: &literals,
            tables: &pronubes_core::tables::Tables::default(),
        };
        let mut scope = inputs.scope(&found.cells, &mut text);
        exprs.each_ref().map(|expr| (expr.eval(&mut scope), expr.eval_bool(&mut scope)))
    };
    let first = message();
    assert_eq!(first.iter().filter(|(value, _)| value.is_err()).count(), 1);
    assert_eq!(message(), first);
    let calls = CALLS.get();
    for _ in 0..1000 {
        assert_eq!(message(), first);
    }
    assert_eq!(CALLS.get() - calls, 0);
}

/// An outlet that counts.
#[derive(Default)]
struct Counted {
    emitted: u64,
    quarantined: u64,
}

impl Outlet for Counted {
    fn emit(&mut self, _: &Emission<'_>) {
        self.emitted += 1;
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, _: &Quarantined<'_>) {
        self.quarantined += 1;
    }
    fn filtered(&mut self, _: RouteId) {}
}

#[test]
fn known_topics_cost_no_allocation() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"conversions":[{"from":"Cel","to":"[degF]","ratio":[9,160,5]}],"routes":[
      {"name":"w1","filter":"raw/{area}/{tag}","where":"payload.quality == \"GOOD\" && payload.value > -40.0",
       "steps":[{"scale":{"field":"value","factor":1.8,"offset":32}},{"rename":{"ts":"timestamp_ms"}},
                {"drop":["quality"],"where":"payload.quality == \"GOOD\""},{"set":{"unit":"[degF]"}},
                {"compute":{"hot":"payload.value > 80.0","name":"area + \"/\" + tag"}}],
       "topic":"x/{area}/{tag}","to":[{"sink":"s"},{"sink":"s","topic":"y/{payload.unit}/{tag}"}]},
      {"name":"times","filter":"raw/#","steps":[
         {"timestamp":{"field":"ts","from":"unix_ms","to":"iso8601"}},{"cast":{"field":"value","type":"string"}},
         {"map":{"field":"quality","values":{"GOOD":192}}}],"to":[{"sink":"s"}]},
      {"name":"construct","filter":"raw/#","steps":[{"keep":["value","m.x","m.y"]},{"rename":{"m.x":"x"}}],"to":[{"sink":"s"}]},
      {"name":"shapes","filter":"raw/#","steps":[
        {"shape":{"from":{"value":"value","time":"ts","quality":"quality"},"to":"record","default":{"quality":"GOOD","unit":"Cel"}}},
        {"shape":{"from":"record","to":{"value":"n.v","quality":{"field":"n.q","as":"classic"},"unit":"n.u"},
          "without":["time","received","origin"]}}],"to":[{"sink":"s"}]},
      {"name":"explode","filter":"plc/{id}","steps":[{"explode":{"as":"value","carry":["ts"]}},
         {"scale":{"field":"value","factor":2}}],"topic":"p/{id}/{key}","to":[{"sink":"s"}]},
      {"name":"units","filter":"raw/#","steps":[
         {"convert":{"field":"value","from":"Cel","to":"[degF]","unit_field":"unit"}},
         {"convert":{"field":"value","from":{"field":"unit"},"units":{"[degF]":"Cel"},"to":"[degF]"}}],"to":[{"sink":"s"}]},
      {"name":"bad","filter":"raw/{area}/{tag}","steps":[{"round":{"field":"nothing"}}],"to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let messages = [
        message("raw/a/t1", br#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD", "m": {"x":1,"y":2}}"#),
        message("plc/7", br#"{"ts":7,"a\u0062":1.5,"b":2,"c":3}"#),
    ];
    let mut outlet = Counted::default();
    // The first round fills the topic table and lets buffers grow.
    for message in &messages {
        assert_eq!(router.route(message, &mut outlet), Routed::Taken);
    }
    outlet = Counted::default();
    let calls = CALLS.get();
    for _ in 0..1_000 {
        for message in &messages {
            assert_eq!(router.route(message, &mut outlet), Routed::Taken);
        }
    }
    assert_eq!((outlet.emitted, outlet.quarantined, CALLS.get() - calls), (9_000, 1_000, 0));
}

/// Hits by field and by capture, plain and escaped; misses with a default; and a table swapped in between.
#[test]
fn looking_up_costs_no_allocation() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"tables":[{"name":"t","columns":["area","limit"]}],"routes":[
      {"name":"field","filter":"raw/#","steps":[{"lookup":{"key":"id","table":"t","into":{"area":"area","limit":"limit"}}}],"to":[{"sink":"s"}]},
      {"name":"capture","filter":"raw/{tag}","steps":[
        {"lookup":{"key":{"capture":"tag"},"table":"t","into":{"area":"area"}}},{"compute":{"name":"payload.area + tag"}}],"to":[{"sink":"s"}]},
      {"name":"miss","filter":"raw/#","steps":[
        {"lookup":{"key":"no","table":"t","into":{"area":"area"},"default":{"area":"unknown"}}}],"to":[{"sink":"s"}]}]}"#;
    let rows = r#"{"columns":["area","limit"],"keys":["P-1","42","t1"],"lines":[2,3,4],
        "values":[["filling \"1\"",80.5],["größe",7],["by topic",null]]}"#;
    let rows = || Arc::new(Rows::new(&serde_json::from_str(rows).unwrap()).unwrap());
    let mut router = Router::new(compile(spec));
    router.set_table("t", rows()).unwrap();
    let messages = [
        message("raw/t1", br#"{"id":"P-1","m":{"id":42},"no":"x"}"#),
        message("raw/t1", br#"{"id":"P\u002d1","m":{"id":"t1"},"no":1.5}"#),
    ];
    let mut outlet = Counted::default();
    for message in &messages {
        assert_eq!(router.route(message, &mut outlet), Routed::Taken);
    }
    outlet = Counted::default();
    let others = rows();
    let calls = CALLS.get();
    for round in 0..1_000 {
        if round == 500 {
            router.set_table("t", Arc::clone(&others)).unwrap();
        }
        for message in &messages {
            assert_eq!(router.route(message, &mut outlet), Routed::Taken);
        }
    }
    assert_eq!((outlet.emitted, outlet.quarantined, CALLS.get() - calls), (6_000, 0, 0));
}

/// Good messages: what the quick check sees through, and what takes the full pass (escapes, the general path, nested
/// objects under `extra: refuse`).
#[test]
fn judging_good_messages_costs_no_allocation() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"contracts":[
      {"name":"in","version":1,"fields":[{"path":"value","type":"number","range":[-40,800]},{"path":"ts","type":"integer"},
         {"path":"quality","type":"string","enum":["GOOD","BAD"]}],"quality":{"path":"quality","good":["GOOD"],"bad":["BAD"]}},
      {"name":"out","version":1,"extra":"refuse","fields":[{"path":"value","type":"number","range":[-40,1500]},
         {"path":"timestamp_ms","type":"integer","time":{"unit":"ms","not_after_ns":5000000000}},{"path":"unit","type":"string",
         "pattern":"\\[.*\\]","length":[1,10]},{"path":"quality","type":"string","optional":true},{"path":"m.x","type":"number"}]}],
      "routes":[{"name":"w1","filter":"raw/#","expect":"in@1","contract":"out@1","to":[{"sink":"s"}],
       "steps":[{"scale":{"field":"value","factor":1.8,"offset":32}},{"rename":{"ts":"timestamp_ms"}},{"set":{"unit":"[degF]"}}]},
      {"name":"pass","filter":"raw/#","contract":"in@1","to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let messages = [
        message("raw/a", br#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD", "m": {"x":1}}"#),
        message("raw/b", br#"{"value": 21.37, "ts": 1732270000123, "quality": "G\u004fOD", "m": {"x":1}}"#),
    ];
    let mut outlet = Counted::default();
    for message in &messages {
        assert_eq!(router.route(message, &mut outlet), Routed::Taken);
    }
    outlet = Counted::default();
    let calls = CALLS.get();
    for _ in 0..1_000 {
        for message in &messages {
            assert_eq!(router.route(message, &mut outlet), Routed::Taken);
        }
    }
    assert_eq!((outlet.emitted, outlet.quarantined, CALLS.get() - calls), (4_000, 0, 0));
}

#[test]
fn codecs_cost_no_allocation() {
    use pronubes_core::payload::codec::{Codec, CodecWork, docs};
    for doc in docs() {
        let arguments = serde_json::value::RawValue::from_string(doc.example.arguments.to_owned()).expect("it is JSON");
        let codec = Codec::compile(doc.name, &arguments, &doc.example.schemas())
            .expect("it is there")
            .expect("the example is right");
        let payload = common::unhex(doc.example.payload);
        let (mut work, mut json, mut encoded) = (CodecWork::default(), Vec::new(), Vec::new());
        let mut round = || {
            json.clear();
            encoded.clear();
            codec.decode(&payload, &Limits::default(), &mut work, &mut json).expect("the example is right");
            codec.encode(&json, &mut work, &mut encoded).expect("the example is right");
        };
        round();
        let calls = CALLS.get();
        (0..1_000).for_each(|_| round());
        assert_eq!(CALLS.get() - calls, 0, "{}", doc.name);
    }
}
