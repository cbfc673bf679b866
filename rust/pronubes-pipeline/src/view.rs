//! What a page sees of a latest sink, as JSON.

use std::fmt::Write as _;

use crate::batch::{write_payload, write_text};
use crate::fields::FieldReader;
use crate::latest::Latest;

/// What changed after `since`, oldest first, at most `limit` values.
#[must_use]
pub fn changes(latest: &Latest, since: u64, limit: usize) -> Vec<u8> {
    let (values, has_more) = latest.changes(since, limit);
    let mut out = Vec::with_capacity(64 + 192 * values.len());
    let (sequence, topics) = (latest.sequence(), latest.len());
    let head = format!("{{\"sequence\":{sequence},\"more\":{has_more},\"topics\":{topics},\"values\":[");
    out.extend_from_slice(head.as_bytes());
    let Some(mut reader) = FieldReader::new(&[]) else { return out };
    let mut numbers = String::new();
    for (at, value) in values.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"topic\":" } else { b",{\"topic\":" });
        write_text(value.topic, &mut out);
        reader.read(value.payload);
        write_payload(value.payload, reader.scanned().is_some(), "", &mut out);
        numbers.clear();
        // Writing into a String cannot fail.
        let _ = write!(
            numbers,
            ",\"time_ns\":{},\"first_ns\":{},\"count\":{},\"sequence\":{}}}",
            value.time_ns, value.first_ns, value.count, value.sequence
        );
        out.extend_from_slice(numbers.as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

/// A watched topic's numbers after `since_ns`: `[[time_ns, number], ...]`.
#[must_use]
pub fn points(latest: &Latest, topic: &str, since_ns: i64) -> Vec<u8> {
    let points: Vec<(i64, f64)> = latest.points(topic).into_iter().flat_map(|points| points.since(since_ns)).collect();
    serde_json::to_vec(&points).unwrap_or_default()
}
