//! Random contracts on random payloads: the checker against a naive one over serde_json, and the quick check and the
//! general path of the router against the checker.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;

use std::collections::BTreeMap;

use common::message;
use pronubes_core::contract::{Contract, Judge};
use pronubes_core::spec::{Ordered, RouterSpec};
use pronubes_core::{Emission, HookCall, Outlet, Plan, Quarantined, RouteId, Router};
use serde_json::value::RawValue;
use serde_json::{Value, json};

const PAYLOADS: usize = 60_000;
const RECEIVED_NS: i128 = 1_732_270_000_123_456_789;
const NAMES: [&str; 6] = ["a", "b", "b.c", "b.d", "list.1", "quality"];
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "-0.0",
    "1",
    "1.0",
    "2",
    "2.5",
    "10",
    "1e1",
    "-3",
    "100.00",
    "1e400",
    "-1e400",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890",
    "0.1",
    "1732270000123",
    "5e-324",
];
const TEXTS: [&str; 8] = ["", "x", "GOOD", "BAD", "é", "a\"b", "2024-11-22T10:06:40Z", "long text of many characters"];

/// A small generator of numbers (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.roll(all.len())]
    }
}

fn contract(dice: &mut Dice) -> Value {
    let names: Vec<&str> = NAMES.iter().copied().filter(|_| !dice.one_in(2)).collect();
    let has_quality = dice.one_in(3);
    let mut fields = Vec::new();
    for name in names {
        let has_children = name == "b";
        let kinds: &[&str] = if has_children {
            &["object", "any"]
        } else {
            &["number", "integer", "boolean", "string", "object", "array", "any"]
        };
        let kind = dice.of(kinds);
        let nulls: &[&str] = if has_quality { &["never", "allowed", "when_bad"] } else { &["never", "allowed"] };
        let mut field = json!({"path": name, "type": kind, "optional": dice.one_in(2), "null": dice.of(nulls)});
        rules(kind, &mut field, dice);
        fields.push(field);
    }
    let quality = json!({"path": "quality", "good": ["GOOD", 1], "uncertain": [0.1], "bad": ["BAD", 0, false]});
    json!({"name": "m", "version": 1, "mode": "observe", "extra": dice.of(&["keep", "refuse"]), "fields": fields,
        "quality": if has_quality { quality } else { Value::Null }})
}

fn rules(kind: &str, field: &mut Value, dice: &mut Dice) {
    let is_number = matches!(kind, "number" | "integer");
    if (is_number || kind == "any") && dice.one_in(2) {
        let ranges = [
            json!([0, 10]),
            json!([null, 2]),
            json!([-0.5, 2.5]),
            json!([1, null]),
            json!([null, null]),
            json!([0, 9_223_372_036_854_775_807_i64]),
            json!([0, u64::MAX]),
            json!([1e20, 1e300]),
        ];
        field["range"] = ranges[dice.roll(ranges.len())].clone();
    }
    if kind == "any" && dice.one_in(4) && field.get("range").is_none() {
        field["enum"] = json!([0, 2.5, "x", "é", "a\"b", true, 1e20]);
    }
    if matches!(kind, "string" | "array" | "any") && dice.one_in(3) {
        let lengths = [json!([1, 4]), json!([null, 2]), json!([2, null]), json!([0, 0])];
        field["length"] = lengths[dice.roll(lengths.len())].clone();
    }
    if kind == "string" && dice.one_in(3) {
        field["pattern"] = json!(dice.of(&["x|GOOD", "[a-z ]*", ".", "(?i)good|bad"]));
    }
    let limits = [json!(null), json!(0), json!(86_400_000_000_000_i64)];
    if (is_number || kind == "string") && dice.one_in(4) {
        let units: &[&str] = if is_number { &["s", "ms", "us", "ns"] } else { &["rfc3339"] };
        field["time"] = json!({"unit": dice.of(units), "not_after_ns": limits[dice.roll(3)], "not_before_ns": limits[dice.roll(3)]});
    }
}

fn payload(dice: &mut Dice) -> String {
    if dice.one_in(50) {
        return dice.of(&["[1]", "7", "null", "\"x\"", "{", "", "{\"a\":1}x"]).to_owned();
    }
    let mut members = Vec::new();
    for name in ["a", "b", "list", "quality", "more"] {
        let times = if dice.one_in(25) { 2 } else { usize::from(!dice.one_in(if name == "more" { 2 } else { 5 })) };
        for _ in 0..times {
            let value = match name {
                "b" if !dice.one_in(5) => object(dice),
                "list" if !dice.one_in(5) => format!("[{}, {}]", scalar(dice), scalar(dice)),
                "quality" => dice.of(&["\"GOOD\"", "1.0", "0.1", "\"BAD\"", "0", "\"?\"", "null"]).to_owned(),
                _ => scalar(dice),
            };
            members.push(format!("{}:{value}", text(name, dice)));
        }
    }
    format!("{{{}}}", members.join(dice.of(&[",", " , "])))
}

