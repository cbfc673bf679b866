//! Windows of one length, tumbling or sliding.
//!
//! Values are summed up in *panes* as long as the time between two ends; a window is the sum of the panes that lie in it. So a value is
//! taken in once, however many windows it belongs to.

use super::Common;
use super::summary::{Held, Point, Summary, restore_point, save_point, take, write};
use crate::Reason;
use crate::state::{Arrival, Emissions, Keyed, Took};
use crate::transform::Field;

/// A `window` with `length`.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) common: Common,
    pub(super) length_ns: i64,
    /// The length of a pane.
    pub(super) every_ns: i64,
    pub(super) wait_ns: i64,
}

/// The values of a pane, and how long they held from its first one to its newest.
#[derive(Clone, Copy, Debug)]
struct Pane {
    start_ns: i64,
    summary: Summary,
    held: Held,
    /// The oldest and the newest message in the order in which they came, `null` included.
    from_ns: i64,
    newest: Point,
}

/// The panes of a key that are in windows which are not closed yet, by time.
#[derive(Clone, Debug, Default)]
pub(in crate::transform) struct Panes {
    /// The last of them. It stands apart so that tumbling windows need no second trip to memory.
    newest: Option<Pane>,
    older: Vec<Pane>,
    /// The end of the last window that left.
    closed_ns: Option<i64>,
    /// The value that holds when the oldest pane begins; NaN when there is none.
    carried: Option<Point>,
}

impl Pane {
    fn new(start_ns: i64, point: Point) -> Self {
        let (summary, held) = (Summary::default(), Held::default());
        Self { start_ns, summary, held, from_ns: point.time_ns, newest: Point { value: f64::NAN, ..point } }
    }

    fn add(&mut self, point: Point) {
        if !point.value.is_nan() {
            self.summary.add(point);
        }
        if point.time_ns >= self.newest.time_ns {
            self.held.hold(self.newest.value, self.newest.time_ns, point.time_ns);
            self.newest = point;
        }
    }
}

impl Panes {
    fn oldest(&self) -> Option<&Pane> {
        self.older.first().or(self.newest.as_ref())
    }

    fn iter(&self) -> impl Iterator<Item = &Pane> {
        self.older.iter().chain(&self.newest)
    }

    fn add(&mut self, start_ns: i64, point: Point) {
        let newest_ns = self.newest.map_or(i64::MIN, |pane| pane.start_ns);
        if start_ns >= newest_ns {
            if start_ns > newest_ns
                && let Some(before) = self.newest.replace(Pane::new(start_ns, point))
            {
                self.older.push(before);
            }
            if let Some(pane) = &mut self.newest {
                pane.add(point);
            }
            return;
        }
        match self.older.binary_search_by_key(&start_ns, |pane| pane.start_ns) {
            Ok(place) => self.older[place].add(point),
            Err(place) => {
                let mut pane = Pane::new(start_ns, point);
                pane.add(point);
                self.older.insert(place, pane);
            }
        }
    }

    /// Takes out the panes that begin before a time; what held in the last of them is carried on.
    fn forget_before(&mut self, time_ns: i64) {
        let gone = self.older.partition_point(|pane| pane.start_ns < time_ns);
        let last = self.older.drain(..gone).next_back();
        let newest = self.newest.take_if(|pane| pane.start_ns < time_ns);
        if let Some(pane) = newest.or(last) {
            self.carried = Some(pane.newest);
        }
    }
}

impl Fixed {
    /// The end of the window that closes next.
    fn next_end(&self, panes: &Panes) -> Option<i64> {
        let first = panes.oldest()?.start_ns.saturating_add(self.every_ns);
        Some(panes.closed_ns.map_or(first, |closed| first.max(closed.saturating_add(self.every_ns))))
    }

    /// Closes the window that ends at a time.
    fn close(&self, panes: &mut Panes, end_ns: i64, out: &mut Emissions) {
        let start_ns = end_ns.saturating_sub(self.length_ns);
        let mut summary = Summary::default();
        let mut held = Held::default();
        let mut before = panes.carried.map_or(f64::NAN, |point| point.value);
        let mut from_ns = start_ns;
        for pane in panes.iter().filter(|pane| pane.start_ns >= start_ns && pane.start_ns < end_ns) {
            summary.merge(&pane.summary);
            held.hold(before, from_ns, pane.from_ns);
            held.merge(&pane.held);
            (before, from_ns) = (pane.newest.value, pane.newest.time_ns);
        }
        held.hold(before, from_ns, end_ns);
        if summary.count > 0 {
            let range = (start_ns, end_ns);
            out.push(Some(end_ns), |bytes| write(&summary, held.mean(), range, &self.common.aggregates, bytes));
        }
        panes.closed_ns = Some(end_ns);
        panes.forget_before(start_ns.saturating_add(self.every_ns));
    }

