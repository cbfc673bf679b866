//! Shapes: where the members of a record stand in a JSON payload, and how they are written.

use super::form::{QualityForm, TimeForm};
use super::spec::{FieldsSpec, ShapeSpec};
use super::{Record, StatusCode, Value};
use crate::Reason;
use crate::error::{PathPart, SpecError, did_you_mean};
use crate::payload::path::array_index;
use crate::payload::{FieldPath, text};

/// What a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// The value.
    Value,
    /// How good it is.
    Quality,
    /// When it was true.
    Time,
    /// When it came in.
    Received,
    /// Its unit.
    Unit,
    /// Where it comes from.
    Origin,
}

impl Member {
    /// How configurations call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Quality => "quality",
            Self::Time => "time",
            Self::Received => "received",
            Self::Unit => "unit",
            Self::Origin => "origin",
        }
    }
}

/// How a member is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Quality(QualityForm),
    Time(TimeForm),
}

/// Where a member stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) member: Member,
    pub(crate) path: FieldPath,
    pub(crate) form: Form,
    /// Whether a payload of this shape always has it.
    pub(crate) is_required: bool,
}

/// A shape of payloads.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The name, or `fields`.
    pub(crate) name: Box<str>,
    /// The payload is the value, and nothing else.
    pub(crate) is_bare: bool,
    /// In the order in which they are written.
    pub(crate) places: Box<[Place]>,
    /// Who writes it may add no field.
    pub(crate) is_closed: bool,
    /// A value that is bad is written as null.
    null_when_bad: bool,
    /// What a payload without a quality says.
    pub(crate) silent: Option<StatusCode>,
    tree: Box<[Node]>,
}

/// A part of a payload.
#[derive(Clone, Debug)]
enum Node {
    /// Key with quotes and colon, and the place that is written there.
    Leaf(Box<[u8]>, usize),
    Object(Box<[u8]>, Box<[Self]>),
}

