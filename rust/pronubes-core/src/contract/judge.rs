//! The full pass: every violation of a payload. It is the definition of what a contract means.

use super::check::{Around, Value};
use super::quality::State;
use super::shape::Contract;
use super::verdict::{Evidence, Flaw, Violation, WHOLE};
use crate::Reason;
use crate::payload::{Cell, Kind, Limits, ObjectWriter, Raw, Scan, TextArena, members, scan, text};

/// Judges payloads, with memory that is used again from one to the next.
#[derive(Debug, Default)]
pub struct Judge {
    limits: Limits,
    scan: Scan,
    /// Whether the last payload is JSON.
    is_json: bool,
    text: TextArena,
    flaws: Vec<Flaw>,
    offset: u32,
    /// The first field that the contract does not name, and how many there are.
    extra: (String, usize),
}

impl Judge {
    /// A judge with bounds on what a payload may be.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Everything that is wrong with a payload, in the order of the contract; nothing if it is good. A payload that is
    /// no JSON within the limits has one violation, which says so.
    pub fn judge(&mut self, contract: &Contract, payload: &[u8], received_ns: i64) -> Vec<Violation> {
        self.find(contract, payload, received_ns, self.limits);
        self.described(contract, payload)
    }

    /// What was found last, in words.
    pub(crate) fn described(&self, contract: &Contract, payload: &[u8]) -> Vec<Violation> {
        self.flaws.iter().map(|flaw| contract.describe(*flaw, &self.evidence(payload))).collect()
    }

    /// The bounds on what comes in.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Everything that is wrong with a payload, in numbers.
    pub(crate) fn find(&mut self, contract: &Contract, payload: &[u8], received_ns: i64, limits: Limits) -> &[Flaw] {
        self.flaws.clear();
        self.text.clear();
        match scan(payload, &contract.paths, &limits, &mut self.scan) {
            Ok(()) => {
                self.is_json = true;
                self.walk(contract, payload, received_ns);
            }
            Err(fault) => {
                self.is_json = false;
                self.offset = fault.offset;
                self.flaws.push(Flaw { field: WHOLE, reason: fault.reason });
            }
        }
        &self.flaws
    }

    /// The first violation that was found last, in words.
    pub(crate) fn first(&self, contract: &Contract, payload: &[u8]) -> Option<Violation> {
        self.flaws.first().map(|flaw| contract.describe(*flaw, &self.evidence(payload)))
    }

    /// Writes the payload that was judged last with one more field, or another value in it; `false` where that is no
    /// object.
    pub(crate) fn mark(&self, payload: &[u8], name: &str, words: &str, out: &mut Vec<u8>) -> bool {
        if !self.is_json || self.scan.root.kind != Kind::Object {
            return false;
        }
        out.clear();
        let mut writer = ObjectWriter::new(payload, self.scan.root, out);
        let mut is_there = false;
        for field in &self.scan.tape {
            if !text::equals_escaped(field.key.of(payload), name.as_bytes()) {
                writer.keep(field);
            } else if is_there {
                writer.drop_field(field);
            } else {
                is_there = true;
                text::write(writer.replace(field), words);
            }
        }
        if !is_there {
            let value = writer.append_written(|out| {
                text::write(out, name);
                out.push(b':');
            });
            text::write(value, words);
        }
        writer.finish();
        true
    }

    fn evidence<'a>(&'a self, payload: &'a [u8]) -> Evidence<'a> {
        Evidence { payload, scan: &self.scan, offset: self.offset, extra: (&self.extra.0, self.extra.1) }
    }

    fn walk(&mut self, contract: &Contract, payload: &[u8], received_ns: i64) {
        if !contract.is_scalar && self.scan.root.kind != Kind::Object {
            return self.flaws.push(Flaw { field: WHOLE, reason: Reason::ContractNotObject });
        }
        let quality = self.quality(contract, payload);
        let around = Around { payload, received_ns, quality: quality.unwrap_or(State::Unknown) };
        let Self { scan, text, flaws, .. } = self;
        for ((index, field), slot) in (0..).zip(&contract.fields).zip(&contract.own.fields) {
            let mut report = |reason| flaws.push(Flaw { field: index, reason });
            match scan.cell(*slot) {
                Cell::Raw(raw) => field.check.faults(value(raw, payload, text), around, &mut report),
                Cell::Duplicate => report(Reason::DuplicateKey),
                _ if field.check.is_optional => {}
                _ => report(Reason::ContractMissingField),
            }
        }
        if let Err(reason) = quality {
            let field = u32::try_from(contract.fields.len()).unwrap_or(WHOLE);
            self.flaws.push(Flaw { field, reason });
        }
        if contract.refuses_extra {
            self.find_extra(contract, payload);
        }
    }

    /// What the quality says, or what is wrong with it.
    fn quality(&mut self, contract: &Contract, payload: &[u8]) -> Result<State, Reason> {
        let (Some(quality), Some(slot)) = (&contract.quality, contract.own.quality) else { return Ok(State::Good) };
        match self.scan.cell(slot) {
            Cell::Raw(raw) => match quality.state(value(raw, payload, &mut self.text), payload) {
                State::Unknown => Err(Reason::ContractQuality),
                state => Ok(state),
            },
            // Where the quality is a field of the contract as well, that field has said so.
            Cell::Duplicate if contract.own.fields.contains(&slot) => Ok(State::Unknown),
            Cell::Duplicate => Err(Reason::DuplicateKey),
            _ => Ok(State::Good),
        }
    }

    /// Fields that nobody named: at the top level, then in the objects that paths lead through.
    fn find_extra(&mut self, contract: &Contract, payload: &[u8]) {
        let mut count = 0;
        let first = &mut self.extra.0;
        let mut note = |around: &str, key: &[u8]| {
            count += 1;
            if count == 1 {
                first.clear();
                first.push_str(around);
                first.push_str(if around.is_empty() { "" } else { "." });
                first.push_str(&String::from_utf8_lossy(key));
            }
        };
        let known = &contract.own.known;
        for field in self.scan.tape.iter().filter(|field| field.slot.is_none_or(|slot| !known.contains(&slot))) {
            note("", field.key.of(payload));
        }
        for closed in &contract.closed {
            let Cell::Raw(raw @ Raw { kind: Kind::Object, .. }) = self.scan.cell(closed.object) else { continue };
            for inside in members(payload, raw) {
                if !closed.members.iter().any(|name| inside.is_named(name, payload)) {
                    note(&closed.name, inside.key.unwrap_or_default().of(payload));
                }
            }
        }
        self.extra.1 = count;
        if count > 0 {
            self.flaws.push(Flaw { field: WHOLE, reason: Reason::ContractExtraField });
        }
    }
}

/// A value of a payload, escapes decoded.
fn value<'a>(raw: Raw, payload: &'a [u8], arena: &'a mut TextArena) -> Value<'a> {
    Value::of_raw(raw, payload).unwrap_or_else(|| {
        let span = text::decode(payload, raw, arena);
        Value::Text(arena.get(span).as_bytes())
    })
}
