//! What expressions cost, at load and per message; for callgrind too:
//!
//! ```text
//! cargo build --release -p pronubes-core --example expr_cost
//! target/release/examples/expr_cost load
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/expr_cost eval 'payload.value * 1.8 + 32.0' 200000
//! ```
//!
//! `eval` evaluates one expression on cells of a scanned payload (the scan is set-up); subtract a run with 0 rounds.
//! `load` compiles 50,000 expressions of 50 texts, as 10,000 routes have them. A rise of `eval` is paid by every
//! message, a rise of `load` by every start and reload.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use pronubes_core::expr::{ExprCompiler, Inputs, ParseCache, Vars};
use pronubes_core::message::Meta;
use pronubes_core::payload::{Cell, Limits, Literals, PathSetBuilder, Scan, TextArena, scan};

const PAYLOAD: &[u8] = br#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD", "count": 17}"#;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_else(|| "load".to_owned());
    if mode == "load" {
        return load();
    }
    let source = arguments.next().unwrap_or_else(|| "payload.value * 1.8 + 32.0".to_owned());
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5_000_000);
    eval(&source, rounds)
}

fn eval(source: &str, rounds: u32) -> io::Result<()> {
    let (mut paths, mut literals, cache) = (PathSetBuilder::default(), Literals::default(), ParseCache::default());
    let vars = Vars::new();
    let mut compiler = compiler(&vars, &mut paths, &mut literals, &cache);
    let expr = compiler.compile(source).map_err(|errors| io::Error::other(format!("{errors:?}")))?;
    let paths = paths.build().map_err(io::Error::other)?;
    let mut found = Scan::default();
    scan(PAYLOAD, &paths, &Limits::default(), &mut found).map_err(io::Error::other)?;
    let (meta, mut text) = (Meta::default(), TextArena::default());
    let started = Instant::now();
    for _ in 0..rounds {
        text.clear();
        let inputs = Inputs {
            payload: black_box(PAYLOAD),
            topic: "raw/a/l1/p1/temp/t1",
            captures: &[],
            meta: &meta,
            source: "shopfloor",
            key: Cell::Missing,
            literals: &literals,
            tables: &pronubes_core::tables::Tables::default(),
        };
        let mut scope = inputs.scope(black_box(&found.cells), &mut text);
        let _ = black_box(expr.eval(&mut scope));
    }
    let nanos = started.elapsed().as_secs_f64() * 1e9 / f64::from(rounds.max(1));
    writeln!(io::stdout(), "{nanos:6.1} ns  {source}")
}

fn load() -> io::Result<()> {
    let sources: Vec<String> = (0..10)
        .flat_map(|n| {
            [
                format!("payload.quality == \"GOOD\" && payload.value > -{n}.5"),
                format!("payload.value * 1.{n} + 32.0"),
                format!("has(payload.unit) && payload.unit in [\"C\", \"F\", \"K{n}\"] ? payload.value : payload.raw / {}.0", n + 1),
                format!("payload.value > {n}.0 || meta.qos == 1 && tag.startsWith(\"t{n}\")"),
                format!("area + \"-\" + tag + \"-{n}\""),
            ]
        })
        .collect();
    let (mut literals, cache, vars) = (Literals::default(), ParseCache::default(), Vars::new());
    let started = Instant::now();
    for (number, source) in sources.iter().enumerate() {
        let parsing = Instant::now();
        black_box(cache.parse(source)).map_err(|errors| io::Error::other(format!("{errors:?}")))?;
        if number < 6 {
            writeln!(io::stdout(), "parse {:6.0} us  {source}", parsing.elapsed().as_secs_f64() * 1e6)?;
        }
    }
    let parsed = started.elapsed();
    let mut kept = Vec::with_capacity(50_000);
    for route in 0..10_000 {
        let mut paths = PathSetBuilder::default();
        let mut compiler = compiler(&vars, &mut paths, &mut literals, &cache);
        for part in 0..5 {
            let source = &sources[(route * 5 + part) % sources.len()];
            kept.push(compiler.compile(source).map_err(|errors| io::Error::other(format!("{errors:?}")))?);
        }
        black_box(paths.build()).map_err(io::Error::other)?;
    }
    let all = started.elapsed();
    writeln!(io::stdout(), "50 distinct parsed in {parsed:.1?}; {} compiled in {all:.1?} with them", kept.len())
}

fn compiler<'a>(
    vars: &'a Vars,
    paths: &'a mut PathSetBuilder,
    literals: &'a mut Literals,
    cache: &'a ParseCache,
) -> ExprCompiler<'a> {
    use std::sync::LazyLock;
    static CAPTURES: LazyLock<[Box<str>; 2]> = LazyLock::new(|| ["area".into(), "tag".into()]);
    ExprCompiler { captures: &*CAPTURES, vars, allow_key: false, paths, literals, cache }
}
