//! Functions against naive versions of themselves on random values: texts as lists of characters, bits as 128-bit
//! numbers, calendars by counting days. Whatever a function is called with, it ends and gives a value or a reason.

#[path = "expression/compiled.rs"]
mod compiled;
mod expression;

use compiled::Compiled;
use pronubes_core::Reason;
use pronubes_core::expr::{CallStyle, Function};
use pronubes_core::payload::TextArena;
use proptest::prelude::*;
use serde_json::{Value, json};

fn value(source: &str, payload: &Value) -> Result<Value, Reason> {
    let compiled = Compiled::new(source).expect(source);
    compiled.value(&payload.to_string(), &mut TextArena::default())
}

type Naive = Result<Value, Reason>;

/// Where a part stands in a text of characters, from the front.
fn places(text: &[char], part: &[char]) -> Vec<usize> {
    (0..=text.len()).filter(|at| text[*at..].starts_with(part)).collect()
}

fn index(found: Option<&usize>) -> Value {
    found.map_or(json!(-1), |at| json!(at))
}

fn within(position: i64, text: &[char]) -> Result<usize, Reason> {
    usize::try_from(position).ok().filter(|at| *at <= text.len()).ok_or(Reason::IndexOutOfRange)
}

fn index_of(text: &[char], part: &[char], from: i64) -> Naive {
    let from = within(from, text)?;
    Ok(index(places(text, part).iter().find(|at| **at >= from)))
}

fn last_index_of(text: &[char], part: &[char], up_to: i64) -> Naive {
    let up_to = within(up_to, text)?;
    Ok(index(places(text, part).iter().rev().find(|at| **at <= up_to)))
}

fn substring(text: &[char], start: i64, end: i64) -> Naive {
    let (start, end) = (within(start, text)?, within(end, text)?);
    if start > end {
        return Err(Reason::IndexOutOfRange);
    }
    Ok(json!(text[start..end].iter().collect::<String>()))
}

/// Splits at each place that does not overlap the one before, at most so often.
fn pieces(text: &[char], part: &[char], most: usize) -> Vec<String> {
    let (mut pieces, mut begun, mut at) = (Vec::new(), 0, 0);
    while at + part.len() <= text.len() && pieces.len() < most {
        if text[at..].starts_with(part) {
            pieces.push(text[begun..at].iter().collect());
            at += part.len();
            begun = at;
        } else {
            at += 1;
        }
    }
    pieces.push(text[begun..].iter().collect());
    pieces
}

/// The days of the years and months before, one by one.
fn counted(mut days: i64) -> (i64, i64, i64, i64) {
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let (day_of_year, mut month) = (days, 0);
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1, day_of_year)
}

/// Days from 0001-01-01 to 1970-01-01.
const BEFORE_1970: i64 = 719_162;

fn texts() -> impl Strategy<Value = String> {
    "[abü😀]{0,6}"
}