fn object(dice: &mut Dice) -> String {
    let mut members = Vec::new();
    for name in ["c", "d", "e"] {
        if !dice.one_in(if name == "e" { 1 } else { 4 }) || dice.one_in(6) {
            members.push(format!("{}: {}", text(name, dice), scalar(dice)));
        }
    }
    format!("{{{}}}", members.join(","))
}

fn scalar(dice: &mut Dice) -> String {
    match dice.roll(10) {
        0 => "null".to_owned(),
        1 => dice.of(&["true", "false"]).to_owned(),
        2 | 3 => {
            let chosen = dice.of(&TEXTS);
            text(chosen, dice)
        }
        4 => dice.of(&["{}", "[]", "[1,[2,3],\"]\"]", "{\"c\":1}"]).to_owned(),
        _ => dice.of(&NUMBERS).to_owned(),
    }
}

/// A text as JSON, sometimes with more escapes than it needs.
fn text(plain: &str, dice: &mut Dice) -> String {
    if !dice.one_in(12) {
        return serde_json::to_string(plain).unwrap();
    }
    let units: String = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

/// What is wrong, as field and reason, without any of the engine's code but the reading of times.
fn oracle(spec: &Value, payload: &str) -> Vec<(String, String)> {
    let Ok(raw) = serde_json::from_str::<&RawValue>(payload) else {
        return vec![(String::new(), "invalid".into())];
    };
    if !raw.get().starts_with('{') {
        return vec![(String::new(), "contract_not_object".into())];
    }
    let mut wrong = Vec::new();
    let quality = quality(spec, raw.get(), &mut wrong);
    for field in spec["fields"].as_array().unwrap() {
        let path = field["path"].as_str().unwrap();
        let mut report = |reason: &str| wrong.push((path.to_owned(), reason.to_owned()));
        match find(raw.get(), path) {
            Found::Twice => report("duplicate_key"),
            Found::Nothing if field["optional"] == true => {}
            Found::Nothing => report("contract_missing_field"),
            Found::Raw(text) => judge_field(field, &text, quality, &mut report),
        }
    }
    if spec["extra"] == "refuse" && has_extra(spec, raw.get()) {
        wrong.push(("*".into(), "contract_extra_field".into()));
    }
    wrong
}

fn quality(spec: &Value, payload: &str, wrong: &mut Vec<(String, String)>) -> &'static str {
    if spec["quality"].is_null() {
        return "good";
    }
    let is_field = spec["fields"].as_array().unwrap().iter().any(|field| field["path"] == "quality");
    match find(payload, "quality") {
        Found::Nothing => "good",
        Found::Twice if is_field => "unknown",
        Found::Twice => {
            wrong.push(("quality".into(), "duplicate_key".into()));
            "unknown"
        }
        Found::Raw(text) => {
            let is_in = |key: &str| spec["quality"][key].as_array().unwrap().iter().any(|code| same(code, &text));
            match ["good", "uncertain", "bad"].into_iter().find(|key| is_in(key)) {
                Some(state) => state,
                None => {
                    wrong.push(("quality".into(), "contract_quality".into()));
                    "unknown"
                }
            }
        }
    }
}

enum Found {
    Nothing,
    Twice,
    Raw(String),
}

fn find(payload: &str, path: &str) -> Found {
    let mut present = payload.to_owned();
    for segment in path.split('.') {
        let all: Vec<String> = if let Ok(members) = serde_json::from_str::<Ordered<Box<RawValue>>>(&present) {
            let members = members.0.into_iter().filter(|(key, _)| key == segment);
            members.map(|(_, value)| value.get().to_owned()).collect()
        } else if let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(&present) {
            let index = segment.parse::<usize>().ok();
            index.and_then(|index| items.get(index)).map(|item| item.get().to_owned()).into_iter().collect()
        } else {
            Vec::new()
        };
        match all.as_slice() {
            [] => return Found::Nothing,
            [one] => present.clone_from(one),
            _ => return Found::Twice,
        }
    }
    Found::Raw(present)
}