/// A row of the table of names: field, member, form, required.
type Row = (&'static str, Member, Form, bool);

const WORDS: Form = Form::Quality(QualityForm::Words);
const MS: Form = Form::Time(TimeForm::UnixMs);
const ISO: Form = Form::Time(TimeForm::Iso8601);

const READING: &[Row] = &[
    ("value", Member::Value, Form::Plain, true),
    ("quality", Member::Quality, WORDS, false),
    ("timestamp_ms", Member::Time, MS, false),
    ("unit", Member::Unit, Form::Plain, false),
];
const RECORD: &[Row] = &[
    ("value", Member::Value, Form::Plain, true),
    ("quality", Member::Quality, Form::Quality(QualityForm::Name), false),
    ("timestamp", Member::Time, ISO, false),
    ("received", Member::Received, ISO, false),
    ("unit", Member::Unit, Form::Plain, false),
    ("origin", Member::Origin, Form::Plain, false),
];
const UMH: &[Row] = &[("timestamp_ms", Member::Time, MS, true), ("value", Member::Value, Form::Plain, true)];
const I3X: &[Row] = &[
    ("value", Member::Value, Form::Plain, true),
    ("quality", Member::Quality, Form::Quality(QualityForm::I3x), true),
    ("timestamp", Member::Time, ISO, true),
];
const OPCUA: &[Row] = &[
    ("Value", Member::Value, Form::Plain, true),
    ("StatusCode", Member::Quality, Form::Quality(QualityForm::Status), false),
    ("SourceTimestamp", Member::Time, ISO, false),
];

impl Shape {
    /// The shapes that have names.
    pub const NAMES: [&'static str; 6] = ["value", "reading", "record", "umh", "i3x", "opcua"];

    /// Compiles a shape.
    ///
    /// # Errors
    /// Everything that is wrong with it, by where it stands in the specification.
    pub fn compile(spec: &ShapeSpec) -> Result<Self, Vec<SpecError>> {
        match spec {
            ShapeSpec::Fields(fields) => Self::of_fields(fields),
            ShapeSpec::Named(name) => Self::named(name).ok_or_else(|| {
                let error = SpecError::new("There is no shape of this name.");
                let expected = format!("{}, or a map of fields", Self::NAMES.join(", "));
                vec![error.expected(name, expected).hint(did_you_mean(name, Self::NAMES))]
            }),
        }
    }

    /// A shape by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let rows = match name {
            "value" => &[][..],
            "reading" => READING,
            "record" => RECORD,
            "umh" => UMH,
            "i3x" => I3X,
            "opcua" => OPCUA,
            _ => return None,
        };
        let place = |(field, member, form, is_required): &Row| {
            let path = FieldPath::from_segments([field]).ok()?;
            Some(Place { member: *member, path, form: *form, is_required: *is_required })
        };
        let places: Option<Box<[Place]>> = rows.iter().map(place).collect();
        let mut shape = Self::new(name, places?);
        shape.is_bare = name == "value";
        shape.is_closed = matches!(name, "value" | "umh");
        shape.null_when_bad = name == "i3x";
        // A DataValue without a status is good (Part 6, 5.4.2.18).
        shape.silent = (name == "opcua").then_some(StatusCode::GOOD);
        Some(shape)
    }

    fn new(name: &str, places: Box<[Place]>) -> Self {
        let paths: Vec<(usize, Vec<&str>)> =
            places.iter().enumerate().map(|(index, place)| (index, place.path.segments().collect())).collect();
        let paths: Vec<(usize, &[&str])> = paths.iter().map(|(index, path)| (*index, &path[..])).collect();
        let (tree, name) = (nodes(&paths), name.into());
        Self { name, is_bare: false, places, is_closed: false, null_when_bad: false, silent: None, tree }
    }

    fn of_fields(fields: &FieldsSpec) -> Result<Self, Vec<SpecError>> {
        let FieldsSpec { value, quality, time, received, unit, origin } = fields;
        let quality = quality.as_ref().map(|quality| quality.parts(QualityForm::Words));
        let [time, received] = [time, received].map(|time| time.as_ref().map(|time| time.parts(TimeForm::UnixMs)));
        let plain = |text: &'_ Option<String>| text.as_deref().map(|field| (field.to_owned(), Form::Plain));
        let timed = |time: Option<(&str, TimeForm)>| time.map(|(field, form)| (field.to_owned(), Form::Time(form)));
        let members = [
            (Member::Value, Some((value.clone(), Form::Plain))),
            (Member::Quality, quality.map(|(field, form)| (field.to_owned(), Form::Quality(form)))),
            (Member::Time, timed(time)),
            (Member::Received, timed(received)),
            (Member::Unit, plain(unit)),
            (Member::Origin, plain(origin)),
        ];
        let (mut places, mut errors) = (Vec::<Place>::new(), Vec::new());
        for (member, field) in members {
            let Some((field, form)) = field else { continue };
            match path_of(&field, &places) {
                Ok(path) => places.push(Place { member, path, form, is_required: member == Member::Value }),
                Err(error) => errors.push(error.below(&[PathPart::from(member.name())])),
            }
        }
        if errors.is_empty() { Ok(Self::new("fields", places.into())) } else { Err(errors) }
    }

    /// Where a member stands.
    pub(crate) fn place(&self, member: Member) -> Option<&Place> {
        self.places.iter().find(|place| place.member == member)
    }

    /// Whether the payload is the value, and nothing else.
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Where a member stands, if it has a field.
    #[must_use]
    pub fn path(&self, member: Member) -> Option<&FieldPath> {
        self.place(member).map(|place| &place.path)
    }

    /// How the quality is written.
    #[must_use]
    pub fn quality_form(&self) -> Option<QualityForm> {
        self.places.iter().find_map(|place| if let Form::Quality(form) = place.form { Some(form) } else { None })
    }

    /// What a payload without a quality says.
    #[must_use]
    pub const fn silent(&self) -> Option<StatusCode> {
        self.silent
    }

    /// How the time is written.
    #[must_use]
    pub fn time_form(&self) -> Option<TimeForm> {
        match self.place(Member::Time)?.form {
            Form::Time(form) => Some(form),
            _ => None,
        }
    }

    /// Whether payloads of this shape can say a member.
    #[must_use]
    pub fn holds(&self, member: Member) -> bool {
        if self.is_bare { member == Member::Value } else { self.place(member).is_some() }
    }

    /// Whether some member stands inside of an object.
    pub(crate) fn is_nested(&self) -> bool {
        self.places.iter().any(|place| place.path.len() > 1)
    }

    /// Appends a record as a payload.
    ///
    /// # Errors
    /// The rule that does not hold, and about which member; `out` then has half a payload.
    #[inline]
    pub fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), (Reason, Member)> {
        self.begin(record, out)?;
        self.end(out);
        Ok(())
    }

    /// Appends all but what closes the payload, so that fields may follow.
    pub(crate) fn begin(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), (Reason, Member)> {
        record.check().map_err(|reason| (reason, Member::Value))?;
        if record.is_nothing() && !self.holds(Member::Quality) {
            return Err((Reason::QualityNotHeld, Member::Quality));
        }
        if self.is_bare {
            record.value.write(out);
            return Ok(());
        }
        out.push(b'{');
        self.write_nodes(&self.tree, record, out)
    }

    pub(super) fn write_refused(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        // A record has a value, and nothing else is required in this shape.
        let _ = self.write_nodes(&self.tree, record, out);
        out.push(b'}');
    }

    pub(crate) fn end(&self, out: &mut Vec<u8>) {
        if !self.is_bare {
            out.push(b'}');
        }
    }

    fn write_nodes(&self, nodes: &[Node], record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), (Reason, Member)> {
        for node in nodes {
            let before = out.len();
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            let is_written = match node {
                Node::Leaf(key, place) => {
                    out.extend_from_slice(key);
                    self.write_place(&self.places[*place], record, out)?
                }
                Node::Object(key, nodes) => {
                    out.extend_from_slice(key);
                    out.push(b'{');
                    let empty = out.len();
                    self.write_nodes(nodes, record, out)?;
                    out.push(b'}');
                    out.len() > empty + 1
                }
            };
            if !is_written {
                out.truncate(before);
            }
        }
        Ok(())
    }

    #[inline]
    fn write_place(&self, place: &Place, record: &Record<'_>, out: &mut Vec<u8>) -> Result<bool, (Reason, Member)> {
        let before = out.len();
        match (place.member, place.form) {
            (Member::Value, _) if self.null_when_bad && record.is_nothing() => Value::Null.write(out),
            (Member::Value, _) => record.value.write(out),
            (Member::Quality, Form::Quality(form)) => record.status.into_iter().for_each(|it| form.write(it, out)),
            (Member::Time, Form::Time(form)) => record.time_ns.into_iter().for_each(|it| form.write(it, out)),
            (Member::Received, Form::Time(form)) => record.received_ns.into_iter().for_each(|it| form.write(it, out)),
            (Member::Unit, _) => record.unit.into_iter().for_each(|it| it.write(out)),
            (Member::Origin, _) => record.origin.into_iter().for_each(|it| it.write(out)),
            _ => {} // `new` gives each member a form of its kind.
        }
        let is_written = out.len() > before;
        if !is_written && place.is_required { Err((Reason::MissingField, place.member)) } else { Ok(is_written) }
    }
}

