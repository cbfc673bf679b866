//! Influx line protocol, as InfluxDB 2 reads it.
//!
//! Own walk, because it goes from bytes to JSON bytes without values in between and without allocation; a parser that builds
//! points would be asked for each of them once more. What the forms of the JSON have in common stands here; [`lines`] reads
//! lines, [`points`] writes them.

mod lines;
mod points;
mod words;

pub(super) use lines::decode;
pub(super) use points::{Line, encode};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Codec, CodecDoc, CodecError, CodecExample, Schemas, arguments};
use crate::record::{FormedSpec, TimeForm};
use crate::transform::Argument;

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "influx",
    summary: "Influx line protocol, as InfluxDB 2 has it.",
    arguments: &[
        Argument {
            name: "form",
            kind: "`points`, `point`, `values` or `flat`",
            text: "What the JSON looks like, see below; `points` when left out.",
        },
        Argument {
            name: "precision",
            kind: "`ns`, `us`, `ms` or `s`",
            text: "The unit of the timestamps in lines; `ns` when left out.",
        },
        Argument {
            name: "time",
            kind: "a name, or `{field, as}` with `as` as in `shape`",
            text: "The field that has the time; `timestamp` when left out, in the unit of the lines unless `as` says otherwise.",
        },
        Argument {
            name: "measurement",
            kind: "a name, or `{field: NAME}`",
            text: "`flat` alone: the measurement of every line, or the field that has it; `{field: measurement}` when left out.",
        },
        Argument {
            name: "tags",
            kind: "a list of fields",
            text: "`flat` alone: the fields that are tags; no field when left out.",
        },
    ],
    rules: &[
        "`points` is for any number of lines: `{points: [{measurement, tags, fields, timestamp}, ...]}`; `explode: {field: points}` \
         makes one message of each.",
        "`values` is the same with a point for each field, `{measurement, tags, field, value, timestamp}`, which `shape` reads: \
         `from: {value: value, time: {field: timestamp, as: unix_ns}}`.",
        "`point` is for payloads of exactly one line: `{measurement, tags, fields, timestamp}`. So is `flat`, with all names side by \
         side: `{measurement, line, value, timestamp}`. It is meant when `measurement` or `tags` is there. A second line is \
         `trailing_bytes`.",
        "`encode` takes points of both kinds, alone, in an array or under `points`; with `flat` an object or an array of them. Each \
         becomes a line; lines are parted by a line feed and none stands behind the last.",
        "A float (`1`) becomes a number with a point (`1.0`), an integer (`1i`, `1u`) one without. `encode` writes a number without a \
         point as `1i`, beyond 2^63 - 1 as `1u`; the field of a database that began as `u` needs to stay so large.",
        "A line without a timestamp gives no such field, and the other way round. Where units differ, what is finer is cut off, \
         towards the past.",
        "In measurements `\\,` and `\\ ` are escapes, in other names and tags `\\=` too, in text `\\\"` and `\\\\`; any other backslash \
         stands for itself. Empty lines and lines that begin with `#` are skipped.",
        "`not_in_format`: `null`, objects and arrays in fields, no fields, an empty name or tag, one that ends in a backslash or has a \
         line feed, a measurement that begins with `#`, a field that a point does not have. A tag is a text; `cast` a number before.",
        "`flat` has one place for each name: `decode` refuses a line with another measurement, with a tag that `tags` does not name, \
         or with a field that is called like a tag, the time or the measurement (`unexpected_name`).",
    ],
    example: CodecExample {
        arguments: "{}",
        schema: None,
        payload: "74656d702c6c696e653d6c312076616c75653d32312e352c636f756e743d37692031373332323539323030313233303030303030",
        json: r#"{"points":[{"measurement":"temp","tags":{"line":"l1"},"fields":{"value":21.5,"count":7},"timestamp":1732259200123000000}]}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    form: Option<Form>,
    #[serde(default)]
    precision: Precision,
    time: Option<FormedSpec<TimeForm>>,
    measurement: Option<MeasurementSpec>,
    tags: Option<Vec<String>>,
}

