//! The scanner: what it fills, what it refuses and where, and that a warm scan allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Counter;

use pronubes_core::Reason;
use pronubes_core::payload::{Cell, Fault, FieldPath, Kind, Limits, PathSet, PathSetBuilder, Scan, SlotId, scan};

struct Counting;

thread_local! {
    static ALLOCATIONS: Counter<usize> = const { Counter::new(0) };
}

#[expect(unsafe_code, reason = "counting allocations needs a global allocator; it only forwards")]
// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn paths(texts: &[&str]) -> PathSet {
    let mut builder = PathSetBuilder::default();
    for text in texts {
        builder.add(&if text.is_empty() {
            FieldPath::root()
        } else {
            FieldPath::parse(text).expect("the test brings what it needs")
        });
    }
    builder.build().expect("the test brings what it needs")
}

/// Each cell as text: the value as written, `-` for missing, `!` for duplicate.
fn cells(payload: &str, texts: &[&str]) -> Vec<String> {
    let mut found = Scan::default();
    scan(payload.as_bytes(), &paths(texts), &Limits::default(), &mut found).expect("the test brings what it needs");
    let shown = |cell: &Cell| match cell {
        Cell::Raw(raw) => raw.span().of_str(payload).to_owned(),
        Cell::Missing => "-".to_owned(),
        Cell::Duplicate => "!".to_owned(),
        other => panic!("a scan gives no {other:?}"),
    };
    found.cells.iter().map(shown).collect()
}

fn fault(payload: &[u8], limits: &Limits) -> Option<(Reason, u32)> {
    let fault = scan(payload, &paths(&["a", "a.b", "a.0"]), limits, &mut Scan::default()).err();
    fault.map(|Fault { reason, offset }| (reason, offset))
}

