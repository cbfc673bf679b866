//! What a message costs inside the router, by workload: `cargo run --release -p pronubes-core --example route_cost`.
//!
//! A rise here is a rise of the CPU that every message of every plant costs. For instruction counts:
//! `valgrind --tool=callgrind --toggle-collect='*measured*' target/release/examples/route_cost W1 20000`.

#![expect(clippy::print_stdout, reason = "it reports on standard output")]

use std::hint::black_box;
use std::time::Instant;

use pronubes_core::{
    Emission, HookCall, Message, Meta, Outlet, Plan, Quarantined, RouteId, Router, SourceId, spec::RouterSpec,
};

/// Counts bytes, so that nothing is optimised away.
#[derive(Default)]
struct Counted {
    emitted: u64,
    bytes: usize,
    other: u64,
}

impl Outlet for Counted {
    fn emit(&mut self, emission: &Emission<'_>) {
        self.emitted += 1;
        self.bytes += emission.topic.len() + emission.payload.len();
    }
    fn hook(&mut self, _: &HookCall<'_>) {
        self.other += 1;
    }
    fn quarantine(&mut self, _: &Quarantined<'_>) {
        self.other += 1;
    }
    fn filtered(&mut self, _: RouteId) {
        self.other += 1;
    }
}

const W1_ROUTE: &str = r#"{"name":"NAME","filter":"raw/{area}/{line}/{plc}/temp/{tag}",
  "where":"payload.quality == \"GOOD\" && payload.value > -40.0",
  "steps":[{"scale":{"field":"value","factor":1.8,"offset":32}},{"rename":{"ts":"timestamp_ms"}},
           {"drop":["quality"],"where":"payload.quality == \"GOOD\""},{"set":{"unit":"[degF]"}}],
  "topic":"acme/cologne/{area}/{line}/{plc}/{tag}","to":[{"sink":"uns"}]}"#;

struct Workload {
    name: &'static str,
    routes: Vec<String>,
    messages: Vec<(String, String)>,
}

