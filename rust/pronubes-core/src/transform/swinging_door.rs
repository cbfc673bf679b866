//! `swinging_door`: only the corners of a signal go on, within a proven bound.
//!
//! The algorithm is the one of Bristol (US patent 4,669,097, 1987) in the form that tests slopes: from the last point that left, the
//! *pivot* `(t0, v0)`, each point `(t, v)` behind it allows the slopes from `(v - d - v0) / (t - t0)` to `(v + d - v0) / (t - t0)`, `d`
//! being the deviation. The *door* is what all points since the pivot allow. A point is *held* when the slope from the pivot to it lies
//! in the door, and the door then narrows to what it allows as well. When a point does not fit, the held one leaves and is the new pivot.
//!
//! **Bound.** Between two points that left one after the other, `(t0, v0)` and `(t1, v1)`, the straight line is off each received point
//! between them by at most `d`. Proof: `(t1, v1)` was held, so its slope `s` lay in the door of that time, which is the intersection of
//! what each point `(t, v)` between the two allows: `(v - d - v0) / (t - t0) <= s <= (v + d - v0) / (t - t0)`. As `t > t0`, that is
//! `|v0 + s * (t - t0) - v| <= d`: the line goes by the point at a distance of at most `d`. Points that left themselves are
//! off by 0. Points that are late are not looked at. All of it holds up to the rounding of doubles, a few units in the last place of the
//! largest value. Bristol's own test, which asks only whether the two sides of the door still meet, admits points outside of the door and has
//! no such bound.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

use super::{Argument, Compiled, Example, Field, StepContext, StepDoc};
use crate::Reason;
use crate::error::SpecError;
use crate::payload::{Cell, Kind};
use crate::state::{
    AHEAD, Arrival, BY, Emissions, Held, Keyed, Late, MAX_KEYS, TIME, Took, WHEN_FULL, arguments, digest, duration_ns,
};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "swinging_door",
    summary: "Passes only the points that are needed to draw the signal: straight lines between them are off by no more than a deviation.",
    arguments: &[
        Argument {
            name: "field",
            kind: "a field",
            text: "The number. `null` ends a line: it passes when it comes and when it ends.",
        },
        Argument { name: "deviation", kind: "a number", text: "The deviation, in the unit of the value." },
        Argument { name: "percent", kind: "a number", text: "Instead: the deviation in percent of `range`." },
        Argument { name: "range", kind: "`[low, high]`", text: "Beside `percent`: the range of the value." },
        Argument {
            name: "max_time",
            kind: "a duration",
            text: "The longest time between two points that leave, and the longest that one is held when no more come; 15m when left out.",
        },
        Argument {
            name: "also",
            kind: "a list of fields",
            text: "A message passes in any case when one of these has changed, as in `[quality]`, with the point before it.",
        },
        Argument {
            name: "late",
            kind: "`pass`, `drop` or `quarantine`",
            text: "What messages get whose time is not behind that of the newest before them; `pass` when left out. The bound does not count them.",
        },
        BY,
        TIME,
        MAX_KEYS,
        WHEN_FULL,
    ],
    rules: &[
        "The first point of a key passes. After it the newest point is always held back: it leaves when the next one shows that it is needed, with its own time. So points come late, by `max_time` at most: put this step before a historian, not before a display or an alarm.",
        "The bound is proven: between two points that leave one after the other, the straight line is off each point between them by at most the deviation, up to the rounding of doubles.",
        "Lines go by the time of the values (`time`); that a point was held long enough goes by the time at which messages are received.",
        "Not for counters, states and alarms, which are no straight lines.",
        "State: 112 bytes per key, the index, the topic and the payload that is held. At a stop the held point is saved, not sent: it goes on from there after the start. After a kill -9 the state is as old as the last save: what was held then may come once more, what was held after it is lost.",
        AHEAD,
    ],
    example: Example {
        step: r#"{"swinging_door": {"field": "v", "deviation": 0.5}}"#,
        input: "{\"v\":0}\n{\"v\":1}\n{\"v\":2.2}\n{\"v\":3}\n{\"v\":0}",
        output: "{\"v\":0}\n{\"v\":3}\n{\"v\":0}",
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    field: String,
    deviation: Option<f64>,
    percent: Option<f64>,
    range: Option<[f64; 2]>,
    max_time: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    late: Late,
}

