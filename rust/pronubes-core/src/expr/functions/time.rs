//! Times and durations: CEL's standard functions, and conversions from and to the numbers that payloads carry.
//!
//! A time is a point of UTC between the years 1 and 9999, to the nanosecond, without leap seconds; a duration is a number
//! of nanoseconds of 64 bits (292 years). Both live inside of expressions only: what a whole expression gives is text.

use std::cmp::Ordering;

use super::super::scope::Scope;
use super::super::tree::Type;
use super::super::value::{Number, ValueKind, kind_of, no_value, settled};
use super::{ANY, Action, Function, Library, TEXT, Types, WHEN};
use crate::payload::{Cell, TextArena};
use crate::reason::Reason;
use crate::transform::time as calendar;

const TIME: Types = &[Type::Time];

pub(super) const FUNCTIONS: &[Function] = &[
    standard("timestamp", &[ANY, TEXT], Type::Time, timestamp).from(1).checked(1, check_unit),
    standard("duration", &[ANY, TEXT], Type::Duration, duration).from(1).checked(1, check_unit),
    of_time("getFullYear", TIME, |values, scope| field(values, scope, |moment| moment.date().0)),
    of_time("getMonth", TIME, |values, scope| field(values, scope, |moment| moment.date().1 - 1)),
    of_time("getDate", TIME, |values, scope| field(values, scope, |moment| moment.date().2)),
    of_time("getDayOfMonth", TIME, |values, scope| field(values, scope, |moment| moment.date().2 - 1)),
    of_time("getDayOfWeek", TIME, |values, scope| field(values, scope, |moment| (moment.days() + 4).rem_euclid(7))),
    of_time("getDayOfYear", TIME, |values, scope| field(values, scope, Moment::day_of_year)),
    of_time("getHours", WHEN, |values, scope| {
        part(values, scope, NS_PER_SECOND * 3600, |moment| moment.clock() / 3600)
    }),
    of_time("getMinutes", WHEN, |values, scope| {
        part(values, scope, NS_PER_SECOND * 60, |moment| moment.clock() / 60 % 60)
    }),
    of_time("getSeconds", WHEN, |values, scope| part(values, scope, NS_PER_SECOND, |moment| moment.clock() % 60)),
    of_time("getMilliseconds", WHEN, milliseconds),
];

type Many = fn(&[Cell], &mut Scope<'_>) -> Result<Cell, Reason>;

const fn standard(name: &'static str, takes: &'static [Types], gives: Type, action: Many) -> Function {
    Function::new(Library::Standard, name, takes, gives, Action::Some(action))
}

const fn of_time(name: &'static str, takes: Types, action: Many) -> Function {
    let takes: &'static [Types] = if takes.len() == 1 { &[TIME, TEXT] } else { &[WHEN, TEXT] };
    standard(name, takes, Type::Int, action).method().from(1).checked(1, check_zone)
}

const NS_PER_SECOND: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
const LAST: i64 = 253_402_300_799;

/// The units that numbers may have, in nanoseconds.
const UNITS: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", NS_PER_SECOND),
    ("m", 60 * NS_PER_SECOND),
    ("h", 3600 * NS_PER_SECOND),
];

pub(super) fn check_unit(unit: &str) -> Result<(), String> {
    match UNITS.iter().any(|(known, _)| *known == unit) {
        true => Ok(()),
        false => Err(format!("`{unit}` is no unit of time; there are `ns`, `us`, `ms`, `s`, `m` and `h`.")),
    }
}

fn check_zone(zone: &str) -> Result<(), String> {
    let is_known = offset(zone).is_some();
    let message = || format!("`{zone}` is no time zone here; there are `UTC` and offsets like `+01:00`.");
    if is_known { Ok(()) } else { Err(message()) }
}

/// A time of day on a calendar, at some offset from UTC.
struct Moment {
    seconds: i64,
}

impl Moment {
    fn days(&self) -> i64 {
        self.seconds.div_euclid(calendar::SECONDS_PER_DAY)
    }

