//! The router as a whole: order of routes, ledgers, hooks, quarantine, bounds.

mod common;

use common::{Outcome, Recorder, compile, message, routed};
use pronubes_core::{Reason, ResumePoint, Resumed, Routed, Router};

const W1: &str = r#"{"sources":["plant"],"sinks":["uns"],"routes":[{"name":"t","filter":"raw/{area}/{line}/{plc}/temp/{tag}",
  "where":"payload.quality == \"GOOD\" && payload.value > -40.0",
  "steps":[{"scale":{"field":"value","factor":1.8,"offset":32}},{"rename":{"ts":"timestamp_ms"}},
           {"drop":["quality"],"where":"payload.quality == \"GOOD\""},{"set":{"unit":"[degF]"}}],
  "topic":"acme/{area}/{line}/{plc}/{tag}","to":[{"sink":"uns","retain":true}]}]}"#;

#[test]
fn the_standard_workload_goes_from_end_to_end() {
    let mut router = Router::new(compile(W1));
    let payload = r#"{"value": 21.5, "ts": 1732270000123, "quality": "GOOD"}"#;
    let outcomes = routed(&mut router, "raw/a/l1/p1/temp/t1", payload);
    let expected = r#"{"value": 70.7, "timestamp_ms": 1732270000123,"unit":"[degF]"}"#;
    assert_eq!(outcomes, [Outcome::emitted("uns", "acme/a/l1/p1/t1", expected)]);
    let bad = routed(&mut router, "raw/a/l1/p1/temp/t1", r#"{"value": 21.5, "ts": 1, "quality": "BAD"}"#);
    assert_eq!(bad, [Outcome::Filtered("t".into())]);
    let broken = routed(&mut router, "raw/a/l1/p1/temp/t1", r#"{"value": 21.5,"#);
    assert_eq!(broken, [Outcome::quarantined("t", None, Reason::InvalidJson, "at byte 15")]);
    let stats = router.stats();
    assert!(stats.is_balanced());
    assert_eq!((stats.routes[0].passed, stats.routes[0].filtered, stats.routes[0].quarantined), (1, 1, 1));
    assert_eq!((stats.sources[0].matched, stats.sources[0].unrouted, stats.emitted[0]), (2, 1, 1));
}

#[test]
fn a_route_has_variables_of_its_own() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"vars":{"site":"cologne","low":0},"routes":[
      {"name":"a","filter":"a","vars":{"limit":80},"where":"payload.v < vars.limit","topic":"a/of","to":[{"sink":"s"}]},
      {"name":"b","filter":"b","vars":{"limit":12.5},"where":"payload.v < vars.limit","topic":"b/of","to":[{"sink":"s"}]},
      {"name":"c","filter":"c","vars":{"low":9},"steps":[{"compute":{"x":"vars.site + string(vars.low)"}}],"to":[{"sink":"s"}]},
      {"name":"d","filter":"d","steps":[{"compute":{"x":"vars.site + string(vars.low)"}}],"to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let mut outcomes = |topic: &str| routed(&mut router, topic, r#"{"v":50}"#);
    assert_eq!(outcomes("a"), [Outcome::emitted("s", "a/of", r#"{"v":50}"#)]);
    assert_eq!(outcomes("b"), [Outcome::Filtered("b".into())]);
    assert_eq!(outcomes("c"), [Outcome::emitted("s", "c", r#"{"v":50,"x":"cologne9"}"#)]);
    assert_eq!(outcomes("d"), [Outcome::emitted("s", "d", r#"{"v":50,"x":"cologne0"}"#)]);
}

#[test]
fn routes_run_in_file_order_until_one_is_final() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[
      {"name":"rest","otherwise":true,"to":[{"sink":"s","topic":"rest"}]},
      {"name":"all","to":[{"sink":"s","topic":"all"}]},
      {"name":"hot","filter":"a/#","where":"payload.v > 10","final":true,"to":[{"sink":"s","topic":"hot"}]},
      {"name":"late","filter":"a/{x}","to":[{"sink":"s","topic":"late/{x}"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let topics = |router: &mut Router, payload: &str| -> Vec<String> {
        routed(router, "a/b", payload).into_iter().filter_map(Outcome::topic).collect()
    };
    assert_eq!(topics(&mut router, r#"{"v":11}"#), ["all", "hot"]);
    assert_eq!(topics(&mut router, r#"{"v":9}"#), ["all", "late/b"]);
}

#[test]
fn otherwise_takes_what_no_other_route_took() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[
      {"name":"hot","filter":"a/#","where":"payload.v > 10","to":[{"sink":"s","topic":"hot"}]},
      {"name":"rest","otherwise":true,"filter":"a/#","to":[{"sink":"s","topic":"rest"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let mut kinds = |topic: &str, payload: &str| routed(&mut router, topic, payload);
    assert_eq!(kinds("a/b", r#"{"v":11}"#), [Outcome::emitted("s", "hot", r#"{"v":11}"#)]);
    assert_eq!(
        kinds("a/b", r#"{"v":9}"#),
        [Outcome::Filtered("hot".into()), Outcome::emitted("s", "rest", r#"{"v":9}"#)]
    );
    // A condition that fails counts as taken.
    assert_eq!(
        kinds("a/b", "{}"),
        [Outcome::quarantined("hot", None, Reason::MissingField, "expression `payload.v > 10`")]
    );
    assert_eq!(kinds("b", "{}"), []);
    assert_eq!(router.stats().sources[0].unrouted, 1);
}

#[test]
fn a_hook_takes_over_and_gives_back() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"hooks":["m:f"],"routes":[{"name":"r","filter":"a/{tag}",
      "steps":[{"set":{"n":1}},{"python":{"hook":0},"where":"payload.go"},{"compute":{"tag":"tag"}}],
      "to":[{"sink":"s"},{"sink":"s","topic":"x/{tag}/{payload.n}"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let outcomes = routed(&mut router, "a/b", r#"{"go":true}"#);
    assert_eq!(
        outcomes,
        [Outcome::Hook { step: 1, payload: r#"{"go":true,"n":1}"#.into(), captures: vec!["b".into()] }]
    );
    assert_eq!(router.stats().routes[0].in_hooks, 1);
    let mut recorder = Recorder::new(router.plan().clone());
    let message = message("a/b", b"{\"go\":true}");
    router.resume(
        &Resumed {
            route: pronubes_core::RouteId(0),
            point: recorder_point(&router, "a/b"),
            source: message.source,
            topic: message.topic,
            new_topic: Some("new"),
            payload: br#"{"n":7}"#,
            original: message.payload,
            key: None,
            meta: message.meta,
        },
        &mut recorder,
    );
    assert_eq!(
        recorder.outcomes,
        [Outcome::emitted("s", "new", r#"{"n":7,"tag":"b"}"#), Outcome::emitted("s", "x/b/7", r#"{"n":7,"tag":"b"}"#)]
    );
    let skipped = routed(&mut router, "a/b", r#"{"go":false}"#);
    assert_eq!(skipped[0], Outcome::emitted("s", "a/b", r#"{"go":false,"n":1,"tag":"b"}"#));
    assert!(router.stats().is_balanced());
}

/// The point that a hook call of the route carries.
fn recorder_point(router: &Router, topic: &str) -> ResumePoint {
    let mut probe = Router::new(router.plan().clone());
    let mut recorder = Recorder::new(router.plan().clone());
    probe.route(&message(topic, br#"{"go":true}"#), &mut recorder);
    recorder.points[0]
}

#[test]
fn routes_that_share_a_scan_see_the_members_each_its_own_way() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[
      {"name":"a","filter":"raw/{plc}","steps":[{"explode":{"field":"tags"}},{"rename":{"t":"ts"}}],
       "topic":"a/{plc}/{key}","to":[{"sink":"s"}]},
      {"name":"b","filter":"raw/{plc}","steps":[{"explode":{"field":"tags"}},{"compute":{"v":"payload.v * 2 + size(key)"}},{"drop":["t"]}],
       "topic":"b/{plc}/{payload.in.unit}","to":[{"sink":"s"}]},
      {"name":"c","filter":"raw/{plc}","where":"payload.n > 1","steps":[{"explode":{"field":"tags"}}],
       "topic":"c/{key}/{plc}","to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let payload = |n: u32| {
        format!(
            r#"{{"n": {n}, "tags": {{ "x" : {{"t": 1, "v":2, "in":{{"unit":"K"}}}} ,"\u0079":{{"in": {{"unit":"V"}},"v":3}}}}}}"#
        )
    };
    let of = |outcomes: Vec<Outcome>| -> Vec<_> {
        outcomes.into_iter().map(|one| (one.clone().topic(), one.payload())).collect()
    };
    let emitted = |topic: &str, payload: &str| (Some(topic.to_owned()), Some(payload.to_owned()));
    let [x, y] = [r#"{"t": 1, "v":2, "in":{"unit":"K"}}"#, r#"{"in": {"unit":"V"},"v":3}"#];
    let wanted = |plc: &str| {
        [
            emitted(&format!("a/{plc}/x"), r#"{"ts": 1, "v":2, "in":{"unit":"K"}}"#),
            emitted(&format!("a/{plc}/y"), y),
            emitted(&format!("b/{plc}/K"), r#"{"v":5, "in":{"unit":"K"}}"#),
            emitted(&format!("b/{plc}/V"), r#"{"in": {"unit":"V"},"v":7}"#),
            emitted(&format!("c/x/{plc}"), x),
            emitted(&format!("c/y/{plc}"), y),
        ]
    };
    for plc in ["p1", "p22"] {
        assert_eq!(of(routed(&mut router, &format!("raw/{plc}"), &payload(2))), wanted(plc));
        assert_eq!(of(routed(&mut router, &format!("raw/{plc}"), &payload(1)))[..4], wanted(plc)[..4]);
    }
}

#[test]
fn exploded_members_go_on_when_one_of_them_fails() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[{"name":"r","filter":"plc/{id}",
      "steps":[{"explode":{"field":"tags","as":"value","carry":["ts"]}},{"scale":{"field":"value","factor":2}}],
      "topic":"uns/{id}/{key}","to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let payload = r#"{"ts":7,"tags":{"t1":1.5,"t2":"x","t3":3,"t4":null}}"#;
    assert_eq!(
        routed(&mut router, "plc/9", payload),
        [
            Outcome::emitted("s", "uns/9/t1", r#"{"value":3.0,"ts":7}"#),
            Outcome::emitted("s", "uns/9/t3", r#"{"value":6,"ts":7}"#),
            Outcome::quarantined("r", Some(1), Reason::WrongType, "member `t2`: field `value` (and 1 more)"),
        ]
    );
    assert!(router.stats().is_balanced());
}

#[test]
fn names_that_a_value_would_break_are_refused() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[{"name":"r","filter":"a/{tag}",
      "to":[{"sink":"s","topic":"ok"},{"sink":"s","topic":"x/{payload.id}/{tag}"}]},
      {"name":"static","filter":"a/{tag}","to":[{"sink":"s","topic":"y/{tag}"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let cases = [
        (r#"{"id":""}"#, Reason::TemplateEmptyValue),
        (r#"{"id":"a/b"}"#, Reason::TemplateIllegalValue),
        (r##"{"id":"\u0023"}"##, Reason::TemplateIllegalValue),
        (r#"{"id":"a\u0000"}"#, Reason::TemplateIllegalValue),
        (r#"{"id":{}}"#, Reason::WrongType),
        ("{}", Reason::MissingField),
        (r#"{"id":1,"id":2}"#, Reason::DuplicateKey),
    ];
    for (payload, reason) in cases {
        let expected = Outcome::quarantined("r", None, reason, "topic `x/{payload.id}/{tag}`");
        assert_eq!(routed(&mut router, "a/b", payload)[0], expected, "{payload}");
    }
    let empty = routed(&mut router, "a/", r#"{"id":1}"#);
    let reason = Reason::TemplateEmptyValue;
    assert_eq!(
        empty,
        [
            Outcome::quarantined("r", None, reason, "topic `x/{payload.id}/{tag}`"),
            Outcome::quarantined("static", None, reason, "topic `y/{tag}`"),
        ]
    );
}

#[test]
fn topics_beyond_the_limit_are_rejected() {
    let mut router = Router::new(compile(W1));
    let mut recorder = Recorder::new(router.plan().clone());
    let deep = "a/".repeat(32) + "b";
    assert_eq!(router.route(&message(&deep, b""), &mut recorder), Routed::Rejected(Reason::TopicTooDeep));
    assert_eq!(router.stats().sources[0].rejected, 1);
    assert!(router.stats().is_balanced() && recorder.outcomes.is_empty());
}

#[test]
fn a_full_topic_table_changes_nothing_but_speed() {
    let small = W1.replacen('{', r#"{"limits":{"topic_table_bytes":300000},"#, 1);
    let (mut small, mut large) = (Router::new(compile(&small)), Router::new(compile(W1)));
    for number in 0..20_000 {
        let topic = format!("raw/a/l{}/p1/temp/t{number}", number % 7);
        let payload = r#"{"value":1.5,"ts":1,"quality":"GOOD"}"#;
        assert_eq!(routed(&mut small, &topic, payload), routed(&mut large, &topic, payload));
    }
    assert!(small.topics().memory_bytes() <= 300_000);
    assert!(small.topics().untracked() > 10_000 && large.topics().untracked() == 0);
    let bytes = large.topics().memory_bytes() / large.topics().len();
    assert!(bytes <= 250, "{bytes} bytes per topic");
}

#[test]
fn a_bare_scalar_counts_as_value_where_the_route_says_so() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[{"name":"r","where":"payload.value > 1",
      "steps":[{"scale":{"field":"value","factor":2},"from_scalar":true}],"to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    assert_eq!(routed(&mut router, "a", " 21.5 "), [Outcome::emitted("s", "a", r#"{"value":43.0}"#)]);
    assert_eq!(routed(&mut router, "a", r#"{"value":4}"#), [Outcome::emitted("s", "a", r#"{"value":8}"#)]);
    let injected = routed(&mut router, "a", r#"5,"value":1"#);
    assert_eq!(injected, [Outcome::quarantined("r", None, Reason::TrailingBytes, "at byte 1")]);
}

#[test]
fn explain_shows_what_route_does() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"hooks":["m:f"],"routes":[
      {"name":"near","filter":"raw/{line}/hum","to":[{"sink":"s"}]},
      {"name":"temps","filter":"raw/{line}/temp","where":"payload.v > 1","final":true,
       "steps":[{"scale":{"field":"v","factor":2}},{"drop":["q"],"where":"payload.v > 100"},{"cast":{"field":"u","type":"int"}}],
       "topic":"x/{line}","to":[{"sink":"s"}]},
      {"name":"late","filter":"raw/#","to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let explained = router.explain(&message("raw/l1/temp", br#"{"v":21,"q":1,"u":"3"}"#));
    let temps = &explained.routes[0];
    assert_eq!((temps.route.as_str(), temps.fate, temps.captures[0].value.as_str()), ("temps", "passed", "l1"));
    assert_eq!(temps.condition.as_ref().unwrap().holds, Some(true));
    let steps: Vec<_> = temps.steps.iter().map(|step| (step.held, step.output.as_deref().unwrap())).collect();
    assert_eq!(
        steps,
        [(true, r#"{"v":42,"q":1,"u":"3"}"#), (false, r#"{"v":42,"q":1,"u":"3"}"#), (true, r#"{"v":42,"q":1,"u":3}"#)]
    );
    assert_eq!(temps.emitted[0].topic, "x/l1");
    assert_eq!((explained.routes[1].fate, explained.routes.len()), ("skipped", 2));
    let miss = &explained.near_misses[0];
    assert_eq!(
        (miss.route.as_str(), miss.level, miss.expected.as_str(), miss.found.as_deref()),
        ("near", 3, "hum", Some("temp"))
    );

    let failed = router.explain(&message("raw/l1/temp", br#"{"v":21,"q":1,"u":"x"}"#));
    let quarantine = failed.routes[0].quarantine.as_ref().unwrap();
    assert_eq!(
        (quarantine.step, quarantine.reason, failed.routes[0].fate),
        (Some(2), "invalid_conversion", "quarantined")
    );
    assert_eq!(failed.routes[0].steps.last().unwrap().input, r#"{"v":42,"q":1,"u":"x"}"#);
    // Nothing is counted and nothing remembered.
    assert_eq!((router.stats().sources[0].received, router.topics().len()), (0, 0));
    assert!(router.stats().routes.iter().all(|route| route.matched == 0));
    assert!(serde_json::to_string(&explained).unwrap().contains(r#""fate":"passed""#));
}
