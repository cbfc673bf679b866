//! When messages are due. Open loop: the schedule goes on whether or not the router keeps up, and latency counts from the schedule.

use serde::Deserialize;

/// How the inputs are spaced.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Pace {
    /// As fast as the router takes them.
    Flood,
    /// Evenly, so many a second.
    Even { rate: f64 },
    /// So many a second, `size` at once.
    Bursts { rate: f64, size: u64 },
    /// Nothing: what the router costs while idle.
    None,
}

impl Pace {
    /// How many messages are due this long after the phase began.
    pub(crate) fn due(self, elapsed_ns: u64) -> u64 {
        match self {
            Self::Flood => u64::MAX,
            Self::Even { rate } => (elapsed_ns as f64 * rate / 1e9) as u64,
            Self::Bursts { rate, size } => (elapsed_ns as f64 * rate / 1e9 / size as f64) as u64 * size,
            Self::None => 0,
        }
    }

    /// When message number `index` of the phase was due, after its beginning; `None` when it is due at once.
    pub(crate) fn scheduled(self, index: u64) -> Option<u64> {
        match self {
            Self::Flood | Self::None => None,
            Self::Even { rate } => Some(((index + 1) as f64 * 1e9 / rate) as u64),
            Self::Bursts { rate, size } => Some(((index / size + 1) as f64 * size as f64 * 1e9 / rate) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_on_their_schedule() {
        let second = 1_000_000_000;
        let even = Pace::Even { rate: 5000.0 };
        let bursts = Pace::Bursts { rate: 5000.0, size: 50 };
        assert_eq!((even.due(second), bursts.due(second)), (5000, 5000));
        assert_eq!((even.due(399_999), bursts.due(9_999_999), bursts.due(10_000_001)), (1, 0, 50));
        assert_eq!(
            (even.scheduled(0), bursts.scheduled(49), bursts.scheduled(50)),
            (Some(200_000), Some(10_000_000), Some(20_000_000))
        );
        assert_eq!((Pace::None.due(second), Pace::Flood.due(0)), (0, u64::MAX));
    }
}
