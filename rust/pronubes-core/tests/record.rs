//! Records: status codes keep every bit, and what two shapes can both say survives the way there and back.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;

use common::{Outcome, compile};
use pronubes_core::record::{
    Member, QualityForm, Record, Severity, Shape, ShapeSpec, StatusCode, Text, TimeForm, Value,
};
use pronubes_core::{Message, Meta, Reason, Router, SourceId};
use proptest::prelude::*;
use serde_json::json;

const RECEIVED_NS: i64 = 1_732_270_000_123_456_789;

/// A shape by its members, as a test knows it: nothing of this comes from the code that is tested.
#[derive(Clone, Debug)]
struct Model {
    quality: Option<QualityForm>,
    time: Option<TimeForm>,
    received: Option<TimeForm>,
    unit: bool,
    origin: bool,
}

fn quality_name(form: QualityForm) -> &'static str {
    match form {
        QualityForm::Words => "words",
        QualityForm::I3x => "i3x",
        QualityForm::Name => "name",
        QualityForm::Status => "status",
        QualityForm::Classic => "classic",
        QualityForm::Sparkplug => "sparkplug",
    }
}

fn time_name(form: TimeForm) -> &'static str {
    match form {
        TimeForm::Iso8601 => "iso8601",
        TimeForm::UnixS => "unix_s",
        TimeForm::UnixMs => "unix_ms",
        TimeForm::UnixUs => "unix_us",
        TimeForm::UnixNs => "unix_ns",
    }
}

/// What is left of a time.
fn cut(form: TimeForm, ns: i64) -> i64 {
    let unit = match form {
        TimeForm::Iso8601 | TimeForm::UnixNs => 1,
        TimeForm::UnixUs => 1_000,
        TimeForm::UnixMs => 1_000_000,
        TimeForm::UnixS => 1_000_000_000,
    };
    ns.div_euclid(unit) * unit
}

/// What is left of a status; the codes of the strategy have no flags and a classic quality of their own.
fn degrade(form: QualityForm, status: StatusCode) -> StatusCode {
    let by_severity = |uncertain| match status.severity() {
        Severity::Good => StatusCode::GOOD,
        Severity::Uncertain => uncertain,
        Severity::Bad => StatusCode::BAD,
    };
    match form {
        QualityForm::Name | QualityForm::Status => status,
        QualityForm::Classic if status == StatusCode::GOOD_NO_DATA => StatusCode::GOOD,
        QualityForm::Classic => status,
        QualityForm::I3x if status == StatusCode::GOOD_NO_DATA => status,
        QualityForm::I3x | QualityForm::Words => by_severity(StatusCode::UNCERTAIN),
        QualityForm::Sparkplug => by_severity(StatusCode::LAST_USABLE),
    }
}

impl Model {
    fn spec(&self, prefix: &str) -> serde_json::Value {
        let mut fields = json!({"value": format!("{prefix}v")});
        let mut add = |name: &str, field: serde_json::Value| fields[name] = field;
        if let Some(form) = self.quality {
            add("quality", json!({"field": format!("{prefix}q"), "as": quality_name(form)}));
        }
        for (name, form) in [("time", self.time), ("received", self.received)] {
            if let Some(form) = form {
                add(name, json!({"field": format!("{prefix}{name}"), "as": time_name(form)}));
            }
        }
        if self.unit {
            add("unit", json!(format!("{prefix}m.unit")));
        }
        if self.origin {
            add("origin", json!(format!("{prefix}m.origin")));
        }
        fields
    }

    fn shape(&self, prefix: &str) -> Shape {
        let spec: ShapeSpec = serde_json::from_value(self.spec(prefix)).unwrap();
        Shape::compile(&spec).unwrap()
    }