    fn clock(&self) -> i64 {
        self.seconds.rem_euclid(calendar::SECONDS_PER_DAY)
    }

    /// Year, month and day, counted from 1.
    fn date(&self) -> (i64, i64, i64) {
        calendar::date_of(self.days())
    }

    /// Counted from 0.
    fn day_of_year(&self) -> i64 {
        self.days() - calendar::days_since_1970(self.date().0, 1, 1)
    }
}

/// Nanoseconds since 1970.
fn total(seconds: i64, nanos: u32) -> i128 {
    i128::from(seconds) * i128::from(NS_PER_SECOND) + i128::from(nanos)
}

/// The time so many nanoseconds after 1970.
fn time_of(ns: i128) -> Result<Cell, Reason> {
    let second = i128::from(NS_PER_SECOND);
    let seconds = i64::try_from(ns.div_euclid(second)).map_err(|_| Reason::NumberOutOfRange)?;
    let nanos = u32::try_from(ns.rem_euclid(second)).unwrap_or_default();
    if (FIRST..=LAST).contains(&seconds) { Ok(Cell::Time(seconds, nanos)) } else { Err(Reason::NumberOutOfRange) }
}

fn duration_of(ns: i128) -> Result<Cell, Reason> {
    i64::try_from(ns).map(Cell::Duration).map_err(|_| Reason::NumberOutOfRange)
}

fn unit(cell: Cell, scope: &mut Scope<'_>) -> Result<i64, Reason> {
    let cell = settled(cell, scope)?;
    let text = scope.bytes(cell);
    let known = UNITS.iter().find(|(name, _)| name.as_bytes() == text);
    known.map(|(_, ns)| *ns).ok_or(Reason::InvalidConversion)
}

/// The nanoseconds that so many units are, to the nearest.
fn nanos(number: Number, unit: i64) -> Result<i128, Reason> {
    let whole = match number {
        Number::Int(value) => i128::from(value),
        Number::UInt(value) => i128::from(value),
        Number::Double(value) if value.abs() < 1e19 => {
            let rest = Number::Double((value.fract() * Number::Int(unit).to_f64()).round()).truncated()?;
            return Ok(nanos(Number::Double(value.trunc()).truncated()?, unit)? + nanos(rest, 1)?);
        }
        Number::Double(_) => return Err(Reason::NumberOutOfRange),
    };
    Ok(whole * i128::from(unit))
}

/// `timestamp(text)`, `timestamp(seconds)` or `timestamp(number, unit)`
fn timestamp(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    match *values {
        [number, in_unit] => {
            let unit = unit(in_unit, scope)?;
            time_of(nanos(Number::of(number, scope.inputs.payload)?, unit)?)
        }
        [time @ Cell::Time(..)] => Ok(time),
        [cell] => match settled(cell, scope) {
            Ok(text) => {
                let parsed = calendar::parse(scope.str(text)?).ok_or(Reason::InvalidTimestamp)?;
                time_of(parsed)
            }
            Err(_) => match Number::of(cell, scope.inputs.payload)? {
                Number::Double(_) => Err(Reason::WrongType),
                seconds => time_of(nanos(seconds, NS_PER_SECOND)?),
            },
        },
        _ => Err(Reason::WrongType),
    }
}

/// `duration(text)` or `duration(number, unit)`
fn duration(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    match *values {
        [number, in_unit] => {
            let unit = unit(in_unit, scope)?;
            duration_of(nanos(Number::of(number, scope.inputs.payload)?, unit)?)
        }
        [duration @ Cell::Duration(_)] => Ok(duration),
        [cell] => {
            let text = settled(cell, scope)?;
            duration_of(parse_duration(scope.str(text)?).ok_or(Reason::InvalidConversion)??)
        }
        _ => Err(Reason::WrongType),
    }
}

