//! What a resolved topic (hit) and an unresolved one (miss) cost, for callgrind:
//!
//! ```text
//! cargo build --release -p pronubes-core --example match_cost
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/match_cost hit 100000 200000
//! ```
//!
//! Arguments: `hit`, `walk` (the trie finds routes), `miss` (it finds none) or `render`; number of routes; number of
//! rounds; number of topics. Subtract a run with 0 rounds: the rest is the rounds alone. A rise of `hit` with the number of routes means
//! that routing cost grows with the configuration, which the topic table is there to prevent.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use pronubes_core::matcher::{Hits, Matcher, RouteId, TopicTable};
use pronubes_core::template::{Template, TemplateOptions};
use pronubes_core::topic::RouteFilter;

/// Topics in turn unless told otherwise, enough that no branch predictor learns them by heart.
const TOPICS: usize = 10_000;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_else(|| "hit".to_owned());
    let mut number = |default: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (routes, rounds, topics) = (number(1000), number(1_000_000), number(TOPICS).max(1));

    let filters: Vec<_> = (0..routes).filter_map(|n| RouteFilter::parse(&filter_text(n)).ok()).collect();
    let building = Instant::now();
    let matcher = Matcher::new(filters.iter().enumerate().map(|(n, filter)| (RouteId(n as u32), filter)));
    let build_time = building.elapsed();
    let topics: Vec<String> = (0..topics).map(|n| topic_text(&mode, n, routes)).collect();
    let running = Instant::now();
    let found = match mode.as_str() {
        "hit" => hit(&topics, &matcher, rounds),
        "render" => render(&topics, rounds),
        _ => walk(&topics, &matcher, rounds),
    };
    let per_round = running.elapsed().as_nanos() / rounds.max(1) as u128;
    writeln!(io::stdout(), "{mode}: {routes} routes built in {build_time:?}, {per_round} ns a round, {found} found")
}

fn filter_text(n: usize) -> String {
    format!("raw/area-{}/{{line}}/plc-{n}/temp/{{tag}}", n % 50)
}

fn topic_text(mode: &str, n: usize, routes: usize) -> String {
    let plc = n % routes.max(1);
    let root = if mode == "miss" { "other" } else { "raw" };
    format!("{root}/area-{}/line-{}/plc-{plc}/temp/t{n}", plc % 50, n % 7)
}

fn hit(topics: &[String], matcher: &Matcher, rounds: usize) -> usize {
    let mut table = TopicTable::default();
    let mut hits = Hits::new();
    for topic in topics {
        if matcher.matches(topic, &mut hits).is_ok() && !hits.is_empty() {
            table.insert(0, topic.as_bytes(), b"acme/cologne/area-12/line-7/plc-1/temp/t1");
        }
    }
    let found = |round: &usize| table.get(0, black_box(topics[round % topics.len()].as_bytes())).is_some();
    (0..rounds).filter(found).count()
}

fn walk(topics: &[String], matcher: &Matcher, rounds: usize) -> usize {
    let mut hits = Hits::new();
    let mut found = |round: usize| {
        let is_ok = matcher.matches(black_box(&topics[round % topics.len()]), &mut hits).is_ok();
        if is_ok { hits.len() } else { 0 }
    };
    (0..rounds).map(&mut found).sum()
}

fn render(topics: &[String], rounds: usize) -> usize {
    let Ok(filter) = RouteFilter::parse("raw/{area}/{line}/{plc}/temp/{tag}") else { return 0 };
    let options = TemplateOptions::for_route(&filter, false);
    let Ok(template) = Template::parse("acme/cologne/{area}/{line}/{plc}/{tag}", filter.captures(), options) else {
        return 0;
    };
    let (mut spans, mut out) = (Vec::new(), Vec::new());
    let mut render = |round: &usize| {
        let topic = &topics[round % topics.len()];
        out.clear();
        filter.matches(topic, &mut spans) && template.render_static(topic, &spans, &mut out).is_ok()
    };
    (0..rounds).filter(&mut render).count()
}