    fn members(&self) -> Vec<&'static str> {
        let held = [
            ("quality", self.quality.is_some()),
            ("time", self.time.is_some()),
            ("received", self.received.is_some()),
            ("unit", self.unit),
            ("origin", self.origin),
        ];
        held.iter().filter(|(_, is_held)| *is_held).map(|(name, _)| *name).collect()
    }

    fn step(&self, prefix: &str, to: &Self, to_prefix: &str) -> serde_json::Value {
        let held = to.members();
        let lost: Vec<_> = self.members().into_iter().filter(|name| !held.contains(name)).collect();
        json!({"shape": {"from": self.spec(prefix), "to": to.spec(to_prefix), "without": lost, "extra": "drop"}})
    }

    fn written(&self, prefix: &str, record: &Record<'_>) -> String {
        let mut out = Vec::new();
        self.shape(prefix).write(record, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn model() -> impl Strategy<Value = Model> {
    let quality = prop::sample::select(vec![
        QualityForm::Words,
        QualityForm::I3x,
        QualityForm::Name,
        QualityForm::Status,
        QualityForm::Classic,
        QualityForm::Sparkplug,
    ]);
    let time = || {
        prop::sample::select(vec![
            TimeForm::Iso8601,
            TimeForm::UnixS,
            TimeForm::UnixMs,
            TimeForm::UnixUs,
            TimeForm::UnixNs,
        ])
    };
    (prop::option::of(quality), prop::option::of(time()), prop::option::of(time()), any::<bool>(), any::<bool>())
        .prop_map(|(quality, time, received, unit, origin)| Model { quality, time, received, unit, origin })
}

#[derive(Clone, Debug)]
struct Owned {
    value: String,
    status: Option<StatusCode>,
    time_ns: Option<i64>,
    unit: Option<String>,
    origin: Option<String>,
}

fn owned() -> impl Strategy<Value = Owned> {
    let value =
        prop::sample::select(vec!["null", "21.50", "-0", "1E400", "true", "\"a\\u00e4\"", "[1, {\"x\": null}]"]);
    // Codes that a classic quality has, and one that it has not.
    let status =
        prop::sample::select(vec![0_u32, 0x00A5_0000, 0x4000_0000, 0x4090_0000, 0x4095_0000, 0x8000_0000, 0x8031_0000]);
    let text = || prop::option::of("[a-z\"\\\\é\n]{0,6}");
    (value, prop::option::of(status), prop::option::of(any::<i64>()), text(), text()).prop_map(
        |(value, status, time_ns, unit, origin)| Owned {
            value: value.to_owned(),
            status: status.map(StatusCode),
            time_ns,
            unit,
            origin,
        },
    )
}

fn record<'a>(owned: &'a Owned, status: Option<StatusCode>) -> Record<'a> {
    let value = if owned.value == "null" { Value::Null } else { Value::Written(owned.value.as_bytes()) };
    Record {
        value,
        status,
        time_ns: owned.time_ns,
        received_ns: Some(RECEIVED_NS),
        unit: owned.unit.as_deref().map(Text::Plain),
        origin: owned.origin.as_deref().map(Text::Plain),
    }
}

