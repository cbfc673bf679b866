//! JSONTestSuite (tests/vectors/json): what is JSON is accepted, what is not is refused, and where the standard leaves it
//! to the implementation our choice is frozen here.

use pronubes_core::Reason;
use pronubes_core::payload::{Cell, FieldPath, Limits, PathSet, PathSetBuilder, Scan, number, scan};
use serde_json::Value;

struct Case {
    name: String,
    payload: Vec<u8>,
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap_or_default();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("the test brings what it needs"))
        .collect()
}

fn cases(group: &str) -> Vec<Case> {
    let suite: Value = serde_json::from_str(include_str!("../../../tests/vectors/json/suite.json"))
        .expect("the test brings what it needs");
    let case = |case: &Value| {
        let mut payload = bytes(&case["repeat"]).repeat(case["times"].as_u64().unwrap_or(0) as usize);
        payload.extend(bytes(&case["hex"]));
        Case { name: case["name"].as_str().expect("the test brings what it needs").to_owned(), payload }
    };
    suite[group].as_array().expect("the test brings what it needs").iter().map(case).collect()
}

fn outcome(payload: &[u8]) -> Result<(), Reason> {
    scan(payload, &PathSet::default(), &Limits::default(), &mut Scan::default()).map_err(|fault| fault.reason)
}

#[test]
fn every_y_case_passes_and_every_n_case_is_refused() {
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for Case { name, payload } in cases("parsing") {
        match (&name[..2], outcome(&payload)) {
            ("y_", Ok(())) => accepted += 1,
            ("n_", Err(_)) => refused += 1,
            ("i_", _) => {}
            (_, result) => wrong.push((name, result)),
        }
    }
    assert_eq!((accepted, refused, wrong), (95, 188, Vec::new()));
}

#[test]
fn the_choices_that_the_standard_leaves_are_frozen() {
    use Reason::{InvalidJson, InvalidUtf8, LoneSurrogate, TooDeep};
    let expected = |name: &str| match name {
        // Number text is passed on as written, so any magnitude will do until a step calculates with it.
        name if name.starts_with("i_number_") => Ok(()),
        "i_structure_500_nested_arrays" => Err(TooDeep),
        "i_structure_UTF-8_BOM_empty_object" => Err(InvalidJson),
        "i_object_key_lone_2nd_surrogate"
        | "i_string_1st_surrogate_but_2nd_missing"
        | "i_string_1st_valid_surrogate_2nd_invalid"
        | "i_string_incomplete_surrogate_and_escape_valid"
        | "i_string_incomplete_surrogate_pair"
        | "i_string_incomplete_surrogates_escape_valid"
        | "i_string_invalid_lonely_surrogate"
        | "i_string_invalid_surrogate"
        | "i_string_inverted_surrogates_U+1D11E"
        | "i_string_lone_second_surrogate" => Err(LoneSurrogate),
        _ => Err(InvalidUtf8),
    };
    let cases: Vec<Case> = cases("parsing").into_iter().filter(|case| case.name.starts_with("i_")).collect();
    let wrong: Vec<_> = cases
        .iter()
        .map(|case| (&case.name, outcome(&case.payload)))
        .filter(|(name, result)| *result != expected(name))
        .collect();
    assert_eq!((cases.len(), wrong), (35, Vec::new()));
}

/// What a route sees of a touched value: its number, the raw value, or the reason why there is none.
fn touched(payload: &[u8], path: &str) -> Result<Cell, Reason> {
    let mut paths = PathSetBuilder::default();
    let slot = paths.add(&FieldPath::parse(path).expect("the test brings what it needs"));
    let mut found = Scan::default();
    scan(payload, &paths.build().expect("the test brings what it needs"), &Limits::default(), &mut found)
        .map_err(|fault| fault.reason)?;
    match found.cell(slot) {
        Cell::Duplicate => Err(Reason::DuplicateKey),
        Cell::Missing => Err(Reason::MissingField),
        Cell::Raw(raw) => match number::read(payload, raw) {
            Err(Reason::WrongType) => Ok(Cell::Raw(raw)),
            result => result,
        },
        other => panic!("a scan gives no {other:?}"),
    }
}

#[test]
fn transforms_see_exact_values() {
    for Case { name, payload } in cases("transform") {
        let result = touched(&payload, "0");
        match name.as_str() {
            "number_-9223372036854775808" => assert_eq!(result, Ok(Cell::Int(i64::MIN)), "{name}"),
            "number_-9223372036854775809" => assert_eq!(result, Err(Reason::NumberOutOfRange), "{name}"),
            "number_9223372036854775807" => assert_eq!(result, Ok(Cell::Int(i64::MAX)), "{name}"),
            "number_9223372036854775808" => assert_eq!(result, Ok(Cell::UInt(1 << 63)), "{name}"),
            "number_10000000000000000999" => assert_eq!(result, Ok(Cell::UInt(10_000_000_000_000_000_999)), "{name}"),
            "number_1000000000000000" => assert_eq!(result, Ok(Cell::Int(1_000_000_000_000_000)), "{name}"),
            "number_1.0" | "number_1.000000000000000005" => assert_eq!(result, Ok(Cell::Double(1.0)), "{name}"),
            "number_1e6" => assert_eq!(result, Ok(Cell::Double(1e6)), "{name}"),
            "number_1e-999" => assert_eq!(result, Ok(Cell::Double(0.0)), "{name}"),
            "string_with_escaped_NULL" => assert!(matches!(result, Ok(Cell::Raw(_))), "{name}"),
            name if name.starts_with("object_same_key") => {
                assert_eq!(touched(&payload, "a"), Err(Reason::DuplicateKey), "{name}");
            }
            // Composed and decomposed é are two keys: there is no normalisation.
            name if name.starts_with("object_key_nf") => {
                assert!(touched(&payload, "\u{e9}").is_ok() && touched(&payload, "e\u{301}").is_ok(), "{name}");
            }
            name if name.contains("escaped_invalid") => assert_eq!(result, Err(Reason::LoneSurrogate), "{name}"),
            // A surrogate in UTF-8 clothes.
            name if name.contains("invalid_codepoint") => assert_eq!(result, Err(Reason::InvalidUtf8), "{name}"),
            other => panic!("`{other}` has no expectation"),
        }
    }
}