/// The path of a field that can be written, apart from those before it.
fn path_of(field: &str, before: &[Place]) -> Result<FieldPath, Box<SpecError>> {
    let path = FieldPath::parse(field).map_err(|error| {
        let expected = "a field, as in `value` or `meta.unit`";
        SpecError::new(error.to_string()).at(error.offset, field.len() - error.offset).expected(field, expected)
    })?;
    if path.segments().any(|segment| array_index(segment).is_some()) {
        return Err(SpecError::new("A shape has no arrays.").expected(field, "names of fields").into());
    }
    if let Some(other) = before.iter().find(|other| other.path.contains(&path) || path.contains(&other.path)) {
        let message = format!("`{field}` and `{}` are not apart.", other.path);
        return Err(SpecError::new(message).expected(field, "a field of its own for each member").into());
    }
    Ok(path)
}

fn nodes(paths: &[(usize, &[&str])]) -> Box<[Node]> {
    let mut found = Vec::new();
    let mut heads: Vec<&str> = Vec::new();
    for (index, path) in paths {
        let Some((head, rest)) = path.split_first() else { continue };
        if heads.contains(head) {
            continue;
        }
        heads.push(head);
        let mut key = Vec::new();
        text::write(&mut key, head);
        key.push(b':');
        if rest.is_empty() {
            found.push(Node::Leaf(key.into(), *index));
            continue;
        }
        let inside: Vec<(usize, &[&str])> = paths
            .iter()
            .filter_map(|(index, path)| {
                path.split_first().filter(|(first, _)| *first == head).map(|(_, rest)| (*index, rest))
            })
            .collect();
        found.push(Node::Object(key.into(), nodes(&inside)));
    }
    found.into()
}
