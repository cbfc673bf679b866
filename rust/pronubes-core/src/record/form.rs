//! How qualities and times are written in payloads, and how they are read.

use std::io::Write;
use std::sync::LazyLock;

use serde::Deserialize;

use super::status::{Severity, StatusCode};
use crate::expr::{Inputs, Scope};
use crate::payload::{Cell, Literals, Raw, TextArena, number};
use crate::tables::Tables;
use crate::transform::{is_text, not_wanted, number_in, read_unix, text_in, time};
use crate::{Meta, Reason};

/// How a quality is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityForm {
    /// `GOOD`, `UNCERTAIN`, `BAD`.
    Words,
    /// `Good`, `GoodNoData`, `Uncertain`, `Bad`, as i3X has them.
    I3x,
    /// The name of the status code: `BadNoCommunication`; eight hexadecimal digits where it has none.
    Name,
    /// The status code as a number.
    Status,
    /// A byte of OPC DA: 192, 64, 0 and what lies between them.
    Classic,
    /// 192, 500 (stale) and 0, as Sparkplug B has them.
    Sparkplug,
}

impl QualityForm {
    /// Reads a quality. Every text form reads what [`StatusCode::parse`] reads; a code that nobody knows stays unknown.
    pub(crate) fn read(self, cell: Cell, scope: &mut Scope<'_>) -> Result<StatusCode, Reason> {
        let found = match self {
            Self::Words | Self::I3x | Self::Name if is_text(cell) => StatusCode::parse(text_in(cell, scope)?),
            Self::Words | Self::I3x | Self::Name => return Err(not_wanted(cell)),
            _ => match number_in(cell, scope.inputs.payload)? {
                Cell::Int(code) => u32::try_from(code).ok().and_then(|code| self.of_number(code)),
                _ => None,
            },
        };
        found.ok_or(Reason::UnknownQuality)
    }

    /// Reads a quality of a scanned payload by itself; nothing where it is none in this form.
    #[must_use]
    pub fn read_raw(self, payload: &[u8], raw: Raw, text: &mut TextArena) -> Option<StatusCode> {
        alone(payload, text, |scope| self.read(Cell::Raw(raw), scope)).ok()
    }

    fn of_number(self, code: u32) -> Option<StatusCode> {
        match (self, code) {
            (Self::Sparkplug, 192) => Some(StatusCode::GOOD),
            (Self::Sparkplug, 500) => Some(StatusCode::LAST_USABLE),
            (Self::Sparkplug, 0) => Some(StatusCode::BAD),
            (Self::Sparkplug, _) => None,
            (Self::Classic, _) => of_classic(code),
            _ => Some(StatusCode(code)),
        }
    }

    /// Appends a quality as JSON. All but `name` and `status` write less than the code says.
    pub fn write(self, status: StatusCode, out: &mut Vec<u8>) {
        let severity = status.severity();
        let choose = |good, uncertain, bad| match severity {
            Severity::Good => good,
            Severity::Uncertain => uncertain,
            Severity::Bad => bad,
        };
        match self {
            Self::Words => out.extend_from_slice(choose(&b"\"GOOD\""[..], b"\"UNCERTAIN\"", b"\"BAD\"")),
            Self::I3x if status.condition() == StatusCode::GOOD_NO_DATA => out.extend_from_slice(b"\"GoodNoData\""),
            Self::I3x => out.extend_from_slice(choose(&b"\"Good\""[..], b"\"Uncertain\"", b"\"Bad\"")),
            // A `Vec` takes every write.
            Self::Name => drop(write!(out, "\"{status}\"")),
            Self::Status => number::write_uint(out, status.0.into()),
            Self::Classic => number::write_uint(out, to_classic(status).into()),
            Self::Sparkplug => out.extend_from_slice(choose(&b"192"[..], b"500", b"0")),
        }
    }

    /// Whether it is written as a number.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Status | Self::Classic | Self::Sparkplug)
    }

    /// Whether it writes everything that a code says.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Name | Self::Status)
    }
}

/// OPC DA qualities without their limit bits and the codes that OPC UA gives them (Part 8, A.3.2.3). 20 (last known value)
/// is read as `BadOutOfService`, as the standard has it.
const CLASSIC: [(u32, u32); 16] = [
    (192, 0),
    (216, 0x0096_0000),
    (64, 0x4000_0000),
    (68, 0x4090_0000),
    (80, 0x4093_0000),
    (84, 0x4094_0000),
    (88, 0x4095_0000),
    (0, 0x8000_0000),
    (4, 0x8089_0000),
    (8, 0x808A_0000),
    (12, 0x808B_0000),
    (16, 0x808C_0000),
    (24, 0x8031_0000),
    (28, 0x808D_0000),
    (32, 0x8032_0000),
    (20, 0x808D_0000),
];

