//! The scanner and the document against serde_json on mutated payloads: the same is accepted, with the same values.

use pronubes_core::Reason;
use pronubes_core::payload::{Cell, Document, Kind, Limits, NodeId, TextArena, number, text};
use serde_json::Value;

const CORPUS: &[&str] = &[
    r#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD"}"#,
    r#"{"motor":{"temp":[21.5,-3e-7,0.0],"state":{"on":true,"off":false,"x":null}},"list":[[],{},[{"a":1}]],"n":""}"#,
    r#"["\u00e9\ud83d\ude00\n\"\\\/", "é€😀 plain text that is longer than a word", "\u0000", 1E5, -0, 12345678901234567890]"#,
    r#"{"a":1,"b":[1,2,3],"a":"twice","\u0061":4,"long key that needs more than one word":{"long key":"x"}}"#,
    " \t\r\n{ \"a\" : [ 1 , 2.5e+10 , 0.001e-3 ] , \"b\" : { } }\n ",
    "-9223372036854775808",
    "\"just text\"",
    "[18446744073709551615,18446744073709551616,-9223372036854775809,1e308,1e309,2.2250738585072014e-308,5e-324]",
];

/// Bytes that make or break JSON more often than random ones.
const SPICE: &[u8] = b"{}[]\":,\\0123456789-+.eEtfnu \t\n\r\x00\x1f\x7f\x80\xc3\xed\xef\xff/ad";

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        if self.below(8) == 0 { self.next() as u8 } else { SPICE[self.below(SPICE.len())] }
    }

    fn mutate(&mut self, payload: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(payload.len() + 1);
            let end = (at + 1 + self.below(6)).min(payload.len());
            match self.below(6) {
                0 if at < payload.len() => payload[at] = self.byte(),
                1 if at < payload.len() => payload[at] ^= 1 << self.below(8),
                2 => payload.insert(at, self.byte()),
                3 => drop(payload.drain(at..end)),
                4 => {
                    let piece = payload[at..end].to_vec();
                    let to = self.below(payload.len() + 1);
                    payload.splice(to..to, piece);
                }
                _ => payload.truncate(payload.len() - self.below(3).min(payload.len())),
            }
        }
    }
}

/// What serde_json would make of a value: the last of duplicates wins, integers beyond 64 bits and `-0` are floats.
fn value(document: &Document, node: NodeId) -> Value {
    if document.is_object(node) {
        let key = |member| document.key(member).unwrap_or_default().into_owned();
        return document.members(node).map(|member| (key(member), value(document, member))).collect();
    }
    if document.is_array(node) {
        return document.members(node).map(|member| value(document, member)).collect();
    }
    let Cell::Raw(raw) = document.cell(node) else { panic!("nothing was changed") };
    let payload = document.payload();
    let source = raw.span().of(payload);
    match raw.kind {
        Kind::Null => Value::Null,
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::Integer if source == b"-0" => Value::from(-0.0),
        Kind::Integer | Kind::Decimal => match number::read(payload, raw) {
            Ok(Cell::Int(value)) => Value::from(value),
            Ok(Cell::UInt(value)) => Value::from(value),
            Ok(Cell::Double(value)) => Value::from(value),
            _ => Value::from(number::parse_f64(source).unwrap_or(f64::INFINITY)),
        },
        _ => {
            let mut arena = TextArena::default();
            let span = text::decode(payload, raw, &mut arena);
            Value::from(arena.get(span))
        }
    }
}

#[test]
fn mutated_payloads_are_judged_as_serde_json_judges_them() {
    let limits = Limits { depth: 127, ..Limits::default() };
    let mut random = Random(0x5EED_0001);
    let mut document = Document::default();
    let (mut accepted, mut only_range) = (0, 0);
    for round in 0..200_000 {
        let mut payload = CORPUS[round % CORPUS.len()].as_bytes().to_vec();
        if round >= CORPUS.len() {
            random.mutate(&mut payload);
        }
        let shown = || String::from_utf8_lossy(&payload).into_owned();
        let ours = document.read(&payload, &limits);
        match (ours, serde_json::from_slice::<Value>(&payload)) {
            (Ok(()), Ok(theirs)) => {
                accepted += 1;
                assert_eq!(value(&document, document.root()), theirs, "{}", shown());
                let mut out = Vec::new();
                document.write(&mut out);
                assert_eq!(serde_json::from_slice::<Value>(&out).ok(), Some(theirs), "{}", shown());
            }
            (Err(_), Err(_)) => {}
            // Number text beyond f64 passes as written.
            (Ok(()), Err(error)) if error.to_string().contains("number out of range") => only_range += 1,
            (ours, theirs) => panic!("{ours:?} but {theirs:?}: {}", shown()),
        }
    }
    // The mutations reach both sides of the line often enough to mean something.
    assert!(accepted > 20_000 && only_range > 100, "{accepted} accepted, {only_range} out of range");
}

#[test]
fn random_bytes_and_cut_payloads_do_no_harm() {
    let mut random = Random(0x5EED_0002);
    let mut document = Document::default();
    let mut accepted = 0;
    for _ in 0..100_000 {
        let payload: Vec<u8> = (0..random.below(24)).map(|_| random.byte()).collect();
        let expected = serde_json::from_slice::<Value>(&payload);
        let ours = document.read(&payload, &Limits::default());
        let agrees = ours.is_ok() == expected.is_ok()
            || expected.is_err_and(|error| error.to_string().contains("number out of range"));
        assert!(agrees, "{ours:?} {}", String::from_utf8_lossy(&payload));
        accepted += usize::from(ours.is_ok());
    }
    assert!(accepted > 300, "{accepted}");
    for payload in CORPUS {
        for end in 0..payload.trim_end().len() {
            let cut = payload.as_bytes().get(..end).unwrap_or_default();
            let result = document.read(cut, &Limits::default());
            assert_eq!(result.is_ok(), serde_json::from_slice::<Value>(cut).is_ok(), "{end} of {payload}");
            if let Err(fault) = result {
                assert!(fault.offset as usize <= end && fault.reason != Reason::TrailingBytes, "{end} of {payload}");
            }
        }
    }
}
