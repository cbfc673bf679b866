//! The fast path against the general path: random steps on random payloads give the same bytes and the same reasons.

mod common;

use std::sync::Arc;

use common::routed;
use pronubes_core::spec::RouterSpec;
use pronubes_core::tables::Rows;
use pronubes_core::{Plan, Router};
use proptest::prelude::*;

/// Fields that steps name: few, so that they meet.
fn field() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("a"), 4 => Just("b"), 3 => Just("c"), 2 => Just("m"), 2 => Just("m.x"), 1 => Just("m.y"), 1 => Just("m.x.d"),
        1 => Just("p.0"), 1 => Just("new")
    ]
}

fn top() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("m"), Just("new"), Just("other")]
}

fn condition() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("has(payload.a)"),
        Just("payload.b > 1"),
        Just("has(payload.m.x)"),
        Just("payload.c == \"x\""),
        Just("payload.m.x == 1 || true"),
        Just("payload.p.exists(x, x > 1)"),
        Just("size(payload.m) > 1"),
        Just("\"x\" in payload.m"),
    ]
}

fn expression() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("payload.a"),
        Just("payload.m"),
        Just("payload.m.x"),
        Just("payload.b + 1"),
        Just("payload.b * 0.5"),
        Just("payload.c + tag"),
        Just("has(payload.m.x) ? 1 : 2"),
        Just("has(payload.new)"),
        Just("[payload.a, payload.c]"),
        Just("{\"x\": payload.a, \"y\": [payload.m]}"),
        Just("payload.p.map(x, [x])"),
        Just("payload.m.map(k, {k: payload.m[k]})"),
        Just("payload.filter(k, k != \"a\")"),
        Just("has(payload.b) ? payload.m : payload.p"),
        Just("payload.new.x"),
        Just("size(payload.m)"),
        Just("payload.a in payload.p"),
    ]
}

