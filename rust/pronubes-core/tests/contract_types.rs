//! What `expect` says about fields, in expressions: types and dimensions are checked at load, as far as they are known.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use pronubes_core::Plan;
use pronubes_core::spec::RouterSpec;
use serde_json::{Value, json};

/// Path and message of everything that is wrong with a route that expects and promises the contract below.
fn errors(route: Value) -> Vec<(String, String)> {
    let mut full = json!({"name": "r", "expect": "m@1", "contract": "out@1", "to": [{"sink": "s"}]});
    full.as_object_mut().unwrap().extend(route.as_object().unwrap().clone());
    let metre = [1, 0, 0, 0, 0, 0, 0];
    let spec = json!({"sources": ["plant"], "sinks": ["s"], "hooks": ["m:f"], "routes": [full], "conversions": [
        {"from": "km", "to": "m", "dimension": metre, "ratio": [1000, 0, 1]},
        {"from": "min", "to": "s", "dimension": [0, 0, 1, 0, 0, 0, 0], "ratio": [60, 0, 1]}], "contracts": [
        {"name": "m", "version": 1, "fields": [
            {"path": "length", "type": "number", "dimension": metre},
            {"path": "time", "type": "number", "dimension": [0, 0, 1, 0, 0, 0, 0]},
            {"path": "count", "type": "integer"},
            {"path": "state", "type": "string"},
            {"path": "on", "type": "boolean"},
            {"path": "motor.name", "type": "string", "null": "allowed"}]},
        {"name": "out", "version": 1, "fields": [
            {"path": "speed", "type": "number", "optional": true, "dimension": [1, 0, -1, 0, 0, 0, 0]},
            {"path": "area", "type": "number", "optional": true, "dimension": [2, 0, 0, 0, 0, 0, 0]}]}]});
    let spec: RouterSpec = serde_json::from_str(&spec.to_string()).unwrap();
    let errors = Plan::compile(&spec).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.path_text(), error.message)).collect()
}

fn compute(expression: &str) -> Vec<(String, String)> {
    errors(json!({"steps": [{"compute": {"x": expression}}]}))
}

#[test]
fn what_fits_is_left_alone() {
    let fine = [
        "payload.length > 3.0",
        "payload.count + 1 == 2",
        "payload.count + payload.length > 0",
        "payload.state == \"x\" && payload.on",
        "payload.motor.name == null",
        "payload.unknown == 1 || payload.unknown == \"x\"",
        "payload.state in [\"a\", \"b\"]",
        "payload.length / payload.time * payload.time + payload.length",
        "double(payload.state) + payload.length",
        "payload.length * 2 > payload.length + 1",
        "(payload.on ? payload.length : payload.length) == payload.length",
    ];
    for expression in fine {
        assert_eq!(compute(expression), [], "{expression}");
    }
}

#[test]
fn types_that_do_not_fit_are_errors() {
    let wrong = [
        ("payload.state > 3", "`payload.state` is a text by the contract `m@1`."),
        ("3 == payload.motor.name", "`payload.motor.name` is a text by the contract `m@1`."),
        ("payload.state * 2", "`payload.state` is a text by the contract `m@1`."),
        ("payload.count + \"x\"", "`payload.count` is a number by the contract `m@1`."),
        ("payload.count || payload.on", "`payload.count` is a number by the contract `m@1`."),
        ("!payload.state", "`payload.state` is a text by the contract `m@1`."),
        ("payload.on in [1, 2]", "`payload.on` is a truth value by the contract `m@1`."),
        ("payload.count.matches(\"x\")", "`payload.count` is a number by the contract `m@1`."),
    ];
    for (expression, message) in wrong {
        assert_eq!(
            compute(expression),
            [("routes/0/steps/0/compute/x".to_owned(), message.to_owned())],
            "{expression}"
        );
    }
}

#[test]
fn conditions_are_checked_too() {
    let found = errors(json!({"where": "payload.state > 3", "steps": [{"drop": ["on"], "where": "payload.on == 1"}]}));
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["routes/0/where", "routes/0/steps/0/where"]);
}

