//! One payload into many: the members of an object or array, each on its way through the rest of the route.

use std::fmt::Write;

use super::run::{Flow, Run};
use super::trace::Trace;
use super::work::{Exploded, Level};
use crate::Reason;
use crate::outcome::Outlet;
use crate::payload::{Cell, Inside, Kind, Raw, Scan, members, text};
use crate::plan::{About, Failure, ScanId};
use crate::transform::Explode;

/// A payload that is to be taken apart, with where its values stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'p, 'b> {
    pub(super) explode: &'p Explode,
    pub(super) payload: &'b [u8],
    pub(super) scan: &'b Scan,
    /// By which scan the members are read that are noted in `scan`.
    pub(super) members: Option<ScanId>,
    pub(super) cells: &'b [Cell],
}

impl<'p, O: Outlet, T: Trace> Run<'p, '_, O, T> {
    /// Runs the stages from `next` on for every member. The first failure is kept; the members behind it go on. The
    /// message is rejected when members were and none of them left.
    pub(super) fn explode(
        &mut self,
        number: u16,
        whole: &Whole<'p, '_>,
        buffers: &mut Exploded,
        deeper: &mut [Level],
        next: usize,
    ) -> Result<Flow, Failure<'p>> {
        let payload = whole.payload;
        self.trace.began(number);
        let Exploded { key: text, payload: member, carried } = buffers;
        let container = whole.container().map_err(|(reason, about)| Failure::step(number, reason, about))?;
        let mut first_failure = None;
        let mut rejected = None;
        let mut further = 0;
        let noted = whole.scan.inside(container);
        // Another route may have scanned the payload, with other members in mind.
        let is_read = whole.members.is_some() && whole.members == self.route.member_scan(next - 1);
        // What was scanned is UTF-8. Checked once, each key of it is a part of a text.
        let whole_text = simdutf8::basic::from_utf8(payload).unwrap_or_default();
        // What the scan did not note is walked again.
        let walked = noted.is_none().then(|| members(payload, container)).into_iter().flatten();
        for (index, inside) in noted.unwrap_or_default().iter().copied().chain(walked).enumerate() {
            if whole.is_carried(&inside) {
                continue;
            }
            let mut digits = itoa::Buffer::new();
            let key = match inside.key {
                Some(key) if inside.key_escaped => {
                    text.clear();
                    let key = text::decode_escaped(key.of(payload), text);
                    text.get(key)
                }
                Some(key) => key.of_str(whole_text),
                None => digits.format(index),
            };
            let result = match whole.message(&inside, member, carried) {
                Ok(payload) => {
                    self.trace.member(key, payload);
                    if let Some(level) = deeper.first_mut().filter(|_| is_read) {
                        level.is_read = whole.scan.load_member(container, index, &mut level.scan);
                    }
                    self.stage(next, deeper, payload, Some(key))
                }
                Err(reason) => Err(Failure::step(number, reason, About::Nothing)),
            };
            match (result, first_failure) {
                (Ok(Flow::Rejected(reason)), _) => rejected = Some(reason),
                (Ok(_), _) => {}
                (Err(_), Some(_)) => further += 1,
                (Err(failure), None) => {
                    // A `String` takes every write.
                    let _ = write!(self.detail, "member `{key}`: ");
                    failure.describe(&self.names.told, self.detail);
                    first_failure = Some(failure);
                }
            }
        }
        let Some(failure) = first_failure else {
            let has_left = self.tally.finished > 0 || self.tally.hooks > 0;
            return Ok(rejected.filter(|_| !has_left).map_or(Flow::Taken, Flow::Rejected));
        };
        if further > 0 {
            let _ = write!(self.detail, " (and {further} more)");
        }
        Err(Failure { about: About::Nothing, ..failure })
    }
}

impl<'p> Whole<'p, '_> {
    /// The object or array that is taken apart.
    fn container(&self) -> Result<Raw, (Reason, About<'p>)> {
        let root = self.scan.root;
        let Some(field) = &self.explode.field else {
            let is_container = matches!(root.kind, Kind::Object | Kind::Array);
            return if is_container { Ok(root) } else { Err((Reason::NotAnObject, About::Nothing)) };
        };
        match self.cells.get(usize::from(field.slot.0)) {
            Some(Cell::Raw(raw)) if matches!(raw.kind, Kind::Object | Kind::Array) => Ok(*raw),
            Some(Cell::Raw(_)) => Err((Reason::WrongType, About::Field(&field.path))),
            Some(Cell::Duplicate) => Err((Reason::DuplicateKey, About::Field(&field.path))),
            _ => Err((Reason::MissingField, About::Field(&field.path))),
        }
    }

    /// Whether a member of the whole payload is a field that all others get.
    fn is_carried(&self, inside: &Inside) -> bool {
        self.explode.field.is_none()
            && self.explode.carry.iter().any(|field| {
                matches!(self.cells.get(usize::from(field.slot.0)), Some(Cell::Raw(raw)) if raw.start == inside.value.start)
            })
    }

    /// The payload of a member.
    fn message<'m>(
        &'m self,
        inside: &Inside,
        member: &'m mut Vec<u8>,
        carried: &mut Vec<u8>,
    ) -> Result<&'m [u8], Reason> {
        let value = inside.value.span().of(self.payload);
        if self.explode.is_plain() {
            return Ok(value);
        }
        member.clear();
        carried.clear();
        if let Some(name) = &self.explode.name {
            member.push(b'{');
            member.extend_from_slice(name.as_bytes());
            member.push(b':');
            member.extend_from_slice(value);
            self.carry(carried, |_| false)?;
        } else {
            let inner = value.strip_suffix(b"}").filter(|_| inside.value.kind == Kind::Object);
            member.extend_from_slice(inner.ok_or(Reason::NotAnObject)?);
            let own = |name: &str| members(self.payload, inside.value).any(|field| field.is_named(name, self.payload));
            self.carry(carried, own)?;
        }
        let is_first = member.as_slice().trim_ascii_end() == b"{";
        member.extend_from_slice(if is_first { carried.get(1..).unwrap_or_default() } else { carried });
        member.push(b'}');
        Ok(member)
    }

    /// Appends the carried fields that a member has not itself, each with a comma before it.
    fn carry(&self, out: &mut Vec<u8>, has_itself: impl Fn(&str) -> bool) -> Result<(), Reason> {
        for field in &self.explode.carry {
            let name = field.path.first().unwrap_or_default();
            match self.cells.get(usize::from(field.slot.0)) {
                Some(Cell::Raw(raw)) if !has_itself(name) => {
                    out.push(b',');
                    text::write(out, name);
                    out.push(b':');
                    out.extend_from_slice(raw.span().of(self.payload));
                }
                Some(Cell::Duplicate) => return Err(Reason::DuplicateKey),
                _ => {}
            }
        }
        Ok(())
    }
}