/// The low byte of an OPC DA quality; the high one belongs to the vendor. 10 in the top bits is not defined.
fn of_classic(quality: u32) -> Option<StatusCode> {
    if quality > 0xFFFF {
        return None;
    }
    let known = |wanted: u32| CLASSIC.iter().find(|(quality, _)| *quality == wanted).map(|(_, code)| *code);
    let code = known(quality & 0xFC).or_else(|| known(quality & 0xC0))?;
    Some(StatusCode(code).with_limit(quality & 3))
}

fn to_classic(status: StatusCode) -> u32 {
    let known = CLASSIC.iter().find(|(_, code)| *code == status.condition().0).map(|(quality, _)| *quality);
    let quality = known.unwrap_or(match status.severity() {
        Severity::Good => 192,
        Severity::Uncertain => 64,
        Severity::Bad => 0,
    });
    quality | status.limit()
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// `2024-11-22T07:06:40.123Z`
    Iso8601,
    /// Seconds since 1970.
    UnixS,
    /// Milliseconds since 1970.
    UnixMs,
    /// Microseconds since 1970.
    UnixUs,
    /// Nanoseconds since 1970.
    UnixNs,
}

impl TimeForm {
    /// How many nanoseconds one of it has; text has them all.
    pub(crate) const fn unit(self) -> i64 {
        match self {
            Self::UnixS => 1_000_000_000,
            Self::UnixMs => 1_000_000,
            Self::UnixUs => 1_000,
            Self::UnixNs | Self::Iso8601 => 1,
        }
    }

    /// Reads a time, in nanoseconds since 1970.
    pub(crate) fn read(self, cell: Cell, scope: &mut Scope<'_>) -> Result<i64, Reason> {
        let ns = match self {
            Self::Iso8601 if is_text(cell) => time::parse(text_in(cell, scope)?).ok_or(Reason::InvalidTimestamp)?,
            Self::Iso8601 => return Err(not_wanted(cell)),
            _ => read_unix(cell, self.unit().into(), scope)?,
        };
        i64::try_from(ns).map_err(|_| Reason::InvalidTimestamp)
    }

    /// Reads a time of a scanned payload by itself; nothing where it is none in this form.
    #[must_use]
    pub fn read_raw(self, payload: &[u8], raw: Raw, text: &mut TextArena) -> Option<i64> {
        alone(payload, text, |scope| self.read(Cell::Raw(raw), scope)).ok()
    }

    /// Appends a time as JSON; what is finer than the unit is cut off, towards the past.
    pub fn write(self, ns: i64, out: &mut Vec<u8>) {
        if self != Self::Iso8601 {
            return number::write_int(out, ns.div_euclid(self.unit()));
        }
        out.push(b'"');
        // 64 bits of nanoseconds lie between the years 1677 and 2262, all of which have a text.
        let _ = time::write(ns.into(), &mut |part| out.extend_from_slice(part.as_bytes()));
        out.push(b'"');
    }
}

/// Reads something that depends on nothing but the payload.
fn alone<T>(payload: &[u8], text: &mut TextArena, read: impl FnOnce(&mut Scope<'_>) -> T) -> T {
    static NO_LITERALS: LazyLock<Literals> = LazyLock::new(Literals::default);
    let (captures, meta, tables) = (&[], &Meta::default(), &Tables::default());
    let inputs =
        Inputs { payload, topic: "", captures, meta, source: "", key: Cell::Missing, literals: &NO_LITERALS, tables };
    read(&mut inputs.scope(&[], text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_qualities_become_codes_and_come_back() {
        for quality in 0..=0xFF {
            let Some(status) = of_classic(quality) else {
                assert_eq!(quality >> 6, 2, "{quality}");
                continue;
            };
            assert_eq!(status.limit(), quality & 3);
            let is_listed = quality & 0xFC != 20 && CLASSIC.iter().any(|(known, _)| *known == quality & 0xFC);
            let expected = if is_listed { Some(quality) } else { None };
            assert_eq!(expected.unwrap_or_else(|| to_classic(status)), to_classic(status), "{quality}");
        }
        assert_eq!(of_classic(24), StatusCode::parse("BadNoCommunication"));
        assert_eq!(of_classic(20), of_classic(28));
        assert_eq!([of_classic(128), of_classic(0x1_00C0)], [None, None]);
        assert_eq!(of_classic(0x12C0), Some(StatusCode::GOOD), "the high byte is the vendor's");
    }

    #[test]
    fn times_are_cut_off_towards_the_past() {
        let written = |form: TimeForm, ns| {
            let mut out = Vec::new();
            form.write(ns, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(TimeForm::UnixMs, -1), "-1");
        assert_eq!(written(TimeForm::UnixS, 1_999_999_999), "1");
        assert_eq!(written(TimeForm::Iso8601, i64::MIN), "\"1677-09-21T00:12:43.145224192Z\"");
        assert_eq!(written(TimeForm::Iso8601, i64::MAX), "\"2262-04-11T23:47:16.854775807Z\"");
    }
}