#[test]
fn cells_hold_the_values_of_their_paths() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (r#"{"a":1,"b":"x"}"#, &["a", "b", "c"], &["1", "\"x\"", "-"]),
        (r#"{"b":true,"a":null}"#, &["a", "b"], &["null", "true"]),
        (
            r#" {"a":{"b":{"c":[1, 2]}}} "#,
            &["", "a.b", "a.b.c", "a.b.c.1"],
            &[r#"{"a":{"b":{"c":[1, 2]}}}"#, r#"{"c":[1, 2]}"#, "[1, 2]", "2"],
        ),
        // A numeric segment is a key of an object and an index of an array.
        (r#"{"a":{"0":7}}"#, &["a.0"], &["7"]),
        (r#"{"a":[7,8,{"x":9}]}"#, &["a.2.x", "a.0", "a.3", "a.00"], &["9", "7", "-", "-"]),
        ("[10,[20,30]]", &["1.1", "0"], &["30", "10"]),
        // A path through a scalar leads nowhere.
        (r#"{"a":5}"#, &["a.b", "a"], &["-", "5"]),
        ("21.5", &["", "value"], &["21.5", "-"]),
        // Only what stands twice and is touched is a duplicate; a parent that stands twice makes all below ambiguous.
        (r#"{"a":1,"a":2,"b":3}"#, &["a", "b"], &["!", "3"]),
        (r#"{"x":1,"x":2,"b":3}"#, &["b"], &["3"]),
        (r#"{"a":{"b":1},"a":{"c":2}}"#, &["a.b", "a.c", "a.d", "a"], &["!", "!", "!", "!"]),
        (r#"{"a":{"b":1},"a":5}"#, &["a.b"], &["!"]),
        (r#"{"a":{"b":1,"b":2},"c":{"b":3}}"#, &["a.b", "c.b"], &["!", "3"]),
        (r#"{"a":1,"\u0061":2}"#, &["a"], &["!"]),
        // Keys are compared after their escapes are decoded.
        (r#"{"\u0061\"\n":1}"#, &["\"a\\\"\n\""], &["1"]),
        (r#"{"\ud83d\ude00":1}"#, &["😀"], &["1"]),
        (r#"{"":1}"#, &["\"\""], &["1"]),
        // Keys around the width of a machine word.
        (
            r#"{"1234567":1,"12345678":2,"123456789":3,"12345678x":4}"#,
            &["1234567", "12345678", "123456789"],
            &["1", "2", "3"],
        ),
    ];
    for (payload, texts, expected) in cases {
        assert_eq!(cells(payload, texts), *expected, "{payload} {texts:?}");
    }
}

#[test]
fn a_large_path_set_finds_every_key_in_any_order() {
    let keys: Vec<String> = (0..400).map(|number| format!("key{}{number}", "x".repeat(number % 17))).collect();
    let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
    let members: Vec<String> = keys.iter().rev().map(|key| format!("\"{key}\":\"{key}\",\"no{key}\":0")).collect();
    let expected: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    assert_eq!(cells(&format!("{{{}}}", members.join(",")), &texts), expected);
}

#[test]
fn the_tape_holds_the_top_level_fields() {
    let payload = br#"{ "a" : 1 , "\u0062":{"a":2},"c":[]}"#;
    let mut found = Scan::default();
    scan(payload, &paths(&["b", "a.x"]), &Limits::default(), &mut found).unwrap();
    let shown: Vec<_> = found
        .tape
        .iter()
        .map(|field| {
            (field.key.of(payload), field.key_escaped, field.value.span().of(payload), field.value.kind, field.slot)
        })
        .collect();
    assert_eq!(
        shown,
        [
            (&b"a"[..], false, &b"1"[..], Kind::Integer, None),
            (b"\\u0062", true, br#"{"a":2}"#, Kind::Object, Some(SlotId(0))),
            (b"c", false, b"[]", Kind::Array, None),
        ]
    );
    assert_eq!(found.tape[0].member().of(payload), br#""a" : 1"#);
    assert_eq!(found.root.span().of(payload), payload);
    scan(b"[1]", &paths(&[]), &Limits::default(), &mut found).unwrap();
    assert_eq!((found.tape.len(), found.root.kind), (0, Kind::Array));
}

#[test]
fn faults_have_their_reason_and_place() {
    use Reason::*;
    let cases: &[(&[u8], Reason, u32)] = &[
        (b"", InvalidJson, 0),
        (b"  ", InvalidJson, 2),
        (b"\xef\xbb\xbf{}", InvalidJson, 0),
        (b"{} {}", TrailingBytes, 3),
        (b"1\0", TrailingBytes, 1),
        (b"{}x", TrailingBytes, 2),
        (b"01", InvalidJson, 1),
        (b"-", InvalidJson, 1),
        (b"1.", InvalidJson, 2),
        (b"1e+", InvalidJson, 3),
        (b"+1", InvalidJson, 0),
        (b"NaN", InvalidJson, 0),
        (b"-Infinity", InvalidJson, 1),
        (b"nul", InvalidJson, 0),
        (b"truE", InvalidJson, 0),
        (b"[1,]", InvalidJson, 3),
        (b"[1 2]", InvalidJson, 3),
        (b"[1}", InvalidJson, 2),
        (b"{\"x\":[1}}", InvalidJson, 7),
        (b"{\"a\":1,}", InvalidJson, 7),
        (b"{\"a\" 1}", InvalidJson, 5),
        (b"{a:1}", InvalidJson, 1),
        (b"{\"a\":1", InvalidJson, 6),
        (b"\"abc", InvalidJson, 4),
        (b"\"a\nb\"", InvalidJson, 2),
        (b"\"a\\x\"", InvalidJson, 2),
        (b"\"\\u12G4\"", InvalidJson, 1),
        (b"\"\\u123", InvalidJson, 1),
        (b"\"\\ud800\"", LoneSurrogate, 1),
        (b"\"\\ud800\\u0041\"", LoneSurrogate, 1),
        (b"{\"\\udc00\":1}", LoneSurrogate, 2),
        (b"\"ab\xff\"", InvalidUtf8, 3),
        // Bytes that are no text at all are said to be that, whatever else is wrong.
        (b"{\"a\":\x81}", InvalidUtf8, 5),
    ];
    for (payload, reason, offset) in cases {
        let shown = String::from_utf8_lossy(payload);
        assert_eq!(fault(payload, &Limits::default()), Some((*reason, *offset)), "{shown}");
        if !matches!(reason, TrailingBytes | InvalidUtf8) && !payload.starts_with(b"\xef") {
            let nested = [b"{\"a\":{\"b\":", *payload, b"}}"].concat();
            assert!(fault(&nested, &Limits::default()).is_some(), "{shown} inside of a touched object");
            let skipped = [b"{\"z\":[[", *payload, b"]]}"].concat();
            let result = fault(&skipped, &Limits::default());
            assert_eq!(result.is_some(), !payload.trim_ascii().is_empty(), "{shown} inside of a skipped array");
        }
    }
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits { payload_bytes: 60, depth: 3, keys: 4, text_bytes: 5 };
    let cases: &[(&str, Option<(Reason, u32)>)] = &[
        ("[[[1]]]", None),
        ("[[[[1]]]]", Some((Reason::TooDeep, 3))),
        (r#"{"a":{"b":[[]]}}"#, Some((Reason::TooDeep, 11))),
        (r#"{"a":[[{}]]}"#, Some((Reason::TooDeep, 7))),
        ("[1,2,3,4]", None),
        ("[1,2,3,4,5]", Some((Reason::TooManyKeys, 9))),
        (r#"{"z":[1,2,3,4,5]}"#, Some((Reason::TooManyKeys, 14))),
        (r#"{"1":1,"2":2,"3":3,"4":4,"5":5}"#, Some((Reason::TooManyKeys, 25))),
        (r#""12345""#, None),
        (r#""123456""#, Some((Reason::TextTooLong, 0))),
        (r#""1\u0031""#, Some((Reason::TextTooLong, 0))),
        (r#"{"123456":1}"#, Some((Reason::TextTooLong, 1))),
        (r#"{"1234567890":1}"#, Some((Reason::TextTooLong, 1))),
    ];
    for (payload, expected) in cases {
        assert_eq!(fault(payload.as_bytes(), &limits), *expected, "{payload}");
    }
    let blank = |length: usize| [b"1", &*b" ".repeat(length - 1)].concat();
    assert_eq!(fault(&blank(60), &limits), None);
    assert_eq!(fault(&blank(61), &limits), Some((Reason::PayloadTooLarge, 60)));
}

#[test]
fn depth_beyond_the_limit_is_refused_at_any_size() {
    let wide = Limits { payload_bytes: 1 << 30, keys: u32::MAX, text_bytes: u32::MAX, ..Limits::default() };
    for depth in [64, 65, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000usize] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"z":["#, "]}")] {
            let levels = if open.ends_with('[') && open.len() > 1 { depth / 2 } else { depth };
            let innermost = "1".to_owned();
            let payload = open.repeat(levels) + &innermost + &close.repeat(levels);
            let result = fault(payload.as_bytes(), &wide).map(|(reason, _)| reason);
            let expected = if depth > 65 || (depth == 65 && levels == 65) { Some(Reason::TooDeep) } else { None };
            assert_eq!(result, expected, "{depth} x {open}");
            if depth > 65 {
                assert_eq!(
                    fault(open.repeat(levels).as_bytes(), &wide).map(|(reason, _)| reason),
                    Some(Reason::TooDeep)
                );
            }
        }
    }
    // A limit that was raised is kept without recursion: a million levels fit in a small stack of our own.
    let deep = Limits { depth: u32::MAX, ..wide };
    let payload = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    assert_eq!(fault(payload.as_bytes(), &deep), None);
}

#[test]
fn a_warm_scan_allocates_nothing() {
    let set = paths(&["value", "motor.temp", "points.1.x", ""]);
    let payload = r#"{"value":1.5,"mötor\n":"é\u00e9","motor":{"temp":2,"other":[[{}]]},"points":[{},{"x":3}]}"#;
    let mut found = Scan::default();
    let run = |found: &mut Scan| scan(payload.as_bytes(), &set, &Limits::default(), found);
    run(&mut found).unwrap();
    let before = ALLOCATIONS.get();
    for _ in 0..1_000 {
        run(&mut found).unwrap();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_scan_can_be_reused_after_a_fault_and_with_another_set() {
    let mut found = Scan::default();
    scan(b"{\"a\":[[[", &paths(&["a", "b"]), &Limits::default(), &mut found).unwrap_err();
    scan(b"{\"c\":7}", &paths(&["c"]), &Limits::default(), &mut found).unwrap();
    assert_eq!((found.cells.len(), found.tape.len()), (1, 1));
    assert!(matches!(found.cell(SlotId(0)), Cell::Raw(raw) if raw.kind == Kind::Integer));
    assert_eq!(found.cell(SlotId(1)), Cell::Missing);
}