fn route(steps: &[serde_json::Value], payload: &str) -> Vec<Outcome> {
    let spec = json!({"sources": ["plant"], "sinks": ["s"],
        "routes": [{"name": "r", "filter": "#", "steps": steps, "to": [{"sink": "s"}]}]});
    let mut router = Router::new(compile(&spec.to_string()));
    let mut recorder = common::Recorder::new(router.plan().clone());
    let meta = Meta { received_ns: RECEIVED_NS, ..Meta::default() };
    let message = Message { source: SourceId(0), topic: "a/b", payload: payload.as_bytes(), meta };
    router.route(&message, &mut recorder);
    recorder.outcomes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_status_survives_as_text_and_as_number(code in any::<u32>()) {
        let status = StatusCode(code);
        prop_assert_eq!(StatusCode::parse(&status.to_string()), Some(status));
        prop_assert_eq!(StatusCode::parse(&code.to_string()), Some(status));
        prop_assert_eq!(StatusCode::parse(&format!("{code:#x}")), Some(status));
    }

    #[test]
    fn what_both_shapes_can_say_survives_there_and_back(a in model(), b in model(), owned in owned()) {
        // What the first shape can say is where it begins.
        let status = a.quality.and_then(|form| Some(degrade(form, owned.status?)));
        let cut_a = |form: Option<TimeForm>, ns: Option<i64>| form.and_then(|form| Some(cut(form, ns?)));
        let mut first = record(&owned, status);
        first.time_ns = cut_a(a.time, first.time_ns);
        first.received_ns = cut_a(a.received, first.received_ns);
        prop_assume!(first.check().is_ok());
        let payload = a.written("", &first);
        let steps = [a.step("", &b, "x"), b.step("x", &a, "")];
        let outcomes = route(&steps, &payload);

        let is_nothing = |status: Option<StatusCode>| status.is_some_and(StatusCode::may_be_null);
        if is_nothing(status) && b.quality.is_none() {
            let is_refused = matches!(outcomes[..], [Outcome::Quarantined { reason: Reason::QualityNotHeld, step: Some(0), .. }]);
            prop_assert!(is_refused, "{outcomes:?}");
            return Ok(());
        }
        let degraded = b.quality.and_then(|form| Some(degrade(form, status?)));
        if first.value == Value::Null && !is_nothing(degraded) {
            // A form that cannot tell that there is no data makes a null that nobody explains.
            let is_refused = matches!(outcomes[..], [Outcome::Quarantined { reason: Reason::NullNotBad, step: Some(1), .. }]);
            prop_assert!(is_refused, "{outcomes:?}");
            return Ok(());
        }
        let mut back = first;
        back.status = a.quality.and_then(|form| Some(degrade(form, degraded?)));
        // A time that the payload in between cannot say goes with the message.
        back.time_ns = first.time_ns.map(|ns| b.time.map_or(ns, |form| cut(form, ns)));
        back.received_ns = match (b.received, first.received_ns) {
            (Some(form), ns) => Some(cut(form, ns.unwrap_or(RECEIVED_NS))),
            (None, _) => Some(RECEIVED_NS),
        };
        if !b.unit { back.unit = None; }
        if !b.origin { back.origin = None; }
        prop_assert_eq!(outcomes, [Outcome::emitted("s", "a/b", &a.written("", &back))], "{} {:?}", payload, steps);
    }

    #[test]
    fn whatever_comes_the_rules_of_quality_hold(
        value in "null|5|-1\\.5e3|\"x\"|\\[1\\]|\\{\\}|true",
        quality in "null|0|192|500|\"GOOD\"|\"bad\"|\"GoodNoData\"|\"Uncertain\"|\"ok\"|\"0x80000000\"|\\{\\}",
        time in "null|0|-5|1e300|99999999999999999999|\"now\"|\\[\\]",
        unit in "null|\"Cel\"|7",
    ) {
        let payload = format!("{{\"value\":{value},\"quality\":{quality},\"timestamp_ms\":{time},\"unit\":{unit}}}");
        let step = json!({"shape": {"from": "reading", "to": "record"}});
        match &route(&[step], &payload)[..] {
            [Outcome::Emitted { payload: made, .. }] => {
                let made: serde_json::Value = serde_json::from_str(made).unwrap();
                let status = StatusCode::parse(made["quality"].as_str().unwrap()).unwrap();
                prop_assert!(!made["value"].is_null() || status.may_be_null());
            }
            [Outcome::Quarantined { step: Some(0), .. }] => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn shapes_that_must_have_a_time_refuse_what_has_none() {
    let step = |to: &str, more: serde_json::Value| {
        let mut step = json!({"shape": {"from": "value", "to": to, "default": {"quality": "GOOD"}}});
        if to == "umh" {
            step["shape"]["without"] = json!(["quality"]);
        }
        if let Some(time) = more.get("time") {
            step["shape"]["default"]["time"] = time.clone();
        }
        step
    };
    for to in ["umh", "i3x"] {
        let outcomes = route(&[step(to, json!({}))], "5");
        let field = if to == "umh" { "field `timestamp_ms`" } else { "field `timestamp`" };
        assert_eq!(outcomes, [Outcome::quarantined("r", Some(0), Reason::MissingField, field)]);
    }
    let outcomes = route(&[step("umh", json!({"time": "received"}))], "5");
    assert_eq!(outcomes, [Outcome::emitted("s", "a/b", "{\"timestamp_ms\":1732270000123,\"value\":5}")]);
}

#[test]
fn what_leaves_has_the_time_of_the_value() {
    struct Times(Vec<Option<i64>>);
    impl pronubes_core::Outlet for Times {
        fn emit(&mut self, emission: &pronubes_core::Emission<'_>) {
            self.0.push(emission.source_ns);
        }
        fn hook(&mut self, _: &pronubes_core::HookCall<'_>) {}
        fn quarantine(&mut self, _: &pronubes_core::Quarantined<'_>) {}
        fn filtered(&mut self, _: pronubes_core::RouteId) {}
    }
    let spec = json!({"sources": ["plant"], "sinks": ["s"], "routes": [
        {"name": "shaped", "filter": "#", "to": [{"sink": "s"}], "steps": [
            {"shape": {"from": "reading", "to": "value", "without": ["quality", "unit", "time"], "extra": "drop"}}]},
        {"name": "plain", "filter": "#", "to": [{"sink": "s"}]}]});
    let mut router = Router::new(compile(&spec.to_string()));
    let mut times = Times(Vec::new());
    for source_ns in [None, Some(7)] {
        let meta = Meta { received_ns: RECEIVED_NS, source_ns, ..Meta::default() };
        for payload in [&b"{\"value\":5,\"timestamp_ms\":3}"[..], b"{\"value\":5}"] {
            router.route(&Message { source: SourceId(0), topic: "a", payload, meta }, &mut times);
        }
    }
    let (three, seven) = (Some(3_000_000), Some(7));
    assert_eq!(times.0, [three, None, None, None, three, seven, seven, seven]);
}

#[test]
fn a_record_is_written_as_the_named_shapes_say() {
    let record = Record {
        value: Value::F64(21.5),
        status: StatusCode::parse("UncertainSubNormal"),
        time_ns: Some(1_732_259_200_123_456_789),
        received_ns: Some(RECEIVED_NS),
        unit: Some(Text::Plain("Cel")),
        origin: Some(Text::Plain("holding 100")),
    };
    let cases = [
        ("value", r#"21.5"#),
        ("reading", r#"{"value":21.5,"quality":"UNCERTAIN","timestamp_ms":1732259200123,"unit":"Cel"}"#),
        (
            "record",
            r#"{"value":21.5,"quality":"UncertainSubNormal","timestamp":"2024-11-22T07:06:40.123456789Z","received":"2024-11-22T10:06:40.123456789Z","unit":"Cel","origin":"holding 100"}"#,
        ),
        ("umh", r#"{"timestamp_ms":1732259200123,"value":21.5}"#),
        ("i3x", r#"{"value":21.5,"quality":"Uncertain","timestamp":"2024-11-22T07:06:40.123456789Z"}"#),
        ("opcua", r#"{"Value":21.5,"StatusCode":1083506688,"SourceTimestamp":"2024-11-22T07:06:40.123456789Z"}"#),
    ];
    assert_eq!(cases.map(|(name, _)| name), Shape::NAMES);
    for (name, expected) in cases {
        let mut out = Vec::new();
        Shape::named(name).unwrap().write(&record, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{name}");
    }
    let bad = Record { status: Some(StatusCode::BAD), ..record };
    let umh = Shape::named("umh").unwrap();
    assert_eq!(umh.write(&bad, &mut Vec::new()), Err((Reason::QualityNotHeld, Member::Quality)));
    let infinite = Record { value: Value::F64(f64::INFINITY), ..record };
    assert_eq!(umh.write(&infinite, &mut Vec::new()), Err((Reason::NotFinite, Member::Value)));
}

#[test]
fn steps_behind_a_shape_see_the_time_of_the_value() {
    let steps = |last: serde_json::Value| {
        let away = json!({"shape": {"from": "reading", "to": {"value": "v"}, "without": ["quality", "unit", "time"]}});
        [away, last]
    };
    let payload = "{\"value\":5,\"timestamp_ms\":3000}";
    let stamp = json!({"timestamp": {"field": "t", "from": "source", "to": "unix_ms"}});
    assert_eq!(route(&steps(stamp), payload), [Outcome::emitted("s", "a/b", "{\"v\":5,\"t\":3000}")]);
    let compute = json!({"compute": {"t": "meta.source_ns"}});
    assert_eq!(route(&steps(compute), payload), [Outcome::emitted("s", "a/b", "{\"v\":5,\"t\":3000000000}")]);

    let spec = json!({"sources": ["plant"], "sinks": ["s"], "routes": [{"name": "r", "filter": "#", "to": [{"sink": "s"}],
        "steps": steps(json!({"rate": {"field": "v", "first": "absorb"}}))}]});
    let mut router = Router::new(compile(&spec.to_string()));
    let mut recorder = common::Recorder::new(router.plan().clone());
    for (value, time_ms) in [(5, 3000), (9, 5000)] {
        let payload = format!("{{\"value\":{value},\"timestamp_ms\":{time_ms}}}");
        let meta = Meta { received_ns: RECEIVED_NS, ..Meta::default() };
        router.route(&Message { source: SourceId(0), topic: "a/b", payload: payload.as_bytes(), meta }, &mut recorder);
    }
    assert_eq!(recorder.outcomes, [Outcome::emitted("s", "a/b", "{\"v\":9,\"rate\":2.0}")]);
}