/// What the JSON of lines looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Points,
    Point,
    Values,
    Flat,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
    #[default]
    Ns,
    Us,
    Ms,
    S,
}

impl Precision {
    const fn form(self) -> TimeForm {
        match self {
            Self::Ns => TimeForm::UnixNs,
            Self::Us => TimeForm::UnixUs,
            Self::Ms => TimeForm::UnixMs,
            Self::S => TimeForm::UnixS,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a measurement is a name, or `{field: NAME}`")]
enum MeasurementSpec {
    Name(String),
    Field { field: String },
}

/// The measurement of flat objects.
#[derive(Clone, Debug)]
enum Measurement {
    /// Always this one.
    Name(Box<str>),
    /// That of a field.
    Field(Box<str>),
}

impl Measurement {
    fn is_field(&self, key: &[u8]) -> bool {
        matches!(self, Self::Field(field) if field.as_bytes() == key)
    }
}

/// A compiled line protocol.
#[derive(Clone, Debug)]
pub struct Influx {
    form: Form,
    /// The unit of the lines.
    unit: TimeForm,
    time: Box<str>,
    /// How the time is written in the JSON.
    time_form: TimeForm,
    measurement: Measurement,
    tags: Box<[Box<str>]>,
}

impl Influx {
    fn is_tag(&self, key: &[u8]) -> bool {
        self.tags.iter().any(|tag| tag.as_bytes() == key)
    }
}

pub(super) fn compile(raw: &RawValue, _: &Schemas) -> Result<Codec, CodecError> {
    let Arguments { form, precision, time, measurement, tags } = arguments(&DOC, raw)?;
    let is_flat = measurement.is_some() || tags.is_some();
    let form = form.unwrap_or(if is_flat { Form::Flat } else { Form::Points });
    if is_flat && form != Form::Flat {
        return Err(CodecError {
            argument: "form",
            message: "`measurement` and `tags` are for flat objects.".into(),
            found: format!("{form:?}").to_lowercase(),
            expected: "`flat`, or neither `measurement` nor `tags`".into(),
        });
    }
    let unit = precision.form();
    let (time, time_form) = time.as_ref().map_or(("timestamp", unit), |time| time.parts(unit));
    let measurement = match measurement {
        Some(MeasurementSpec::Name(name)) => Measurement::Name(name.into()),
        Some(MeasurementSpec::Field { field }) => Measurement::Field(field.into()),
        None => Measurement::Field("measurement".into()),
    };
    let tags: Box<[Box<str>]> = tags.unwrap_or_default().into_iter().map(Into::into).collect();
    let influx = Influx { form, unit, time: time.into(), time_form, measurement, tags };
    check_apart(&influx)?;
    Ok(Codec::Influx(Box::new(influx)))
}

/// Each field has one meaning, and a measurement can be written.
fn check_apart(influx: &Influx) -> Result<(), CodecError> {
    let error = |argument, message: &str, found: &str, expected: &str| {
        Err(CodecError { argument, message: message.into(), found: found.into(), expected: expected.into() })
    };
    const OWN: [&str; 5] = ["measurement", "tags", "fields", "field", "value"];
    let time = &*influx.time;
    let is_taken = match influx.form {
        Form::Flat => influx.is_tag(time.as_bytes()) || influx.measurement.is_field(time.as_bytes()),
        _ => OWN.contains(&time) || time == "points",
    };
    if is_taken {
        return error("time", "The field is not apart from the others.", time, "a field of its own");
    }
    if let Some(tag) = influx.tags.iter().find(|tag| influx.measurement.is_field(tag.as_bytes())) {
        return error("tags", "The measurement would be a tag too.", tag, "a field of its own");
    }
    if let Measurement::Name(name) = &influx.measurement
        && !points::is_measurement(name)
    {
        let expected = "a name without line feeds that does not begin with `#` or end in a backslash";
        return error("measurement", "Lines cannot have this measurement.", name, expected);
    }
    Ok(())
}
