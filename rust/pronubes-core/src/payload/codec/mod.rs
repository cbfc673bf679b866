//! Codecs: payloads that are not JSON, read into JSON and written from it. One file per format; this is the registry.
//!
//! A codec is two functions from bytes to bytes, at the edges of a route: `decode` in front, `encode` behind. All between
//! them stays JSON, so that steps, expressions, contracts and hooks know one form only. A codec works in memory that is
//! used again ([`CodecWork`]), walks with a stack that [`Limits`] bound, reserves nothing by a length that came from outside,
//! and says with a reason and a byte what it refuses. What JSON cannot say is refused, never bent in silence.

mod base64;
mod build;
mod cbor;
mod doc;
mod emit;
mod influx;
mod input;
mod messagepack;
mod opcua_json;
mod page;
mod protobuf;
mod read;
mod scalar;

pub use doc::{CodecDoc, CodecExample, ExampleSchema};
pub use page::page;
pub use protobuf::Schemas;

use serde_json::value::RawValue;

use super::limits::{Fault, Limits};
use super::number;
use crate::Reason;
use crate::payload::{PathSet, Scan, TextArena};
use crate::transform::Argument;
use emit::Frame;
use influx::Influx;
use opcua_json::OpcuaJson;
use protobuf::Protobuf;
use scalar::Scalar;

/// A format with its arguments.
#[derive(Clone, Debug)]
pub enum Codec {
    /// CBOR.
    Cbor,
    /// MessagePack.
    MessagePack,
    /// Protobuf.
    Protobuf(Protobuf),
    /// A single value without a frame.
    Scalar(Scalar),
    /// Influx line protocol.
    Influx(Box<Influx>),
    /// JSON of OPC UA PubSub.
    OpcuaJson(Box<OpcuaJson>),
}

/// What is wrong with the arguments of a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// The argument; empty for all of them.
    pub argument: &'static str,
    /// A sentence.
    pub message: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

/// A row of the registry.
pub(crate) struct Format {
    pub(crate) doc: &'static CodecDoc,
    compile: fn(&RawValue, &Schemas) -> Result<Codec, CodecError>,
}

/// Every format there is, in the order of the reference page.
pub(crate) const FORMATS: &[Format] = &[
    Format { doc: &cbor::DOC, compile: cbor::compile },
    Format { doc: &messagepack::DOC, compile: messagepack::compile },
    Format { doc: &protobuf::DOC, compile: protobuf::compile },
    Format { doc: &scalar::DOC, compile: scalar::compile },
    Format { doc: &influx::DOC, compile: influx::compile },
    Format { doc: &opcua_json::DOC, compile: opcua_json::compile },
];

/// The codecs as arguments of `decode` and `encode`.
pub(crate) const ARGUMENTS: &[Argument] = &[
    Argument { name: "cbor", kind: "no arguments", text: "CBOR, RFC 8949." },
    Argument { name: "messagepack", kind: "no arguments", text: "MessagePack." },
    Argument {
        name: "protobuf",
        kind: "`schema`, `message`, `defaults`",
        text: "Protobuf: `{protobuf: {schema: plant.proto, message: plant.Reading}}`.",
    },
    Argument {
        name: "scalar",
        kind: "`type`, `byte_order`, `field`",
        text: "One value without a frame: `{scalar: {type: float32}}`.",
    },
    Argument {
        name: "influx",
        kind: "`form`, `precision`, `time`, `measurement`, `tags`",
        text: "Influx line protocol: `{influx: {measurement: climate, tags: [line]}}`.",
    },
    Argument {
        name: "opcua_json",
        kind: "`publisher`, `writer`, `writer_id`, `field`",
        text: "JSON messages of OPC UA PubSub: `{opcua_json: {publisher: plant1, writer: line1}}`.",
    },
];

/// The documentation of every codec, in the order of the reference page.
pub fn docs() -> impl Iterator<Item = &'static CodecDoc> {
    FORMATS.iter().map(|format| format.doc)
}

/// Memory of codecs, used again from message to message.
#[derive(Debug, Default)]
pub struct CodecWork {
    /// What is open while JSON is written.
    frames: Vec<Frame>,
    /// What is open while JSON is read.
    open: Vec<u32>,
    /// What is open in the format that is written.
    heads: Vec<Head>,
    /// The stack of the lexer.
    stack: Vec<u32>,
    text: TextArena,
    bytes: Vec<u8>,
    /// What a message of protobuf has in it, the messages that are read of it, and those that are written.
    found: Vec<protobuf::Found>,
    messages: Vec<protobuf::Open>,
    built: Vec<protobuf::Built>,
    marks: Vec<u64>,
    line: influx::Line,
    /// Where values of OPC UA's JSON stand, and that no field of it is looked for.
    scan: Scan,
    paths: PathSet,
}

/// The place of a length that is known only when all behind it is written.
#[derive(Clone, Copy, Debug)]
struct Head {
    at: usize,
    count: u32,
    is_object: bool,
}

