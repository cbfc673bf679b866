//! Latencies in logarithmic buckets: 32 to each power of two, so a percentile is at most 3 % off.

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;
const BUCKETS: usize = 64 * SUB as usize;

/// Counts of nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }

    pub(crate) fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.max = self.max.max(value);
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = 0;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The upper edge of the bucket that holds the share `quantile` of all values; 0 when there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        let wanted = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_edge(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - SUB_BITS;
    ((u64::from(shift) + 1) * SUB + ((value >> shift) - SUB)) as usize
}

fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let shift = index / SUB - 1;
    let low = u128::from(SUB + index % SUB) << shift;
    u64::try_from(low + (1u128 << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_under_the_edge_of_its_bucket_and_within_three_percent() {
        for value in (0..200).chain([1_000, 65_535, 65_536, 1 << 33, u64::MAX / 3, u64::MAX]) {
            let edge = upper_edge(bucket(value));
            assert!(edge >= value, "{value} above its edge {edge}");
            assert!((edge - value) as f64 <= value as f64 * 0.032, "{value} far below {edge}");
        }
    }

    #[test]
    fn quantiles_of_a_ramp_are_where_they_should_be() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.99), 0);
        (1..=1000).for_each(|value| histogram.record(value * 1000));
        for (quantile, exact) in [(0.5, 500_000.0), (0.99, 990_000.0), (0.999, 999_000.0), (1.0, 1_000_000.0)] {
            let found = histogram.quantile(quantile) as f64;
            assert!((found / exact - 1.0).abs() < 0.032, "{quantile}: {found} against {exact}");
        }
    }
}