fn judge_field(field: &Value, text: &str, quality: &str, report: &mut impl FnMut(&str)) {
    let is_null = text == "null";
    if is_null || field["null"] == "when_bad" {
        let is_right = match field["null"].as_str().unwrap() {
            "allowed" => true,
            "when_bad" => is_null == (quality == "bad"),
            _ => false,
        };
        if !is_right {
            report("contract_null");
        }
        if is_null || !is_right {
            return;
        }
    }
    let is_number = text.starts_with('-') || text.starts_with(|first: char| first.is_ascii_digit());
    let is_integral = is_number && (text.parse::<f64>().unwrap().fract() == 0.0 || !text.contains(['.', 'e']));
    let string: Option<String> = serde_json::from_str(text).ok();
    let items: Option<Vec<Box<RawValue>>> = serde_json::from_str(text).ok();
    let kind = field["type"].as_str().unwrap();
    let is_kind = match kind {
        "number" => is_number,
        "integer" => is_integral,
        "boolean" => matches!(text, "true" | "false"),
        "string" => string.is_some(),
        "object" => text.starts_with('{'),
        "array" => items.is_some(),
        _ => true,
    };
    if !is_kind {
        return report("contract_type");
    }
    if let Some([low, high]) = field["range"].as_array().map(Vec::as_slice)
        && is_number
        && !(low.is_null() || order(text, low).is_ge()) | !(high.is_null() || order(text, high).is_le())
    {
        report("contract_range");
    }
    if field["enum"].as_array().is_some_and(|codes| !codes.iter().any(|code| same(code, text))) {
        report("contract_enum");
    }
    let length = string.as_ref().map(|string| string.chars().count()).or(items.map(|items| items.len()));
    if let (Some(limits), Some(length)) = (field["length"].as_array(), length) {
        let length = length as u64;
        if limits[0].as_u64().is_some_and(|least| length < least)
            || limits[1].as_u64().is_some_and(|most| length > most)
        {
            report("contract_length");
        }
    }
    if let (Some(pattern), Some(string)) = (field["pattern"].as_str(), &string)
        && !regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(string)
    {
        report("contract_pattern");
    }
    if let Some(reason) = field.get("time").and_then(|time| time_fault(time, text, string.as_deref())) {
        report(reason);
    }
}

fn time_fault(time: &Value, text: &str, string: Option<&str>) -> Option<&'static str> {
    let unit: i128 = match time["unit"].as_str().unwrap() {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        // One of the texts is a time.
        _ if string == Some("2024-11-22T10:06:40Z") => 0,
        _ => return Some("contract_time_invalid"),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as the engine says it does")]
    let ns = match (unit, text.parse::<i128>()) {
        (0, _) => Some(1_732_270_000_000_000_000),
        (_, Ok(value)) => value.checked_mul(unit),
        (_, Err(_)) => Some((text.parse::<f64>().unwrap() * unit as f64).round() as i128),
    };
    let ns = ns.filter(|ns| (-62_167_219_200_000_000_000..=253_402_300_799_999_999_999).contains(ns));
    let Some(ns) = ns else { return Some("contract_time_invalid") };
    let beyond = |key: &str, distance: i128| time[key].as_i64().is_some_and(|limit| distance > i128::from(limit));
    if beyond("not_after_ns", ns - RECEIVED_NS) {
        return Some("contract_time_future");
    }
    beyond("not_before_ns", RECEIVED_NS - ns).then_some("contract_time_old")
}

/// How a number of the payload compares with a bound: integers exactly, others as doubles.
fn order(text: &str, bound: &Value) -> std::cmp::Ordering {
    let bound_text = bound.to_string();
    match (text.parse::<i128>(), bound_text.parse::<i128>()) {
        (Ok(value), Ok(bound)) => value.cmp(&bound),
        _ => text.parse::<f64>().unwrap().partial_cmp(&bound_text.parse::<f64>().unwrap()).unwrap(),
    }
}

fn same(code: &Value, text: &str) -> bool {
    match code {
        Value::String(code) => serde_json::from_str::<String>(text).is_ok_and(|text| text == *code),
        Value::Bool(code) => text == code.to_string(),
        number => text.parse::<f64>().is_ok() && order(text, number).is_eq(),
    }
}

/// Keys that no path names, at the top and in the objects that paths lead through, unless they are declared as open.
fn has_extra(spec: &Value, payload: &str) -> bool {
    let mut paths: Vec<&str> =
        spec["fields"].as_array().unwrap().iter().map(|field| field["path"].as_str().unwrap()).collect();
    if !spec["quality"].is_null() {
        paths.push("quality");
    }
    let members = |text: &str| serde_json::from_str::<Ordered<Box<RawValue>>>(text).map(|members| members.0);
    let is_known = |key: &str| paths.iter().any(|path| path.split('.').next() == Some(key));
    let has_extra_inside = |parent: &str| match find(payload, parent) {
        Found::Raw(text) if !paths.contains(&parent) && is_known(parent) => {
            let inside = members(&text).unwrap_or_default();
            inside.iter().any(|(key, _)| !paths.contains(&format!("{parent}.{key}").as_str()))
        }
        _ => false,
    };
    members(payload).unwrap().iter().any(|(key, _)| !is_known(key)) || ["b", "list"].into_iter().any(has_extra_inside)
}

