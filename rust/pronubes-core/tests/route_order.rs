//! Without `final` and `otherwise` the order of routes does not matter; and no value changes the depth of a topic.

mod common;

use common::{Outcome, compile, routed};
use pronubes_core::Router;
use proptest::prelude::*;

/// Routes that meet on topics, with different conditions and steps, so that they share scans and do not.
const ROUTES: [&str; 7] = [
    r#"{"name":"r0","filter":"a/{x}","where":"payload.v > 3","topic":"r0/{x}","to":[{"sink":"s"}]}"#,
    r#"{"name":"r1","filter":"a/#","steps":[{"scale":{"field":"v","factor":2}}],"topic":"r1","to":[{"sink":"s"}]}"#,
    r#"{"name":"r2","filter":"+/b","steps":[{"drop":["v"]},{"rename":{"w":"v"}}],"topic":"r2","to":[{"sink":"s"}]}"#,
    r#"{"name":"r3","topic":"r3/{payload.w}","to":[{"sink":"s"}]}"#,
    r#"{"name":"r4","filter":"a/b","steps":[{"set":{"m.x":1}},{"flatten":{}}],"topic":"r4","to":[{"sink":"s"}]}"#,
    r#"{"name":"r5","filter":"{p#}","steps":[{"keep":["w","m.y"]}],"topic":"r5","to":[{"sink":"s"}]}"#,
    r#"{"name":"r6","filter":"a/{k}","steps":[{"compute":{"v":"payload.w"}}],"topic":"r6/{k}","to":[{"sink":"s"}]}"#,
];

fn router(order: &[usize]) -> Router {
    let routes: Vec<&str> = order.iter().map(|index| ROUTES[*index]).collect();
    Router::new(compile(&format!(r#"{{"sources":["p"],"sinks":["s"],"routes":[{}]}}"#, routes.join(","))))
}

fn sorted(mut outcomes: Vec<Outcome>) -> Vec<String> {
    let mut texts: Vec<String> = outcomes.drain(..).map(|outcome| format!("{outcome:?}")).collect();
    texts.sort();
    texts
}

fn payload() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![Just("1"), Just("4.50"), Just("\"x\""), Just("null")];
    let field = (prop_oneof![Just("v"), Just("w"), Just("m")], scalar).prop_map(|(key, value)| {
        if key == "m" { format!(r#""m":{{"y":{value}}}"#) } else { format!("\"{key}\":{value}") }
    });
    prop::collection::vec(field, 0..4).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

proptest! {
    #[test]
    fn the_order_of_routes_does_not_matter(
        order in Just((0..ROUTES.len()).collect::<Vec<_>>()).prop_shuffle(),
        payloads in prop::collection::vec(payload(), 1..8),
    ) {
        let file_order: Vec<usize> = (0..ROUTES.len()).collect();
        let (mut left, mut right) = (router(&file_order), router(&order));
        for payload in &payloads {
            for topic in ["a/b", "a/c", "c/b", "x"] {
                prop_assert_eq!(sorted(routed(&mut left, topic, payload)), sorted(routed(&mut right, topic, payload)), "{} {}", topic, payload);
            }
        }
    }

    #[test]
    fn no_value_changes_the_depth_of_a_topic(level in r"[a+#/\x00$ü]{0,3}", value in r"[a+#/\x00$ü]{0,3}") {
        let spec = r#"{"sources":["p"],"sinks":["s"],"routes":[{"name":"r","filter":"a/{x}/b",
            "topic":"out/{x}/{payload.v}/end","to":[{"sink":"s"}]}]}"#;
        let payload = serde_json::json!({ "v": value }).to_string();
        // The topic may have become another one; then the route does not match.
        for outcome in routed(&mut Router::new(compile(spec)), &format!("a/{level}/b"), &payload) {
            if let Outcome::Emitted { topic, .. } = outcome {
                prop_assert_eq!(topic.split('/').count(), 4);
                prop_assert!(pronubes_core::topic::validate_topic(&topic).is_ok(), "{}", topic);
            }
        }
    }
}
