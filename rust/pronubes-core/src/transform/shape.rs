//! `shape`: one value with what belongs to it, from one shape of payload to another.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{is_text, not_wanted};
use super::{Argument, Compiled, Example, StepContext, StepDoc};
use crate::Reason;
use crate::error::{PathPart, SpecError};
use crate::expr::Scope;
use crate::payload::{Cell, FieldPath, Kind, Raw, Scan, SlotId, text};
use crate::record::{Form, Member, Place, Record, Shape, ShapeSpec, StatusCode, Text, Value};

pub(super) const DOC: StepDoc = StepDoc {
    verb: "shape",
    summary: "Writes a value with its quality, time, unit and origin in another shape of payload.",
    arguments: &[
        Argument {
            name: "from",
            kind: "`value`, `reading`, `record`, `umh`, `i3x`, `opcua`, or a map of fields",
            text: "The shape that the payload has.",
        },
        Argument { name: "to", kind: "a shape", text: "The shape that it gets." },
        Argument {
            name: "default",
            kind: "a map with `quality`, `unit`, `origin`, and `time: received`",
            text: "What counts where the payload does not say it.",
        },
        Argument {
            name: "without",
            kind: "a list of `quality`, `time`, `received`, `unit` and `origin`",
            text: "What is left out on purpose. A shape that has no place for something is refused without it.",
        },
        Argument {
            name: "extra",
            kind: "`keep` or `drop`",
            text: "What becomes of other top-level fields; they stay when left out, where the new shape has room for them.",
        },
    ],
    rules: &[
        "`value` is the bare value: `21.5`. `reading` is what sources of tags write: `{value, quality, timestamp_ms, unit}`. \
         `record` holds everything: `{value, quality, timestamp, received, unit, origin}`. `umh` is `{timestamp_ms, value}`, \
         `i3x` is `{value, quality, timestamp}`, `opcua` is `{Value, StatusCode, SourceTimestamp}`.",
        "A map says where each member stands: `{value: v, quality: {field: q, as: classic}, time: {field: t, as: unix_s}}`. \
         Members are `value`, `quality`, `time`, `received`, `unit` and `origin`; fields may be nested (`meta.unit`).",
        "Qualities are written `as` `words` (`GOOD`, `UNCERTAIN`, `BAD`), `i3x`, `name` (`BadNoCommunication`), `status` (the \
         number of OPC UA), `classic` (192, 64, 0 and what OPC DA has between them) or `sparkplug` (192, 500, 0); times as \
         `iso8601`, `unix_s`, `unix_ms`, `unix_us` or `unix_ns`.",
        "A value is a number, a text, a truth value or an array and keeps its exact text. `null` needs a quality that is bad \
         or `GoodNoData` (`null_not_bad`); a value that is bad does not enter a shape that cannot say so \
         (`quality_not_held`).",
        "What is missing stays missing, unless `default` says otherwise; an unknown quality is `unknown_quality`. A shape \
         that must have a time or a quality (`umh`, `i3x`) refuses a message without (`missing_field`).",
        "Where the payload has no time, the one that the source gave counts. The time is also what sinks see as that of the \
         source.",
    ],
    example: Example {
        step: r#"{"shape": {"from": "reading", "to": "i3x", "without": ["unit"]}}"#,
        input: r#"{"value":21.50,"quality":"GOOD","timestamp_ms":1732259200123,"unit":"Cel"}"#,
        output: r#"{"value":21.50,"quality":"Good","timestamp":"2024-11-22T07:06:40.123Z"}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    from: ShapeSpec,
    to: ShapeSpec,
    #[serde(default)]
    default: DefaultSpec,
    #[serde(default)]
    without: Vec<Member>,
    extra: Option<Extra>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DefaultSpec {
    quality: Option<String>,
    unit: Option<String>,
    origin: Option<String>,
    time: Option<DefaultTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DefaultTime {
    Received,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Extra {
    Keep,
    Drop,
}

/// A compiled `shape`.
#[derive(Debug)]
pub(crate) struct Reshape {
    from: Shape,
    /// The slots of the places of `from`, in their order.
    slots: Box<[SlotId]>,
    to: Shape,
    status: Option<StatusCode>,
    unit: Option<Box<str>>,
    origin: Option<Box<str>>,
    is_time_received: bool,
    keeps_extra: bool,
}

/// Why it cannot be done, and which field it is about.
type Fault<'p> = (Reason, Option<&'p FieldPath>);

impl Reshape {
    /// Whether what leaves is no object.
    pub(crate) const fn is_bare(&self) -> bool {
        self.to.is_bare
    }

    /// Appends the new payload; gives the time of the value.
    pub(crate) fn apply(
        &self,
        scan: &Scan,
        source_ns: Option<i64>,
        scope: &mut Scope<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<i64>, Fault<'_>> {
        let payload = scope.inputs.payload;
        let record = self.read(scan, payload, source_ns, scope)?;
        let about = |(reason, member): (Reason, Member)| {
            let place = self.from.place(member).or_else(|| self.to.place(member));
            (reason, place.map(|place| &place.path))
        };
        self.to.begin(&record, out).map_err(about)?;
        if self.keeps_extra {
            self.add_extra(scan, payload, out)?;
        }
        self.to.end(out);
        Ok(record.time_ns)
    }

    fn read<'p: 'm, 'm>(
        &'p self,
        scan: &Scan,
        payload: &'m [u8],
        source_ns: Option<i64>,
        scope: &mut Scope<'_>,
    ) -> Result<Record<'m>, Fault<'p>> {
        let meta = scope.inputs.meta;
        let mut record = Record {
            value: Value::Null,
            status: self.status.or(self.from.silent),
            time_ns: source_ns.or_else(|| self.is_time_received.then_some(meta.received_ns)),
            received_ns: Some(meta.received_ns),
            unit: self.unit.as_deref().map(Text::Plain),
            origin: self.origin.as_deref().map(Text::Plain),
        };
        if self.from.is_bare {
            record.value = value_of(scan.root, payload).map_err(|reason| (reason, None))?;
        } else if scan.root.kind != Kind::Object {
            return Err((Reason::NotAnObject, None));
        }
        for (place, slot) in self.from.places.iter().zip(&self.slots) {
            let read = read_place(place, (scan.cell(*slot), payload), scope, &mut record);
            read.map_err(|reason| (reason, Some(&place.path)))?;
        }
        Ok(record)
    }

    /// The top-level fields that are no members of the record.
    fn add_extra(&self, scan: &Scan, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Fault<'_>> {
        for field in &scan.tape {
            if field.slot.is_some_and(|slot| self.slots.contains(&slot)) {
                continue;
            }
            let is_named = |place: &&Place| {
                let first = place.path.first().unwrap_or_default();
                text::equals_escaped(field.key.of(payload), first.as_bytes())
            };
            if let Some(place) = self.to.places.iter().find(is_named) {
                return Err((Reason::FieldExists, Some(&place.path)));
            }
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            out.extend_from_slice(field.member().of(payload));
        }
        Ok(())
    }
}

#[inline]
fn read_place<'m>(
    place: &Place,
    (cell, payload): (Cell, &'m [u8]),
    scope: &mut Scope<'_>,
    record: &mut Record<'m>,
) -> Result<(), Reason> {
    match (place.member, place.form, cell) {
        (_, _, Cell::Duplicate) => return Err(Reason::DuplicateKey),
        (Member::Value, _, Cell::Raw(raw)) => record.value = value_of(raw, payload)?,
        (Member::Value, ..) => return Err(Reason::MissingField),
        (_, _, Cell::Missing) => {}
        (Member::Quality, Form::Quality(form), _) => record.status = Some(form.read(cell, scope)?),
        (Member::Time, Form::Time(form), _) => record.time_ns = Some(form.read(cell, scope)?),
        (Member::Received, Form::Time(form), _) => record.received_ns = Some(form.read(cell, scope)?),
        // A unit or an origin that is null says that there is none.
        (_, _, Cell::Raw(raw)) if raw.kind == Kind::Null => {}
        (Member::Unit, _, Cell::Raw(raw)) if is_text(cell) => record.unit = Some(Text::Written(raw.span().of(payload))),
        (Member::Origin, _, Cell::Raw(raw)) if is_text(cell) => {
            record.origin = Some(Text::Written(raw.span().of(payload)));
        }
        _ => return Err(not_wanted(cell)),
    }
    Ok(())
}

/// The value as it is written.
fn value_of(raw: Raw, payload: &[u8]) -> Result<Value<'_>, Reason> {
    match raw.kind {
        Kind::Null => Ok(Value::Null),
        Kind::Object => Err(Reason::WrongType),
        _ => Ok(Value::Written(raw.span().of(payload))),
    }
}

pub(super) fn compile(arguments: &RawValue, context: &mut StepContext<'_, '_>) -> Option<Compiled> {
    let Arguments { from, to, default, without, extra } = context.arguments(&DOC, arguments)?;
    let (from, to) = (shape(&from, "from", context), shape(&to, "to", context));
    let (from, to) = (from?, to?);
    let status = default.quality.as_deref().map(|text| quality(text, context));
    let DefaultSpec { unit, origin, time, quality } = default;
    let defaults =
        [(Member::Quality, quality.is_some()), (Member::Unit, unit.is_some()), (Member::Origin, origin.is_some())];
    let has = |member| {
        from.holds(member) || from.silent.is_some() && member == Member::Quality || defaults.contains(&(member, true))
    };
    check_held(&to, &without, has, context);
    let keeps_extra = keeps_extra(&from, &to, extra, context);
    let slots = from.places.iter().map(|place| context.paths.add(&place.path)).collect();
    Some(Compiled::Shape(Box::new(Reshape {
        from,
        slots,
        to,
        status: status.flatten(),
        unit: unit.map(Into::into),
        origin: origin.map(Into::into),
        is_time_received: time == Some(DefaultTime::Received),
        keeps_extra,
    })))
}

fn shape(spec: &ShapeSpec, key: &str, context: &mut StepContext<'_, '_>) -> Option<Shape> {
    let path = [PathPart::from("shape"), key.into()];
    let errors = match Shape::compile(spec) {
        Ok(shape) => return Some(shape),
        Err(errors) => errors,
    };
    errors.into_iter().for_each(|error| context.error(&path, error));
    None
}

fn quality(text: &str, context: &mut StepContext<'_, '_>) -> Option<StatusCode> {
    let status = StatusCode::parse(text);
    if status.is_none() {
        let error = SpecError::new("This is no quality.");
        let expected = "a word (`GOOD`), a name of OPC UA (`UncertainInitialValue`) or a number (`0x40920000`)";
        context.error(&["shape".into(), "default".into(), "quality".into()], error.expected(text, expected));
    }
    status
}

/// Notes what the new shape cannot hold, and what it must have and never gets.
fn check_held(to: &Shape, without: &[Member], has: impl Fn(Member) -> bool, context: &mut StepContext<'_, '_>) {
    use Member::{Origin, Quality, Received, Time, Unit};
    let members = || [Quality, Time, Received, Unit, Origin].into_iter();
    let is_lost = |member: &Member| has(*member) && !to.holds(*member) && !without.contains(member);
    let lost: Vec<_> = members().filter(is_lost).map(Member::name).collect();
    if !lost.is_empty() {
        let message = format!("The shape `{}` has no place for what the payload says.", to.name);
        let hint = format!("Leave it out on purpose: `without: [{}]`.", lost.join(", "));
        let error =
            SpecError::new(message).expected(lost.join(", "), "a shape that has a place for it").hint(Some(hint));
        context.error(&["shape".into(), "to".into()], error);
    }
    let is_required = |member: &Member| to.place(*member).is_some_and(|place| place.is_required);
    if let Some(member) = without.iter().find(|member| to.holds(**member)) {
        let (name, path) = (member.name(), ["shape".into(), "without".into()]);
        let error = SpecError::new(format!("The shape `{}` has a place for it.", to.name));
        context.error(&path, error.expected(name, "what the new shape has no place for"));
    }
    // A time may come from the source; nobody but the payload says a quality.
    if is_required(&Quality) && !has(Quality) {
        let error = SpecError::new(format!("The shape `{}` must have a quality.", to.name));
        let hint = Some("Say what counts: `default: {quality: GOOD}`.");
        context.error(&["shape".into(), "to".into()], error.expected("no quality", "a quality").hint(hint));
    }
}

/// Whether other fields stay.
fn keeps_extra(from: &Shape, to: &Shape, extra: Option<Extra>, context: &mut StepContext<'_, '_>) -> bool {
    if from.is_bare || extra == Some(Extra::Drop) {
        return false;
    }
    let why = match () {
        () if to.is_closed => format!("The shape `{}` has no place for other fields.", to.name),
        () if from.is_nested() => "Other fields cannot be kept where members stand inside of objects.".to_owned(),
        () => return true,
    };
    let error = SpecError::new(why).expected("`extra: keep`", "`extra: drop`");
    let hint = "Say `extra: drop` if other fields may go.";
    context.error(&["shape".into(), "to".into()], error.hint(Some(hint)));
    true
}
