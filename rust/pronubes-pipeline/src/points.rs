//! The newest numbers of one topic, for a chart.

use std::collections::VecDeque;

/// At most this many points per topic, whatever a page asks for.
const MAX_POINTS: usize = 10_000;

/// A ring of (time, number).
#[derive(Debug)]
pub struct Points {
    ring: VecDeque<(i64, f64)>,
    capacity: usize,
}

impl Points {
    /// Room for `capacity` points (1 to 10,000); the oldest go first.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_POINTS);
        Self { ring: VecDeque::with_capacity(capacity), capacity }
    }

    /// Adds a number.
    pub fn push(&mut self, time_ns: i64, number: f64) {
        if self.ring.len() == self.capacity {
            self.ring.pop_front();
        }
        self.ring.push_back((time_ns, number));
    }

    /// The numbers after `since_ns`, oldest first.
    pub fn since(&self, since_ns: i64) -> impl Iterator<Item = (i64, f64)> {
        self.ring.iter().copied().filter(move |(time_ns, _)| *time_ns > since_ns)
    }
}
