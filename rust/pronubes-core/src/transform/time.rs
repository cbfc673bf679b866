//! Dates: ISO 8601 text to nanoseconds since 1970 UTC and back.
//!
//! Own code, because the engine needs one profile only: `2024-11-22T07:06:40.123Z`, with `T`, `t` or a space in the
//! middle, up to nine digits of a second, and `Z` or an offset. A text without offset is refused: which time zone a
//! plant means is not for us to guess. The calendar is the proleptic Gregorian one; leap seconds are refused.

const NS_PER_SECOND: i128 = 1_000_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Reads a time.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_first_chunk::<10>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date else { return None };
    let (year, month, day) = (digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?, digits(&[d0, d1])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let (clock, mut rest) = rest.split_first_chunk::<9>()?;
    let [b'T' | b't' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] = *clock else { return None };
    let (hour, minute, second) = (digits(&[h0, h1])?, digits(&[n0, n1])?, digits(&[s0, s1])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
        let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits_text, behind) = after.split_at(length);
        fraction = fraction_ns(digits_text)?;
        rest = behind;
    }
    let seconds = days_since_1970(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(i128::from(seconds - offset(rest)?) * NS_PER_SECOND + i128::from(fraction))
}

/// `Z`, `+02:00`, `+0200` or `+02`, in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits_text) = match text {
        b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match *digits_text {
        [h0, h1] => (digits(&[h0, h1])?, 0),
        [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => (digits(&[h0, h1])?, digits(&[m0, m1])?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// One to nine digits behind the point.
pub(super) fn fraction_ns(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    let missing = u32::try_from(9 - text.len()).ok()?;
    Some(digits(text)? * 10_i64.pow(missing))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value: i64, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Appends a time with as many digits of a second as it needs: 0, 3, 6 or 9. Years beyond 0 to 9999 have no such text.
pub(crate) fn write(ns: i128, push: &mut impl FnMut(&str)) -> Option<()> {
    let seconds = i64::try_from(ns.div_euclid(NS_PER_SECOND)).ok()?;
    let fraction = u32::try_from(ns.rem_euclid(NS_PER_SECOND)).ok()?;
    let (year, month, day) = date_of(seconds.div_euclid(SECONDS_PER_DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let clock = seconds.rem_euclid(SECONDS_PER_DAY);
    let parts = [(year, 4, "-"), (month, 2, "-"), (day, 2, "T"), (clock / 3600, 2, ":"), (clock / 60 % 60, 2, ":")];
    for (value, width, after) in parts {
        push_padded(value, width, push);
        push(after);
    }
    push_padded(clock % 60, 2, push);
    if fraction != 0 {
        push(".");
        let (value, width) = match fraction {
            ms if ms % 1_000_000 == 0 => (ms / 1_000_000, 3),
            us if us % 1_000 == 0 => (us / 1_000, 6),
            ns => (ns, 9),
        };
        push_padded(i64::from(value), width, push);
    }
    push("Z");
    Some(())
}

fn push_padded(value: i64, width: usize, push: &mut impl FnMut(&str)) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value);
    push("000000000".get(..width.saturating_sub(text.len())).unwrap_or_default());
    push(text);
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in eras of 400 years that begin with March (H. Hinnant, "chrono-compatible low-level
/// date algorithms").
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_since_1970`].
pub(crate) fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(ns: i128) -> Option<String> {
        let mut text = String::new();
        write(ns, &mut |part| text.push_str(part)).map(|()| text)
    }

    #[test]
    fn times_read_and_print() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-11-22T07:06:40.123Z", 1_732_259_200_123_000_000),
            ("2000-02-29T23:59:59.999999999Z", 951_868_799_999_999_999),
            ("1969-12-31T23:59:59.5Z", -500_000_000),
            ("0000-03-01T00:00:00Z", -62_162_035_200_000_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000_000),
        ];
        for (text, ns) in cases {
            assert_eq!(parse(text), Some(ns), "{text}");
            assert_eq!(parse(&text_of(ns).unwrap()), Some(ns), "{text}");
        }
        assert_eq!(text_of(1_732_259_200_123_000_000).unwrap(), "2024-11-22T07:06:40.123Z");
        assert_eq!(text_of(253_402_300_800_000_000_000), None);
    }

    #[test]
    fn offsets_and_separators_have_several_spellings() {
        let same = [
            "2024-11-22 08:06:40+01:00",
            "2024-11-22t08:06:40,0+0100",
            "2024-11-22T05:36:40-01:30",
            "2024-11-22T08:06:40+01",
        ];
        for text in same {
            assert_eq!(parse(text), Some(1_732_259_200_000_000_000), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let wrong = [
            "",
            "2024-11-22",
            "2024-11-22T07:06:40",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-11-22T24:00:00Z",
            "2024-11-22T23:59:60Z",
            "2024-11-22T07:06:40.Z",
            "2024-11-22T07:06:40.1234567890Z",
            "2024-11-22T07:06:40Z ",
            "2024-11-22T07:06:40+1:00",
            "2024-1-22T07:06:40Z",
            "२०२४-11-22T07:06:40Z",
            "2024-11-22T07:06:4é",
        ];
        for text in wrong {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -200_000..100_000 {
            let (year, month, date) = date_of(day);
            assert_eq!(days_since_1970(year, month, date), day);
            assert!((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&date));
        }
    }
}
