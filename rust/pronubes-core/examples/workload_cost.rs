//! What the router costs on a workload of the benchmark, for callgrind, after a check that every output is right.
//!
//! `workload_cost SPEC.json MESSAGES.ndjson ROUNDS` is run by `bench/micro.py`, which writes both files and takes the
//! difference of two numbers of rounds. A message line holds `topic`, `payload` and the expected `outputs`; they are
//! compared by meaning in one pass that comes before the rounds. A rise means that every routed message costs more.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use pronubes_core::spec::RouterSpec;
use pronubes_core::{Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, RouteId, Router, SourceId};
use serde_json::Value;

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

/// Copies what comes out into one buffer, as a sink's output does.
#[derive(Default)]
struct Copied {
    buffer: Vec<u8>,
}

impl Outlet for Copied {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.buffer.extend_from_slice(emission.topic);
        self.buffer.extend_from_slice(emission.payload);
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, fault: &Quarantined<'_>) {
        _ = black_box(fault.reason);
    }
    fn filtered(&mut self, _: RouteId) {}
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spec, messages, rounds] = arguments.as_slice() else {
        return Err("usage: workload_cost SPEC.json MESSAGES.ndjson ROUNDS".into());
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
    let began = Instant::now();
    run(&mut router, &lines, rounds);
    let per_message = began.elapsed().as_nanos() / (rounds * lines.len()).max(1) as u128;
    writeln!(io::stdout(), "loaded in {loading:?}, {} messages right, {per_message} ns a message", lines.len())?;
    Ok(())
}

fn message(line: &Line) -> Message<'_> {
    Message { source: SourceId(0), topic: &line.topic, payload: line.payload.as_bytes(), meta: Meta::default() }
}

fn run(router: &mut Router, lines: &[Line], rounds: usize) {
    let mut outlet = Copied::default();
    for _ in 0..rounds {
        for line in lines {
            black_box(router.route(&message(line), &mut outlet));
            black_box(&outlet.buffer);
            outlet.buffer.clear();
        }
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
