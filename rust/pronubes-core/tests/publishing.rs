//! Names on their way out: the catalogue's notes, collisions, reload.

mod common;

use common::{Outcome, Recorder, compile, message};
use pronubes_core::catalog::{Catalog, Query};
use pronubes_core::{Reason, Resumed, Router, SourceId};

const SPEC: &str = r#"{"sources": ["plant", "other"], "sinks": ["uns", "sql"], "hooks": ["m:f"], "catalog": {}, "routes": [
    {"name": "static", "filter": "raw/{tag}", "topic": "acme/{tag}", "to": [{"sink": "uns"}, {"sink": "sql"}]},
    {"name": "rendered", "filter": "box/{rest#}", "topic": "acme/{payload.id}", "to": [{"sink": "uns"}]},
    {"name": "kept", "filter": "keep/#", "to": [{"sink": "uns"}, {"sink": "sql", "topic": "table/{payload.id}"}]},
    {"name": "hooked", "filter": "hook/#", "steps": [{"python": {"hook": 0}}], "to": [{"sink": "uns"}]}]}"#;

fn router(spec: &str) -> Router {
    Router::new(compile(spec))
}

fn route(router: &mut Router, source: u16, topic: &str, payload: &str) -> Vec<Outcome> {
    let mut recorder = Recorder::new(router.plan().clone());
    let message = pronubes_core::Message { source: SourceId(source), ..message(topic, payload.as_bytes()) };
    router.route(&message, &mut recorder);
    recorder.outcomes
}

/// Name, route, origin and count of all names.
fn names(catalog: &Catalog) -> Vec<(&str, &str, &str, u64)> {
    let page = catalog.page(&Query { limit: 100, ..Query::default() });
    page.topics.iter().map(|view| (view.topic, view.route, view.origin, view.count)).collect()
}

#[test]
fn every_name_is_noted_once_a_message_and_route() {
    let mut router = router(SPEC);
    for _ in 0..3 {
        route(&mut router, 0, "raw/t1", r#"{"v": 1}"#);
        route(&mut router, 0, "box/a/b", r#"{"id": "t2"}"#);
        route(&mut router, 0, "keep/x", r#"{"id": "t3"}"#);
    }
    let catalog = router.catalog().unwrap();
    assert_eq!(
        names(catalog),
        [
            ("acme/t1", "static", "raw/t1", 3),
            ("acme/t2", "rendered", "box/a/b", 3),
            ("keep/x", "kept", "keep/x", 3),
            ("table/t3", "kept", "keep/x", 3),
        ]
    );
    assert_eq!(catalog.get("acme/t1", 0).unwrap().payload, Some(&br#"{"v": 1}"#[..]));
}

#[test]
fn the_second_origin_of_a_name_is_quarantined() {
    let mut router = router(SPEC);
    route(&mut router, 0, "raw/t1", "{}");
    let detail = "`acme/t1` is published by route `static` from topic `raw/t1` of source `plant`";
    let refused = |route: &str| [Outcome::quarantined(route, None, Reason::NameCollision, detail)];
    assert_eq!(route(&mut router, 1, "raw/t1", "{}"), refused("static"), "another source");
    assert_eq!(route(&mut router, 0, "box/1", r#"{"id": "t1"}"#), refused("rendered"), "another topic");
    assert_eq!(router.catalog().unwrap().stats().collisions, 2);
    assert_eq!(route(&mut router, 0, "raw/t1", "{}").len(), 2, "its owner goes on");
    assert!(router.stats().is_balanced());
}

#[test]
fn a_topic_from_a_hook_is_noted_in_place_of_the_messages_own() {
    let mut router = router(SPEC);
    let mut recorder = Recorder::new(router.plan().clone());
    router.route(&message("hook/1", b"1"), &mut recorder);
    let route = (0..4).map(pronubes_core::RouteId).find(|id| router.plan().route_name(*id) == "hooked").unwrap();
    let resumed = Resumed {
        route,
        point: recorder.points[0],
        source: SourceId(0),
        topic: "hook/1",
        new_topic: Some("hook/new"),
        payload: b"2",
        original: b"1",
        key: None,
        meta: message("hook/1", b"1").meta,
    };
    router.resume(&resumed, &mut recorder);
    assert_eq!(names(router.catalog().unwrap()), [("hook/new", "hooked", "hook/1", 1)]);
}

#[test]
fn whoever_only_looks_leaves_no_note() {
    let mut router = router(SPEC);
    router.explain(&message("raw/t1", b"{}"));
    assert_eq!(names(router.catalog().unwrap()), []);
}

#[test]
fn a_reload_takes_the_catalogue_over() {
    let mut before = router(SPEC);
    route(&mut before, 0, "raw/t1", "1");
    route(&mut before, 0, "keep/x", r#"{"id": 1}"#);
    let mut after = router(&SPEC.replace("acme/{tag}", "acme/new/{tag}"));
    after.inherit(&mut before);
    assert!(before.catalog().is_none());
    route(&mut after, 0, "raw/t1", "2");
    route(&mut after, 0, "keep/x", r#"{"id": 1}"#);
    let catalog = after.catalog().unwrap();
    let seen = names(catalog);
    assert_eq!(seen[0], ("acme/new/t1", "static", "raw/t1", 1));
    assert_eq!(seen[1], ("acme/t1", "static", "raw/t1", 1));
    assert!(catalog.get("acme/t1", 0).unwrap().is_orphan);
    assert_eq!(seen[2], ("keep/x", "kept", "keep/x", 2), "a route that stays goes on counting");
}

#[test]
fn the_catalogue_shows_the_contract_and_counts_what_broke_it() {
    let spec = r#"{"sources": ["plant", "other"], "sinks": ["uns"], "catalog": {},
        "contracts": [{"name": "m", "version": 2, "mode": "observe", "fields": [{"path": "v", "type": "number"}]}],
        "routes": [{"name": "r", "filter": "raw/#", "contract": "m@2", "to": [{"sink": "uns"}]},
            {"name": "s", "filter": "free/#", "to": [{"sink": "uns"}]}]}"#;
    let mut router = router(spec);
    for (topic, payload) in [("raw/1", r#"{"v": "x"}"#), ("raw/1", r#"{"v": 1}"#), ("raw/2", "1"), ("free/1", "x")] {
        route(&mut router, 0, topic, payload);
    }
    let catalog = router.catalog().unwrap();
    let seen = |name: &str| catalog.get(name, 0).map(|view| (view.contract, view.violations));
    assert_eq!(seen("raw/1"), Some((Some("m@2"), 1)));
    assert_eq!(seen("raw/2"), Some((Some("m@2"), 1)));
    assert_eq!(seen("free/1"), Some((None, 0)));
}
