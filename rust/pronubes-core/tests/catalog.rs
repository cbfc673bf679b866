//! The catalogue against a naive map of names, under random operations; its bounds; its reload.

mod catalog_model;

use std::collections::BTreeMap;

use catalog_model::{Model, Op, ops, origin};
use pronubes_core::catalog::{Catalog, Origin, Page, Query, RouteLabel};
use pronubes_core::topic::RouteFilter;
use pronubes_core::{RouteId, SourceId};
use proptest::prelude::*;

fn filter(text: &str) -> RouteFilter {
    RouteFilter::parse(text).expect("the test writes filters")
}

/// All pages of a query, joined.
fn all<'a>(catalog: &'a Catalog, query: &Query<'_>) -> Vec<&'a str> {
    let mut topics = Vec::new();
    let mut after: Option<&str> = None;
    loop {
        let Page { topics: page, next } = catalog.page(&Query { after, ..*query });
        topics.extend(page.iter().map(|view| view.topic));
        match next {
            Some(next) => after = Some(next),
            None => return topics,
        }
    }
}

fn put(catalog: &mut Catalog, name: &str, from: &str, payload: &[u8], now_ns: i64) -> bool {
    let Some(slot) = catalog.reserve(name.as_bytes()) else { return false };
    let origin = origin(catalog, from);
    let is_own = catalog.claim(slot, &origin);
    if is_own {
        catalog.note(slot, &origin, payload, now_ns);
    }
    is_own
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_catalogue_is_a_map(ops in ops(), limit in 1_usize..8, filters in catalog_model::filters(), text in "[a-c/]{1,3}") {
        let mut catalog = Catalog::new(4 << 20, 64);
        let mut model = Model::default();
        for (number, Op { name, from, payload }) in ops.iter().enumerate() {
            let is_taken = put(&mut catalog, name, from, payload, number as i64);
            prop_assert_eq!(is_taken, model.put(name, from, payload, number as i64));
        }
        let query = Query { limit, ..Query::default() };
        prop_assert_eq!(all(&catalog, &query), model.names(|_| true));
        for (name, value) in &model.values {
            let view = catalog.get(name, 0).unwrap();
            prop_assert_eq!((view.origin, view.count, view.time_ns), (&*value.from, value.count, value.time_ns));
            let kept = (value.payload.len() <= 64).then_some(&value.payload[..]);
            prop_assert_eq!((view.payload, view.payload_length as usize), (kept, value.payload.len()));
        }
        for text in &filters {
            let filter = filter(text);
            let found = all(&catalog, &Query { filter: Some(&filter), ..query });
            prop_assert_eq!(found, model.names(|name| filter.matches(name, &mut Vec::new())), "{}", text);
        }
        let found = all(&catalog, &Query { search: Some(&text), ..query });
        prop_assert_eq!(found, model.names(|name| name.contains(&text)), "{}", text);
        for prefix in ["", "a", "a/b", "c"] {
            let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
            prop_assert_eq!(catalog_model::children(&catalog, prefix, limit), model.children(prefix), "{:?}", prefix);
        }
    }

    #[test]
    fn changes_tell_every_newest_value_once(ops in ops(), limit in 1_usize..8, cut in 0_usize..60) {
        let mut catalog = Catalog::new(4 << 20, 64);
        let mut times = BTreeMap::new();
        let mut since = 0;
        for (number, Op { name, payload, .. }) in ops.iter().enumerate() {
            if number == cut {
                since = catalog.stats().sequence;
                times.clear();
            }
            put(&mut catalog, name, "raw", payload, number as i64);
            times.insert(name.as_str(), number as i64);
        }
        let mut wanted: Vec<_> = times.into_iter().map(|(name, time)| (time, name)).collect();
        wanted.sort_unstable();
        let mut told = Vec::new();
        loop {
            let changes = catalog.changes(since, limit, 0);
            told.extend(changes.topics.iter().map(|view| (view.time_ns, view.topic)));
            since = changes.topics.last().map_or(since, |view| view.sequence);
            if !changes.has_more {
                break;
            }
        }
        prop_assert_eq!(told, wanted);
    }

    #[test]
    fn names_have_one_origin_however_they_come(names in prop::collection::vec(("[ab]/[abc]", 0_u16..3, "[xy]"), 0..60)) {
        let mut catalog = Catalog::new(4 << 20, 64);
        let mut owners: BTreeMap<String, (u16, String)> = BTreeMap::new();
        let mut refused = 0;
        for (name, source, from) in names {
            let slot = catalog.reserve(name.as_bytes()).unwrap();
            let origin = Origin { route: RouteId(0), source: SourceId(source), topic: &from, hash: catalog.hash_origin(&from) };
            let owner = owners.entry(name).or_insert_with(|| (source, from.clone()));
            let is_own = *owner == (source, from.clone());
            prop_assert_eq!(catalog.claim(slot, &origin), is_own);
            refused += u64::from(!is_own);
            if is_own {
                catalog.note(slot, &origin, b"1", 0);
            }
        }
        prop_assert_eq!(catalog.stats().collisions, refused);
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let limit = 3 << 20;
    let mut catalog = Catalog::new(limit, 1024);
    let mut refused = 0;
    for number in 0..60_000_usize {
        let payload = vec![b'7'; number * 7919 % 1500];
        refused += usize::from(!put(&mut catalog, &format!("acme/{}/{number}", number % 7), "raw", &payload, 0));
        assert!(catalog.stats().bytes <= limit, "{number}");
    }
    let stats = catalog.stats();
    assert!(refused > 10_000 && stats.topics > 3_000 && stats.payloads_not_kept > 0, "{refused} {stats:?}");
    let query = Query { limit: 1_000, ..Query::default() };
    assert_eq!(all(&catalog, &query).len(), stats.topics);
}

#[test]
fn payloads_that_grow_and_shrink_leave_no_garbage() {
    let mut catalog = Catalog::new(2 << 20, 4096);
    for number in 0..200_000_usize {
        let payload = vec![b'1'; number * 31 % 4000];
        assert!(put(&mut catalog, &format!("acme/{}", number % 20), "raw/x", &payload, 0));
    }
    assert_eq!(catalog.stats().payloads_not_kept, 0);
    assert_eq!(catalog.get("acme/19", 0).unwrap().payload.map(<[u8]>::len), Some(199_999 * 31 % 4000));
}

fn label(name: &str, naming: u64) -> RouteLabel {
    RouteLabel { name: name.into(), contract: Some("m@1".into()), naming }
}

#[test]
fn a_reload_keeps_values_and_frees_names_of_removed_routes() {
    let mut catalog = Catalog::new(4 << 20, 64);
    let sources = || vec!["plant".into()];
    catalog.reload(vec![label("a", 1), label("b", 1), label("c", 1)], sources());
    for (route, name) in [(0, "x/a"), (1, "x/b"), (2, "x/c")] {
        let slot = catalog.reserve(name.as_bytes()).unwrap();
        let origin = Origin { route: RouteId(route), ..origin(&catalog, "raw/1") };
        catalog.note(slot, &origin, b"1", 5);
    }
    // `a` is gone, `b` publishes elsewhere, `c` stays and has another number.
    catalog.reload(vec![label("c", 1), label("b", 2)], sources());
    let seen = |catalog: &Catalog, name: &str| {
        catalog.get(name, 0).map(|view| (view.route.to_owned(), view.is_orphan, view.payload.unwrap().to_vec()))
    };
    assert_eq!(seen(&catalog, "x/a"), Some(("a".to_owned(), true, b"1".to_vec())));
    assert_eq!(seen(&catalog, "x/b"), Some(("b".to_owned(), true, b"1".to_vec())));
    assert_eq!(seen(&catalog, "x/c"), Some(("c".to_owned(), false, b"1".to_vec())));
    assert!(!put(&mut catalog, "x/c", "raw/2", b"2", 6), "it is still its owner's");
    assert!(put(&mut catalog, "x/a", "raw/2", b"2", 6), "it is free");
    let before = catalog.changes(0, 9, 0).generation;
    catalog.reload(vec![label("c", 1), label("b", 2)], sources());
    assert_eq!(seen(&catalog, "x/a"), Some(("c".to_owned(), false, b"2".to_vec())));
    assert_eq!(seen(&catalog, "x/b"), None);
    let changes = catalog.changes(0, 2, 0);
    assert_ne!(changes.generation, before);
    let told: Vec<_> = changes.topics.iter().map(|view| view.topic).collect();
    assert_eq!((told, changes.has_more), (vec!["x/c", "x/a"], false));
}

#[test]
fn a_reload_gives_the_memory_of_most_names_back() {
    let mut catalog = Catalog::new(8 << 20, 64);
    catalog.reload(vec![label("a", 1)], vec!["plant".into()]);
    for number in 0..20_000 {
        assert!(put(&mut catalog, &format!("x/{number}"), "raw", b"1", 0));
    }
    let full = catalog.stats().bytes;
    catalog.reload(vec![label("a", 2)], vec!["plant".into()]);
    for number in (0..20_000).step_by(10) {
        assert!(put(&mut catalog, &format!("x/{number}"), "raw", b"2", 1));
    }
    catalog.reload(vec![label("a", 2)], vec!["plant".into()]);
    assert_eq!(catalog.stats().topics, 2_000);
    assert!(catalog.stats().bytes < full / 2, "{} of {full}", catalog.stats().bytes);
    assert_eq!(catalog.get("x/19990", 0).unwrap().payload, Some(&b"2"[..]));
    assert!(put(&mut catalog, "x/1", "raw/other", b"3", 2));
    assert_eq!(all(&catalog, &Query { limit: 7, search: Some("9999"), ..Query::default() }), Vec::<&str>::new());
    assert_eq!(all(&catalog, &Query { limit: 7, ..Query::default() }).len(), 2_001);
}
