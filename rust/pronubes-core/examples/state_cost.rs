//! What a stateful step costs over many tags: the same messages through the same route with and without it, turn by turn.
//!
//! `state_cost STEPS TAGS [MOVING]` is run by the benchmark: `STEPS` is the list of steps as JSON, `MOVING` the share of values that move by
//! more than 1 from pass to pass (1 when left out). Time passes by a second with each pass over all tags, and steps let go what is due. One
//! line of JSON: nanoseconds per message without and with, the difference (of the best passes), allocations per message, bytes per tag.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use pronubes_core::{Message, Meta, Plan, Router, SourceId};
use serde_json::json;

use common::{Copied, allocations};

mod common;

type Failure = Box<dyn std::error::Error>;

const PASSES: usize = 12;
const SECOND_NS: i64 = 1_000_000_000;

/// One of the two routers.
struct Side {
    router: Router,
    outlet: Copied,
    best_ns: f64,
    allocations: f64,
}

impl Side {
    fn new(steps: &serde_json::Value) -> Result<Self, Failure> {
        let spec = json!({"sources": ["plant"], "sinks": ["uns"], "limits": {"topic_table_bytes": 1_usize << 30},
            "routes": [{"name": "tags", "filter": "raw/{area}/{tag}", "where": "payload.value > -40.0", "steps": steps,
                "topic": "acme/{area}/{tag}", "to": [{"sink": "uns"}]}]});
        let plan = Plan::compile(&serde_json::from_value(spec)?).map_err(|errors| format!("{errors:?}"))?;
        let router = Router::new(Arc::new(plan));
        Ok(Self { router, outlet: Copied::default(), best_ns: f64::INFINITY, allocations: 0.0 })
    }

    /// All tags once, in an order that no cache foresees.
    fn pass(&mut self, number: usize, topics: &[String], order: &[u32], moving: f64) {
        let now_ns = i64::try_from(number).unwrap_or(0) * SECOND_NS;
        let payloads = [payload(number, true), payload(number, false)];
        let threshold = moving * topics.len() as f64;
        let (began, calls) = (Instant::now(), allocations());
        while self.router.advance(now_ns, 4_096, &mut self.outlet) {}
        for tag in order {
            let payload = &payloads[usize::from(f64::from(*tag) >= threshold)];
            let meta = Meta { received_ns: now_ns, ..Meta::default() };
            let message =
                Message { source: SourceId(0), topic: &topics[*tag as usize], payload: payload.as_bytes(), meta };
            black_box(self.router.route(&message, &mut self.outlet));
        }
        if number >= 2 {
            self.best_ns = self.best_ns.min(began.elapsed().as_nanos() as f64 / order.len() as f64);
            self.allocations += (allocations() - calls) as f64 / (order.len() * (PASSES - 2)) as f64;
        }
    }
}

/// A value that moves from pass to pass, or one that hardly does.
fn payload(pass: usize, moves: bool) -> String {
    let value = if moves { 20.25 + (pass % 2) as f64 * 5.0 } else { 20.25 + (pass % 2) as f64 * 0.5 };
    format!("{{\"value\": {value}, \"ts\": 17322700{:05}, \"quality\": \"GOOD\"}}", pass)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [steps, tags, rest @ ..] = arguments.as_slice() else {
        return Err("usage: state_cost STEPS TAGS [MOVING]".into());
    };
    let tags: u32 = tags.parse()?;
    let moving: f64 = rest.first().map_or(Ok(1.0), |text| text.parse())?;
    let topics: Vec<String> = (0..tags).map(|tag| format!("raw/area{}/tag-{tag:07}", tag % 50)).collect();
    let mut order: Vec<u32> = (0..tags).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for index in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(index, (state >> 33) as usize % (index + 1));
    }
    let mut sides = [Side::new(&json!([]))?, Side::new(&serde_json::from_str(steps)?)?];
    for number in 0..PASSES {
        for side in &mut sides {
            side.pass(number, &topics, &order, moving);
        }
    }
    let [without, with] = &sides;
    let problems: Vec<String> = sides
        .iter()
        .filter(|side| !side.router.stats().is_balanced() || side.outlet.quarantined > 0 || side.outlet.emitted == 0)
        .map(|side| format!("{} emitted, {} quarantined", side.outlet.emitted, side.outlet.quarantined))
        .collect();
    let bytes: usize = with.router.states().map(|state| state.bytes).sum();
    let figures = json!({"ns_without": without.best_ns, "ns_with": with.best_ns, "ns_more": with.best_ns - without.best_ns,
        "allocations": with.allocations, "bytes_per_tag": bytes as f64 / f64::from(tags),
        "emitted": with.outlet.emitted as f64 / without.outlet.emitted as f64});
    writeln!(io::stdout(), "{}", json!({"problems": problems, "figures": figures}))?;
    Ok(())
}
