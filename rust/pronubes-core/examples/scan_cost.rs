//! What one scan costs, for callgrind: instructions per message, counted without noise.
//!
//! `valgrind --tool=callgrind --toggle-collect='*scan_many*' target/release/examples/scan_cost small`
//! counts 1,000 scans of the 56-byte message with three paths; `state` is 1.4 KB of nested machine state with seven
//! paths, `wide` an object of 100 tags. More instructions mean that every message of every JSON route costs more.

use std::hint::black_box;
use std::process::ExitCode;

use pronubes_core::payload::{Fault, FieldPath, Limits, PathError, PathSet, PathSetBuilder, Scan, number, scan};

const ROUNDS: usize = 1_000;

fn path_set(texts: &[&str]) -> Result<PathSet, PathError> {
    let mut builder = PathSetBuilder::default();
    for text in texts {
        builder.add(&FieldPath::parse(text)?);
    }
    Ok(builder.build().unwrap_or_default())
}

/// Nested machine state of 1.4 KB: numbers, short strings, a few arrays.
fn machine_state() -> String {
    let axis = |name: &str| {
        format!(
            r#""{name}":{{"position":123.456,"velocity":-0.25,"torque":12.5,"enabled":true,"fault":null,"limits":[-500.0,500.0]}}"#
        )
    };
    let axes: Vec<String> = ["x", "y", "z", "a", "b", "c", "u", "v"].map(axis).into();
    let alarms: Vec<String> =
        (0..4).map(|number| format!(r#"{{"id":{},"text":"Coolant low","active":false}}"#, 4711 + number)).collect();
    format!(
        r#"{{"machine":{{"id":"M-017","line":"bottling-2","state":"RUNNING","mode":"AUTO"}},"ts":1732270000123,"axes":{{{}}},"program":{{"name":"O1234.nc","block":1024,"feed":2500.0,"spindle":12000}},"alarms":[{}],"counters":{{"good":18231,"bad":12,"total":18243}},"temperature":{{"spindle":41.7,"cabinet":33.2,"coolant":21.9}}}}"#,
        axes.join(","),
        alarms.join(",")
    )
}

/// The part that is counted.
#[inline(never)]
fn scan_many(payload: &[u8], paths: &PathSet, found: &mut Scan) -> Result<(), Fault> {
    let limits = Limits::default();
    for _ in 0..ROUNDS {
        scan(black_box(payload), paths, &limits, found)?;
        black_box(&*found);
    }
    Ok(())
}

/// Reading and writing one double, for the second figure.
#[inline(never)]
fn number_many(out: &mut Vec<u8>) {
    for _ in 0..ROUNDS {
        out.clear();
        let value = number::parse_f64(black_box(b"21.37")).unwrap_or_default();
        let written = number::write_f64(out, value * 1.8 + 32.0);
        black_box((written.is_ok(), &*out));
    }
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let tags: Vec<String> = (0..100).map(|number| format!(r#""area1.line2.tag{number:03}":{number}.25"#)).collect();
    let (payload, paths): (String, &[&str]) = match name.as_str() {
        "small" => {
            (r#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD"}"#.to_owned(), &["value", "ts", "quality"])
        }
        "state" => (
            machine_state(),
            &[
                "machine.state",
                "machine.id",
                "ts",
                "axes.x.position",
                "axes.y.position",
                "program.feed",
                "counters.good",
            ],
        ),
        "wide" => (format!("{{{}}}", tags.join(",")), &["\"area1.line2.tag050\""]),
        "number" => {
            number_many(&mut Vec::new());
            return ExitCode::SUCCESS;
        }
        _ => return ExitCode::FAILURE,
    };
    let Ok(paths) = path_set(paths) else { return ExitCode::FAILURE };
    let mut found = Scan::default();
    if scan_many(payload.as_bytes(), &paths, &mut found).is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
