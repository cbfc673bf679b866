//! What one run does, as `bench/run.py` writes it.

use serde::Deserialize;

use crate::pace::Pace;

/// One run against one router.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// File of the workload, one slot per line.
    pub workload: String,
    /// Expect every input unchanged (a forwarder) instead of the workload's outputs.
    #[serde(default)]
    pub identity: bool,
    /// Port to listen on; 0 takes a free one.
    #[serde(default)]
    pub port: u16,
    /// QoS of the inputs, 0 or 1.
    pub qos: u8,
    /// Unacknowledged inputs at QoS 1.
    #[serde(default = "default_window")]
    pub window: usize,
    /// Outputs that may be on their way before the generator waits.
    #[serde(default = "default_max_in_flight")]
    pub max_in_flight: u64,
    /// Connections to wait for before the first message.
    #[serde(default = "default_links")]
    pub links: usize,
    /// Passes over the workload whose outputs are compared by meaning before anything is timed.
    #[serde(default = "default_verify_rounds")]
    pub verify_rounds: u64,
    /// How messages are spaced while measured.
    pub pace: Pace,
    /// Seconds of the same load before the measured phase.
    pub warmup_s: f64,
    /// Seconds of the measured phase.
    pub measure_s: f64,
    /// Seconds to wait for outputs still on their way.
    #[serde(default = "default_drain")]
    pub drain_s: f64,
    /// Seconds to wait for the router to subscribe.
    #[serde(default = "default_ready")]
    pub ready_s: f64,
    /// Seconds for the verifying passes.
    #[serde(default = "default_verify")]
    pub verify_s: f64,
}

fn default_window() -> usize {
    1000
}

fn default_max_in_flight() -> u64 {
    100_000
}

fn default_links() -> usize {
    2
}

fn default_verify_rounds() -> u64 {
    1
}

fn default_drain() -> f64 {
    10.0
}

fn default_ready() -> f64 {
    20.0
}

fn default_verify() -> f64 {
    60.0
}