fn w1_messages() -> Vec<(String, String)> {
    let message = |n: u64| {
        let payload =
            format!(r#"{{"value": {}.{:02}, "ts": {}, "quality": "GOOD"}}"#, n % 90, n % 97, 1_732_270_000_123 + n);
        (format!("raw/filling/line{}/plc{}/temp/t{n}", n % 7, n % 31), payload)
    };
    (0..1_000).map(message).collect()
}

fn w2_messages() -> Vec<(String, String)> {
    let section = |name: &str, n: u64| {
        format!(
            r#""{name}":{{"temp":{n}.5,"rpm":{n},"load":0.{n},"state":"RUNNING","phase":{{"a":1.{n},"b":2.{n},"c":3.{n}}},"alarms":[1,2,{n}]}}"#
        )
    };
    let message = |n: u64| {
        let names = [
            "motor", "pump", "gearbox", "fan", "drive", "heater", "cooler", "conveyor", "press", "robot", "valve",
            "chiller",
        ];
        let sections: Vec<_> = names.iter().map(|name| section(name, n % 90 + 10)).collect();
        (format!("machine/m{n}"), format!(r#"{{"id":{n},"mode":"AUTO",{}}}"#, sections.join(",")))
    };
    (0..200).map(message).collect()
}

fn w3_messages() -> Vec<(String, String)> {
    let message = |n: u64| {
        let tags: Vec<_> = (0..100).map(|tag| format!(r#""tag_{tag:03}":{{"v":{n}.{tag},"q":192}}"#)).collect();
        (format!("plc/p{n}"), format!("{{{}}}", tags.join(",")))
    };
    (0..50).map(message).collect()
}

fn workloads() -> Vec<Workload> {
    let named = |name: &str| W1_ROUTE.replace("NAME", name);
    let w2 = r#"{"name":"w2","filter":"machine/{id}","where":"payload.mode == \"AUTO\" && payload.motor.rpm > 5",
      "steps":[{"keep":["id","motor.temp","pump.rpm","fan.state","press.load"]},
               {"rename":{"motor.temp":"temp","pump.rpm":"rpm","fan.state":"state","press.load":"load"}}],
      "topic":"acme/{id}","to":[{"sink":"uns"}]}"#;
    let w3 = r#"{"name":"w3","filter":"plc/{plc}","steps":[{"explode":{}}],"topic":"acme/{plc}/{key}","to":[{"sink":"uns"}]}"#;
    let deep = W1_ROUTE.replace("NAME", "deep").replace("\"set\":{\"unit\"", "\"set\":{\"meta.unit\"");
    let rename_only = r#"{"name":"w5","filter":"raw/{area}/{line}/{plc}/temp/{tag}","topic":"acme/{line}/{tag}","to":[{"sink":"uns"}]}"#;
    let shape = r#"{"name":"shape","filter":"raw/{rest#}","steps":[{"shape":{"from":{"value":"value","quality":"quality","time":"ts"},"to":"i3x"}}],
      "topic":"acme/{rest}","to":[{"sink":"uns"}]}"#;
    vec![
        Workload { name: "W1", routes: vec![named("w1")], messages: w1_messages() },
        Workload { name: "W2", routes: vec![w2.into()], messages: w2_messages() },
        Workload { name: "W3", routes: vec![w3.into()], messages: w3_messages() },
        Workload { name: "W5", routes: vec![rename_only.into()], messages: w1_messages() },
        Workload { name: "shape", routes: vec![shape.into()], messages: w1_messages() },
        Workload { name: "overlapping", routes: vec![named("a"), named("b"), named("c")], messages: w1_messages() },
        Workload { name: "general", routes: vec![deep], messages: w1_messages() },
    ]
}

fn spec(routes: &[String]) -> RouterSpec {
    let text = format!(r#"{{"sources":["plant"],"sinks":["uns"],"routes":[{}]}}"#, routes.join(","));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn router(routes: &[String]) -> Router {
    Router::new(Plan::compile(&spec(routes)).unwrap_or_else(|errors| panic!("{errors:?}")).into())
}

#[inline(never)]
fn measured(router: &mut Router, messages: &[(String, String)], rounds: usize, outlet: &mut Counted) {
    for number in 0..rounds {
        let (topic, payload) = &messages[number % messages.len()];
        let message = Message { source: SourceId(0), topic, payload: payload.as_bytes(), meta: Meta::default() };
        black_box(router.route(black_box(&message), outlet));
    }
}

/// The median of some rounds, per message that leaves.
fn run(name: &str, router: &mut Router, messages: &[(String, String)], rounds: usize) {
    let mut outlet = Counted::default();
    messages.iter().for_each(|message| measured(router, std::slice::from_ref(message), 1, &mut outlet));
    let mut times: Vec<f64> = (0..7)
        .map(|_| {
            outlet = Counted::default();
            let start = Instant::now();
            measured(router, messages, rounds, &mut outlet);
            start.elapsed().as_secs_f64() * 1e9 / (outlet.emitted.max(1) as f64)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    assert_eq!(outlet.other, 0, "{name}: everything is routed");
    println!(
        "{name:24} {:7.0} ns per message out, {:.0} bytes each",
        times[3],
        outlet.bytes as f64 / outlet.emitted as f64
    );
}

/// Load time and cost of a hit by number of routes.
fn scale() {
    for count in [10_usize, 1_000, 10_000, 100_000] {
        let route = |n: usize| {
            W1_ROUTE
                .replace("NAME", &format!("r{n}"))
                .replace("raw/{area}", &format!("raw/{n}"))
                .replace("acme/cologne/{area}", "acme")
                .replace("-40.0", &format!("-{}.0", n % 50 + 1))
        };
        let spec = spec(&(0..count).map(route).collect::<Vec<_>>());
        let start = Instant::now();
        let plan = Plan::compile(&spec).unwrap_or_else(|errors| panic!("{:?}", errors[0]));
        let load = start.elapsed();
        let mut router = Router::new(plan.into());
        let messages: Vec<_> = w1_messages()
            .into_iter()
            .enumerate()
            .map(|(n, (topic, payload))| (topic.replace("filling", &(n * count / 1_000 % count).to_string()), payload))
            .collect();
        println!("{count} routes load in {:.3} s", load.as_secs_f64());
        run("  a hit", &mut router, &messages, 200_000);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments.get(1).map(String::as_str);
    let rounds = arguments.get(2).and_then(|rounds| rounds.parse().ok()).unwrap_or(200_000);
    for Workload { name, routes, messages } in workloads() {
        if wanted.is_none_or(|wanted| wanted == name) {
            let rounds = if wanted.is_none() && name != "W1" { rounds / 10 } else { rounds };
            run(name, &mut router(&routes), &messages, rounds);
        }
    }
    if wanted.is_none_or(|wanted| wanted == "scale") {
        scale();
    }
}
