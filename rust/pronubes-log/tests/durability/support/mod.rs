//! What the tests of the log stand on: records known by a number, and a rig that keeps the ledger.

mod rig;
mod sent;

pub use rig::{DIR, Rig, SECOND};
pub use sent::{Names, Reading, Sent};

/// How often to do something: few times in `make test`, often in `make test-long`.
pub fn times(quick: u64, long: u64) -> u64 {
    if is_long() { long } else { quick }
}

/// Whether this is the long run.
pub fn is_long() -> bool {
    std::env::var_os("PRONUBES_LONG").is_some()
}

/// The seed of a test: the one of `PRONUBES_SEED`, in the long run a new one each time, else always the same. A failing test prints it.
#[expect(clippy::print_stdout, reason = "a failing test shows what it printed, and with it its seed")]
pub fn seed(test: &str) -> u64 {
    let given = std::env::var("PRONUBES_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| if is_long() { from_clock() } else { 1 });
    println!("{test}: seed {seed}; run it again with PRONUBES_SEED={seed}");
    seed
}

fn from_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
