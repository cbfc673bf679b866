//! Any text as a specification; what compiles is run on a payload, on both paths, and must give the same.

use pronubes_core::spec::RouterSpec;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, Reason, RouteId, Router, SourceId};

/// Keeps what came out.
#[derive(Default, PartialEq, Debug)]
struct Kept {
    emitted: Vec<(Vec<u8>, Vec<u8>)>,
    reasons: Vec<(RouteId, Reason, Option<u16>)>,
}

impl Outlet for Kept {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.emitted.push((emission.topic.to_vec(), emission.payload.to_vec()));
    }

    fn hook(&mut self, _: &HookCall<'_>) {}

    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        self.reasons.push((fault.route, fault.reason, fault.step));
    }

    fn filtered(&mut self, _: RouteId) {}
}

/// Panics when something that must hold does not. A NUL parts the specification from the payload.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (spec, payload) = text
        .split_once('\0')
        .unwrap_or((&text, r#"{"a":1,"b":"x","m":{"x":1.50,"y":[1,{"z":null}]},"a\u0062":2,"ts":1732270000123}"#));
    let Ok(spec) = serde_json::from_str::<RouterSpec>(spec) else { return };
    let (fast, general) = match (Plan::compile(&spec), Plan::compile_general(&spec)) {
        (Ok(fast), Ok(general)) => (fast, general),
        (Err(errors), Err(_)) => {
            assert!(errors.iter().all(|error| !error.path.is_empty() && !error.message.is_empty()), "{errors:?}");
            return;
        }
        (fast, general) => panic!("only one path compiles: {:?} {:?}", fast.err(), general.err()),
    };
    if fast.sources().is_empty() {
        return;
    }
    let mut routers = [Router::new(fast.into()), Router::new(general.into())];
    for topic in ["a/b/c", "a", "raw/l1/temp"] {
        let message = Message { source: SourceId(0), topic, payload: payload.as_bytes(), meta: Meta::default() };
        let [fast, general] = &mut routers;
        let (mut left, mut right) = (Kept::default(), Kept::default());
        assert_eq!(fast.route(&message, &mut left), general.route(&message, &mut right));
        assert_eq!(left, right);
        let _ = fast.explain(&message);
    }
    assert!(routers.iter().all(|router| router.stats().is_balanced()));
}
