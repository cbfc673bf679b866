//! The namespace against a naive one, under random schemes and names; escapes; what is refused at load and on the way.

mod common;

use common::{Outcome, Recorder, compile, message};
use pronubes_core::namespace::{Namespace, unescape};
use pronubes_core::spec::RouterSpec;
use pronubes_core::{Message, Plan, Reason, RouteId, Router, SourceId};
use proptest::prelude::*;
use serde_json::{Value, json};

const PATTERN: &str = "[A-Za-z0-9_.-]+";

fn level(name: &str, kind: &str, pattern: &str) -> Value {
    json!({"name": name, "kind": kind, "pattern": pattern})
}

fn isa95() -> Value {
    let levels = [("enterprise", "one"), ("site", "one"), ("line", "one"), ("cell", "optional"), ("signal", "many")];
    let levels = levels.map(|(name, kind)| level(name, kind, if name == "site" { "[a-z]+" } else { PATTERN }));
    json!({"levels": levels, "branches": [
        {"filter": "acme/+/packing", "publish": ["a", "source:boiler"], "owner": "team-packing"},
        {"filter": "acme/cologne", "publish": ["b"]},
        {"filter": "raw", "publish": ["*"], "free": true}]})
}

fn namespace(spec: Value) -> Namespace {
    let router: RouterSpec = serde_json::from_value(json!({
        "sources": ["plant", "boiler"], "routes": [{"name": "a"}, {"name": "b"}], "namespace": spec}))
    .expect("the test writes specifications");
    Namespace::compile(router.namespace.as_ref().expect("it stands above"), &router)
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// Code and sentence, or the filter of the branch.
fn judged(namespace: &Namespace, name: &str, route: u32, source: u16) -> Result<String, (Reason, String)> {
    let judged = namespace.judge(name, RouteId(route), SourceId(source));
    judged.map(|branch| namespace.branch(branch).filter.to_string()).map_err(|no| (no.reason, no.to_string()))
}

#[test]
fn names_are_judged_by_level_and_branch() {
    let namespace = namespace(isa95());
    let refused = |reason, text: &str| Err((reason, text.to_owned()));
    let cases = [
        ("acme/bonn/packing/temp", 0, 0, Ok("acme/+/packing".to_owned())),
        ("acme/bonn/packing/c1/temp", 1, 1, Ok("acme/+/packing".to_owned())),
        ("acme/bonn/packing/c1/motor/temp", 0, 0, Ok("acme/+/packing".to_owned())),
        ("raw/DB 10/%MW4", 1, 0, Ok("raw".to_owned())),
        // The branch with more literal levels in front counts, not the one that fits more.
        ("acme/cologne/packing/temp", 1, 0, Ok("acme/cologne".to_owned())),
        (
            "acme/cologne/packing/temp",
            0,
            1,
            refused(
                Reason::NameNotPermitted,
                "branch `acme/cologne`: found `acme/cologne/packing/temp`, expected a route or source that `publish` names",
            ),
        ),
        (
            "acme/bonn/filling/temp",
            0,
            0,
            refused(Reason::NameNotPermitted, "found `acme/bonn/filling/temp`, expected a name that a branch covers"),
        ),
        (
            "acme/bonn/packing",
            0,
            0,
            refused(
                Reason::NameLevels,
                "found 3 in `acme/bonn/packing`, expected 4 or more levels: `enterprise/site/line/cell?/signal#`",
            ),
        ),
        (
            "acme/Bonn/packing/temp",
            0,
            0,
            refused(Reason::NameIllegal, "level `site` of `acme/Bonn/packing/temp`: found `Bonn`, expected `[a-z]+`"),
        ),
        (
            "acme/bonn/packing//temp",
            0,
            0,
            refused(
                Reason::NameLevels,
                "level `cell` of `acme/bonn/packing//temp`: found ``, expected `[A-Za-z0-9_.-]+`",
            ),
        ),
    ];
    for (name, route, source, wanted) in cases {
        assert_eq!(judged(&namespace, name, route, source), wanted, "{name} by {route} of {source}");
    }
}

/// Levels by trying every way to leave optional ones out, the leftmost filled first: the rule in its plain form.
fn naive_fits(levels: &[(String, &str, &str)], name: &[&str]) -> bool {
    fn ways<'l>(levels: &'l [(String, &str, &'l str)], count: usize) -> Vec<Vec<&'l str>> {
        let Some(((_, kind, pattern), rest)) = levels.split_first() else {
            return if count == 0 { vec![Vec::new()] } else { Vec::new() };
        };
        let times: Vec<usize> = match *kind {
            "one" => vec![1],
            "optional" => vec![1, 0],
            _ => (1..=count.max(1)).collect(),
        };
        let mut found = Vec::new();
        for times in times.into_iter().filter(|times| *times <= count) {
            for way in ways(rest, count - times) {
                found.push([vec![*pattern; times], way].concat());
            }
        }
        found
    }
    // The first way fills optional levels from the left; a level that takes many takes as little as it can.
    let found = ways(levels, name.len());
    let best = found.first();
    best.is_some_and(|patterns| {
        patterns.iter().zip(name).all(|(pattern, text)| match *pattern {
            "[ab]+" => !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a' | b'b')),
            _ => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase()),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_levels_are_those_of_the_naive_rule(
        kinds in prop::collection::vec((prop::sample::select(vec!["one", "optional"]), any::<bool>()), 1..6),
        many in prop::option::of(0_usize..6),
        names in prop::collection::vec(prop::collection::vec("[abz]{0,2}", 1..8), 20),
    ) {
        let mut levels: Vec<(String, &str, &str)> = Vec::new();
        for (at, (kind, is_narrow)) in kinds.iter().enumerate() {
            levels.push((format!("l{at}"), kind, if *is_narrow { "[ab]+" } else { "[a-z]+" }));
        }
        if let Some(many) = many {
            levels.insert(many.min(levels.len()), ("many".to_owned(), "many", "[ab]+"));
        }
        let specs: Vec<Value> = levels.iter().map(|(name, kind, pattern)| level(name, kind, pattern)).collect();
        let namespace = namespace(json!({"levels": specs, "branches": [{"filter": "#", "publish": ["*"]}]}));
        for name in names {
            let text = name.join("/");
            prop_assume!(!text.is_empty());
            let name: Vec<&str> = name.iter().map(String::as_str).collect();
            prop_assert_eq!(judged(&namespace, &text, 0, 0).is_ok(), naive_fits(&levels, &name), "{} in {:?}", text, levels);
        }
    }

    #[test]
    fn rights_are_those_of_the_naive_rule(
        branches in prop::collection::btree_map(prop::collection::vec("[ab]|\\+", 1..4).prop_map(|levels| levels.join("/")), 0_usize..4, 0..6),
        name in prop::collection::vec("[ab]", 1..5),
        route in 0_u32..2,
        source in 0_u16..2,
    ) {
        const PUBLISH: [&str; 4] = ["a", "b", "source:boiler", "*"];
        let specs: Vec<Value> = branches.iter().map(|(filter, who)| json!({"filter": filter, "publish": [PUBLISH[*who]]})).collect();
        let namespace = namespace(json!({"levels": [level("l", "many", "[a-z]")], "branches": specs}));
        let covers = |filter: &str| {
            let levels: Vec<&str> = filter.split('/').collect();
            levels.len() <= name.len() && levels.iter().zip(&name).all(|(level, text)| *level == "+" || level == text)
        };
        let literal = |filter: &str| filter.split('/').take_while(|level| *level != "+").count();
        let most = branches.keys().filter(|filter| covers(filter)).map(|filter| literal(filter)).max();
        let is_permitted = branches.iter().filter(|(filter, _)| covers(filter) && Some(literal(filter)) == most).any(|(_, who)| {
            match PUBLISH[*who] {
                "a" => route == 0,
                "b" => route == 1,
                "*" => true,
                _ => source == 1,
            }
        });
        prop_assert_eq!(judged(&namespace, &name.join("/"), route, source).is_ok(), is_permitted);
    }

    #[test]
    fn escaping_can_be_undone_and_makes_names_legal(
        name in prop::collection::vec("([a-zA-Z0-9_.-]|_x|_x00|_x0041_|[ /ü+#$€😀_x0-9A-F]|\\PC){1,8}", 1..4),
        is_lower in any::<bool>(),
    ) {
        let mut signal = level("signal", "many", if is_lower { "[a-z0-9_.-]+" } else { PATTERN });
        if is_lower {
            signal["case"] = json!("lower");
        }
        let namespace = namespace(json!({"levels": [signal], "illegal": "escape", "branches": [{"filter": "#", "publish": ["*"]}]}));
        let name: Vec<String> = name.into_iter().map(|level| level.replace('/', "_")).collect();
        let name = name.join("/");
        let escaped = namespace.escape(&name);
        let leaves = escaped.as_deref().unwrap_or(&name);
        prop_assert_eq!(unescape(leaves), name.as_str());
        prop_assert!(judged(&namespace, leaves, 0, 0).is_ok(), "{:?} for {:?}", leaves, name);
        prop_assert_eq!(leaves.matches('/').count(), name.matches('/').count());
        let is_plain = judged(&namespace, &name, 0, 0).is_ok() && !name.contains("_x") && !name.starts_with('$');
        prop_assert!(!is_plain || escaped.is_none(), "a legal name stays: {:?}", name);
    }

    #[test]
    fn text_that_was_never_escaped_reads_back(text in "([_x0-9A-F]|_x00|\\PC){0,20}") {
        // `unescape` takes any text; what it gives is not longer.
        prop_assert!(unescape(&text).len() <= text.len());
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let spec = json!({"sources": ["boiler"], "routes": [{"name": "temperatures"}], "namespace": {
        "levels": [level("site", "many", "[a"), level("site", "many", "a)|(b"), level("cell", "one", "x{1000000}")],
        "branches": [
            {"filter": "acme/+x", "publish": ["temperatures"]},
            {"filter": "acme/{site}", "publish": ["*"]},
            {"filter": "acme", "publish": ["temperature", "source:boilr", "source:temperatures"]},
            {"filter": "acme/#", "publish": []}]}});
    let spec: RouterSpec = serde_json::from_value(spec).unwrap();
    let errors = Plan::compile(&spec).unwrap_err();
    let told: Vec<(String, Option<&str>)> =
        errors.iter().map(|error| (error.path_text(), error.hint.as_deref())).collect();
    let wanted = [
        ("namespace/levels/0/pattern", None),
        ("namespace/levels/1/name", None),
        ("namespace/levels/1/kind", Some("Of two levels that take many nobody could say where one ends.")),
        ("namespace/levels/1/pattern", None),
        ("namespace/levels/2/pattern", None),
        ("namespace/branches/0/filter", None),
        ("namespace/branches/1/filter", None),
        ("namespace/branches/2/publish/0", Some("Did you mean `temperatures`?")),
        ("namespace/branches/2/publish/1", Some("Did you mean `source:boiler`?")),
        ("namespace/branches/2/publish/2", None),
        ("namespace/branches/3/filter", None),
    ];
    assert_eq!(told, wanted.map(|(path, hint)| (path.to_owned(), hint)));
}

fn router(illegal: &str, branches: Value) -> Router {
    let levels = [level("enterprise", "one", PATTERN), level("signal", "many", PATTERN)];
    let spec = json!({
        "sources": ["plant", "boiler"], "sinks": ["uns"], "hooks": ["m:f"],
        "namespace": {"levels": levels, "illegal": illegal, "branches": branches},
        "routes": [
            {"name": "static", "filter": "raw/{tag}", "topic": "acme/s/{tag}", "to": [{"sink": "uns"}]},
            {"name": "rendered", "filter": "box/{tag}", "topic": "acme/r/{payload.id}", "to": [{"sink": "uns"}]},
            {"name": "exploded", "filter": "all", "steps": [{"explode": {}}], "topic": "acme/e/{key}", "to": [{"sink": "uns"}]},
            {"name": "kept", "filter": "acme/#", "to": [{"sink": "uns"}]}]});
    Router::new(compile(&spec.to_string()))
}

fn everybody() -> Value {
    json!([{"filter": "acme", "publish": ["*"], "owner": "team"}])
}

fn sent(router: &mut Router, source: u16, topic: &str, payload: &str) -> Vec<Result<String, (Reason, String)>> {
    let mut recorder = Recorder::new(router.plan().clone());
    let message = Message { source: SourceId(source), ..message(topic, payload.as_bytes()) };
    router.route(&message, &mut recorder);
    let outcomes = recorder.outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Emitted { topic, .. } => Some(Ok(topic)),
        Outcome::Quarantined { reason, detail, .. } => Some(Err((reason, detail))),
        _ => None,
    });
    outcomes.collect()
}

#[test]
fn illegal_names_are_refused_or_escaped_however_they_come_about() {
    let long = "found `oven 1`, expected `[A-Za-z0-9_.-]+`";
    let cases = [
        ("raw/oven 1", "{}", "acme/s/oven 1", "acme/s/oven_x0020_1"),
        ("box/1", r#"{"id": "oven 1"}"#, "acme/r/oven 1", "acme/r/oven_x0020_1"),
        ("all", r#"{"oven 1": 2}"#, "acme/e/oven 1", "acme/e/oven_x0020_1"),
    ];
    let (mut refusing, mut escaping) = (router("refuse", everybody()), router("escape", everybody()));
    for (topic, payload, raw, escaped) in cases {
        for _ in 0..3 {
            let member = if topic == "all" { "member `oven 1`: " } else { "" };
            let detail = format!("{member}level `signal` of `{raw}`: {long}");
            assert_eq!(sent(&mut refusing, 0, topic, payload), [Err((Reason::NameIllegal, detail))]);
            assert_eq!(sent(&mut escaping, 0, topic, payload), [Ok(escaped.to_owned())]);
        }
    }
    // The escaped name of one is another name as it stands: they stay apart.
    assert_eq!(
        sent(&mut escaping, 0, "box/1", r#"{"id": "oven_x0020_1"}"#),
        [Ok("acme/r/oven_x005F_x0020_1".to_owned())]
    );
    assert_eq!(sent(&mut escaping, 0, "box/1", r#"{"id": "a+#b"}"#), [Ok("acme/r/a_x002B__x0023_b".to_owned())]);
    let slash = sent(&mut escaping, 0, "box/1", r#"{"id": "a/b"}"#);
    assert_eq!(slash, [Err((Reason::TemplateIllegalValue, "topic `acme/r/{payload.id}`".to_owned()))]);
    // A route that keeps the name renders nothing, so nothing is escaped.
    let kept = sent(&mut escaping, 0, "acme/x/oven 1", "{}");
    assert_eq!(kept, [Err((Reason::NameIllegal, format!("level `signal` of `acme/x/oven 1`: {long}")))]);
}

#[test]
fn a_right_holds_for_the_source_that_has_it() {
    let mut router = router("refuse", json!([{"filter": "acme", "publish": ["source:boiler"]}]));
    for (topic, payload) in [("raw/t1", "{}"), ("box/1", r#"{"id": "t2"}"#), ("acme/k", "{}")] {
        for _ in 0..2 {
            let [Err((reason, _))] = &sent(&mut router, 0, topic, payload)[..] else { panic!("{topic}") };
            assert_eq!(*reason, Reason::NameNotPermitted);
            assert!(sent(&mut router, 1, topic, payload)[0].is_ok(), "{topic}");
        }
    }
    assert!(router.stats().is_balanced());
}

#[test]
fn one_bad_tag_among_ten_thousand_changes_nothing_for_the_others() {
    let mut router = router("refuse", everybody());
    let mut refused = 0;
    for round in 0..3 {
        for number in 0..10_000 {
            let id = if number == 7_777 { "bad name".to_owned() } else { format!("t{number}") };
            match &sent(&mut router, 0, "box/1", &format!(r#"{{"id": "{id}", "round": {round}}}"#))[..] {
                [Ok(topic)] => assert_eq!(*topic, format!("acme/r/{id}")),
                [Err((Reason::NameIllegal, _))] if number == 7_777 => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let catalog = router.catalog().unwrap();
    assert_eq!((refused, catalog.stats().topics), (3, 9_999), "what is refused takes no room");
    assert_eq!(catalog.get("acme/r/t9999", 0).unwrap().count, 3);
    assert!(router.stats().is_balanced());
}

#[test]
fn explain_names_branch_owner_and_judgement() {
    let mut router = router("refuse", everybody());
    sent(&mut router, 1, "raw/t1", "{}");
    let explanation = router.explain(&message("raw/t1", b"{}"));
    let emission = &explanation.routes[0].emitted[0];
    let known = (emission.branch.as_deref(), emission.owner.as_deref(), emission.taken_by.as_deref());
    let owner = "route `static` from topic `raw/t1` of source `boiler`";
    assert_eq!(known, (Some("acme"), Some("team"), Some(owner)));
    let refused = router.explain(&message("raw/t 1", b"{}"));
    let quarantine = refused.routes[0].quarantine.as_ref().map(|seen| (seen.reason, seen.detail.as_str()));
    let detail = "level `signal` of `acme/s/t 1`: found `t 1`, expected `[A-Za-z0-9_.-]+`";
    assert_eq!(quarantine, Some(("name_illegal", detail)));
}

#[test]
fn names_that_can_never_be_right_are_told_at_load() {
    let levels =
        [level("enterprise", "one", PATTERN), level("site", "one", "[a-z]+"), level("cell", "optional", PATTERN)];
    let spec = json!({
        "sources": ["plant", "boiler"], "sinks": ["k"],
        "namespace": {"levels": levels, "branches": [
            {"filter": "acme", "publish": ["source:boiler", "deep", "shallow", "case", "one", "two", "open", "same"]},
            {"filter": "raw", "publish": ["kept"], "free": true}]},
        "routes": [
            {"name": "deep", "filter": "raw/{x}", "topic": "acme/a/b/{x}", "to": [{"sink": "k"}]},
            {"name": "shallow", "filter": "raw/{x}", "topic": "acme", "to": [{"sink": "k"}]},
            {"name": "case", "filter": "raw/{x}", "topic": "acme/Bonn/{x}", "to": [{"sink": "k"}]},
            {"name": "open", "filter": "raw/{x#}", "topic": "acme/a/b/{x}", "to": [{"sink": "k"}]},
            {"name": "kept", "filter": "raw/#", "to": [{"sink": "k"}]},
            {"name": "denied", "from": ["plant"], "filter": "raw/{x}", "topic": "acme/{x}", "to": [{"sink": "k"}]},
            {"name": "by_source", "from": ["boiler"], "filter": "raw/{x}", "topic": "acme/{x}", "to": [{"sink": "k"}]},
            {"name": "uncovered", "filter": "raw/{x}", "to": [{"sink": "k", "topic": "acne/{x}"}]},
            {"name": "one", "filter": "raw/1", "topic": "acme/a/t", "to": [{"sink": "k"}]},
            {"name": "two", "filter": "raw/2", "topic": "acme/a/t", "to": [{"sink": "k"}]},
            {"name": "same", "filter": "raw/1", "topic": "acme/a/t", "to": [{"sink": "k"}]}]});
    let spec: RouterSpec = serde_json::from_value(spec).unwrap();
    let errors = Plan::compile(&spec).unwrap_err();
    let told: Vec<(String, &str)> = errors
        .iter()
        .map(|error| {
            let path = error.path_text();
            let route = &spec.routes[path.split('/').nth(1).unwrap().parse::<usize>().unwrap()].name;
            (path.replacen(path.split('/').nth(1).unwrap(), route, 1), error.message.split(' ').next().unwrap())
        })
        .collect();
    let wanted = [
        ("routes/deep/topic", "No"),
        ("routes/shallow/topic", "No"),
        ("routes/case/topic", "The"),
        ("routes/open/topic", "No"),
        ("routes/denied/topic", "No"),
        ("routes/uncovered/to/0/topic", "No"),
        ("routes/two/topic", "Route"),
    ];
    assert_eq!(told, wanted.map(|(path, first)| (path.to_owned(), first)));
}
