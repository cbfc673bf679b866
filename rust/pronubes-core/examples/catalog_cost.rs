//! What the catalogue takes and how long its answers take: `catalog_cost TOPICS ROUNDS`.
//!
//! It fills a catalogue with names, origins and payloads of the size of the benchmark's, notes every name `ROUNDS` times and then
//! asks. A rise of the bytes means that a million tags no longer fit an edge box; of a query, that pages stop the node.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use pronubes_core::catalog::{Catalog, CatalogSlot, Origin, Query};
use pronubes_core::topic::RouteFilter;
use pronubes_core::{RouteId, SourceId};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (topics, rounds) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(5));
    let mut catalog = Catalog::new(1 << 30, 4096);
    let origins: Vec<String> = (0..topics).map(origin).collect();
    let payload = br#"{"value":21.5,"ts":1732270000123,"quality":"GOOD","seq":12345}"#;
    let began = Instant::now();
    for (number, topic) in origins.iter().enumerate() {
        let slot = catalog.reserve(name(number).as_bytes()).map_or(CatalogSlot(0), |slot| slot);
        note(&mut catalog, slot, topic, payload, 0);
    }
    let learning = began.elapsed() / topics.max(1) as u32;
    let mut out = io::stdout();
    let stats = catalog.stats();
    writeln!(out, "{} topics, {} bytes each, {learning:?} to learn one", stats.topics, stats.bytes / topics.max(1))?;
    let began = Instant::now();
    for round in 0..rounds {
        // As the router does: it hashes the topic, claims the name, notes the payload. The order is not that of memory.
        for step in 0..topics {
            let number = step * 7919 % topics;
            note(&mut catalog, CatalogSlot(number as u32), &origins[number], payload, round as i64 * 1_000_000);
        }
    }
    writeln!(out, "note: {:?}", began.elapsed() / (rounds * topics).max(1) as u32)?;
    ask(&catalog, &mut out)
}

fn note(catalog: &mut Catalog, slot: CatalogSlot, topic: &str, payload: &[u8], now_ns: i64) {
    let origin = Origin { route: RouteId(0), source: SourceId(0), topic, hash: catalog.hash_origin(topic) };
    if catalog.claim(slot, &origin) {
        catalog.note(slot, &origin, payload, now_ns);
    }
}

fn ask(catalog: &Catalog, out: &mut impl Write) -> io::Result<()> {
    let page = Query { limit: 100, ..Query::default() };
    let filters = ["acme/site-3/#", "acme/+/line-50/+/temp-7", "acme/+/+/+/nothing", "+/+/line-99/#"];
    for text in filters {
        let Ok(filter) = RouteFilter::parse(text) else { continue };
        let query = Query { filter: Some(&filter), ..page };
        writeln!(out, "filter {text}: {:?}", slowest(|| catalog.page(&query).topics.len()))?;
    }
    for text in ["temp-7", "site-9/line-99/cell-9/temp-99", "-9", "nothing", "99/cell-9/temp-9"] {
        let query = Query { search: Some(text), ..page };
        writeln!(out, "search {text}: {:?}", slowest(|| catalog.page(&query).topics.len()))?;
    }
    writeln!(out, "first page: {:?}", slowest(|| catalog.page(&page).topics.len()))?;
    let after = Some("acme/site-5/line-55/cell-5/temp-50");
    writeln!(out, "a later page: {:?}", slowest(|| catalog.page(&Query { after, ..page }).topics.len()))?;
    for prefix in [None, Some("acme"), Some("acme/site-3"), Some("acme/site-3/line-7/cell-1")] {
        writeln!(out, "children of {prefix:?}: {:?}", slowest(|| catalog.children(prefix, None, 100).children.len()))?;
    }
    let since = catalog.stats().sequence - 1000;
    writeln!(out, "1,000 changes: {:?}", slowest(|| catalog.changes(since, 1000, 0).topics.len()))?;
    writeln!(out, "100 of all changes: {:?}", slowest(|| catalog.changes(0, 100, 0).topics.len()))
}

/// The slowest of five, and how many were found.
fn slowest(mut ask: impl FnMut() -> usize) -> (Duration, usize) {
    let times = (0..5).map(|_| {
        let began = Instant::now();
        let found = black_box(ask());
        (began.elapsed(), found)
    });
    times.max().unwrap_or_default()
}

/// Ten sites, a hundred lines each, ten cells, a hundred tags.
fn name(number: usize) -> String {
    let (site, line, cell, tag) = (number / 100_000, number / 1_000 % 100, number / 100 % 10, number % 100);
    format!("acme/site-{site}/line-{line}/cell-{cell}/temp-{tag}")
}

fn origin(number: usize) -> String {
    let (site, line, cell, tag) = (number / 100_000, number / 1_000 % 100, number / 100 % 10, number % 100);
    format!("raw/{site}/{line}/plc{cell}/temp/{tag}")
}
