//! Numbers, text and the object writer: tables, and properties against the standard library and serde_json.

use std::cmp::Ordering;

use pronubes_core::Reason;
use pronubes_core::payload::{Cell, Kind, Limits, ObjectWriter, PathSet, Raw, Scan, TextArena, number, scan, text};
use proptest::prelude::*;

fn scanned(payload: &str) -> Scan {
    let mut found = Scan::default();
    scan(payload.as_bytes(), &PathSet::default(), &Limits::default(), &mut found)
        .expect("the test brings what it needs");
    found
}

fn number_of(payload: &str) -> Result<Cell, Reason> {
    number::read(payload.as_bytes(), scanned(payload).root)
}

#[test]
fn number_text_has_one_value() {
    use Reason::NumberOutOfRange;
    let digits = "1".repeat(400);
    let fraction = format!("0.{digits}");
    let cases: &[(&str, Result<Cell, Reason>)] = &[
        ("0", Ok(Cell::Int(0))),
        ("-0", Ok(Cell::Int(0))),
        ("-0.0", Ok(Cell::Double(-0.0))),
        ("42", Ok(Cell::Int(42))),
        ("9007199254740993", Ok(Cell::Int(9_007_199_254_740_993))),
        ("9223372036854775807", Ok(Cell::Int(i64::MAX))),
        ("9223372036854775808", Ok(Cell::UInt(1 << 63))),
        ("-9223372036854775808", Ok(Cell::Int(i64::MIN))),
        ("-9223372036854775809", Err(NumberOutOfRange)),
        ("18446744073709551615", Ok(Cell::UInt(u64::MAX))),
        ("18446744073709551616", Err(NumberOutOfRange)),
        (&digits, Err(NumberOutOfRange)),
        (&fraction, Ok(Cell::Double(1.0 / 9.0))),
        ("1e400", Err(NumberOutOfRange)),
        ("-1E+309", Err(NumberOutOfRange)),
        ("1e-400", Ok(Cell::Double(0.0))),
        ("1.7976931348623157e308", Ok(Cell::Double(f64::MAX))),
        ("1.7976931348623159e308", Err(NumberOutOfRange)),
        ("5e-324", Ok(Cell::Double(5e-324))),
        ("2.2250738585072011e-308", Ok(Cell::Double(2.225_073_858_507_201e-308))),
        ("1E5", Ok(Cell::Double(1e5))),
        ("21.0", Ok(Cell::Double(21.0))),
        ("0.1e1", Ok(Cell::Double(1.0))),
        ("9007199254740993.0", Ok(Cell::Double(9_007_199_254_740_992.0))),
        ("0.30000000000000004", Ok(Cell::Double(0.1 + 0.2))),
    ];
    for (text, expected) in cases {
        let result = number_of(text);
        assert_eq!(result, *expected, "{text}");
        if let (Ok(Cell::Double(value)), Ok(Cell::Double(expected))) = (result, expected) {
            assert_eq!(value.to_bits(), expected.to_bits(), "{text}");
        }
    }
    for text in ["true", "\"1\"", "[1]"] {
        assert_eq!(number_of(text), Err(Reason::WrongType), "{text}");
    }
    let integer = |text: &str| Raw { start: 0, end: text.len() as u32, kind: Kind::Integer };
    assert_eq!(
        number::read_f64(b"18446744073709551616", integer("18446744073709551616")),
        Ok(18_446_744_073_709_551_616.0)
    );
    assert_eq!(number::read_f64(b"-0", integer("-0")).map(f64::to_bits), Ok(0));
}

