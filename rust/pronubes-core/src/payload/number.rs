//! Numbers: JSON number text to values and back.
//!
//! Integers are exact to `i64` and, above it, `u64`; integer text beyond is refused for arithmetic, never turned into a
//! float in silence. Decimal text becomes the nearest `f64` (ties to even), which most plant values reach by one exact
//! multiplication or division (Clinger's fast path); all others go through the standard library. Doubles are written as
//! the shortest text that reads back as the same value, integral ones with `.0`, so that a number never changes its type
//! on the way. Text that no step touches is copied and never comes here.

use super::cell::{Cell, Kind, Raw};
use super::lex::Cursor;
use super::limits::Limits;
use super::swar;
use super::write::push_run;
use crate::Reason;

/// Integers up to here are exact as `f64`.
const EXACT: u64 = 1 << 53;
/// Powers of ten that are exact as `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The value of a number in a payload: [`Cell::Int`], [`Cell::UInt`] or [`Cell::Double`]. `-0` is the integer 0.
///
/// # Errors
/// [`Reason::NumberOutOfRange`] for integers that neither `i64` nor `u64` holds and decimals beyond `f64`;
/// [`Reason::WrongType`] when the value is no number.
#[inline]
pub fn read(payload: &[u8], raw: Raw) -> Result<Cell, Reason> {
    match raw.kind {
        Kind::Integer => parse_int(raw.span().of(payload)),
        Kind::Decimal => parse_f64(raw.span().of(payload)).map(Cell::Double),
        _ => Err(Reason::WrongType),
    }
}

/// The value of a number in a payload as a double, whichever way it is written.
///
/// # Errors
/// [`Reason::NumberOutOfRange`] beyond `f64`; [`Reason::WrongType`] when the value is no number.
#[inline]
pub fn read_f64(payload: &[u8], raw: Raw) -> Result<f64, Reason> {
    match raw.kind {
        // Adding zero makes `-0` the integer that it is.
        Kind::Integer => scanned_f64(payload, raw).map(|value| value + 0.0),
        Kind::Decimal => scanned_f64(payload, raw),
        _ => Err(Reason::WrongType),
    }
}

#[inline]
fn scanned_f64(payload: &[u8], raw: Raw) -> Result<f64, Reason> {
    match short_f64(payload, raw) {
        Some(value) => Ok(value),
        None => long_f64(raw.span().of(payload)),
    }
}

/// The value of an integer of at most 16 digits that stands in a payload: two words hold them.
#[inline(always)]
pub(crate) fn short_int(payload: &[u8], raw: Raw) -> Option<i64> {
    let (mut start, mut length) = (raw.start as usize, raw.span().len());
    let is_negative = payload.get(start) == Some(&b'-');
    if is_negative {
        (start, length) = (start + 1, length - 1);
    }
    let word = swar::load_padded(payload, start);
    let value = match length {
        1..=8 => swar::decimal(word, length),
        9..=16 => {
            let rest = length - 8;
            let scale = POWERS_OF_TEN.get(rest)?;
            swar::decimal(word, 8) * scale + swar::decimal(swar::load_padded(payload, start + 8), rest)
        }
        _ => return None,
    };
    let value = value.cast_signed();
    Some(if is_negative { -value } else { value })
}

/// Up to what the second of two words is worth.
const POWERS_OF_TEN: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

#[inline(never)]
fn long_f64(text: &[u8]) -> Result<f64, Reason> {
    parse_f64(text)
}

/// A number as it is written: the digits as an integer, and how many of them stand behind the point. None for an exponent and
/// for more digits than doubles hold.
#[inline]
pub(crate) fn digits(payload: &[u8], raw: Raw) -> Option<(i64, u32)> {
    match raw.kind {
        Kind::Integer => short_int(payload, raw).map(|value| (value, 0)),
        Kind::Decimal => match short_decimal(payload, raw) {
            Some((is_negative, value, decimals)) => {
                let value = value.cast_signed();
                Some((if is_negative { -value } else { value }, u32::try_from(decimals).ok()?))
            }
            None => long_digits(raw.span().of(payload)),
        },
        _ => None,
    }
}