fn parts() -> impl Strategy<Value = String> {
    "[abü😀]{0,2}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn positions_count_characters(text in texts(), part in parts(), from in -1..8_i64, to in -1..8_i64) {
        let payload = json!({"t": text, "p": part, "i": from, "j": to});
        let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
        let of = |source| value(source, &payload);
        prop_assert_eq!(of("payload.t.indexOf(payload.p)"), index_of(&text, &part, 0));
        prop_assert_eq!(of("payload.t.indexOf(payload.p, payload.i)"), index_of(&text, &part, from));
        prop_assert_eq!(of("payload.t.lastIndexOf(payload.p)"), last_index_of(&text, &part, text.len() as i64));
        prop_assert_eq!(of("payload.t.lastIndexOf(payload.p, payload.i)"), last_index_of(&text, &part, from));
        prop_assert_eq!(of("payload.t.substring(payload.i)"), substring(&text, from, text.len() as i64));
        prop_assert_eq!(of("payload.t.substring(payload.i, payload.j)"), substring(&text, from, to));
        let one = within(from, &text).map(|at| json!(text[at..].iter().take(1).collect::<String>()));
        prop_assert_eq!(of("payload.t.charAt(payload.i)"), one);
        prop_assert_eq!(of("payload.t.reverse()"), Ok(json!(text.iter().rev().collect::<String>())));
    }

    #[test]
    fn texts_are_split_joined_and_replaced(text in texts(), part in "[abü]{1,2}", new in parts(), most in -1..4_i64) {
        let payload = json!({"t": text, "p": part, "n": new, "m": most});
        let characters: (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
        let of = |source| value(source, &payload);
        let often = usize::try_from(most).unwrap_or(usize::MAX);
        let all = pieces(&characters.0, &characters.1, usize::MAX);
        prop_assert_eq!(of("payload.t.split(payload.p)"), Ok(json!(all)));
        let some = if often == 0 { Vec::new() } else { pieces(&characters.0, &characters.1, often - 1) };
        prop_assert_eq!(of("payload.t.split(payload.p, payload.m)"), Ok(json!(some)));
        prop_assert_eq!(of("payload.t.replace(payload.p, payload.n)"), Ok(json!(all.join(&new))));
        let replaced = pieces(&characters.0, &characters.1, often).join(&new);
        prop_assert_eq!(of("payload.t.replace(payload.p, payload.n, payload.m)"), Ok(json!(replaced)));
        prop_assert_eq!(of("payload.t.split(payload.p).join(payload.p)"), Ok(json!(text)));
        prop_assert_eq!(of("payload.t.split(\"\").join()"), Ok(json!(text)));
    }

    #[test]
    fn bits_are_those_of_64(left in any::<i64>(), right in any::<i64>(), by in 0..70_u32) {
        let payload = json!({"a": left, "b": right, "n": by});
        let of = |source| value(source, &payload);
        prop_assert_eq!(of("math.bitAnd(payload.a, payload.b)"), Ok(json!(left & right)));
        prop_assert_eq!(of("math.bitOr(payload.a, payload.b)"), Ok(json!(left | right)));
        prop_assert_eq!(of("math.bitXor(payload.a, payload.b)"), Ok(json!(left ^ right)));
        prop_assert_eq!(of("math.bitNot(payload.a)"), Ok(json!(!left)));
        let wide = u128::from(left.cast_unsigned());
        let up = u64::try_from((wide << by) & u128::from(u64::MAX)).expect("masked").cast_signed();
        prop_assert_eq!(of("math.bitShiftLeft(payload.a, payload.n)"), Ok(json!(up)));
        let down = u64::try_from(wide >> by).expect("64 bits").cast_signed();
        prop_assert_eq!(of("math.bitShiftRight(payload.a, payload.n)"), Ok(json!(down)));
        prop_assert_eq!(of("math.greatest(payload.a, payload.b)"), Ok(json!(left.max(right))));
        prop_assert_eq!(of("math.least([payload.a, payload.b])"), Ok(json!(left.min(right))));
    }

    #[test]
    fn calendars_are_those_of_counted_days(days in 0..3_652_059_i64, clock in 0..86_400_i64, shift in -1439..1440_i64) {
        let seconds = (days - BEFORE_1970) * 86_400 + clock;
        let sign = if shift < 0 { '-' } else { '+' };
        let zone = format!("{sign}{:02}:{:02}", shift.abs() / 60, shift.abs() % 60);
        let payload = json!({"t": seconds, "z": zone});
        let of = |source| value(source, &payload);
        let (year, month, date, day_of_year) = counted(days);
        prop_assert_eq!(of("timestamp(payload.t).getFullYear()"), Ok(json!(year)));
        prop_assert_eq!(of("timestamp(payload.t).getMonth()"), Ok(json!(month)));
        prop_assert_eq!(of("timestamp(payload.t).getDate()"), Ok(json!(date)));
        prop_assert_eq!(of("timestamp(payload.t).getDayOfMonth()"), Ok(json!(date - 1)));
        prop_assert_eq!(of("timestamp(payload.t).getDayOfYear()"), Ok(json!(day_of_year)));
        // 0001-01-01 was a Monday.
        prop_assert_eq!(of("timestamp(payload.t).getDayOfWeek()"), Ok(json!((days + 1) % 7)));
        prop_assert_eq!(of("timestamp(payload.t).getHours()"), Ok(json!(clock / 3600)));
        let there = (clock + shift * 60).rem_euclid(86_400);
        prop_assert_eq!(of("timestamp(payload.t).getHours(payload.z)"), Ok(json!(there / 3600)));
        prop_assert_eq!(of("timestamp(payload.t).getMinutes(payload.z)"), Ok(json!(there / 60 % 60)));
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        let text = format!("{year:04}-{:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1);
        prop_assert_eq!(of("timestamp(payload.t)"), Ok(json!(text)));
        prop_assert_eq!(value("int(timestamp(payload.t))", &json!({"t": text})), Ok(json!(seconds)));
    }

    #[test]
    fn times_and_durations_add_up(at in any::<i64>(), by in any::<i64>()) {
        let payload = json!({"t": at, "d": by});
        let of = |source| value(source, &payload);
        prop_assert_eq!(of("int(timestamp(payload.t, \"ns\"), \"ns\")"), Ok(json!(at)));
        let sum = at.checked_add(by).ok_or(Reason::IntegerOverflow).map(|sum| json!(sum));
        prop_assert_eq!(of("int(timestamp(payload.t, \"ns\") + duration(payload.d, \"ns\"), \"ns\")"), sum);
        let sum = at.checked_add(by).ok_or(Reason::NumberOutOfRange).map(|sum| json!(sum));
        prop_assert_eq!(of("int(duration(payload.t, \"ns\") + duration(payload.d, \"ns\"), \"ns\")"), sum);
        let rest = at.checked_sub(by).ok_or(Reason::NumberOutOfRange).map(|rest| json!(rest));
        prop_assert_eq!(of("int(timestamp(payload.t, \"ns\") - timestamp(payload.d, \"ns\"), \"ns\")"), rest);
        prop_assert_eq!(of("int(duration(string(duration(payload.d, \"ns\"))), \"ns\")"), Ok(json!(by)));
        prop_assert_eq!(of("timestamp(payload.t, \"ns\") < timestamp(payload.d, \"ns\")"), Ok(json!(at < by)));
    }

    #[test]
    fn every_function_ends_with_a_value_or_a_reason(
        number in 0..Function::all().count(),
        count in 0..4_usize,
        values in prop::collection::vec(anything(), 4),
    ) {
        let function = Function::all().nth(number).expect("there are so many");
        let (fewest, most) = function.arity();
        let arguments = ["payload.a", "payload.b", "payload.c", "payload.d"];
        let arguments = &arguments[..count.clamp(fewest, most.min(4))];
        let source = match function.style {
            CallStyle::Receiver => format!("{}.{}({})", arguments[0], function.name, arguments[1..].join(", ")),
            _ => format!("{}({})", function.name, arguments.join(", ")),
        };
        let payload = json!({"a": values[0], "b": values[1], "c": values[2], "d": values[3]});
        let of = |source: &str| value(source, &payload);
        let given = of(&source);
        // In a loop and in a list it is the same, and what it gives can be compared with itself.
        let in_list = of(&format!("[{source}]")).map(|list| list[0].clone());
        prop_assert_eq!(&in_list, &given, "{}", source);
        let in_loop = of(&format!("[1].map(x, {source})")).map(|list| list[0].clone());
        prop_assert_eq!(&in_loop, &given, "{}", source);
        prop_assert_eq!(of(&format!("{source} == {source}")).is_ok(), given.is_ok(), "{}", source);
    }
}

fn anything() -> impl Strategy<Value = Value> {
    const TEXTS: &[&str] = &[
        "",
        "a",
        "aü,b\n😀",
        "ms",
        "+01:00",
        "%s %d",
        "%.70f%",
        "1h30m",
        "2024-11-22T07:06:40Z",
        "42",
        "true",
        "%%x%",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..70_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has finite numbers", |value| value.is_finite()).prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        Just(json!(["a", "b"])),
        Just(json!([1, 2.5, [true, null, "x"]])),
        Just(json!([])),
        Just(json!({"a": 1})),
    ]
}