fn names(strategy: impl Strategy<Value = &'static str>) -> impl Strategy<Value = String> {
    prop::collection::vec(strategy, 1..4)
        .prop_map(|names| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn verb() -> impl Strategy<Value = String> {
    let value_steps = prop_oneof![
        field().prop_map(|name| format!(r#""scale":{{"field":"{name}","factor":2}}"#)),
        field().prop_map(|name| format!(r#""scale":{{"field":"{name}","factor":0.5,"offset":1}}"#)),
        field().prop_map(|name| format!(r#""convert":{{"field":"{name}","from":"a","to":"b"}}"#)),
        (field(), field()).prop_map(|(name, unit)| {
            format!(r#""convert":{{"field":"{name}","from":"a","to":"b","unit_field":"{unit}"}}"#)
        }),
        (field(), field(), top()).prop_map(|(name, unit, into)| format!(
            r#""convert":{{"field":"{name}","from":{{"field":"{unit}"}},"units":{{"x":"a","":"b"}},"to":"b","unit_field":"{into}"}}"#
        )),
        (field(), field(), top()).prop_map(|(key, first, second)| format!(
            r#""lookup":{{"key":"{key}","table":"t","into":{{"{first}":"x","{second}":"y"}}}}"#
        )),
        (field(), top()).prop_map(|(key, into)| format!(
            r#""lookup":{{"key":"{key}","table":"t","into":{{"{into}":"x"}},"default":{{"{into}":"none"}}}}"#
        )),
        top().prop_map(|into| format!(
            r#""lookup":{{"key":{{"capture":"tag"}},"table":"t","into":{{"{into}":"y"}},"missing":"pass"}}"#
        )),
        (field(), prop_oneof![Just("int"), Just("double"), Just("string"), Just("bool")])
            .prop_map(|(name, to)| format!(r#""cast":{{"field":"{name}","type":"{to}"}}"#)),
        field().prop_map(|name| format!(r#""round":{{"field":"{name}","digits":1}}"#)),
        field().prop_map(|name| format!(r#""clamp":{{"field":"{name}","min":0,"max":2}}"#)),
        (top(), top()).prop_map(|(from, to)| format!(
            r#""map":{{"field":"{from}","values":{{"1":"one","x":2}},"default":null,"to":"{to}"}}"#
        )),
        (top(), top())
            .prop_map(|(name, bit)| format!(r#""map":{{"field":"{name}","bits":{{"0":"{bit}","1":"bit1"}}}}"#)),
        (top(), top()).prop_map(|(from, into)| {
            format!(r#""timestamp":{{"field":"{from}","from":"unix_s","to":"iso8601","into":"{into}"}}"#)
        }),
        top().prop_map(|into| format!(r#""timestamp":{{"field":"{into}","from":"received","to":"unix_ms"}}"#)),
    ];
    let shape_steps = prop_oneof![
        names(field()).prop_map(|names| format!(r#""keep":[{names}]"#)),
        names(field()).prop_map(|names| format!(r#""drop":[{names}]"#)),
        prop::collection::vec((field(), top()), 1..4).prop_map(|pairs| {
            let pairs: Vec<_> = pairs.iter().map(|(from, to)| format!(r#""{from}":"{to}""#)).collect();
            format!(r#""rename":{{{}}}"#, pairs.join(","))
        }),
        (top(), prop_oneof![Just("1"), Just("\"t\\n\""), Just("1.5"), Just("null"), Just("{\"x\":[1]}")])
            .prop_map(|(name, value)| format!(r#""set":{{"{name}":{value}}}"#)),
        prop::collection::vec((top(), expression()), 1..3).prop_map(|values| {
            let values: Vec<_> = values.iter().map(|(name, source)| format!("\"{name}\":{}", quoted(source))).collect();
            format!(r#""compute":{{{}}}"#, values.join(","))
        }),
        Just(r#""flatten":{}"#.to_owned()),
        (top(), names(field())).prop_map(|(into, names)| format!(r#""nest":{{"into":"{into}","fields":[{names}]}}"#)),
    ];
    prop_oneof![value_steps, shape_steps]
}

fn step() -> impl Strategy<Value = String> {
    (verb(), prop::option::weighted(0.3, condition())).prop_map(|(verb, condition)| match condition {
        Some(condition) => format!("{{{verb},\"where\":{}}}", quoted(condition)),
        None => format!("{{{verb}}}"),
    })
}

fn scalar() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("1"),
        Just("0"),
        Just("-7"),
        Just("1.50"),
        Just("2.0"),
        Just("1e2"),
        Just("18446744073709551615"),
        Just("1e400"),
        Just("\"x\""),
        Just("\"\\u0078\""),
        Just("\"42\""),
        Just("\"\""),
        Just("true"),
        Just("false"),
        Just("null"),
        Just("[1, 2]"),
        Just("{}"),
    ]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_map(str::to_owned).prop_recursive(2, 8, 3, |inner| object(inner, "{", " }"))
}

fn object(
    inner: impl Strategy<Value = String> + 'static,
    open: &'static str,
    close: &'static str,
) -> BoxedStrategy<String> {
    let key = prop_oneof![
        8 => prop_oneof![Just("a"), Just("b"), Just("c"), Just("m"), Just("x"), Just("y"), Just("d"), Just("p"), Just("new")],
        1 => Just("\\u0061"),
        1 => Just("größe"),
        1 => Just("m_x"),
    ];
    let space = prop_oneof![3 => Just(""), 1 => Just(" ")];
    let member =
        (key, space, inner).prop_map(|(key, space, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}"));
    prop::collection::vec(member, 0..7).prop_map(move |members| format!("{open}{}{close}", members.join(","))).boxed()
}

fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => object(value(), "{", "}"),
        // Always with what the steps name, so that not everything ends in a missing field.
        12 => (scalar(), scalar(), object(value(), "{\"x\":1,", "\"z\":0}"))
            .prop_map(|(b, c, m)| format!("{{\"a\":1,\"b\":{b},\"c\":{c}, \"m\": {m},\"p\":[1,2]}}").replace(",\"z\"", "\"z\"")
                .replace("\"z\":0}", ",\"z\":0}").replace("{\"x\":1,,", "{\"x\":1,")),
        1 => scalar().prop_map(str::to_owned),
    ]
}

fn spec(steps: &[String], where_clause: bool) -> RouterSpec {
    let gate = if where_clause { r#""where":"has(payload.a)","# } else { "" };
    let text = format!(
        r#"{{"sources":["plant"],"sinks":["s"],"conversions":[{{"from":"a","to":"b","ratio":[9,160,5]}}],"tables":[{{"name":"t","columns":["x","y"]}}],"routes":[{{"name":"r","filter":"a/{{tag}}",{gate}"steps":[{}],
        "to":[{{"sink":"s","topic":"x/{{tag}}"}}]}}]}}"#,
        steps.join(",")
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn rows() -> Arc<Rows> {
    let text = r#"{"columns":["x","y"],"keys":["1","x","t1","true",""],"lines":[2,3,4,5,6],
        "values":[["a\"b",1],[null,2.5],["größe\n",true],["",18446744073709551615],[-3,"x"]]}"#;
    let spec = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Rows::new(&spec).unwrap_or_else(|error| panic!("{error}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000)))]

    #[test]
    fn both_paths_give_the_same(
        steps in prop::collection::vec(step(), 1..6),
        payloads in prop::collection::vec(payload(), 1..6),
        gate in any::<bool>(),
    ) {
        let spec = spec(&steps, gate);
        let Ok(plan) = Plan::compile(&spec) else { return Ok(()) };
        let (mut fast, mut general) =
            (Router::new(plan.into()), Router::new(Plan::compile_general(&spec).unwrap_or_else(|e| panic!("{e:?}")).into()));
        for router in [&mut fast, &mut general] {
            router.set_table("t", rows()).unwrap_or_else(|error| panic!("{error}"));
        }
        for payload in &payloads {
            let (left, right) = (routed(&mut fast, "a/t1", payload), routed(&mut general, "a/t1", payload));
            prop_assert_eq!(left, right, "{:?} on {}", steps, payload);
        }
        prop_assert!(fast.stats().is_balanced() && general.stats().is_balanced());
    }
}

#[test]
fn most_random_routes_are_fast() {
    // Top-level edits with nested reads, the ordinary kind.
    let ordinary = [
        r#"{"scale":{"field":"a","factor":2}}"#,
        r#"{"rename":{"b":"c"}}"#,
        r#"{"drop":["m"],"where":"payload.m.x == 1"}"#,
        r#"{"compute":{"t":"payload.m.y + 1"}}"#,
        r#"{"keep":["a","m.x"]},{"rename":{"m.x":"x"}}"#,
        r#"{"keep":["a","m.x","m.y"]}"#,
    ];
    for step in ordinary {
        let plan = Plan::compile(&spec(&[step.to_owned()], true)).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(plan.stage_counts(), [0, 1, 0], "{step}");
    }
}
