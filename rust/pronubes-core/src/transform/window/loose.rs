//! Windows that begin with a value: sessions, and counts of values.

use super::Common;
use super::summary::{Held, Point, Summary, restore_point, save_point, take, write};
use crate::Reason;
use crate::state::{Arrival, Emissions, Keyed, Took};
use crate::transform::Field;

/// The window of a key; open when it has values.
#[derive(Clone, Debug)]
pub(in crate::transform) struct Open {
    summary: Summary,
    held: Held,
    /// The newest value, or `null`, in the order of times.
    newest: Point,
    /// When the last value was received.
    heard_ns: i64,
}

impl Default for Open {
    fn default() -> Self {
        let newest = Point { time_ns: i64::MIN, value: f64::NAN };
        Self { summary: Summary::default(), held: Held::default(), newest, heard_ns: 0 }
    }
}

impl Open {
    fn is_empty(&self) -> bool {
        self.summary.count == 0
    }

    fn add(&mut self, point: Point) {
        if self.is_empty() && point.value.is_nan() {
            return;
        }
        if !point.value.is_nan() {
            self.summary.add(point);
        }
        if point.time_ns >= self.newest.time_ns {
            self.held.hold(self.newest.value, self.newest.time_ns, point.time_ns);
            self.newest = point;
        }
    }

    /// The window leaves; the next value opens another.
    fn close(&mut self, common: &Common, out: &mut Emissions) {
        let range = (self.summary.first.time_ns, self.summary.last.time_ns);
        // A single value held for no time: it is its own mean.
        let mean = if range.0 == range.1 { self.summary.last.value } else { self.held.mean() };
        out.push(Some(range.1), |bytes| write(&self.summary, mean, range, &common.aggregates, bytes));
        *self = Self::default();
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.summary.save(out);
        self.held.save(out);
        save_point(self.newest, out);
        out.extend_from_slice(&self.heard_ns.to_le_bytes());
    }

    fn restore(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let (summary, held) = (Summary::restore(bytes)?, Held::restore(bytes)?);
        let newest = restore_point(bytes)?;
        let heard_ns = i64::from_le_bytes(take(bytes)?);
        bytes.is_empty().then_some(Self { summary, held, newest, heard_ns })
    }
}

/// A `window` with `session`.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) common: Common,
    pub(super) gap_ns: i64,
}

impl Keyed for Session {
    type State = Open;

    const IS_TIMED: bool = true;

    const RESHAPES: bool = true;

    fn fields(&self) -> Vec<&Field> {
        vec![&self.common.field]
    }

    fn take(&self, open: &mut Open, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        let point = Point { time_ns: arrival.time_ns, value: self.common.value(arrival)? };
        let now_ns = arrival.now_ns;
        let is_silent = now_ns.saturating_sub(open.heard_ns) >= self.gap_ns;
        let is_behind = point.time_ns.saturating_sub(open.summary.last.time_ns) >= self.gap_ns;
        if !open.is_empty() {
            if is_silent || is_behind {
                open.close(&self.common, out);
            } else if open.summary.first.time_ns.saturating_sub(point.time_ns) >= self.gap_ns {
                return self.common.late.take();
            }
        }
        open.add(point);
        if !point.value.is_nan() {
            open.heard_ns = now_ns;
        }
        // Should the clock have jumped back, nothing is held longer for it.
        open.heard_ns = open.heard_ns.min(now_ns);
        Ok(Took::Absorb)
    }

    fn deadline(&self, open: &Open) -> Option<i64> {
        (!open.is_empty()).then(|| open.heard_ns.saturating_add(self.gap_ns))
    }

    fn due(&self, open: &mut Open, _: i64, out: &mut Emissions) {
        if !open.is_empty() {
            open.close(&self.common, out);
        }
    }

    fn save(&self, open: &Open, out: &mut Vec<u8>) {
        open.save(out);
    }

    fn restore(&self, bytes: &[u8]) -> Option<Open> {
        Open::restore(bytes)
    }
}

/// A `window` with `count`.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) common: Common,
    pub(super) size: u64,
}

impl Keyed for Count {
    type State = Open;

    const RESHAPES: bool = true;

    fn fields(&self) -> Vec<&Field> {
        vec![&self.common.field]
    }

    fn take(&self, open: &mut Open, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        open.add(Point { time_ns: arrival.time_ns, value: self.common.value(arrival)? });
        if open.summary.count >= self.size {
            open.close(&self.common, out);
        }
        Ok(Took::Absorb)
    }

    fn save(&self, open: &Open, out: &mut Vec<u8>) {
        open.save(out);
    }

    fn restore(&self, bytes: &[u8]) -> Option<Open> {
        Open::restore(bytes)
    }
}
