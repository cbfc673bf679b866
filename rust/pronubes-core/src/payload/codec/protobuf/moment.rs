//! `Timestamp` and `Duration` as the texts that they are in ProtoJSON.

use super::schema::Form;
use crate::transform::time;

const NS_PER_SECOND: i128 = 1_000_000_000;
/// The greatest span: 10,000 years.
const MAX_SECONDS: i128 = 315_576_000_000;
/// 0001-01-01 and the last second of 9999, in seconds since 1970.
const FIRST_SECOND: i128 = -62_135_596_800;
const LAST_SECOND: i128 = 253_402_300_799;

/// Appends the text; false where the message is none that may be.
pub(super) fn write(form: Form, seconds: i128, nanos: i128, out: &mut Vec<u8>) -> bool {
    if form == Form::Timestamp {
        let is_valid = (FIRST_SECOND..=LAST_SECOND).contains(&seconds) && (0..NS_PER_SECOND).contains(&nanos);
        let ns = seconds * NS_PER_SECOND + nanos;
        return is_valid && time::write(ns, &mut |part| out.extend_from_slice(part.as_bytes())).is_some();
    }
    let has_two_signs = seconds.signum() * nanos.signum() < 0;
    if has_two_signs || seconds.abs() > MAX_SECONDS || nanos.abs() >= NS_PER_SECOND {
        return false;
    }
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(seconds.abs()).as_bytes());
    if nanos != 0 {
        let start = out.len();
        out.extend_from_slice(itoa::Buffer::new().format(NS_PER_SECOND + nanos.abs()).as_bytes());
        if let Some(first) = out.get_mut(start) {
            *first = b'.';
        }
        while out.ends_with(b"000") {
            out.truncate(out.len() - 3);
        }
    }
    out.push(b's');
    true
}

/// Seconds and nanoseconds of a text; none where it is no such text.
pub(super) fn read(form: Form, text: &[u8]) -> Option<(i64, i64)> {
    let text = std::str::from_utf8(text).ok()?;
    let ns = if form == Form::Timestamp { time::parse(text)? } else { span(text)? };
    let (seconds, nanos) = match form {
        Form::Timestamp => (ns.div_euclid(NS_PER_SECOND), ns.rem_euclid(NS_PER_SECOND)),
        _ => (ns / NS_PER_SECOND, ns % NS_PER_SECOND),
    };
    let range = if form == Form::Timestamp { FIRST_SECOND..=LAST_SECOND } else { -MAX_SECONDS..=MAX_SECONDS };
    range.contains(&seconds).then_some(())?;
    Some((i64::try_from(seconds).ok()?, i64::try_from(nanos).ok()?))
}

/// The nanoseconds of `-1.5s`.
fn span(text: &str) -> Option<i128> {
    let unsigned = text.strip_suffix('s')?;
    let (unsigned, sign) = unsigned.strip_prefix('-').map_or((unsigned, 1), |rest| (rest, -1));
    let (seconds, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
    let scale = 10_i128.pow(9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
    Some(sign * (i128::from(digits(seconds)?) * NS_PER_SECOND + i128::from(digits(fraction)?) * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let cases = [
            (Form::Duration, 0, 0, "0s"),
            (Form::Duration, 1, 500_000_000, "1.500s"),
            (Form::Duration, 0, -1, "-0.000000001s"),
            (Form::Duration, -3, -20_000, "-3.000020s"),
            (Form::Timestamp, 0, 0, "1970-01-01T00:00:00Z"),
            (Form::Timestamp, -1, 999_000_000, "1969-12-31T23:59:59.999Z"),
        ];
        for (form, seconds, nanos, text) in cases {
            let mut out = Vec::new();
            assert!(write(form, seconds.into(), nanos.into(), &mut out), "{text}");
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(read(form, text.as_bytes()), Some((seconds, nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_has_no_text() {
        for (form, seconds, nanos) in [
            (Form::Duration, 1, -1),
            (Form::Duration, MAX_SECONDS + 1, 0),
            (Form::Duration, 0, NS_PER_SECOND),
            (Form::Timestamp, 0, -1),
            (Form::Timestamp, LAST_SECOND + 1, 0),
        ] {
            assert!(!write(form, seconds, nanos, &mut Vec::new()), "{form:?} {seconds} {nanos}");
        }
        for text in ["", "s", "1", "1.s", "1.0000000001s", "--1s", "1e3s", "+1s"] {
            assert_eq!(read(Form::Duration, text.as_bytes()), None, "{text}");
        }
    }
}