fn found(judge: &mut Judge, contract: &Contract, payload: &[u8]) -> Vec<(String, String)> {
    let violations = judge.judge(contract, payload, i64::try_from(RECEIVED_NS).unwrap());
    violations
        .into_iter()
        .map(|one| match one.reason.code() {
            "contract_extra_field" => ("*".into(), "contract_extra_field".into()),
            code @ ("invalid_json" | "trailing_bytes") => (String::new(), code.replace(code, "invalid")),
            code => (one.field, code.to_owned()),
        })
        .collect()
}

#[test]
fn the_checker_equals_a_naive_one() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut judge = Judge::default();
    let (mut good, mut reasons) = (0, BTreeMap::<String, usize>::new());
    for _ in 0..PAYLOADS / 30 {
        let spec = contract(&mut dice);
        let contract = Contract::compile(&serde_json::from_value(spec.clone()).unwrap())
            .unwrap_or_else(|errors| panic!("{spec}: {errors:#?}"));
        for _ in 0..30 {
            let payload = payload(&mut dice);
            let (mut wanted, mut found) = (oracle(&spec, &payload), found(&mut judge, &contract, payload.as_bytes()));
            wanted.sort();
            found.sort();
            assert_eq!(found, wanted, "{spec}\n{payload}");
            good += usize::from(found.is_empty());
            found.into_iter().for_each(|(_, reason)| *reasons.entry(reason).or_default() += 1);
        }
    }
    assert!(good > PAYLOADS / 20, "{good} good");
    assert!(reasons.len() >= 14 && reasons.values().all(|count| *count >= 30), "{reasons:?}");
}

/// Keeps the last payload that left.
#[derive(Default)]
struct Last(Vec<u8>);

impl Outlet for Last {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.0.extend_from_slice(emission.payload);
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, _: &Quarantined<'_>) {}
    fn filtered(&mut self, _: RouteId) {}
}

#[test]
fn routes_judge_what_leaves_on_every_path() {
    let steps = [
        json!([]),
        json!([{"set": {"a": 2.5, "quality": "GOOD"}}]),
        json!([{"compute": {"a": "1.0 + 1.5"}, "where": "has(payload.a)"}]),
        json!([{"rename": {"a": "b"}}]),
        json!([{"rename": {"more": "a"}}, {"drop": ["list"]}]),
        json!([{"keep": ["a", "quality"]}]),
        json!([{"keep": ["b.c", "a"]}]),
        json!([{"set": {"b": {"c": 1}}}]),
        json!([{"nest": {"into": "b", "fields": ["a"]}}]),
    ];
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let mut judge = Judge::default();
    let mut judged = 0;
    for _ in 0..PAYLOADS / 40 {
        let contract_spec = contract(&mut dice);
        let contract = Contract::compile(&serde_json::from_value(contract_spec.clone()).unwrap()).unwrap();
        let steps = &steps[dice.roll(steps.len())];
        let text = json!({"sources": ["plant"], "sinks": ["s"], "contracts": [contract_spec],
            "routes": [{"name": "r", "contract": "m@1", "steps": steps, "to": [{"sink": "s"}]}]})
        .to_string();
        let spec: RouterSpec = serde_json::from_str(&text).unwrap();
        let plans = [Plan::compile(&spec), Plan::compile_general(&spec)].map(|plan| plan.unwrap());
        let mut routers = plans.map(|plan| Router::new(plan.into()));
        for _ in 0..40 {
            let payload = payload(&mut dice);
            let mut left = [Last::default(), Last::default()];
            for (router, left) in routers.iter_mut().zip(&mut left) {
                let before = router.stats().contracts[0].clone();
                router.route(&message("a/b", payload.as_bytes()), left);
                let after = &router.stats().contracts[0];
                if after.judged > before.judged {
                    judged += 1;
                    let is_bad = !found(&mut judge, &contract, &left.0).is_empty();
                    let told = String::from_utf8_lossy(&left.0);
                    assert_eq!(after.violated > before.violated, is_bad, "{text}\n{payload}\n{told}");
                }
            }
            assert_eq!(left[0].0, left[1].0, "{text}\n{payload}");
        }
        assert_eq!(routers[0].stats().contracts[0].rules, routers[1].stats().contracts[0].rules, "{text}");
    }
    assert!(judged > PAYLOADS, "{judged}");
}