impl Codec {
    /// The codec of a name, with its arguments as JSON, and the schemas that these may name.
    ///
    /// # Errors
    /// When the arguments are wrong; none when there is no such codec.
    pub fn compile(name: &str, arguments: &RawValue, schemas: &Schemas) -> Option<Result<Self, CodecError>> {
        let format = FORMATS.iter().find(|format| format.doc.name == name)?;
        Some((format.compile)(arguments, schemas))
    }

    /// Appends what `payload` says, as one JSON value.
    ///
    /// # Errors
    /// The reason, and the byte of the payload. `out` then holds nothing of use.
    pub fn decode(
        &self,
        payload: &[u8],
        limits: &Limits,
        work: &mut CodecWork,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if payload.len() > limits.payload_bytes as usize {
            return Err(Fault::new(Reason::PayloadTooLarge, limits.payload_bytes as usize));
        }
        let end = out.len() + limits.payload_bytes as usize;
        self.read(payload, limits, work, out)?;
        // Brackets that close come behind the last value, after which nobody has looked.
        if out.len() > end { Err(Fault::new(Reason::PayloadTooLarge, payload.len())) } else { Ok(()) }
    }

    fn read(&self, payload: &[u8], limits: &Limits, work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Cbor => cbor::decode(payload, limits, work, out),
            Self::MessagePack => messagepack::decode(payload, limits, work, out),
            Self::Protobuf(protobuf) => protobuf::decode(protobuf, payload, limits, work, out),
            Self::Scalar(scalar) => scalar.decode(payload, limits, out),
            Self::Influx(influx) => influx::decode(influx, payload, limits, work, out),
            Self::OpcuaJson(_) => opcua_json::decode(payload, limits, work, out),
        }
    }

    /// Appends what the JSON value `json` says, in this format.
    ///
    /// # Errors
    /// The reason, and the byte of the JSON. `out` then holds nothing of use.
    pub fn encode(&self, json: &[u8], work: &mut CodecWork, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Cbor => build::encode::<cbor::Cbor>(json, work, out),
            Self::MessagePack => build::encode::<messagepack::MessagePack>(json, work, out),
            Self::Protobuf(protobuf) => protobuf::encode(protobuf, json, work, out),
            Self::Scalar(scalar) => scalar.encode(json, work, out),
            Self::Influx(influx) => influx::encode(influx, json, work, out),
            Self::OpcuaJson(codec) => opcua_json::encode(codec, json, work, out),
        }
    }
}

/// The bounds of JSON that the route itself has made: those of the scanner alone.
const UNLIMITED: Limits = Limits { payload_bytes: u32::MAX, depth: u32::MAX, keys: u32::MAX, text_bytes: u32::MAX };

/// Refuses any argument; for codecs that have none.
fn no_arguments(codec: &'static str, arguments: &RawValue) -> Result<(), CodecError> {
    match arguments.get().trim() {
        "{}" | "null" => Ok(()),
        found => Err(CodecError {
            argument: "",
            message: format!("`{codec}` has no arguments."),
            found: found.to_owned(),
            expected: format!("the name alone: `{codec}`"),
        }),
    }
}

/// Reads the arguments of a codec.
fn arguments<T: serde::de::DeserializeOwned>(doc: &'static CodecDoc, arguments: &RawValue) -> Result<T, CodecError> {
    // A name alone.
    let written = if arguments.get().trim() == "null" { "{}" } else { arguments.get() };
    serde_json::from_str(written).map_err(|error| {
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        let names: Vec<String> = doc.arguments.iter().map(|one| format!("`{}`: {}", one.name, one.kind)).collect();
        CodecError {
            argument: "",
            message: format!("The arguments of `{}` cannot be read: {text}.", doc.name),
            found: arguments.get().chars().take(80).collect(),
            expected: names.join(", "),
        }
    })
}

/// Puts a length of at least one byte in place of the byte that was kept free for it at `at`.
fn insert(out: &mut Vec<u8>, at: usize, length: &[u8]) {
    let end = out.len();
    let more = length.len() - 1;
    if more > 0 {
        out.resize(end + more, 0);
        out.copy_within(at + 1..end, at + 1 + more);
    }
    if let Some(place) = out.get_mut(at..=at + more) {
        place.copy_from_slice(length);
    }
}

/// Appends a float32 as the shortest decimal that is read back as the same float32.
fn write_f32(out: &mut Vec<u8>, value: f32) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(Reason::NotInJson);
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    Ok(())
}

/// The float32 that is nearest to number text.
fn read_f32(written: &[u8]) -> Result<f32, Reason> {
    let text = std::str::from_utf8(written).map_err(|_| Reason::InvalidConversion)?;
    let value: f32 = text.parse().map_err(|_| Reason::InvalidConversion)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NumberOutOfRange) }
}

/// The integer that a number with fraction or exponent is.
fn integral(written: &[u8]) -> Result<i128, Reason> {
    let value = number::parse_f64(written)?;
    if value.fract() != 0.0 {
        return Err(Reason::NotInFormat);
    }
    if value.abs() > 2_f64.powi(64) {
        return Err(Reason::NumberOutOfRange);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is integral and small")]
    Ok(value as i128)
}
