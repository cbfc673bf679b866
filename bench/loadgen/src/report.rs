//! What a run found, as one line of JSON.

use serde::Serialize;

use crate::histogram::Histogram;

/// The report; every duration says its unit in its name.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// All that was sent came back, once, in order per topic, and right.
    pub ok: bool,
    /// The first things that were wrong, in words.
    pub problems: Vec<String>,
    pub protocol: &'static str,
    pub sent: u64,
    pub expected: u64,
    pub returned: u64,
    pub lost: u64,
    pub duplicates: u64,
    pub out_of_order: u64,
    pub wrong: u64,
    pub compared_by_meaning: u64,
    /// Inputs acknowledged by the router, and the most outputs still missing for them at any time (0: end-to-end acknowledgement).
    pub acked: u64,
    pub acked_ahead: u64,
    /// From the start of the router's process.
    pub subscribed_ms: f64,
    pub first_message_ms: f64,
    pub measured: Measured,
}

/// The measured phase alone.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Measured {
    pub seconds: f64,
    pub inputs: u64,
    pub outputs: u64,
    pub bytes_to_router: u64,
    pub bytes_from_router: u64,
    pub cpu_ns: u64,
    /// CPU of the router's process tree over messages that came back.
    pub cpu_us_per_message: f64,
    /// Share of one core that the router used; well below 1 the rate is a lower bound.
    pub router_cores: f64,
    /// Shares of the time in which router and generator could run and had no core: above a few percent, rate and latency are the machine's.
    pub router_waiting: f64,
    pub generator_waiting: f64,
    /// Share of the time in which the generator had something to do.
    pub generator_busy: f64,
    pub rate: f64,
    pub latency_us: Latency,
    pub ack_latency_us: Latency,
    pub resident_kib: u64,
    pub peak_kib: u64,
}

/// Percentiles in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub count: u64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let microseconds = |quantile| histogram.quantile(quantile) as f64 / 1000.0;
        Self {
            count: histogram.total(),
            p50: microseconds(0.5),
            p99: microseconds(0.99),
            p999: microseconds(0.999),
            max: histogram.max() as f64 / 1000.0,
        }
    }
}
