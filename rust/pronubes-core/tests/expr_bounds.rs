//! The bounds of expressions: what a publisher can make a route do by the size of a payload, and that loops allocate
//! nothing that stays.

#[path = "expression/compiled.rs"]
mod compiled;
mod expression;

use std::time::{Duration, Instant};

use compiled::Compiled;
use pronubes_core::Reason;
use pronubes_core::expr::{MAX_ELEMENTS, MAX_STEPS};
use pronubes_core::payload::TextArena;
use serde_json::{Value, json};

fn numbers(count: usize) -> Value {
    (0..count).collect()
}

/// The value or reason of an expression on a payload, within a time that no bounded work needs even on a busy machine.
fn bounded(source: &str, payload: &Value) -> Result<Value, Reason> {
    let compiled = Compiled::new(source).expect(source);
    let begun = Instant::now();
    let result = compiled.value(&payload.to_string(), &mut TextArena::default());
    assert!(begun.elapsed() < Duration::from_secs(20), "{source} took {:?}", begun.elapsed());
    result
}

#[test]
fn a_loop_takes_as_many_elements_as_documented_and_no_more() {
    let (most, more) = (json!({"list": numbers(MAX_ELEMENTS)}), json!({"list": numbers(MAX_ELEMENTS + 1)}));
    for source in
        ["payload.list.all(x, x >= 0)", "!payload.list.exists(x, x < 0)", "payload.list.exists_one(x, x == 9999)"]
    {
        assert_eq!(bounded(source, &most), Ok(json!(true)), "{source}");
        assert_eq!(bounded(source, &more), Err(Reason::ExpressionLimit), "{source}");
    }
    for source in ["payload.list.map(x, x + 1).size()", "payload.list.filter(x, x >= 0).size()"] {
        assert_eq!(bounded(source, &most), Ok(json!(MAX_ELEMENTS)), "{source}");
        assert_eq!(bounded(source, &more), Err(Reason::ExpressionLimit), "{source}");
    }
    assert_eq!(bounded("payload.list.exists(x, x == 5)", &more), Ok(json!(true)), "what is decided early is decided");
    assert_eq!(bounded("size(payload.list)", &more), Ok(json!(MAX_ELEMENTS + 1)), "counting is no loop");
}

#[test]
fn loops_inside_of_loops_end() {
    let payload = json!({"list": numbers(MAX_ELEMENTS)});
    for source in [
        "payload.list.map(x, payload.list.map(y, x + y)).size() > 0",
        "payload.list.map(x, payload.list).size() > 0 && payload.list.all(x, payload.list.all(y, y >= 0))",
        "payload.list.exists(x, payload.list.exists(y, y < 0))",
        "payload.list.all(a, payload.list.all(b, payload.list.all(c, payload.list.all(d, d >= 0))))",
        "payload.list.map(x, payload.list.size())",
        "payload.list.filter(x, !(x in payload.list))",
        "payload.list.all(x, payload.list == payload.list)",
        "payload.list.map(x, payload.list[x])",
    ] {
        assert_eq!(bounded(source, &payload).err(), Some(Reason::ExpressionLimit), "{source}");
    }
    // As many steps as there may be, but for a few.
    let count = MAX_STEPS as usize / 4_000;
    let payload = json!({"list": numbers(count)});
    assert_eq!(bounded("payload.list.all(x, payload.list.all(y, y >= 0))", &payload), Ok(json!(true)));
}

#[test]
fn long_texts_inside_of_loops_end() {
    let payload = json!({"list": numbers(5_000), "t": "x".repeat(200_000), "escaped": "\u{1}".repeat(30_000)});
    for source in [
        "payload.list.exists(x, payload.t.contains(\"y\"))",
        "payload.list.exists(x, payload.t.matches(\"y+z\"))",
        "payload.list.exists(x, size(payload.t) == 5)",
        "payload.list.exists(x, payload.escaped == payload.t)",
        "payload.list.map(x, payload.t + string(x)).size() == 0",
        "payload.list.map(x, payload.t.upperAscii()).size() == 0",
        "payload.list.map(x, payload.list.map(y, string(y))).size() == 0",
    ] {
        assert_eq!(bounded(source, &payload).err(), Some(Reason::ExpressionLimit), "{source}");
    }
    // What a condition makes is forgotten: 5,000 texts of 200 bytes do not fill anything.
    let short = json!({"list": numbers(5_000), "t": "x".repeat(200)});
    assert_eq!(bounded("payload.list.all(x, size(payload.t + string(x)) > 200)", &short), Ok(json!(true)));
}
