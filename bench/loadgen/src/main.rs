//! The load generator of the benchmark: it plays the broker, so that the router is what is measured.
//!
//! It listens on loopback, accepts the router's connections, publishes pre-built packets to the one that subscribes, and checks every
//! message that comes back before it reports a figure. A real broker tops out far below what the router does (see
//! `bench/README.md`), so nothing else could show its ceiling.
//!
//! `pronubes-loadgen JOB.json` prints `{"event": "listening", "port": N}`, reads one line `PID STARTED_NS` about the router from its
//! standard input, runs the job, and prints the report as one line of JSON. Every run is bounded in count and in time.
//!
//! It refuses to be a broker: one subscriber, no retained messages, no sessions, no QoS 2.

mod broker;
mod check;
mod clock;
mod codec;
mod desk;
mod histogram;
mod job;
mod ledger;
mod meaning;
mod pace;
mod process;
mod report;
mod run;
mod sender;
mod workload;

use std::io::{BufRead as _, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;

use crate::job::Job;
use crate::process::Router;
use crate::workload::Workload;

/// Anything that ends the program with a sentence for the person who started it.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: pronubes-loadgen JOB.json  (bench/run.py writes the job)");
        return ExitCode::from(2);
    };
    match measure(&path) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("pronubes-loadgen: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Runs the job of a file and prints its report; true when all that came back was right.
fn measure(path: &str) -> Result<bool, Failure> {
    let text = std::fs::read(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    let job: Job = serde_json::from_slice(&text).map_err(|error| format!("`{path}` is not a job: {error}"))?;
    let workload = Workload::load(&job)?;
    let listener = TcpListener::bind(("127.0.0.1", job.port))?;
    say(&serde_json::json!({"event": "listening", "port": listener.local_addr()?.port()}))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let router = Router::parse(&line)?;
    let report = run::Run::new(&job, workload, listener, router)?.execute()?;
    say(&report)?;
    Ok(report.ok)
}

fn say(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}
