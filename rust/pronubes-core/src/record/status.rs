//! OPC UA status codes (Part 4, 7.39): how good a value is, in 32 bits.
//!
//! The top two bits say good, uncertain or bad; the next 14 name the condition; the low 16 carry flags (limits,
//! overflow). Everything that plants say about quality fits in here, so this is what the engine keeps; shorter words
//! are derived from it and never the other way round.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::names::BY_CODE;

/// The codes by name; by the other spelling (`Bad_NoCommunication`) too, which the standard prints while its code list
/// and most software leave the line out.
static BY_NAME: LazyLock<HashMap<Box<str>, u32, foldhash::fast::RandomState>> = LazyLock::new(|| {
    let mut names = HashMap::default();
    for (code, name) in BY_CODE {
        for severity in ["Good", "Uncertain", "Bad"] {
            if let Some(rest) = name.strip_prefix(severity).filter(|rest| !rest.is_empty()) {
                names.insert(format!("{severity}_{rest}").into(), *code);
            }
        }
        names.insert((*name).into(), *code);
    }
    names
});

/// The bits that name a condition, severity included.
const CODE: u32 = 0xFFFF_0000;
/// The info bits belong to a data value (Part 4, 7.39.1, table of info bits).
const DATA_VALUE: u32 = 0x0000_0400;
const INFO_TYPE: u32 = 0x0000_0C00;
const LIMIT_SHIFT: u32 = 8;

/// How good a value is, with all that its source says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode(pub u32);

/// What the top two bits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The value can be used.
    Good,
    /// It can be used with care.
    Uncertain,
    /// It cannot be used.
    Bad,
}

impl StatusCode {
    /// Nothing is wrong.
    pub const GOOD: Self = Self(0);
    /// Something may be wrong.
    pub const UNCERTAIN: Self = Self(0x4000_0000);
    /// The value cannot be used.
    pub const BAD: Self = Self(0x8000_0000);
    /// The source is gone and this is the last that it said.
    pub const LAST_USABLE: Self = Self(0x4090_0000);
    /// There is no value, and nothing is wrong.
    pub const GOOD_NO_DATA: Self = Self(0x00A5_0000);

    /// The severity. The pattern 11 is reserved; clients shall take it for bad (Part 4, 7.39.1).
    #[inline]
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Good,
            1 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    /// Whether a value of this quality may be null: there is none, or it cannot be used (i3X, Null Value Handling).
    #[inline]
    #[must_use]
    pub const fn may_be_null(self) -> bool {
        matches!(self.severity(), Severity::Bad) || self.condition().0 == Self::GOOD_NO_DATA.0
    }

    /// The code without its flags.
    #[inline]
    #[must_use]
    pub const fn condition(self) -> Self {
        Self(self.0 & CODE)
    }

    /// Whether the value is at a limit: 1 at the lowest, 2 at the highest, 3 does not change; 0 where nothing is said.
    #[must_use]
    pub const fn limit(self) -> u32 {
        if self.0 & INFO_TYPE == DATA_VALUE { self.0 >> LIMIT_SHIFT & 3 } else { 0 }
    }

    /// The same with a limit.
    #[must_use]
    pub const fn with_limit(self, limit: u32) -> Self {
        if limit == 0 { self } else { Self(self.0 | DATA_VALUE | (limit & 3) << LIMIT_SHIFT) }
    }

    /// The name of exactly this code; none where it has flags or OPC UA does not name it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let found = BY_CODE.binary_search_by_key(&self.0, |(code, _)| *code).ok()?;
        BY_CODE.get(found).map(|(_, name)| *name)
    }

    /// Reads a name (`BadNoCommunication`, `Bad_NoCommunication`), a usual word in any case (`GOOD`, `Uncertain`,
    /// `stale`), or a number in decimal or hexadecimal (`0x80310000`). Everything else is unknown, and stays so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const WORDS: [(&str, StatusCode); 5] = [
            ("good", StatusCode::GOOD),
            ("uncertain", StatusCode::UNCERTAIN),
            ("bad", StatusCode::BAD),
            ("stale", StatusCode::LAST_USABLE),
            ("goodnodata", StatusCode::GOOD_NO_DATA),
        ];
        let is_word = |(word, _): &&(&str, Self)| text.eq_ignore_ascii_case(word);
        if let Some((_, code)) = WORDS.iter().find(is_word) {
            return Some(*code);
        }
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return if is_hexadecimal { u32::from_str_radix(digits, 16).ok().map(Self) } else { None };
        }
        if text.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self);
        }
        BY_NAME.get(text).copied().map(Self)
    }
}

/// The name, or eight hexadecimal digits; [`StatusCode::parse`] reads both.
impl fmt::Display for StatusCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "0x{:08X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_have_one_name_each() {
        assert!(BY_CODE.is_sorted_by(|left, right| left.0 < right.0));
        for (code, name) in BY_CODE {
            assert_eq!(StatusCode::parse(name), Some(StatusCode(*code)), "{name}");
            assert_eq!(code & !CODE, 0, "{name} has flags");
        }
    }

    #[test]
    fn texts_read() {
        let cases = [
            ("GOOD", Some(0)),
            ("good", Some(0)),
            ("Uncertain", Some(0x4000_0000)),
            ("BAD", Some(0x8000_0000)),
            ("STALE", Some(0x4090_0000)),
            ("GoodNoData", Some(0x00A5_0000)),
            ("Bad_NoCommunication", Some(0x8031_0000)),
            ("Uncertain_LastUsableValue", Some(0x4090_0000)),
            ("BadEdited_OutOfRange", Some(0x8119_0000)),
            ("0x80310000", Some(0x8031_0000)),
            ("2150694912", Some(0x8031_0000)),
            ("0", Some(0)),
            ("", None),
            ("192a", None),
            ("0x", None),
            ("0x+1", None),
            ("4294967296", None),
            ("-1", None),
            ("badnocommunication", None),
            ("Bad_", None),
            ("_Bad", None),
            ("ok", None),
        ];
        for (text, code) in cases {
            assert_eq!(StatusCode::parse(text).map(|status| status.0), code, "{text}");
        }
    }

    #[test]
    fn severity_is_in_the_top_bits_and_the_reserved_one_is_bad() {
        let of = |code: u32| StatusCode(code).severity();
        assert_eq!([of(0x2FFF_FFFF), of(0x4000_0001)], [Severity::Good, Severity::Uncertain]);
        assert_eq!([of(0x8000_0000), of(0xC000_0000)], [Severity::Bad, Severity::Bad]);
        assert!(StatusCode(0x00A5_0400).may_be_null() && StatusCode::BAD.may_be_null());
        assert!(!StatusCode::GOOD.may_be_null() && !StatusCode::LAST_USABLE.may_be_null());
    }

    #[test]
    fn limits_need_the_info_type_of_data_values() {
        assert_eq!(StatusCode(0x0000_0200).limit(), 0);
        assert_eq!(StatusCode::GOOD.with_limit(2), StatusCode(0x0000_0600));
        assert_eq!(StatusCode(0x0000_0600).limit(), 2);
    }
}
