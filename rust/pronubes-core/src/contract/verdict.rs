//! Verdicts, for people: what is wrong, where, what was found and what was expected.

use std::fmt;

use super::shape::{Contract, Field};
use crate::Reason;
use crate::payload::{Cell, Kind, Raw, Scan};

use super::text::{characters, items};

/// Most bytes of a value that are quoted.
const QUOTED: usize = 64;
/// Stands for the payload as a whole where the number of a field would stand.
pub(super) const WHOLE: u32 = u32::MAX;

/// A rule that is broken, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The field in file order, their count for the quality, [`WHOLE`] for the payload.
    pub(crate) field: u32,
    pub(crate) reason: Reason,
}

/// A rule that is broken, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The stable code.
    pub reason: Reason,
    /// The path of the field; empty for the payload as a whole.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "payload" } else { &self.field };
        write!(formatter, "{field}: {}: found {}, expected {}", self.reason, self.found, self.expected)
    }
}

/// What a flaw is about: the payload, its scan by the contract's own paths, and what the scan said if it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) payload: &'a [u8],
    pub(super) scan: &'a Scan,
    pub(super) offset: u32,
    /// The first extra field, with how many there are.
    pub(super) extra: (&'a str, usize),
}

impl Contract {
    /// Puts a flaw into words.
    #[cold]
    pub(super) fn describe(&self, flaw: Flaw, evidence: &Evidence<'_>) -> Violation {
        let index = flaw.field as usize;
        let cell = |slot: Option<&crate::payload::SlotId>| slot.map_or(Cell::Missing, |slot| evidence.scan.cell(*slot));
        let (field, found, expected) = match (self.fields.get(index), flaw.reason) {
            (Some(field), reason) => {
                let cell = cell(self.own.fields.get(index));
                (&*field.name, found(cell, reason, evidence.payload), expected(field, reason))
            }
            (None, Reason::ContractQuality | Reason::DuplicateKey) => {
                let known = self.quality.as_ref().map_or_else(String::new, |quality| quality.described.to_string());
                let cell = cell(self.own.quality.as_ref());
                (self.field_name(flaw.field), found(cell, flaw.reason, evidence.payload), known)
            }
            (None, Reason::ContractExtraField) => {
                let (first, count) = evidence.extra;
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                (first, format!("`{}`{more}", cut(first.as_bytes())), "only fields that the contract names".to_owned())
            }
            (None, Reason::ContractNotObject) => {
                ("", format!("`{}`", cut(evidence.scan.root.span().of(evidence.payload))), "an object".to_owned())
            }
            (None, _) => {
                let found = format!("what cannot be read at byte {}", evidence.offset);
                ("", found, "JSON within the limits".to_owned())
            }
        };
        Violation { reason: flaw.reason, field: field.to_owned(), found, expected }
    }
}

fn found(cell: Cell, reason: Reason, payload: &[u8]) -> String {
    match cell {
        Cell::Missing => "nothing".to_owned(),
        Cell::Duplicate => "the key more than once".to_owned(),
        Cell::Raw(raw) if reason == Reason::ContractLength => length_of(raw, payload),
        Cell::Raw(raw) => format!("`{}`", cut(raw.span().of(payload))),
        // A scan leaves no other cells behind.
        _ => String::new(),
    }
}

fn length_of(raw: Raw, payload: &[u8]) -> String {
    if raw.kind == Kind::Array {
        return format!("{} items", items(payload, raw));
    }
    let mut arena = crate::payload::TextArena::default();
    let span = crate::payload::text::decode(payload, raw, &mut arena);
    format!("{} characters", characters(arena.get(span).as_bytes()))
}

fn expected(field: &Field, reason: Reason) -> String {
    let check = &field.check;
    let time = check.rest.as_ref().and_then(|rest| rest.time);
    match reason {
        Reason::ContractRange => field.described.range.to_string(),
        Reason::ContractEnum => field.described.one_of.to_string(),
        Reason::ContractPattern => field.described.pattern.to_string(),
        Reason::ContractLength => field.described.length.to_string(),
        Reason::ContractNull if check.null == super::spec::NullRule::WhenBad => {
            "`null` when the quality is bad, and a value otherwise".to_owned()
        }
        Reason::ContractTimeInvalid => time.map_or_else(String::new, |time| time.described().to_owned()),
        Reason::ContractTimeFuture | Reason::ContractTimeOld => {
            time.map_or_else(String::new, |time| time.limit(reason))
        }
        Reason::DuplicateKey => "one value".to_owned(),
        _ => check.kind.described().to_owned(),
    }
}

/// The beginning of some text, on whole characters.
fn cut(bytes: &[u8]) -> String {
    if bytes.len() <= QUOTED {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let text = String::from_utf8_lossy(bytes.get(..QUOTED).unwrap_or_default());
    format!("{}...", text.trim_end_matches(char::REPLACEMENT_CHARACTER))
}
