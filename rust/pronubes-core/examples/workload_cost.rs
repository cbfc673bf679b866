//! What the router costs on a workload of the benchmark, after a check that every output is right.
//!
//! `workload_cost SPEC.json MESSAGES.ndjson ROUNDS` is run by `bench/micro.py` under callgrind: it writes both files and takes
//! the difference of two numbers of rounds. With `--json` behind, `bench/run.py` gets one line of JSON: nanoseconds per message
//! and per output of the best round, and allocations per message. A message line holds `topic`, `payload` and the expected
//! `outputs`; they are compared by meaning in one pass that comes before the rounds. A rise means that every routed message
//! costs more.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use pronubes_core::spec::RouterSpec;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, RouteId, Router, SourceId};
use serde_json::{Value, json};

use common::{Copied, allocations};

mod common;

type Failure = Box<dyn std::error::Error>;

#[derive(serde::Deserialize)]
struct Line {
    topic: String,
    payload: String,
    outputs: Vec<Output>,
}

#[derive(serde::Deserialize)]
struct Output {
    topic: String,
    payload: Value,
}

/// Keeps what comes out of one message.
#[derive(Default)]
struct Kept {
    emitted: Vec<(String, Vec<u8>)>,
    reasons: Vec<String>,
}

impl Outlet for Kept {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.emitted.push((String::from_utf8_lossy(emission.topic).into_owned(), emission.payload.to_vec()));
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        self.reasons.push(fault.reason.to_string());
    }
    fn filtered(&mut self, _: RouteId) {}
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spec, messages, rounds, form @ ..] = arguments.as_slice() else {
        return Err("usage: workload_cost SPEC.json MESSAGES.ndjson ROUNDS [--json]".into());
    };
    let spec: RouterSpec = serde_json::from_slice(&std::fs::read(spec)?)?;
    let text = std::fs::read_to_string(messages)?;
    let lines: Vec<Line> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let rounds: usize = rounds.parse()?;
    let began = Instant::now();
    let plan = Plan::compile(&spec).map_err(|errors| format!("the specification does not compile: {errors:?}"))?;
    let loading = began.elapsed();
    let mut router = Router::new(Arc::new(plan));
    for (number, line) in lines.iter().enumerate() {
        check(&mut router, line).map_err(|problem| {
            format!("message {number}, topic `{}`, payload `{}`: {problem}", line.topic, line.payload)
        })?;
    }
    let measured = run(&mut router, &lines, rounds);
    if form == ["--json"] {
        writeln!(io::stdout(), "{}", json!({"problems": [], "figures": measured}))?;
    } else {
        let per_message = measured.ns_per_message;
        writeln!(io::stdout(), "loaded in {loading:?}, {} messages right, {per_message:.0} ns a message", lines.len())?;
    }
    Ok(())
}

/// What rounds over all messages took.
#[derive(serde::Serialize)]
struct Measured {
    /// Of the best round.
    ns_per_message: f64,
    ns_per_output: f64,
    /// Of the last round, when buffers have grown to what they need.
    allocations: f64,
}

fn message(line: &Line) -> Message<'_> {
    Message { source: SourceId(0), topic: &line.topic, payload: line.payload.as_bytes(), meta: Meta::default() }
}

fn run(router: &mut Router, lines: &[Line], rounds: usize) -> Measured {
    let mut outlet = Copied::default();
    let (mut best_ns, mut asked) = (f64::INFINITY, 0);
    for _ in 0..rounds {
        let (began, before) = (Instant::now(), allocations());
        for line in lines {
            black_box(router.route(&message(line), &mut outlet));
        }
        best_ns = best_ns.min(began.elapsed().as_nanos() as f64);
        asked = allocations() - before;
    }
    let outputs = outlet.emitted as f64 / rounds.max(1) as f64;
    let messages = lines.len() as f64;
    Measured {
        ns_per_message: best_ns / messages,
        ns_per_output: best_ns / outputs,
        allocations: asked as f64 / messages,
    }
}

fn check(router: &mut Router, line: &Line) -> Result<(), String> {
    let mut kept = Kept::default();
    router.route(&message(line), &mut kept);
    let told = || kept.emitted.iter().map(|(topic, payload)| format!("{topic} {}", String::from_utf8_lossy(payload)));
    let is_right = kept.emitted.len() == line.outputs.len()
        && kept.emitted.iter().zip(&line.outputs).all(|((topic, payload), output)| {
            let found: Option<Value> = serde_json::from_slice(payload).ok();
            *topic == output.topic && found.is_some_and(|found| same(&output.payload, &found))
        });
    if is_right {
        return Ok(());
    }
    let wanted: Vec<String> =
        line.outputs.iter().map(|output| format!("{} {}", output.topic, output.payload)).collect();
    Err(format!("expected {wanted:?}, found {:?} and reasons {:?}", told().collect::<Vec<_>>(), kept.reasons))
}

/// Equal but for key order and the last digits of doubles.
fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Number(wanted), Value::Number(found)) if wanted.is_f64() || found.is_f64() => {
            let [one, other] = [wanted, found].map(|number| number.as_f64().unwrap_or(f64::NAN));
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(one, other)| same(one, other))
        }
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted.iter().all(|(key, one)| found.get(key).is_some_and(|other| same(one, other)))
        }
        _ => wanted == found,
    }
}