/// `1h30m`, `-1.5s`, `0`; none where it is no duration, a reason where it is too long.
fn parse_duration(text: &str) -> Option<Result<i128, Reason>> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Ok(0));
    }
    let mut total: i128 = 0;
    loop {
        let (ns, after) = parse_part(rest)?;
        total = total.saturating_add(ns);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let within = total <= i128::from(i64::MAX);
    Some(if within { Ok(if is_negative { -total } else { total }) } else { Err(Reason::NumberOutOfRange) })
}

/// A number with its unit, and what follows.
fn parse_part(text: &str) -> Option<(i128, &str)> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, rest) = text.split_at(length);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let name = rest.bytes().take_while(|byte| !byte.is_ascii_digit() && *byte != b'.').count();
    let (name, rest) = rest.split_at(name);
    let unit = match name {
        "\u{b5}s" | "\u{3bc}s" => 1_000,
        name => UNITS.iter().find(|(known, _)| *known == name)?.1,
    };
    let mut ns = i128::from(unit).saturating_mul(digits(whole)?);
    // Each digit behind the point counts a tenth of the one before; what is below a nanosecond is cut.
    let mut scale = i128::from(unit);
    for digit in fraction.bytes() {
        scale /= 10;
        ns = ns.saturating_add(i128::from(digit - b'0') * scale);
    }
    Some((ns, rest))
}

/// The number that some digits are, saturating far above every duration; 0 for none.
fn digits(text: &str) -> Option<i128> {
    text.bytes().try_fold(0_i128, |value, digit| {
        digit.is_ascii_digit().then(|| value.saturating_mul(10).saturating_add(i128::from(digit - b'0')))
    })
}

/// `int(time, unit)`: whole units since 1970, or of a duration.
pub(super) fn whole(when: Cell, in_unit: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let unit = i128::from(unit(in_unit, scope)?);
    let wide = match when {
        Cell::Time(seconds, nanos) => total(seconds, nanos).div_euclid(unit),
        Cell::Duration(ns) => i128::from(ns) / unit,
        other => return Err(no_value(other)),
    };
    i64::try_from(wide).map(Cell::Int).map_err(|_| Reason::IntegerOverflow)
}

/// `double(time, unit)`
#[expect(clippy::cast_precision_loss, reason = "a double has 53 bits; that is what was asked for")]
pub(super) fn fractional(when: Cell, in_unit: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let unit = unit(in_unit, scope)?;
    let ns = match when {
        Cell::Time(seconds, nanos) => total(seconds, nanos),
        Cell::Duration(ns) => i128::from(ns),
        other => return Err(no_value(other)),
    };
    let (whole, rest) = (ns.div_euclid(i128::from(unit)), ns.rem_euclid(i128::from(unit)));
    Ok(Cell::Double(whole as f64 + rest as f64 / unit as f64))
}

