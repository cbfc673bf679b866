//! Steps by the shared vectors, on the fast and on the general path; and the registry: nothing is forgotten for a verb.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

mod common;

use std::sync::Arc;

use common::{Moment, Outcome, fed, routed, routed_bytes, unhex};
use pronubes_core::spec::RouterSpec;
use pronubes_core::tables::Rows;
use pronubes_core::{Plan, Router, transform};
use serde_json::{Value, json};

fn vectors() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/steps");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(path))).collect()
}

/// How units become each other: what Python works out for configurations, which a test there compares.
fn conversions() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/steps/convert.json");
    serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()["conversions"].take()
}

/// The tables that the cases look up: what the specification says of them, and their rows.
fn tables() -> (Value, Vec<(String, Arc<Rows>)>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/steps/lookup.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tables = file["tables"].as_object().unwrap();
    let specs = tables.iter().map(|(name, rows)| json!({"name": name, "columns": rows["columns"]})).collect();
    let rows = |rows: &Value| Arc::new(Rows::new(&serde_json::from_value(rows.clone()).unwrap()).unwrap());
    (specs, tables.iter().map(|(name, table)| (name.clone(), rows(table))).collect())
}

fn router(plan: Plan) -> Router {
    let mut router = Router::new(plan.into());
    for (name, rows) in tables().1 {
        router.set_table(&name, rows).unwrap();
    }
    router
}

fn spec_text(case: &Value) -> String {
    let mut target = json!({"sink": "s"});
    if let Some(topic) = case.get("topic") {
        target["topic"] = topic.clone();
    }
    json!({"sources": ["plant"], "sinks": ["s"], "hooks": ["m:f"], "conversions": conversions(), "tables": tables().0,
           "routes": [{"name": "r", "filter": "a/{tag}", "steps": case["steps"], "to": [target]}]})
    .to_string()
}

/// The text again, because `json!` sorts the keys of maps and their order counts.
fn spec_of(case: &Value, raw: &str) -> RouterSpec {
    let mut spec: RouterSpec = serde_json::from_str(&spec_text(case)).unwrap();
    #[derive(serde::Deserialize)]
    struct Steps {
        steps: Vec<pronubes_core::spec::StepSpec>,
    }
    spec.routes[0].steps = serde_json::from_str::<Steps>(raw).unwrap().steps;
    spec
}

/// The cases of a file with their own text, one per line.
fn cases(name: &str, file: &Value) -> Vec<(Value, String)> {
    let path = format!("{}/../../tests/vectors/steps/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.trim_start().starts_with("{\"name\""));
    let lines: Vec<String> = lines.map(|line| line.trim().trim_end_matches(',').to_owned()).collect();
    let values = file["cases"].as_array().unwrap();
    assert_eq!(values.len(), lines.len(), "{name}: one case per line");
    values.iter().cloned().zip(lines).collect()
}

/// A case with times: `feed` has `[at_ms]`, `[at_ms, payload]` or `[at_ms, topic, payload]`, the time always passing first; `output` what
/// left, in order, and `reasons` why the others did not.
fn check_feed(label: &str, case: &Value, feed: &[Value], router: &mut Router) {
    let moment = |entry: &Value| {
        let text = |index: usize| Some(entry[index].as_str()?.to_owned());
        let message = text(2).zip(text(1)).map(|(payload, topic)| (topic, payload));
        (entry[0].as_i64().unwrap(), message.or_else(|| Some(("a/b".to_owned(), text(1)?))))
    };
    let feed: Vec<_> = feed.iter().map(moment).collect();
    let moments: Vec<_> = feed
        .iter()
        .map(|(at_ms, message)| Moment {
            at_ms: *at_ms,
            message: message.as_ref().map(|(topic, payload)| (topic.as_str(), payload.as_str())),
        })
        .collect();
    let outcomes: Vec<_> = fed(router, &moments).concat();
    let payloads: Vec<_> = outcomes.iter().cloned().filter_map(Outcome::payload).collect();
    assert_eq!(json!(payloads), case["output"], "{label}: {outcomes:?}");
    let reason = |outcome: &Outcome| match outcome {
        Outcome::Quarantined { reason, .. } => Some(reason.code()),
        _ => None,
    };
    let reasons: Vec<_> = outcomes.iter().filter_map(reason).collect();
    assert_eq!(json!(reasons), *case.get("reasons").unwrap_or(&json!([])), "{label}: {outcomes:?}");
    if let Some(topics) = case.get("topics") {
        let found: Vec<_> = outcomes.into_iter().filter_map(Outcome::topic).collect();
        assert_eq!(&json!(found), topics, "{label}");
    }
    assert!(router.stats().is_balanced(), "{label}: {:?}", router.stats());
}

