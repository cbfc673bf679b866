//! JSON messages of OPC UA PubSub (Part 14, 7.2.5, with the values of Part 6, 5.4): network messages become records.
//!
//! JSON on both sides, but not JSON that steps can work with: headers may be there or not, a value may stand bare, in a
//! variant of two spellings or in a data value, 64-bit integers are text, a status is a number, a text or an object. Own
//! walk over the spans of the engine's scanner, because serde would build values and round numbers; what is not changed is
//! copied as it is written. Loops follow the fixed nesting of messages; only variants inside of variants go deeper, one at
//! a time and without recursion.

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::encode;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Codec, CodecDoc, CodecError, CodecExample, Schemas, arguments};
use crate::Reason;
use crate::payload::limits::Fault;
use crate::payload::{Raw, members, text};
use crate::transform::Argument;

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "opcua_json",
    summary: "JSON messages of OPC UA PubSub.",
    arguments: &[
        Argument {
            name: "publisher",
            kind: "text",
            text: "`encode` alone: the PublisherId where a record has none; it is left out without either.",
        },
        Argument { name: "writer", kind: "text", text: "`encode` alone: the same for the DataSetWriterName." },
        Argument { name: "writer_id", kind: "1 to 65535", text: "`encode` alone: the same for the DataSetWriterId." },
        Argument {
            name: "field",
            kind: "a name",
            text: "`encode` alone: the field of the data set, where a record does not say it; `value` when left out.",
        },
    ],
    rules: &[
        "`decode` gives a record for each field of each data set message: `{values: [{field, value, quality, timestamp, picoseconds, \
         publisher, writer, writer_id, sequence}, ...]}`; what the message does not say is not there. `explode: {field: values}` makes \
         one message of each, which `shape: {from: record}` reads.",
        "It takes network messages, data set messages alone or in an array, and payloads alone, whose fields are then all that there \
         is. Fields may be bare, variants (`Type` and `Body`, or `UaType` and `Value`) or data values of either.",
        "Numbers and texts are copied as they are written. Typed 64-bit integers, which OPC UA writes as text, become numbers. \
         A typed float `\"NaN\"` or `\"Infinity\"` is `not_in_json`, and so is a matrix (`Dimensions`).",
        "`quality` is the name of the status, `0x...` where it has none: that of the field, else that of the message, else `Good`. A \
         variant that is a bad status says that there is no value.",
        "`timestamp` is the SourceTimestamp with as many nanoseconds as its picoseconds say, else the Timestamp of the message; \
         `picoseconds` are those that are left, below 1000. The times that mean none (in the years 1 and 1601) are left out.",
        "Keep-alives have no values: `{values: []}`, of which `explode` makes nothing. Metadata, status and other messages are \
         `not_ua_data`. Server times, versions of metadata and message ids are left out.",
        "`encode` writes a network message (`ua-data`) from a record, an array of them or `{values: [...]}`; records in a row that have \
         publisher, writer and sequence in common share a data set message, which ends where its first field comes again. Its fields are data values \
         without types, since metadata says those: `{Value, StatusCode, SourceTimestamp, SourcePicoseconds}`; a good status is left \
         out. A member that a record does not have is `not_in_format`.",
    ],
    example: CodecExample {
        arguments: "{}",
        schema: None,
        payload: "7b224d65737361676554797065223a2275612d64617461222c225075626c69736865724964223a226c696e6531222c224d657373616765\
                  73223a5b7b22446174615365745772697465724964223a322c225061796c6f6164223a7b2274656d70223a7b2256616c7565223a32312e\
                  352c22536f7572636554696d657374616d70223a22323032342d31312d32325430373a30363a34302e3132335a227d7d7d5d7d",
        json: r#"{"values":[{"field":"temp","value":21.5,"quality":"Good","timestamp":"2024-11-22T07:06:40.123Z","publisher":"line1","writer_id":2}]}"#,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    publisher: Option<String>,
    writer: Option<String>,
    writer_id: Option<std::num::NonZeroU16>,
    field: Option<String>,
}

/// What `encode` writes where a record does not say it, as JSON.
#[derive(Clone, Debug)]
pub struct OpcuaJson {
    publisher: Option<Box<[u8]>>,
    writer: Option<Box<[u8]>>,
    writer_id: Option<Box<[u8]>>,
    field: Box<[u8]>,
}

pub(super) fn compile(raw: &RawValue, _: &Schemas) -> Result<Codec, CodecError> {
    let Arguments { publisher, writer, writer_id, field } = arguments(&DOC, raw)?;
    let quoted = |name: String| {
        let mut written = Vec::new();
        text::write(&mut written, &name);
        written.into_boxed_slice()
    };
    Ok(Codec::OpcuaJson(Box::new(OpcuaJson {
        publisher: publisher.map(quoted),
        writer: writer.map(quoted),
        writer_id: writer_id.map(|id| id.to_string().into_bytes().into()),
        field: quoted(field.unwrap_or_else(|| "value".to_owned())),
    })))
}

/// The members of an object that have these names, and where another one begins.
fn find<const N: usize>(
    json: &[u8],
    object: Raw,
    names: [&str; N],
) -> Result<([Option<Raw>; N], Option<usize>), Fault> {
    let (mut found, mut other) = ([None; N], None);
    for inside in members(json, object) {
        let slot = names.iter().zip(&mut found).find(|(name, _)| inside.is_named(name, json));
        match slot {
            Some((_, Some(_))) => return Err(fault(Reason::DuplicateKey, inside.value)),
            Some((_, slot)) => *slot = Some(inside.value),
            None => other = other.or(Some(inside.value.start as usize)),
        }
    }
    Ok((found, other))
}

#[cold]
fn fault(reason: Reason, at: Raw) -> Fault {
    Fault::new(reason, at.start as usize)
}