fn long_digits(text: &[u8]) -> Option<(i64, u32)> {
    let (is_negative, text) = sign(text);
    if text.len() > 16 {
        return None;
    }
    let point = text.iter().position(|byte| *byte == b'.')?;
    let mut value = 0;
    for byte in text.iter().enumerate().filter(|(at, _)| *at != point).map(|(_, byte)| byte) {
        value = value * 10 + i64::from(Some(byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9)?);
    }
    Some((if is_negative { -value } else { value }, u32::try_from(text.len() - point - 1).ok()?))
}

/// The same for digits with at most one point among them, eight bytes in all beside the sign: a word holds them.
#[inline]
fn short_f64(payload: &[u8], raw: Raw) -> Option<f64> {
    let (is_negative, value, decimals) = short_decimal(payload, raw)?;
    #[expect(clippy::cast_precision_loss, reason = "eight digits are exact")]
    let value = value as f64 / POWERS.get(decimals)?;
    Some(if is_negative { -value } else { value })
}

/// Such a number as it is written: whether it has a sign, its digits, and how many of them stand behind the point.
#[inline(always)]
fn short_decimal(payload: &[u8], raw: Raw) -> Option<(bool, u64, usize)> {
    let (mut start, mut length) = (raw.start as usize, raw.span().len());
    let is_negative = payload.get(start) == Some(&b'-');
    if is_negative {
        (start, length) = (start + 1, length - 1);
    }
    let mut word = swar::load_padded(payload, start);
    if !(1..=8).contains(&length) {
        return None;
    }
    let mut decimals = 0;
    if raw.kind == Kind::Decimal {
        let point = Some(swar::first_mark(swar::non_digits(word)?)).filter(|point| *point > 0)?;
        word = swar::without_byte(word, point);
        length -= 1;
        decimals = length.checked_sub(point)?;
        // What is no digit here, or stands for the point, belongs to an exponent.
        if swar::non_digits(word).is_some_and(|marks| swar::first_mark(marks) < length)
            || payload.get(start + point) != Some(&b'.')
        {
            return None;
        }
    }
    Some((is_negative, swar::decimal(word, length), decimals))
}

/// Whether some text is a JSON number, and which kind: [`Kind::Integer`] or [`Kind::Decimal`]. For text from outside of
/// a payload, such as a string that is to be cast.
#[must_use]
pub fn kind_of(text: &[u8]) -> Option<Kind> {
    let mut stack = Vec::new();
    let mut cursor = Cursor::new(text, &Limits::default(), &mut stack);
    let kind = cursor.number().ok()?;
    if cursor.at() == text.len() { Some(kind) } else { None }
}

/// Reads JSON integer text as [`Cell::Int`] or, above `i64`, [`Cell::UInt`].
///
/// # Errors
/// [`Reason::NumberOutOfRange`] beyond both; [`Reason::InvalidConversion`] for what is no integer text.
#[inline]
pub fn parse_int(text: &[u8]) -> Result<Cell, Reason> {
    let (negative, digits) = sign(text);
    if digits.is_empty() {
        return Err(Reason::InvalidConversion);
    }
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Reason::InvalidConversion);
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit)))
            .ok_or(Reason::NumberOutOfRange)?;
    }
    match (negative, i64::try_from(value)) {
        (false, Ok(value)) => Ok(Cell::Int(value)),
        (false, Err(_)) => Ok(Cell::UInt(value)),
        (true, _) => 0i64.checked_sub_unsigned(value).map(Cell::Int).ok_or(Reason::NumberOutOfRange),
    }
}