/// The offset from UTC in seconds: `UTC`, `Z`, `+01:00`, `-02:30`, `02:00`.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "Z" | "") {
        return Some(0);
    }
    let (sign, clock) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let [h0, h1, b':', m0, m1] = *clock.as_bytes() else { return None };
    let number = |tens: u8, ones: u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hours, minutes) = (number(h0, h1)?, number(m0, m1)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The time of a call of a getter, moved to its zone.
fn moment(values: &[Cell], scope: &mut Scope<'_>) -> Result<Moment, Reason> {
    let (time, zone) = match *values {
        [time] => (time, None),
        [time, zone] => (time, Some(settled(zone, scope)?)),
        _ => return Err(Reason::WrongType),
    };
    let Cell::Time(seconds, _) = time else { return Err(no_value(time)) };
    let offset = zone.map_or(Ok(0), |zone| offset(scope.str(zone)?).ok_or(Reason::InvalidConversion))?;
    Ok(Moment { seconds: seconds + offset })
}

fn field(values: &[Cell], scope: &mut Scope<'_>, read: fn(&Moment) -> i64) -> Result<Cell, Reason> {
    moment(values, scope).map(|moment| Cell::Int(read(&moment)))
}

/// A part of the clock, or all of a duration in one unit.
fn part(values: &[Cell], scope: &mut Scope<'_>, unit: i64, read: fn(&Moment) -> i64) -> Result<Cell, Reason> {
    match *values {
        [Cell::Duration(ns)] => Ok(Cell::Int(ns / unit)),
        _ => field(values, scope, read),
    }
}

/// The milliseconds of the second.
fn milliseconds(values: &[Cell], scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    const NS_PER_MS: i64 = 1_000_000;
    match *values {
        [Cell::Duration(ns)] => Ok(Cell::Int(ns % NS_PER_SECOND / NS_PER_MS)),
        [Cell::Time(_, nanos), ..] => {
            moment(values, scope)?;
            Ok(Cell::Int(i64::from(nanos) / NS_PER_MS))
        }
        [other, ..] => Err(no_value(other)),
        [] => Err(Reason::WrongType),
    }
}

/// Appends a time (ISO 8601, UTC) or a duration (`90s`, `1.5s`) to the arena.
pub(in crate::expr) fn push(cell: Cell, out: &mut TextArena) -> Result<(), Reason> {
    match cell {
        Cell::Time(seconds, nanos) => {
            let written = calendar::write(total(seconds, nanos), &mut |part| out.push_str(part));
            written.ok_or(Reason::InvalidTimestamp)
        }
        Cell::Duration(ns) => {
            push_duration(ns, out);
            Ok(())
        }
        other => Err(no_value(other)),
    }
}

fn push_duration(ns: i64, out: &mut TextArena) {
    let (size, second) = (ns.unsigned_abs(), NS_PER_SECOND.unsigned_abs());
    if ns < 0 {
        out.push('-');
    }
    out.push_str(itoa::Buffer::new().format(size / second));
    let mut fraction = size % second;
    if fraction > 0 {
        out.push('.');
        let mut scale = second / 10;
        while fraction > 0 {
            out.push(char::from(b'0' + u8::try_from(fraction / scale).unwrap_or_default()));
            fraction %= scale;
            scale /= 10;
        }
    }
    out.push('s');
}

/// A time or a duration as a text cell.
pub(in crate::expr) fn text(cell: Cell, scope: &mut Scope<'_>) -> Result<Cell, Reason> {
    let mark = scope.text.mark();
    push(cell, scope.text)?;
    Ok(Cell::Text(scope.text.since(mark)))
}

/// The order of two times or of two durations.
pub(in crate::expr) fn order(left: Cell, right: Cell) -> Option<Ordering> {
    match (left, right) {
        (Cell::Time(..), Cell::Time(..)) | (Cell::Duration(_), Cell::Duration(_)) => {
            Some(ns_of(left).cmp(&ns_of(right)))
        }
        _ => None,
    }
}

fn ns_of(cell: Cell) -> i128 {
    match cell {
        Cell::Time(seconds, nanos) => total(seconds, nanos),
        Cell::Duration(ns) => i128::from(ns),
        _ => 0,
    }
}

/// `left + right` where one of them is a time or a duration.
pub(in crate::expr) fn sum(left: Cell, right: Cell) -> Result<Cell, Reason> {
    let wide = ns_of(left) + ns_of(right);
    match (kind_of(left)?, kind_of(right)?) {
        (ValueKind::Time, ValueKind::Duration) | (ValueKind::Duration, ValueKind::Time) => time_of(wide),
        (ValueKind::Duration, ValueKind::Duration) => duration_of(wide),
        _ => Err(Reason::WrongType),
    }
}

/// `left - right` where one of them is a time or a duration.
pub(in crate::expr) fn difference(left: Cell, right: Cell) -> Result<Cell, Reason> {
    let wide = ns_of(left) - ns_of(right);
    match (kind_of(left)?, kind_of(right)?) {
        (ValueKind::Time, ValueKind::Duration) => time_of(wide),
        (ValueKind::Time, ValueKind::Time) | (ValueKind::Duration, ValueKind::Duration) => duration_of(wide),
        _ => Err(Reason::WrongType),
    }
}
