//! The page on the format says what the code writes: each row of the tables of heads is held against encoded bytes.

use pronubes_log::Codec;
use pronubes_log::format::{FRAME_MAGIC, FrameHeader, HEADER_BYTES, SEGMENT_MAGIC, SegmentHeader, VERSION};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/log-format.md");

/// The rows of the table below a heading: offset, bytes, what.
fn rows(page: &str, heading: &str) -> Vec<(usize, usize, String)> {
    let (_, part) = page.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Some((cells.first()?.parse().ok()?, cells.get(1)?.parse().ok()?, cells.get(2)?.to_string()))
    };
    part.lines().filter_map(row).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Each row is where its value stands, and together they are the whole head.
fn check(page: &str, heading: &str, bytes: &[u8; HEADER_BYTES], magic: &[u8], values: &[(&str, u64)]) {
    let mut at = 0;
    for (offset, length, what) in rows(page, heading) {
        assert_eq!(offset, at, "{heading}: `{what}` begins where the row before ends");
        at += length;
        let stands = &bytes[offset..at];
        let mut number = [0; 8];
        number[..length.min(8)].copy_from_slice(stands);
        let number = u64::from_le_bytes(number);
        match values.iter().find(|(name, _)| what.starts_with(name)) {
            Some((name, value)) => assert_eq!(number, *value, "{heading}: `{name}`"),
            None if what == "zero" => assert_eq!(number, 0, "{heading}: zeros at {offset}"),
            None if what.starts_with("check sum") => assert_ne!(number, 0, "{heading}: the check sum"),
            None => assert!(what.starts_with(&format!("`{}`", hexadecimal(magic))), "{heading}: `{what}`"),
        }
    }
    assert_eq!(at, HEADER_BYTES, "{heading}: all bytes are told");
}

#[test]
fn the_tables_of_heads_are_right() {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let segment = SegmentHeader { log: 11, first: 12, previous_end: 13, durable: 14, created_ns: 15 };
    let values = [
        ("version", u64::from(VERSION)),
        ("number of the log", 11),
        ("number of its first", 12),
        ("number behind", 13),
        ("records below", 14),
        ("when", 15),
    ];
    check(&page, "Segment", &segment.encode(), &SEGMENT_MAGIC, &values);
    let frame = FrameHeader {
        stored: 21,
        crc: 0,
        codec: Codec::Zstd,
        log: 22,
        first: 23,
        count: 24,
        raw: 25,
        time_ns: 26,
        durable: 27,
    };
    let values = [
        ("version", u64::from(VERSION)),
        ("bytes of the body as", 21),
        ("codec", 1),
        ("number of the log", 22),
        ("number of its first", 23),
        ("number of records", 24),
        ("bytes of the body before", 25),
        ("when", 26),
        ("records below", 27),
    ];
    check(&page, "Frame", &frame.encode(b"body"), &FRAME_MAGIC, &values);
}
