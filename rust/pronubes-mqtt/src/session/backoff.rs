//! Delays between attempts to connect: exponential, from 100 ms to 30 s, with jitter, so that a thousand clients do not come back
//! in step. Seed and time are arguments.

use crate::reason::Retry;

const SHORTEST_NS: u64 = 100_000_000;
const LONGEST_NS: u64 = 30_000_000_000;
/// A connection that lasted this long was a good one: the next loss starts from the shortest delay again.
const GOOD_NS: u64 = 10_000_000_000;

/// Says how long to wait before the next attempt. It never gives up.
#[derive(Debug, Clone)]
pub struct Backoff {
    random: u64,
    attempts: u32,
    connected_at: Option<u64>,
}

impl Backoff {
    /// A fresh one; different clients need different seeds.
    pub const fn new(seed: u64) -> Self {
        Self { random: seed, attempts: 0, connected_at: None }
    }

    /// The session is up (CONNACK arrived).
    pub fn connected(&mut self, now_ns: u64) {
        self.connected_at = Some(now_ns);
    }

    /// The connection is lost or an attempt failed: the delay before the next attempt, in nanoseconds. `retry` is what the
    /// broker's reason says, [`Retry::Soon`] when there was none.
    pub fn lost(&mut self, now_ns: u64, retry: Retry) -> u64 {
        if self.connected_at.take().is_some_and(|since| now_ns.saturating_sub(since) >= GOOD_NS) {
            self.attempts = 0;
        }
        let ceiling = match retry {
            Retry::Soon => (SHORTEST_NS << self.attempts.min(9)).min(LONGEST_NS),
            Retry::Later | Retry::Never => LONGEST_NS,
        };
        self.attempts = self.attempts.saturating_add(1);
        // "Full jitter" above a floor: anything between the shortest delay and twice the ceiling's step, never above the longest.
        let spread = (ceiling * 2).min(LONGEST_NS) - SHORTEST_NS;
        SHORTEST_NS + self.next_random() % (spread + 1)
    }

    /// SplitMix64: small, seedable, good enough to spread clients.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_spread_and_stay_within_their_bounds() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            let delays: Vec<u64> = (0..40).map(|_| backoff.lost(0, Retry::Soon)).collect();
            assert!(delays[0] <= 2 * SHORTEST_NS, "seed {seed}: {delays:?}");
            assert!(delays.iter().all(|delay| (SHORTEST_NS..=LONGEST_NS).contains(delay)), "seed {seed}: {delays:?}");
            assert!(delays[10..].iter().any(|delay| *delay > LONGEST_NS / 2), "seed {seed}: {delays:?}");
        }
        let first: std::collections::HashSet<u64> =
            (0..200).map(|seed| Backoff::new(seed).lost(0, Retry::Soon)).collect();
        assert!(first.len() > 190, "clients with different seeds come back at different times");
    }

    #[test]
    fn only_a_connection_that_lasted_starts_over() {
        let mut backoff = Backoff::new(7);
        for _ in 0..12 {
            backoff.connected(0);
            backoff.lost(GOOD_NS - 1, Retry::Soon);
        }
        assert_eq!(backoff.attempts, 12);
        backoff.connected(0);
        assert!(backoff.lost(GOOD_NS, Retry::Soon) <= 2 * SHORTEST_NS);
    }
}