#[test]
fn only_json_numbers_have_a_kind() {
    for (text, kind) in [("0", Kind::Integer), ("-12", Kind::Integer), ("1.5", Kind::Decimal), ("1E-7", Kind::Decimal)]
    {
        assert_eq!(number::kind_of(text.as_bytes()), Some(kind), "{text}");
    }
    for text in ["", "-", "+1", "01", "1.", ".5", "1e", "1 ", " 1", "0x1", "1_0", "inf", "NaN", "1e5.0", "--1"] {
        assert_eq!(number::kind_of(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn doubles_are_written_short_and_with_their_type() {
    let cases = [
        (21.0, "21.0"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (70.466, "70.466"),
        (1e15, "1000000000000000.0"),
        (1e21, "1e+21"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (1e-7, "1e-7"),
        (0.001, "0.001"),
        (f64::MAX, "1.7976931348623157e+308"),
    ];
    for (value, expected) in cases {
        let mut out = Vec::new();
        number::write_f64(&mut out, value).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut out = Vec::new();
        assert_eq!((number::write_f64(&mut out, value), out.len()), (Err(Reason::NotFinite), 0));
    }
    let mut out = Vec::new();
    number::write_int(&mut out, i64::MIN);
    number::write_uint(&mut out, u64::MAX);
    assert_eq!(out, b"-922337203685477580818446744073709551615");
}

/// Doubles that are hard to read: halfway cases with many digits, values around 2^53, subnormals, every exponent.
fn hard_texts() -> impl Iterator<Item = String> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..300_000).map(move |number| {
        let bits = next();
        let value = f64::from_bits(bits & !(0x7FF << 52) | (number % 2047) << 52);
        match number % 6 {
            0 => format!("{value:e}"),
            // Exactly between two doubles, and one digit beyond.
            1 => format!("{}.5", 9_007_199_254_740_992 + (bits >> 12)),
            2 => format!("{}.5000000000000000000001", (1 << 52) + (bits >> 13)),
            3 => format!("{}.{:03}", bits % 10_000, next() % 1_000),
            4 => format!("{}e{}", bits, (next() % 660) as i64 - 340),
            _ => format!("{}.{}e{}", bits >> 40, next(), (next() % 60) as i64 - 30),
        }
    })
}

#[test]
fn hard_doubles_read_as_the_standard_library_reads_them() {
    let mut differences = Vec::new();
    for text in hard_texts() {
        let expected: f64 = text.parse().unwrap();
        let expected = if expected.is_finite() { Ok(expected.to_bits()) } else { Err(Reason::NumberOutOfRange) };
        let result = number::parse_f64(text.as_bytes()).map(f64::to_bits);
        if result != expected {
            differences.push((text, result, expected));
        }
    }
    assert_eq!(differences, []);
}

/// Numbers that fit a word are read and written by code of their own.
#[test]
fn short_numbers_are_read_and_written_as_the_standard_library_does() {
    let mut differences = Vec::new();
    for number in 0..400_000_u64 {
        let digits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (number % 40 + 24);
        let sign = if number % 3 == 0 { "-" } else { "" };
        let text = match number % 8 {
            0 => format!("{sign}{digits}"),
            1 => format!("{sign}{}e{}", digits % 100, number % 7),
            2 => format!("{sign}{}.{}e-{}", digits % 10, digits % 10, number % 7),
            decimals => format!("{sign}{}.{:02$}", digits >> 12, digits & 63, decimals as usize - 1),
        };
        let payload = format!("[{text}]");
        let kind = number::kind_of(text.as_bytes()).unwrap();
        let raw = Raw { start: 1, end: u32::try_from(text.len()).unwrap() + 1, kind };
        let mut expected: f64 = text.parse().unwrap();
        if kind == Kind::Integer {
            expected += 0.0;
        }
        let read = [&payload, &payload[..payload.len() - 1]]
            .map(|payload| number::read_f64(payload.as_bytes(), raw).map(f64::to_bits));
        let mut written = Vec::new();
        number::write_f64(&mut written, expected).unwrap();
        // The standard library goes over to exponents earlier at both ends.
        let is_plain = expected == 0.0 || (1e-3..1e15).contains(&expected.abs());
        let is_written = !is_plain || written == format!("{expected:?}").as_bytes();
        if read != [Ok(expected.to_bits()); 2] || !is_written {
            differences.push((text, read, written));
        }
    }
    differences.truncate(5);
    assert_eq!(differences, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_double_comes_back_from_its_text(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let mut out = Vec::new();
        number::write_f64(&mut out, value).unwrap();
        prop_assert_eq!(number::kind_of(&out), Some(Kind::Decimal));
        prop_assert_eq!(number::parse_f64(&out).map(f64::to_bits), Ok(bits));
        let oracle: f64 = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(oracle.to_bits(), bits);
    }

    #[test]
    fn integers_come_back_from_their_text(value: i64, large: u64) {
        let mut out = Vec::new();
        number::write_int(&mut out, value);
        prop_assert_eq!(number::parse_int(&out), Ok(Cell::Int(value)));
        out.clear();
        number::write_uint(&mut out, large);
        prop_assert_eq!(number::parse_int(&out), Ok(i64::try_from(large).map_or(Cell::UInt(large), Cell::Int)));
    }
}

/// Texts with what matters: plain runs, characters to escape, all widths of UTF-8.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,12}",
        "[\"\\\\\u{0}-\u{1f}/\u{7f}]",
        "[é€😀\u{e000}\u{ffff}]",
        any::<char>().prop_map(String::from)
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// The text as a JSON string with some characters escaped that need not be.
fn escaped(text: &str, choice: u64) -> String {
    let mut out = String::from("\"");
    for (place, character) in text.chars().enumerate() {
        if choice >> (place % 64) & 1 == 1 {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        } else {
            out.push_str(serde_json::to_string(&character).expect("the test brings what it needs").trim_matches('"'));
            if character == '"' {
                out.push('"');
            }
        }
    }
    out + "\""
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn text_is_decoded_compared_and_written_as_serde_json_does(left in any_text(), right in any_text(), choice: u64) {
        let source = escaped(&left, choice);
        let raw = scanned(&source).root;
        let mut arena = TextArena::default();
        arena.push_str("before");
        let span = text::decode(source.as_bytes(), raw, &mut arena);
        prop_assert_eq!(arena.get(span), &left);
        prop_assert_eq!(serde_json::from_str::<String>(&source).unwrap(), left.clone());
        prop_assert!(text::equals(source.as_bytes(), raw, &left));
        prop_assert_eq!(text::equals(source.as_bytes(), raw, &right), left == right);
        prop_assert_eq!(text::compare(source.as_bytes(), raw, &right), Some(left.cmp(&right)));
        prop_assert_eq!(text::plain(source.as_bytes(), raw).is_some(), raw.kind == Kind::Text);
        let other = escaped(&right, choice.rotate_left(7));
        let sides = ((source.as_bytes(), raw), (other.as_bytes(), scanned(&other).root));
        prop_assert_eq!(text::compare_raw(sides.0, sides.1), Some(left.cmp(&right)));
        let mut out = Vec::new();
        text::write(&mut out, &left);
        prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&left).unwrap());
    }

    #[test]
    fn bytes_that_were_never_scanned_do_no_harm(bytes: Vec<u8>, start: u32, end: u32) {
        for kind in [Kind::Text, Kind::EscapedText, Kind::Integer, Kind::Decimal] {
            let raw = Raw { start: start % 40, end: end % 40, kind };
            let _ = text::decode(&bytes, raw, &mut TextArena::default());
            let _ = (text::compare(&bytes, raw, "x"), text::equals(&bytes, raw, "x"), number::read(&bytes, raw));
        }
        let _ = text::decode_escaped(&bytes, &mut TextArena::default());
        let _ = (number::parse_f64(&bytes), number::parse_int(&bytes), number::kind_of(&bytes));
    }
}

#[test]
fn text_compares_by_code_points() {
    // U+FFFF is below U+1F600, although its UTF-16 unit is above the surrogates.
    let source = "\"\\uffff\"";
    assert_eq!(text::compare(source.as_bytes(), scanned(source).root, "😀"), Some(Ordering::Less));
    assert_eq!(text::compare(b"12", scanned("12").root, "x"), None);
}

/// What to do with one field.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Keep,
    Rename,
    Replace,
    Both,
    Drop,
}

fn edited(payload: &str, edits: &[Edit], appended: &[&str]) -> String {
    let found = scanned(payload);
    let mut out = Vec::new();
    let mut writer = ObjectWriter::new(payload.as_bytes(), found.root, &mut out);
    for (field, edit) in found.tape.iter().zip(edits) {
        match edit {
            Edit::Keep => writer.keep(field),
            Edit::Rename => writer.rename(field, "new"),
            Edit::Replace => writer.replace(field).push(b'0'),
            Edit::Both => writer.rename_and_replace(field, "new").push(b'0'),
            Edit::Drop => writer.drop_field(field),
        }
    }
    for key in appended {
        writer.append(key).push(b'9');
    }
    writer.finish();
    String::from_utf8(out).expect("the test brings what it needs")
}

#[test]
fn the_object_writer_keeps_white_space_between_neighbours() {
    use Edit::{Both, Drop, Keep, Rename, Replace};
    let payload = r#" { "a" : 1 , "b" : 2 , "c" : 3 } "#;
    let cases: &[(&[Edit], &[&str], &str)] = &[
        (&[Keep, Keep, Keep], &[], r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#),
        (&[Keep, Replace, Keep], &[], r#"{ "a" : 1 , "b" : 0 , "c" : 3 }"#),
        (&[Rename, Keep, Both], &[], r#"{ "new" : 1 , "b" : 2 , "new" : 0 }"#),
        (&[Drop, Keep, Keep], &[], r#"{"b" : 2 , "c" : 3 }"#),
        (&[Keep, Drop, Keep], &[], r#"{ "a" : 1,"c" : 3 }"#),
        (&[Keep, Keep, Drop], &[], r#"{ "a" : 1 , "b" : 2}"#),
        (&[Drop, Drop, Drop], &[], "{}"),
        (&[Drop, Drop, Drop], &["x", "y"], r#"{"x":9,"y":9}"#),
        (&[Keep, Keep, Keep], &["x"], r#"{ "a" : 1 , "b" : 2 , "c" : 3,"x":9}"#),
        (&[Drop, Replace, Drop], &["q\"", "y"], r#"{"b" : 0,"q\"":9,"y":9}"#),
    ];
    for (edits, appended, expected) in cases {
        assert_eq!(edited(payload, edits, appended), *expected, "{edits:?}");
    }
    assert_eq!(edited("{ }", &[], &[]), "{ }");
    assert_eq!(edited("{ }", &[], &["x"]), r#"{"x":9}"#);
}
