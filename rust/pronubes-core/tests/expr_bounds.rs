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

#[test]
fn what_functions_make_is_bounded() {
    let payload = json!({"t": "x,".repeat(150_000), "list": numbers(5_000), "long": vec!["y".repeat(4_000); 100]});
    let cases = [
        ("payload.t.split(\",\").size()", Reason::ExpressionLimit),
        ("payload.t.split(\"\").size()", Reason::ExpressionLimit),
        ("payload.t.replace(\",\", \"------\").size()", Reason::TextTooLong),
        ("payload.t.replace(\"\", payload.t).size()", Reason::TextTooLong),
        ("payload.long.join(payload.t).size()", Reason::TextTooLong),
        ("\"%s%s%s%s\".format([payload.t, payload.t, payload.t, payload.t]).size()", Reason::TextTooLong),
        (
            "(payload.t + payload.t).format([\"x\"]).size() + \"%x\".format([payload.t + payload.t]).size()",
            Reason::TextTooLong,
        ),
        ("(payload.list + payload.list + payload.list).size()", Reason::ExpressionLimit),
        ("payload.list.map(x, payload.t.replace(\",\", string(x))).size()", Reason::ExpressionLimit),
        ("payload.list.map(x, payload.t.split(\",\", 9000)).size()", Reason::ExpressionLimit),
        ("payload.list.exists(x, payload.t.indexOf(\"y\") == x)", Reason::ExpressionLimit),
        ("payload.list.exists(x, payload.t.reverse() == \"y\")", Reason::ExpressionLimit),
        ("payload.list.exists(x, payload.t.lastIndexOf(\"y\", 3) == x)", Reason::ExpressionLimit),
        ("payload.list.exists(x, payload.list.sum() == 1)", Reason::ExpressionLimit),
        ("payload.list.exists(x, math.greatest(payload.list) == -1)", Reason::ExpressionLimit),
    ];
    for (source, reason) in cases {
        assert_eq!(bounded(source, &payload), Err(reason), "{source}");
    }
    let doubled = format!("[payload.list[0]]{}", ".map(x, [x, x])".repeat(24));
    assert_eq!(bounded(&doubled, &payload), Err(Reason::ExpressionLimit), "2^24 elements of a few cells");
    assert_eq!(
        bounded("payload.list.map(x, payload.long)", &payload),
        Err(Reason::ExpressionLimit),
        "5,000 times a long list"
    );
    let shown = format!("\"%s\".format([{}])", doubled);
    assert!(bounded(&shown, &payload).is_err(), "{shown}");
}