/// A compiled `swinging_door`.
#[derive(Debug)]
struct SwingingDoor {
    field: Field,
    deviation: f64,
    max_ns: i64,
    also: Box<[Field]>,
    late: Late,
}

/// A point of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    time_ns: i64,
    /// NaN for `null`.
    value: f64,
}

/// The slopes that all points since the pivot allow.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slopes {
    low: f64,
    high: f64,
}

impl Slopes {
    const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
}

/// A door: where it hangs, how far it is open, and what stands in it.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// The last point that left; `i64::MIN` before the first.
    pivot: Point,
    slopes: Slopes,
    /// When the pivot left, by the clock of this machine.
    left_ns: i64,
    also: u64,
    /// The newest point, when it has not left.
    newest: Option<Point>,
    held: Held,
}

impl Default for Door {
    fn default() -> Self {
        let pivot = Point { time_ns: i64::MIN, value: f64::NAN };
        Self { pivot, slopes: Slopes::ALL, left_ns: 0, also: 0, newest: None, held: Held::default() }
    }
}

impl Door {
    /// The held point leaves and is the new pivot.
    fn let_go(&mut self, now_ns: i64, out: &mut Emissions) {
        if let Some(point) = self.newest.take() {
            out.push(Some(point.time_ns), |bytes| bytes.extend_from_slice(&self.held.payload));
            self.hang(point, now_ns);
        }
    }

    fn hang(&mut self, pivot: Point, now_ns: i64) {
        (self.pivot, self.slopes, self.left_ns, self.newest) = (pivot, Slopes::ALL, now_ns, None);
    }

