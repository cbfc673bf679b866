//! Protobuf, by a descriptor set.
//!
//! prost-reflect reads the descriptor set and checks it. The payloads go by an own walk from wire to JSON and back: its
//! `DynamicMessage` builds a tree of values per message, allocates for each and follows nesting by recursion. It is the
//! oracle of the tests instead.

mod decode;
mod encode;
mod moment;
mod scalar;
mod schema;
mod wire;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use decode::{Found, Open, decode};
pub(super) use encode::{Built, encode};
pub use schema::Schemas;

use super::{Codec, CodecDoc, CodecError, CodecExample, ExampleSchema, arguments};
use crate::transform::Argument;
use schema::Schema;

pub(super) const DOC: CodecDoc = CodecDoc {
    name: "protobuf",
    summary: "Protobuf (proto2 and proto3), by a `.proto` file or a descriptor set.",
    arguments: &[
        Argument {
            name: "schema",
            kind: "a file",
            text: "A `.proto` file, which finds what it imports beside it, or a descriptor set, as `protoc --include_imports \
                   --descriptor_set_out` and `buf build -o` write it.",
        },
        Argument { name: "message", kind: "a full name", text: "The message that payloads are: `plant.Reading`." },
        Argument {
            name: "defaults",
            kind: "`true` or `false`",
            text: "Whether `decode` writes fields that are not on the wire because they have their default (proto3: 0, `false`, \
                   empty); `true` when left out.",
        },
    ],
    rules: &[
        "Fields have the names of the `.proto` file, in the order of their numbers; `encode` takes the names of ProtoJSON \
         (`lowerCamelCase`) too. Extensions are `[full.name]`.",
        "As in ProtoJSON, `bytes` are base64 text, enums the name of their value (a number that has none stays a number), maps \
         objects, `Timestamp` and `Duration` texts (`2024-11-22T07:06:40.123Z`, `1.500s`), `Struct`, `Value`, `ListValue` and the \
         wrappers what they hold. `Any` and `FieldMask` are objects with their fields.",
        "Other than in ProtoJSON, integers of 64 bits are numbers; `encode` takes them as text too. Infinities and NaN are \
         `not_in_json`. A float32 becomes the shortest decimal that is read back as the same float32.",
        "Fields that the schema does not know are left out, as newer publishers want it. A field in another wire type than \
         its own is `invalid_protobuf`, and so are a number of more than ten bytes and a group without an end; a field of proto2 \
         that is `required` and missing is `missing_field`.",
        "Of a field that stands twice the last one counts, messages are merged and lists joined. Maps come sorted by key.",
        "`encode` refuses what the schema has no place for: unknown fields and names of enums are `not_in_format`, and so are \
         two fields of one `oneof`; `null` means that the field is not there. Defaults of proto3 are not written.",
    ],
    example: CodecExample {
        arguments: r#"{"schema": "plant.proto", "message": "plant.Reading"}"#,
        schema: Some(ExampleSchema { name: "plant.proto", source: SOURCE, set: SET }),
        payload: "0a05502d3130311100000000008035401801220808c09d81ba0610002a0301ac02",
        json: r#"{"tag":"P-101","value":21.5,"state":"RUNNING","at":"2024-11-22T09:28:32Z","codes":[1,300]}"#,
    },
};

/// What `protoc` makes of it: a descriptor set as base64.
const SET: &str = "Cv8BCh9nb29nbGUvcHJvdG9idWYvdGltZXN0YW1wLnByb3RvEg9nb29nbGUucHJvdG9idWYiOwoJVGltZXN0YW1wEhgKB3NlY29u\
    ZHMYASABKANSB3NlY29uZHMSFAoFbmFub3MYAiABKAVSBW5hbm9zQoUBChNjb20uZ29vZ2xlLnByb3RvYnVmQg5UaW1lc3RhbXBQ\
    cm90b1ABWjJnb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi90aW1lc3RhbXBwYvgBAaICA0dQQqoCHkdvb2ds\
    ZS5Qcm90b2J1Zi5XZWxsS25vd25UeXBlc2IGcHJvdG8zCvoBCgtwbGFudC5wcm90bxIFcGxhbnQaH2dvb2dsZS9wcm90b2J1Zi90\
    aW1lc3RhbXAucHJvdG8ilwEKB1JlYWRpbmcSEAoDdGFnGAEgASgJUgN0YWcSFAoFdmFsdWUYAiABKAFSBXZhbHVlEiIKBXN0YXRl\
    GAMgASgOMgwucGxhbnQuU3RhdGVSBXN0YXRlEioKAmF0GAQgASgLMhouZ29vZ2xlLnByb3RvYnVmLlRpbWVzdGFtcFICYXQSFAoF\
    Y29kZXMYBSADKA1SBWNvZGVzKiEKBVN0YXRlEgsKB1VOS05PV04QABILCgdSVU5OSU5HEAFiBnByb3RvMw==";

const SOURCE: &str = r#"syntax = "proto3";
package plant;
import "google/protobuf/timestamp.proto";

message Reading {
  string tag = 1;
  double value = 2;
  State state = 3;
  google.protobuf.Timestamp at = 4;
  repeated uint32 codes = 5;
}

enum State {
  UNKNOWN = 0;
  RUNNING = 1;
}
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    schema: String,
    message: String,
    #[serde(default = "yes")]
    defaults: bool,
}

fn yes() -> bool {
    true
}

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Protobuf {
    schema: Arc<Schema>,
    has_defaults: bool,
}

pub(super) fn compile(raw: &RawValue, schemas: &Schemas) -> Result<Codec, CodecError> {
    let Arguments { schema, message, defaults } = arguments(&DOC, raw)?;
    let schema = schemas.message(&schema, &message)?;
    Ok(Codec::Protobuf(Protobuf { schema, has_defaults: defaults }))
}