/// Reads JSON number text as the nearest double. Text that is not from a scan must have passed [`kind_of`]: near misses
/// such as `1.` or `01` are not told apart here.
///
/// # Errors
/// [`Reason::NumberOutOfRange`] where the double would be infinite; [`Reason::InvalidConversion`] for other text.
#[inline]
pub fn parse_f64(text: &[u8]) -> Result<f64, Reason> {
    match exact_f64(text) {
        Some(value) => Ok(value),
        None => nearest_f64(text),
    }
}

#[inline]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    }
}

/// At most 19 digits whose value is a small integer times or divided by an exact power of ten: one rounding.
#[inline]
fn exact_f64(text: &[u8]) -> Option<f64> {
    let (negative, text) = sign(text);
    if text.len() > 24 {
        return None;
    }
    let mut mantissa = 0u64;
    let mut digits = 0u32;
    let mut point = None;
    let mut exponent = 0i32;
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += 1;
        } else if *byte == b'.' && point.is_none() {
            point = Some(digits);
        } else if byte | 0x20 == b'e' {
            exponent = small_exponent(text.get(at + 1..)?)?;
            break;
        } else {
            return None;
        }
    }
    if digits == 0 || digits > 19 || mantissa > EXACT {
        return None;
    }
    #[expect(clippy::cast_possible_wrap, reason = "at most 19 digits were counted")]
    let scale = exponent - point.map_or(0, |point| (digits - point) as i32);
    let power = *POWERS.get(scale.unsigned_abs() as usize)?;
    #[expect(clippy::cast_precision_loss, reason = "integers up to 2^53 are exact")]
    let value = mantissa as f64;
    let value = if scale < 0 { value / power } else { value * power };
    Some(if negative { -value } else { value })
}

fn small_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    let mut value = 0i32;
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    for byte in digits {
        value = value * 10 + char::from(*byte).to_digit(10).and_then(|digit| i32::try_from(digit).ok())?;
    }
    Some(if negative { -value } else { value })
}

#[cold]
#[inline(never)]
fn nearest_f64(text: &[u8]) -> Result<f64, Reason> {
    if kind_of(text).is_none() {
        return Err(Reason::InvalidConversion);
    }
    let text = std::str::from_utf8(text).map_err(|_| Reason::InvalidConversion)?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(Reason::NumberOutOfRange),
        Err(_) => Err(Reason::InvalidConversion),
    }
}

/// Appends a double as the shortest JSON number that reads back as the same value; integral ones end in `.0`, very
/// large and very small ones have an exponent.
///
/// # Errors
/// [`Reason::NotFinite`] for infinities and NaN, which JSON cannot say; nothing is written then.
#[inline]
pub fn write_f64(out: &mut Vec<u8>, value: f64) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(Reason::NotFinite);
    }
    if !write_short(out, value) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
    Ok(())
}

/// Appends a double that three digits behind the point say exactly, as most scaled measurements are; tells whether it did.
///
/// `thousandths / 1000` is one correctly rounded division, so where it gives the value back, that is what a reader
/// makes of the text too. Two numbers of so few digits are never the same double, so without zeros at its end the text
/// is the shortest.
#[inline]
fn write_short(out: &mut Vec<u8>, value: f64) -> bool {
    const POINT: usize = 8;
    let size = value.abs();
    if size >= 1e6 {
        return false;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is below 10^9 and not negative")]
    let thousandths = (size * 1e3 + 0.5) as u32;
    if f64::from(thousandths) / 1e3 != size {
        return false;
    }
    let (mut whole, fraction) = (thousandths / 1000, thousandths % 1000);
    let digit = |number: u32| b'0' + (number % 10) as u8;
    let mut text = [0; 32];
    text[POINT..POINT + 4].copy_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    let mut start = POINT;
    loop {
        start -= 1;
        text[start] = digit(whole);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if value.is_sign_negative() {
        start -= 1;
        text[start] = b'-';
    }
    let zeros = if fraction % 100 == 0 { 2 } else { usize::from(fraction % 10 == 0) };
    push_run(out, &text, start, POINT + 4 - zeros);
    true
}

/// Appends an integer.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer.
#[inline]
pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