    /// Narrows the door by a point behind the pivot; nothing happens when its own slope does not fit.
    fn admit(&mut self, point: Point, deviation: f64) -> bool {
        let Point { time_ns: from_ns, value: from } = self.pivot;
        let time = nanoseconds(point.time_ns.saturating_sub(from_ns));
        let slope = (point.value - from) / time;
        if !(self.slopes.low..=self.slopes.high).contains(&slope) {
            return false;
        }
        self.slopes.low = self.slopes.low.max((point.value - deviation - from) / time);
        self.slopes.high = self.slopes.high.min((point.value + deviation - from) / time);
        true
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to a hundred days, and rounded by a 2^-53rd beyond")]
fn nanoseconds(duration: i64) -> f64 {
    duration as f64
}

/// Values beyond have no slopes that doubles can hold.
const MOST: f64 = 1e300;

impl SwingingDoor {
    fn value(&self, arrival: &Arrival<'_>) -> Result<f64, Reason> {
        match arrival.cell(&self.field) {
            Cell::Null => Ok(f64::NAN),
            Cell::Raw(raw) if raw.kind == Kind::Null => Ok(f64::NAN),
            _ => arrival
                .number(&self.field)
                .and_then(|value| if value.abs() <= MOST { Ok(value) } else { Err(Reason::NumberOutOfRange) }),
        }
    }
}

impl Keyed for SwingingDoor {
    type State = Door;

    const IS_TIMED: bool = true;

    fn fields(&self) -> Vec<&Field> {
        std::iter::once(&self.field).chain(&self.also).collect()
    }

    fn take(&self, door: &mut Door, arrival: &mut Arrival<'_>, out: &mut Emissions) -> Result<Took, Reason> {
        let point = Point { time_ns: arrival.time_ns, value: self.value(arrival)? };
        let also = digest(&self.also, arrival)?;
        let now_ns = arrival.now_ns;
        let is_first = door.pivot.time_ns == i64::MIN;
        // Should the clock have jumped back, nothing is held longer for it.
        door.left_ns = door.left_ns.min(now_ns);
        let newest_ns = door.newest.unwrap_or(door.pivot).time_ns;
        if point.time_ns == newest_ns || arrival.is_behind(newest_ns) {
            return self.late.take();
        }
        let begins = is_first || point.time_ns < newest_ns;
        let has_changed = also != door.also || point.value.is_nan() || door.pivot.value.is_nan();
        if begins || has_changed {
            let is_same = point.value.is_nan() && door.pivot.value.is_nan() && also == door.also;
            if !begins && is_same && point.time_ns.saturating_sub(door.pivot.time_ns) < self.max_ns {
                return Ok(Took::Absorb); // Still `null`.
            }
            door.let_go(now_ns, out);
            door.also = also;
            door.hang(point, now_ns);
            return Ok(Took::Pass);
        }
        if !door.admit(point, self.deviation) {
            door.let_go(now_ns, out);
            // From a pivot of its own every point fits.
            door.admit(point, self.deviation);
        }
        if point.time_ns.saturating_sub(door.pivot.time_ns) >= self.max_ns {
            door.hang(point, now_ns);
            return Ok(Took::Pass);
        }
        door.newest = Some(point);
        door.held.set(arrival);
        Ok(Took::Absorb)
    }

    fn deadline(&self, door: &Door) -> Option<i64> {
        door.newest.map(|_| door.left_ns.saturating_add(self.max_ns))
    }

    fn due(&self, door: &mut Door, now_ns: i64, out: &mut Emissions) {
        door.let_go(now_ns, out);
    }

    fn heap_bytes(&self, door: &Door) -> usize {
        door.held.heap_bytes()
    }

    fn save(&self, door: &Door, out: &mut Vec<u8>) {
        for number in [door.pivot.time_ns, door.left_ns, door.also.cast_signed()] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [door.pivot.value, door.slopes.low, door.slopes.high] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        if let Some(point) = door.newest {
            out.extend_from_slice(&point.time_ns.to_le_bytes());
            out.extend_from_slice(&point.value.to_le_bytes());
            door.held.save(out);
        }
    }

    fn restore(&self, bytes: &[u8]) -> Option<Door> {
        let (head, rest) = bytes.split_first_chunk::<48>()?;
        let [time, left, also, value, low, high] = *head.as_chunks::<8>().0.first_chunk::<6>()?;
        let (integer, double) = (i64::from_le_bytes, f64::from_le_bytes);
        let mut door = Door {
            pivot: Point { time_ns: integer(time), value: double(value) },
            slopes: Slopes { low: double(low), high: double(high) },
            left_ns: integer(left),
            also: u64::from_le_bytes(also),
            ..Door::default()
        };
        if !rest.is_empty() {
            let (time, rest) = rest.split_first_chunk::<8>()?;
            let (value, rest) = rest.split_first_chunk::<8>()?;
            door.newest = Some(Point { time_ns: integer(*time), value: double(*value) });
            door.held = Held::restore(rest)?;
        }
        Some(door)
    }
}

pub(super) fn compile(raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let (settings, own) = arguments::<Arguments>(&DOC, raw, context)?;
    let deviation = deviation(&own, raw, context);
    let max_time = own.max_time.as_deref().unwrap_or("15m");
    let max_ns = duration_ns(max_time, &["swinging_door".into(), "max_time".into()], context);
    let field = context.field(&own.field, &["swinging_door".into(), "field".into()]);
    let also = context.fields(&own.also, &["swinging_door".into(), "also".into()]);
    let step = SwingingDoor { field: field?, deviation: deviation?, max_ns: max_ns?, also: also?, late: own.late };
    Some(Compiled::State(settings, Arc::new(step)))
}

fn deviation(own: &Arguments, raw: &RawValue, context: &mut StepContext<'_, '_>) -> Option<f64> {
    let deviation = match (own.deviation, own.percent, own.range) {
        (Some(deviation), None, None) => Some(deviation),
        (None, Some(percent), Some([low, high])) if low < high => Some(percent / 100.0 * (high - low)),
        _ => None,
    };
    let deviation = deviation.filter(|deviation| (0.0..=MOST).contains(deviation));
    if deviation.is_none() {
        let expected = "`deviation`, or `percent` with `range: [low, high]`, none below 0";
        let error = SpecError::new("The step has no deviation that can be used.").expected(raw.get(), expected);
        context.error(&["swinging_door".into()], error);
    }
    deviation
}