    fn close_until(&self, panes: &mut Panes, now_ns: i64, out: &mut Emissions) {
        while let Some(end_ns) = self.next_end(panes)
            && end_ns.saturating_add(self.wait_ns) <= now_ns
        {
            self.close(panes, end_ns, out);
        }
    }

    /// Whether the clock stood later, by more than a window, when the windows of this key were opened or closed. After a smaller step
    /// back, values of windows that have left are late: no window leaves twice.
    fn has_jumped(&self, panes: &Panes, now_ns: i64) -> bool {
        let ahead_ns = now_ns.saturating_add(self.length_ns);
        panes.closed_ns.is_some_and(|closed| closed > ahead_ns)
            || panes.newest.is_some_and(|pane| pane.start_ns > ahead_ns)
    }
}

impl Keyed for Fixed {
    type State = Panes;

    const IS_TIMED: bool = true;

    const RESHAPES: bool = true;

    fn fields(&self) -> Vec<&Field> {
        vec![&self.common.field]
    }

    fn take(&self, panes: &mut Panes, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        let point = Point { time_ns: arrival.time_ns, value: self.common.value(arrival)? };
        let now_ns = arrival.now_ns;
        let start_ns = point.time_ns.div_euclid(self.every_ns).saturating_mul(self.every_ns);
        let end_ns = start_ns.saturating_add(self.every_ns);
        let has_jumped = self.has_jumped(panes, now_ns);
        let is_closed = !has_jumped && panes.closed_ns.is_some_and(|closed| end_ns <= closed);
        if is_closed || end_ns.saturating_add(self.wait_ns) <= now_ns {
            return self.common.late.take();
        }
        if start_ns > now_ns.saturating_add(self.length_ns) {
            return Err(Reason::InvalidTimestamp);
        }
        if has_jumped {
            self.close_until(panes, i64::MAX, out);
            *panes = Panes::default();
        }
        self.close_until(panes, now_ns, out);
        if point.value.is_nan() && panes.newest.is_none() {
            // Nothing is open: `null` ends what held before, and opens nothing.
            panes.carried = Some(point);
            return Ok(Took::Absorb);
        }
        panes.add(start_ns, point);
        Ok(Took::Absorb)
    }

    fn deadline(&self, panes: &Panes) -> Option<i64> {
        Some(self.next_end(panes)?.saturating_add(self.wait_ns))
    }

    fn due(&self, panes: &mut Panes, now_ns: i64, out: &mut Emissions) {
        self.close_until(panes, now_ns, out);
    }

    fn heap_bytes(&self, panes: &Panes) -> usize {
        panes.older.capacity() * size_of::<Pane>()
    }

    fn save(&self, panes: &Panes, out: &mut Vec<u8>) {
        out.extend_from_slice(&panes.closed_ns.unwrap_or(i64::MIN).to_le_bytes());
        save_point(panes.carried.unwrap_or(NO_POINT), out);
        for pane in panes.iter() {
            out.extend_from_slice(&pane.start_ns.to_le_bytes());
            out.extend_from_slice(&pane.from_ns.to_le_bytes());
            save_point(pane.newest, out);
            pane.summary.save(out);
            pane.held.save(out);
        }
    }

    fn restore(&self, mut bytes: &[u8]) -> Option<Panes> {
        let bytes = &mut bytes;
        let closed_ns = Some(i64::from_le_bytes(take(bytes)?)).filter(|closed| *closed != i64::MIN);
        let carried = Some(restore_point(bytes)?).filter(|point| point.time_ns != NO_POINT.time_ns);
        let mut panes = Panes { closed_ns, carried, ..Panes::default() };
        while !bytes.is_empty() {
            let start_ns = i64::from_le_bytes(take(bytes)?);
            let from_ns = i64::from_le_bytes(take(bytes)?);
            let newest = restore_point(bytes)?;
            let (summary, held) = (Summary::restore(bytes)?, Held::restore(bytes)?);
            let is_behind = panes.newest.is_none_or(|before| before.start_ns < start_ns);
            if !is_behind || start_ns % self.every_ns != 0 {
                return None;
            }
            panes.older.extend(panes.newest.replace(Pane { start_ns, summary, held, from_ns, newest }));
        }
        Some(panes)
    }
}

const NO_POINT: Point = Point { time_ns: i64::MIN, value: f64::NAN };