fn check(label: &str, case: &Value, spec: &RouterSpec, plan: Plan) {
    let mut router = router(plan);
    if let Some(feed) = case.get("feed") {
        return check_feed(label, case, feed.as_array().unwrap(), &mut router);
    }
    let payload = case["input_hex"].as_str().map_or_else(|| case["input"].as_str().unwrap().into(), unhex);
    let outcomes = routed_bytes(&mut router, "a/b", &payload);
    assert!(router.stats().is_balanced(), "{label}");
    if let Some(reason) = case.get("reason") {
        let [Outcome::Quarantined { step, reason: found, .. }] = &outcomes[..] else {
            panic!("{label}: {outcomes:?}");
        };
        assert_eq!(found.code(), reason.as_str().unwrap(), "{label}");
        assert_eq!(step.map(u64::from), case["step"].as_u64(), "{label}");
        return;
    }
    let payloads: Vec<_> = outcomes.iter().cloned().filter_map(Outcome::payload).collect();
    assert_eq!(json!(payloads), case["output"], "{label}: {outcomes:?} {:?}", spec.routes[0].steps);
    if let Some(topics) = case.get("topics") {
        let found: Vec<_> = outcomes.into_iter().filter_map(Outcome::topic).collect();
        assert_eq!(&json!(found), topics, "{label}");
    }
}

#[test]
fn vectors_hold_on_both_paths() {
    let files = vectors();
    assert!(files.len() > transform::docs().count());
    for (name, file) in files {
        for (case, raw) in cases(&name, &file) {
            let label = format!("{name}: {}", case["name"]);
            let spec = spec_of(&case, &raw);
            if let Some(error) = case.get("error") {
                let errors = Plan::compile(&spec).err().unwrap_or_else(|| panic!("{label}: compiles"));
                assert_eq!(errors[0].path_text(), error["path"].as_str().unwrap(), "{label}: {errors:?}");
                assert!(errors[0].message.starts_with(error["message"].as_str().unwrap()), "{label}: {errors:?}");
                continue;
            }
            check(&label, &case, &spec, Plan::compile(&spec).unwrap_or_else(|errors| panic!("{label}: {errors:?}")));
            check(&(label + " (general)"), &case, &spec, Plan::compile_general(&spec).unwrap());
        }
    }
}

#[test]
fn every_verb_has_documentation_an_example_that_runs_and_vectors() {
    let vectors: Vec<String> = vectors().into_iter().map(|(name, _)| name).collect();
    for doc in transform::docs() {
        assert!(vectors.iter().any(|name| name == doc.verb), "tests/vectors/steps/{}.json is missing", doc.verb);
        assert!(doc.summary.ends_with('.') && !doc.arguments.is_empty() && !doc.rules.is_empty(), "{}", doc.verb);
        let raw = format!("{{\"steps\":[{}]}}", doc.example.step);
        let case = serde_json::from_str(&raw).unwrap();
        let plan = Plan::compile(&spec_of(&case, &raw)).unwrap_or_else(|errors| panic!("{}: {errors:?}", doc.verb));
        // Several lines are several messages, a second apart; then nothing comes for an hour.
        let lines: Vec<&str> = doc.example.input.split('\n').collect();
        let mut moments = Vec::new();
        for (at_ms, line) in (0..).step_by(1000).zip(lines) {
            moments.push(Moment { at_ms, message: Some(("a/b", line)) });
        }
        moments.push(Moment { at_ms: 3_600_000, message: None });
        let outcomes = match &moments[..] {
            [Moment { message: Some((topic, payload)), .. }, _] => routed(&mut router(plan), topic, payload),
            moments => fed(&mut router(plan), moments).concat(),
        };
        let payloads: Vec<_> = outcomes.into_iter().filter_map(Outcome::payload).collect();
        assert_eq!(payloads.join("\n"), doc.example.output, "{}", doc.verb);
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/steps.md");
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == transform::page(), "run `cargo run -p pronubes-core --example steps_page`");
}
