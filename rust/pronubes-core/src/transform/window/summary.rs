//! What is known of the values of some time: mergeable, of constant size.

use super::Aggregate;
use crate::payload::{number, text};

/// A value with its time in nanoseconds; NaN stands for `null`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) time_ns: i64,
    pub(super) value: f64,
}

/// The summary of values. Empty, it has no extremes and no ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) count: u64,
    sum: f64,
    /// What rounding took from the sum (Neumaier 1974).
    lost: f64,
    mean: f64,
    /// The sum of the squared distances from the mean (Welford 1962).
    squares: f64,
    min: f64,
    max: f64,
    /// By time; of equal times what came first, and what came last.
    pub(super) first: Point,
    pub(super) last: Point,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            lost: 0.0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            first: Point { time_ns: i64::MAX, value: f64::NAN },
            last: Point { time_ns: i64::MIN, value: f64::NAN },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of messages, exact up to 2^53")]
fn double(count: u64) -> f64 {
    count as f64
}

impl Summary {
    /// Takes a value in.
    pub(super) fn add(&mut self, point: Point) {
        let value = point.value;
        self.count += 1;
        self.add_to_sum(value, 0.0);
        let distance = value - self.mean;
        self.mean += distance / double(self.count);
        self.squares += distance * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if point.time_ns < self.first.time_ns {
            self.first = point;
        }
        if point.time_ns >= self.last.time_ns {
            self.last = point;
        }
    }

    /// Takes a summary of later values in (Chan, Golub and LeVeque 1979).
    pub(super) fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later; // To the last bit: the formulas below would round.
            return;
        }
        let (own, others) = (double(self.count), double(later.count));
        let distance = later.mean - self.mean;
        self.count += later.count;
        self.add_to_sum(later.sum, later.lost);
        self.mean += distance * others / (own + others);
        self.squares += later.squares + distance * distance * own * others / (own + others);
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        if later.first.time_ns < self.first.time_ns {
            self.first = later.first;
        }
        if later.last.time_ns >= self.last.time_ns {
            self.last = later.last;
        }
    }

    fn add_to_sum(&mut self, value: f64, lost: f64) {
        let sum = self.sum + value;
        let rounded = if self.sum.abs() >= value.abs() { self.sum - sum + value } else { value - sum + self.sum };
        self.sum = sum;
        self.lost += lost + rounded;
    }

    fn get(&self, aggregate: Aggregate) -> f64 {
        match aggregate {
            Aggregate::Min => self.min,
            Aggregate::Max => self.max,
            Aggregate::Mean => self.mean,
            Aggregate::Sum => self.sum + self.lost,
            Aggregate::First => self.first.value,
            Aggregate::Last => self.last.value,
            Aggregate::Stddev if self.count > 1 => (self.squares / double(self.count - 1)).sqrt(),
            Aggregate::Count | Aggregate::Stddev | Aggregate::TimeWeightedMean => f64::NAN,
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        for double in [self.sum, self.lost, self.mean, self.squares, self.min, self.max] {
            out.extend_from_slice(&double.to_le_bytes());
        }
        for point in [self.first, self.last] {
            save_point(point, out);
        }
    }

    pub(super) fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let count = u64::from_le_bytes(take(bytes)?);
        let mut doubles = [0.0; 6];
        for double in &mut doubles {
            *double = f64::from_le_bytes(take(bytes)?);
        }
        let [sum, lost, mean, squares, min, max] = doubles;
        let (first, last) = (restore_point(bytes)?, restore_point(bytes)?);
        Some(Self { count, sum, lost, mean, squares, min, max, first, last })
    }
}

pub(super) fn take(bytes: &mut &[u8]) -> Option<[u8; 8]> {
    let (eight, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(*eight)
}

pub(super) fn save_point(point: Point, out: &mut Vec<u8>) {
    out.extend_from_slice(&point.time_ns.to_le_bytes());
    out.extend_from_slice(&point.value.to_le_bytes());
}

pub(super) fn restore_point(bytes: &mut &[u8]) -> Option<Point> {
    let time_ns = i64::from_le_bytes(take(bytes)?);
    Some(Point { time_ns, value: f64::from_le_bytes(take(bytes)?) })
}

/// How long which values held: each until the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Held {
    /// Value times nanoseconds.
    area: f64,
    known_ns: f64,
}

impl Held {
    /// A value held for some time; `null` says nothing.
    #[expect(clippy::cast_precision_loss, reason = "exact up to a hundred days, and rounded by a 2^-53rd beyond")]
    pub(super) fn hold(&mut self, value: f64, from_ns: i64, to_ns: i64) {
        if !value.is_nan() && to_ns > from_ns {
            let time = to_ns.saturating_sub(from_ns) as f64;
            self.area += value * time;
            self.known_ns += time;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.area += other.area;
        self.known_ns += other.known_ns;
    }

    /// NaN when nothing held for any time.
    pub(super) fn mean(&self) -> f64 {
        self.area / self.known_ns
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.area.to_le_bytes());
        out.extend_from_slice(&self.known_ns.to_le_bytes());
    }

    pub(super) fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let area = f64::from_le_bytes(take(bytes)?);
        Some(Self { area, known_ns: f64::from_le_bytes(take(bytes)?) })
    }
}

/// Writes a window as an object.
pub(super) fn write(
    summary: &Summary,
    time_weighted: f64,
    (start_ns, end_ns): (i64, i64),
    aggregates: &[Aggregate],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"start\":");
    number::write_int(out, start_ns.div_euclid(1_000_000));
    out.extend_from_slice(b",\"end\":");
    number::write_int(out, end_ns.div_euclid(1_000_000));
    for aggregate in aggregates {
        out.push(b',');
        text::write(out, aggregate.name());
        out.push(b':');
        let value = match aggregate {
            Aggregate::Count => {
                number::write_int(out, i64::try_from(summary.count).unwrap_or(i64::MAX));
                continue;
            }
            Aggregate::TimeWeightedMean => time_weighted,
            other => summary.get(*other),
        };
        let length = out.len();
        if number::write_f64(out, value).is_err() {
            out.truncate(length);
            out.extend_from_slice(b"null");
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::{Point, Summary};
    use crate::transform::window::Aggregate;

    const ALL: [Aggregate; 7] = [
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::Mean,
        Aggregate::Sum,
        Aggregate::First,
        Aggregate::Last,
        Aggregate::Stddev,
    ];

    fn summary(values: &[f64]) -> Summary {
        let mut summary = Summary::default();
        for (value, time_ns) in values.iter().zip(0..) {
            summary.add(Point { time_ns, value: *value });
        }
        summary
    }

    #[test]
    fn sums_and_deviations_keep_small_parts_of_large_values() {
        let found = summary(&[1e16, 1.0, 1.0, -1e16]);
        assert_eq!(found.get(Aggregate::Sum).to_bits(), 2.0_f64.to_bits());
        let found = summary(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert!((found.get(Aggregate::Stddev) - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn two_parts_merge_into_the_whole() {
        let values = [3.5, -1.0, 7.25, 0.0, 2.0, 9.5];
        for cut in 0..=values.len() {
            let mut merged = summary(&values[..cut]);
            let mut rest = Summary::default();
            for (value, time_ns) in values.iter().zip(0..).skip(cut) {
                rest.add(Point { time_ns, value: *value });
            }
            merged.merge(&rest);
            let whole = summary(&values);
            for aggregate in ALL {
                assert!((merged.get(aggregate) - whole.get(aggregate)).abs() < 1e-12, "{aggregate:?}, cut at {cut}");
            }
        }
    }
}