#[test]
fn what_a_step_has_written_is_no_longer_known() {
    let later = json!({"compute": {"x": "payload.state > 3"}});
    for step in [
        json!({"set": {"state": 7}}),
        json!({"rename": {"count": "state"}}),
        json!({"rename": {"state": "other"}}),
        json!({"cast": {"field": "state", "type": "int"}}),
        json!({"flatten": {}}),
        json!({"python": {"hook": 0}}),
        json!({"explode": {"field": "motor"}}),
    ] {
        assert_eq!(errors(json!({"steps": [step, later]})), [], "{step}");
    }
    assert_eq!(errors(json!({"steps": [{"set": {"on": 7}}, {"keep": ["state"]}, later]})).len(), 1);
}

#[test]
fn dimensions_that_do_not_fit_are_errors() {
    let cannot = |what: &str| format!("Values of different dimension cannot be {what}.");
    let summed = cannot("added, subtracted or divided with a remainder");
    assert_eq!(compute("payload.length + payload.time")[0].1, summed);
    assert_eq!(compute("payload.length * payload.length - payload.length")[0].1, summed);
    assert_eq!(compute("payload.length > payload.time")[0].1, cannot("compared"));
    assert_eq!(compute("-payload.length == payload.length / payload.time")[0].1, cannot("compared"));
}

#[test]
fn results_must_have_the_dimension_of_the_contract() {
    let step = |field: &str, expression: &str| errors(json!({"steps": [{"compute": {field: expression}}]}));
    assert_eq!(step("speed", "payload.length / payload.time"), []);
    assert_eq!(step("speed", "payload.length * 2"), []);
    assert_eq!(step("area", "payload.length * payload.length"), []);
    let found = step("speed", "payload.length * payload.time");
    let message = "The result has another dimension than the contract gives `speed`.";
    assert_eq!(found, [("routes/0/steps/0/compute/speed".to_owned(), message.to_owned())]);
}

#[test]
fn a_converted_field_is_a_number_of_the_dimension_of_its_unit() {
    let to_metres = |field: &str| json!({"convert": {"field": field, "from": "km", "to": "m"}});
    let after = |step: Value, expression: &str| errors(json!({"steps": [step, {"compute": {"x": expression}}]}));
    let compared = "Values of different dimension cannot be compared.";
    assert_eq!(after(to_metres("length"), "payload.length > payload.time")[0].1, compared);
    assert_eq!(after(to_metres("new"), "payload.new > payload.time")[0].1, compared);
    assert_eq!(after(to_metres("new"), "payload.new > payload.length"), []);
    assert_eq!(after(to_metres("new"), "payload.new == \"x\"")[0].1, "`payload.new` is a number behind `convert`.");
    assert_eq!(after(to_metres("new"), "payload.state > 3")[0].1, "`payload.state` is a text by the contract `m@1`.");
    let with_unit = json!({"convert": {"field": "new", "from": {"field": "u"}, "units": ["km"], "to": "m"}});
    assert_eq!(after(with_unit.clone(), "payload.new > payload.time")[0].1, compared);
    assert_eq!(after(with_unit, "payload.u == 3"), []);
    // Where the step may not be done, it tells nothing new.
    let perhaps = |field| json!({"convert": {"field": field, "from": "km", "to": "m"}, "where": "payload.on"});
    assert_eq!(after(perhaps("new"), "payload.new > payload.time"), []);
    assert_eq!(after(perhaps("length"), "payload.length > payload.time")[0].1, compared);
    let written = errors(
        json!({"steps": [to_metres("new"), {"set": {"new": 1}}, {"compute": {"x": "payload.new > payload.time"}}]}),
    );
    assert_eq!(written, []);
}

#[test]
fn units_must_measure_what_the_field_measures() {
    let wrong = |field: &str| errors(json!({"steps": [{"convert": {"field": field, "from": "km", "to": "m"}}]}));
    let at = "routes/0/steps/0/convert/field".to_owned();
    assert_eq!(wrong("time"), [(at.clone(), "`time` does not measure what the units measure.".to_owned())]);
    assert_eq!(wrong("state"), [(at, "`state` is no number by the contract `m@1`.".to_owned())]);
    assert_eq!((wrong("length"), wrong("count"), wrong("unknown")), (vec![], vec![], vec![]));
    let leaves = "`area` leaves with another dimension than the contract gives it.";
    assert_eq!(wrong("area"), [("routes/0/contract".to_owned(), leaves.to_owned())]);
}
